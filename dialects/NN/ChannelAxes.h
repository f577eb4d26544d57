// What an op says of channels: the vocabulary of the ChannelAxes interface.
//
// An op is a formula over indices, as in
//
//   matmul    result[b, m, n] = sum_k lhs[b, m, k] * rhs[b, k, n]
//   rms_norm  result[s, c]    = lhs[s, c] / |lhs[s, :]| * gain[c]
//
// An *index* is the list of tensor axes that run together (k: the last axis of
// lhs, the last but one of rhs). Of each index the op states a *law* for each
// group that may act on channels:
//
//   D  positive diagonals   x_c -> g_c x_c
//   P  permutations         x_c -> x_p(c)
//   O  orthogonal maps      x   -> x Q
//
// Nothing here knows constants from activations: a law holds for both, and the
// analysis lets whatever is constant absorb (lib/Analysis/ChannelSpaces.h).
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_CHANNELAXES_H
#define QOPT_DIALECTS_NN_CHANNELAXES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/BitmaskEnum.h"
#include <string>

namespace qopt::nn {

LLVM_ENABLE_BITMASK_ENUMS_IN_NAMESPACE();

/// A set of group kinds.
enum class Groups : uint8_t {
  None = 0,
  Diagonal = 1,
  Permutation = 2,
  Orthogonal = 4,
  All = 7,
  LLVM_MARK_AS_BITMASK_ENUM(Orthogonal)
};

inline bool contains(Groups set, Groups kind) {
  return (set & kind) != Groups::None;
}

/// Positions [begin, begin + size) of an axis.
struct AxisSpan {
  unsigned axis = 0;
  int64_t begin = 0, size = 0;
};

/// Where an index runs on one tensor of an op. Tensors are told apart by slot:
/// operands by their number, then the results.
struct IndexedAxis {
  unsigned slot = 0;
  AxisSpan span;
  /// Other axes, limited to these positions: the filters of one group of a
  /// grouped convolution. Constants only.
  llvm::SmallVector<AxisSpan, 0> within;
};

/// Axes that run together: position p of the index is `span.begin + p` of each.
struct ChannelIndex {
  llvm::SmallVector<IndexedAxis, 3> axes;
  /// The axis of \p slot, or null.
  const IndexedAxis *find(unsigned slot) const;
};

/// How the group elements on the axes of one index must relate.
enum class Law : uint8_t {
  Join,     // Equal on all axes.
  Contract, // g on one tensor, its inverse transpose on the other.
  Product,  // D: result = product of the factors' elements.
  Norm,     // O: passes a norm once its gain has left (and its mean is gone).
  Expand,   // A constant without the axis, the same for all channels, gets it.
  Bounds,   // D: the op's bounds become vectors.
  Ignore,   // Whatever acts here, the op's result is unchanged.
};

struct Factor {
  unsigned slot;
  bool inverse; // The factor divides.
};

struct LawOfIndex {
  Law law;
  Groups groups;
  unsigned index;
  /// The tensors meant; empty: all of the index.
  llvm::SmallVector<unsigned, 2> slots;
  /// Product: what the result (slot `slots[0]`) consists of. Norm: the gain.
  llvm::SmallVector<Factor, 2> factors;
  /// D: holds for positive factors only, as of relu.
  bool positiveOnly = false;
  /// Norm: subtracts the mean.
  bool centered = false;
};

/// Nothing acts here, and why.
struct AxisPin {
  Groups groups;
  unsigned slot;
  AxisSpan span;
  std::string reason;
};

/// Row-major regrouping of axes, as by reshape: the operand's axes `from` and
/// the result's axes `to` number the same elements.
struct Regrouping {
  llvm::SmallVector<unsigned, 3> from, to;
};

/// Collects what one op says. An axis of which it says nothing is pinned.
class ChannelAxes {
public:
  explicit ChannelAxes(mlir::Operation *op) : op(op) {}

  unsigned resultSlot(unsigned i = 0) const;
  mlir::Value tensor(unsigned slot) const;
  mlir::RankedTensorType typeOf(unsigned slot) const;
  int64_t sizeOf(unsigned slot, unsigned axis) const;
  bool isConstant(unsigned slot) const;
  /// One number for all elements, so that it commutes with every linear map.
  bool isUniform(unsigned slot) const;
  AxisSpan wholeAxis(unsigned slot, unsigned axis) const;

  /// A new index over whole axes (slot, axis), or over spans.
  unsigned index(llvm::ArrayRef<std::pair<unsigned, unsigned>> axes);
  unsigned indexOver(llvm::SmallVector<IndexedAxis, 3> axes);

  void join(Groups groups, unsigned index,
            llvm::ArrayRef<unsigned> slots = {});
  /// As `join`, for functions with f(g x) = g f(x) for positive g only.
  void joinPositive(Groups groups, unsigned index,
                    llvm::ArrayRef<unsigned> slots = {});
  void contract(Groups groups, unsigned index);
  void product(unsigned index, unsigned result,
               llvm::ArrayRef<Factor> factors);
  void norm(unsigned index, unsigned x, unsigned gain, unsigned result,
            bool centered);
  void expand(Groups groups, unsigned index, unsigned slot);
  void bounds(unsigned index);
  void ignore(Groups groups, unsigned slot, unsigned axis);
  void pin(Groups groups, unsigned slot, AxisSpan span, llvm::Twine reason);
  /// All axes of an index.
  void pin(Groups groups, unsigned index, llvm::Twine reason);
  void regroup(llvm::ArrayRef<unsigned> from, llvm::ArrayRef<unsigned> to);
  /// All tensors, all axes.
  void pinAll(Groups groups, llvm::Twine reason);

  mlir::Operation *operation() const { return op; }
  llvm::ArrayRef<ChannelIndex> indices() const { return allIndices; }
  llvm::ArrayRef<LawOfIndex> laws() const { return allLaws; }
  llvm::ArrayRef<AxisPin> pins() const { return allPins; }
  llvm::ArrayRef<Regrouping> regroupings() const { return allRegroupings; }
  /// Whether the op said anything of \p kind on this axis.
  bool speaksOf(Groups kind, unsigned slot, unsigned axis) const;
  unsigned numSlots() const;

private:
  mlir::Operation *op;
  std::vector<ChannelIndex> allIndices;
  std::vector<LawOfIndex> allLaws;
  std::vector<AxisPin> allPins;
  std::vector<Regrouping> allRegroupings;
};

} // namespace qopt::nn

#include "dialects/NN/NNInterfaces.h.inc"

namespace qopt::nn {

/// Attaches the interface to the ops of one family; NNDialect calls all.
void attachPointwiseChannelAxes(mlir::MLIRContext *context);
void attachContractionChannelAxes(mlir::MLIRContext *context);
void attachReductionChannelAxes(mlir::MLIRContext *context);
void attachMovementChannelAxes(mlir::MLIRContext *context);

/// The model of ops that `State(op, axes)` speaks for.
template <typename Op, auto State>
struct ChannelAxesModel
    : ChannelAxesOpInterface::ExternalModel<ChannelAxesModel<Op, State>, Op> {
  void stateChannelAxes(mlir::Operation *op, ChannelAxes &axes) const {
    State(mlir::cast<Op>(op), axes);
  }
};

/// `State` speaks for all of `Ops`.
template <auto State, typename... Ops>
void attachChannelAxes(mlir::MLIRContext *context) {
  (Ops::template attachInterface<ChannelAxesModel<Ops, State>>(*context), ...);
}

} // namespace qopt::nn

#endif

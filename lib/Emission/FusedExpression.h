// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A DAG of elementwise ops, read at one point of an iteration space.
// Transposes, slices and broadcasts between the ops become index maps of the
// leaves:
//
//   relu(transpose(a)[i, j] + b[j])    leaves  a: axis 0 <- j, axis 1 <- i
//                                              b: axis 0 <- j

#ifndef QOPT_LIB_EMISSION_FUSEDEXPRESSION_H
#define QOPT_LIB_EMISSION_FUSEDEXPRESSION_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/KernelShapes.h"
#include "lib/Emission/Lanes.h"

namespace qopt::emission {

/// How an axis of a leaf follows the iteration:
/// index = step * iteration[axis] + sum of value * factor.
struct LeafAxis {
  int64_t iterationAxis = -1; // -1: none, the index is the offset alone
  int64_t step = 1;
  llvm::SmallVector<std::pair<mlir::OpFoldResult, int64_t>> offset;

  bool operator==(const LeafAxis &other) const {
    return iterationAxis == other.iterationAxis && step == other.step &&
           offset == other.offset;
  }
};
using IndexMap = llvm::SmallVector<LeafAxis>;

/// A tensor in memory that the expression reads.
struct Leaf {
  mlir::Value tensor; // its type gives the shape
  mlir::Value source; // the kernel input or constant whose memory it is
  IndexMap map;       // one entry an axis of the tensor
};

class FusedExpression {
public:
  /// \p roots all have the iteration's shape. \p given are values whose lanes
  /// the caller supplies; they may only be read in place. Nullopt when the
  /// roots hang on anything else than elementwise ops and index maps.
  static std::optional<FusedExpression> build(mlir::ValueRange roots,
                                              mlir::ValueRange given = {});

  llvm::ArrayRef<Leaf> leaves() const { return leafList; }
  /// A slice of dynamic size lies between a leaf and the roots: the leaf's
  /// sizes say nothing about the iteration's.
  bool hasDynamicSlice() const { return dynamicSlice; }
  // Sizes come from elsewhere than the operands: those may be 1 at run time.
  bool hasBroadcast() const { return broadcast; }
  unsigned numGiven() const { return givenValues.size(); }
  /// Lanes of the roots from those of the leaves and the given values.
  llvm::SmallVector<mlir::Value> emit(KernelBuilder &kb,
                                      llvm::ArrayRef<mlir::Value> leafLanes,
                                      llvm::ArrayRef<mlir::Value> givenLanes,
                                      Width width) const;
  /// The ops it computes (movement included): a kernel is covered when every
  /// op of its body is somebody's.
  const llvm::DenseSet<mlir::Operation *> &ops() const { return covered; }

private:
  struct Node {
    enum Kind { leaf, given, splat, op } kind;
    unsigned index = 0;              // leaf, given
    mlir::Value value;               // splat
    mlir::Operation *operation = {}; // op
    llvm::SmallVector<unsigned> operands;
  };

  std::optional<unsigned> visit(mlir::Value value, const IndexMap &map);
  std::optional<unsigned> visitOp(mlir::Operation *op, const IndexMap &map);
  std::optional<unsigned> addLeaf(mlir::Value tensor, mlir::Value source,
                                  const IndexMap &map);
  bool isReadInPlace(mlir::Value given, const IndexMap &map) const;

  llvm::ArrayRef<int64_t> shape; // of the roots
  bool dynamicSlice = false;
  bool broadcast = false;
  llvm::SmallVector<mlir::Value> givenValues;
  llvm::SmallVector<Leaf> leafList;
  llvm::SmallVector<Node> nodes;
  llvm::SmallVector<std::tuple<mlir::Value, IndexMap, unsigned>> visited;
  llvm::SmallVector<unsigned> roots;
  llvm::DenseSet<mlir::Operation *> covered;
};

/// Whether \p op needs no code of its own: constants and shape arithmetic.
bool isShapeOrConstant(mlir::Operation *op);

/// Reshapes just before an output only rename its axes.
mlir::Value withoutReshape(mlir::Value output);

/// Where the memory of a leaf begins, in the run function: a kernel operand or
/// a table in the image.
mlir::Value leafPointer(KernelBuilder &kb, const Leaf &leaf);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_FUSEDEXPRESSION_H

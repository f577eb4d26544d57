// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of an elementwise kernel: iteration axes grouped so far that every
// leaf still has one stride a group.
//
//   add(a[N,H,W,C], b[C])      groups  [N*H*W] [C]     strides a: C, 1  b: 0, 1
//   transpose(a[R,C]) to [C,R] groups  [C] [R]         strides a: 1, C

#ifndef QOPT_LIB_EMISSION_LOOPSPACE_H
#define QOPT_LIB_EMISSION_LOOPSPACE_H

#include "lib/Emission/FusedExpression.h"

namespace qopt::emission {

class LoopSpace {
public:
  /// \p root gives the iteration's shape.
  LoopSpace(const FusedExpression &expression, mlir::Value root);

  /// How a leaf moves with a group.
  enum class Motion { still, unit, strided };

  unsigned numGroups() const { return groups.size(); }
  Motion motion(const Leaf &leaf, unsigned group) const;
  /// A group other than the last along which some leaf, strided along the
  /// last, is contiguous: it pays to tile both.
  std::optional<unsigned> transposedGroup() const;

  // Values, emitted where kb stands.
  mlir::Value size(KernelBuilder &kb, KernelShapes &shapes,
                   unsigned group) const;
  mlir::Value stride(KernelBuilder &kb, KernelShapes &shapes, const Leaf &leaf,
                     unsigned group) const;
  /// Constant part of a leaf's position; null when an offset is no arithmetic.
  mlir::Value offset(KernelBuilder &kb, KernelShapes &shapes,
                     const Leaf &leaf) const;

  /// The grouping supposes that sizes known only at run time agree; null when
  /// nothing is supposed.
  mlir::Value supposition(KernelBuilder &kb, KernelShapes &shapes) const;
  /// For when they do not: position in a leaf of one iteration point, dynamic
  /// axes of size 1 repeating.
  mlir::Value position(KernelBuilder &kb, KernelShapes &shapes,
                       const Leaf &leaf,
                       llvm::ArrayRef<mlir::Value> iteration) const;

private:
  bool isOne(mlir::Value tensor, unsigned axis) const;
  std::optional<unsigned> leafAxis(const Leaf &leaf, unsigned axis) const;
  bool mayJoin(const Leaf &leaf, unsigned outer, unsigned inner) const;
  bool isSupposed(const Leaf &leaf, unsigned axis) const;
  mlir::Value leafStride(KernelBuilder &kb, KernelShapes &shapes,
                         const Leaf &leaf, unsigned axis) const;

  const FusedExpression &expression;
  mlir::Value root;
  // Iteration axes of each group, ascending; axes of static size 1 are none's.
  llvm::SmallVector<llvm::SmallVector<unsigned>> groups;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_LOOPSPACE_H

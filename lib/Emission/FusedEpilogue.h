// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The elementwise ops after a contraction, evaluated 16 columns at a time on
// accumulators fresh from the inner kernel, and stored to the kernel's outputs.

#ifndef QOPT_LIB_EMISSION_FUSEDEPILOGUE_H
#define QOPT_LIB_EMISSION_FUSEDEPILOGUE_H

#include "lib/Emission/Contraction.h"
#include "lib/Emission/FusedExpression.h"

namespace qopt::emission {

class FusedEpilogue : public ContractionEpilogue {
public:
  /// \p root is the contraction's result; outputs are the values \p body
  /// yields. Nullopt when they are anything else than elementwise functions of
  /// it and of tensors read in place or broadcast.
  static std::optional<FusedEpilogue>
  build(mlir::Block &body, mlir::Value root, KernelShapes &shapes,
        llvm::ArrayRef<mlir::Operation *> covered);

  void begin(KernelBuilder &kb) override;
  void beginRow(KernelBuilder &kb, mlir::Value row) override;
  void emit(KernelBuilder &kb, mlir::Value row, mlir::Value column,
            mlir::Value accumulators, LiveLanes live) override;

private:
  FusedEpilogue(FusedExpression expression, mlir::Value root,
                mlir::ValueRange yielded, unsigned firstOutput,
                KernelShapes &shapes)
      : expression(std::move(expression)), root(root),
        yielded(yielded.begin(), yielded.end()), firstOutput(firstOutput),
        shapes(&shapes) {}

  mlir::Value leafRow(KernelBuilder &kb, const Leaf &leaf, mlir::Value row);
  mlir::Value leafRowByDigits(KernelBuilder &kb, const Leaf &leaf,
                              mlir::Value row);
  mlir::Value loadSingle(KernelBuilder &kb, const Leaf &leaf,
                         mlir::Value index);
  mlir::Value columnsOf(KernelBuilder &kb, const Leaf &leaf);
  int64_t rank() const;

  FusedExpression expression;
  mlir::Value root;
  llvm::SmallVector<mlir::Value> yielded;
  unsigned firstOutput;
  KernelShapes *shapes;
  // Lanes of leaves that are one element in all.
  llvm::SmallVector<mlir::Value> stillLanes;
  // Of the current row: where each leaf's row starts, in elements; its lanes if
  // the row is one element; where the outputs' rows start.
  llvm::SmallVector<mlir::Value> rowStarts, rowLanes;
  mlir::Value outputStart;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_FUSEDEPILOGUE_H

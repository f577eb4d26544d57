// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the leaves of a FusedExpression row by row: a row is one index of all
// axes but the last, along which 16 lanes are read at a time.

#ifndef QOPT_LIB_EMISSION_LEAFREADER_H
#define QOPT_LIB_EMISSION_LEAFREADER_H

#include "lib/Emission/FusedExpression.h"

namespace qopt::emission {

class LeafReader {
public:
  /// \p space: a value whose shape is the iteration's.
  LeafReader(const FusedExpression &expression, mlir::Value space,
             KernelShapes &shapes)
      : expression(&expression), space(space), shapes(&shapes) {}

  /// Whether every leaf lies along rows or is one element of each row.
  bool canRead() const;

  /// Finds the leaves' memory; once, at the start of the run function. False
  /// when an offset cannot be computed.
  bool begin(KernelBuilder &kb);
  /// Where each leaf's part of row number \p row starts.
  llvm::SmallVector<mlir::Value> rowStarts(KernelBuilder &kb, mlir::Value row);
  /// The lanes at \p column of those leaves that are the same in every row,
  /// null for the others: for loops over rows to read once.
  llvm::SmallVector<mlir::Value> loadCommon(KernelBuilder &kb,
                                            mlir::Value column, LiveLanes live);
  /// The lanes of all leaves at \p column of the row with \p starts; \p common
  /// from loadCommon, or empty.
  llvm::SmallVector<mlir::Value> load(KernelBuilder &kb,
                                      llvm::ArrayRef<mlir::Value> starts,
                                      mlir::Value column, LiveLanes live,
                                      llvm::ArrayRef<mlir::Value> common = {});
  /// The expression there; \p given as FusedExpression::emit.
  llvm::SmallVector<mlir::Value>
  evaluate(KernelBuilder &kb, llvm::ArrayRef<mlir::Value> starts,
           llvm::ArrayRef<mlir::Value> given, mlir::Value column,
           LiveLanes live, llvm::ArrayRef<mlir::Value> common = {});

private:
  int64_t rank() const;
  /// Whether a size known only at run time may turn out to be 1 and repeat.
  bool mayRepeat(const Leaf &leaf, unsigned axis) const;
  bool followsLastAxis(const Leaf &leaf) const;
  bool movesWithRows(const Leaf &leaf) const;
  mlir::Value loadLeaf(KernelBuilder &kb, unsigned number, mlir::Value start,
                       mlir::Value column, LiveLanes live);
  mlir::Value startByDigits(KernelBuilder &kb, const Leaf &leaf,
                            mlir::Value row);
  mlir::Value start(KernelBuilder &kb, const Leaf &leaf, mlir::Value row);
  bool coversAllRows(const Leaf &leaf) const;

  const FusedExpression *expression;
  mlir::Value space;
  KernelShapes *shapes;
  llvm::SmallVector<mlir::Value> pointers, offsets;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_LEAFREADER_H

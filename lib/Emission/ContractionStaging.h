// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a contraction prepares in scratch before its inner kernel runs: padded
// or sign-flipped input windows, offsets of rows, sums of rows, packed weights.

#ifndef QOPT_LIB_EMISSION_CONTRACTIONSTAGING_H
#define QOPT_LIB_EMISSION_CONTRACTIONSTAGING_H

#include "lib/Emission/ContractionSchedule.h"

namespace qopt::emission {

class ContractionStaging {
public:
  ContractionStaging(KernelBuilder &kb, const ContractionProblem &problem,
                     const ContractionSchedule &plan,
                     llvm::ArrayRef<mlir::Value> buffers)
      : kb(kb), problem(problem), plan(plan), g(plan.geometry),
        buffers(buffers) {}

  bool isNeeded() const {
    return plan.staged || !plan.evenRows ||
           problem.domain == ContractionDomain::BlockInt4;
  }
  // Prepares the rows [firstRow, firstRow + rows) of a batch.
  void emit(mlir::Value inputBatch, mlir::Value firstRow, mlir::Value rows);
  // What row offsets count from: the stage buffer; or the image; or, for
  // evenly spaced rows, the unit's first row.
  mlir::Value inputBase(mlir::Value inputBatch, mlir::Value firstRow);

private:
  mlir::Value image(mlir::Value inputBatch);
  void stageImageWindow(mlir::Value inputBatch, mlir::Value firstRow);
  void stageRows(mlir::Value inputBatch, mlir::Value firstRow,
                 mlir::Value rows);
  void fillRowTable(mlir::Value firstRow, mlir::Value rows);
  void sumBlocks(mlir::Value inputBatch, mlir::Value firstRow,
                 mlir::Value rows);
  void copy(mlir::Value from, mlir::Value to, mlir::Value count);
  void fill(mlir::Value to, mlir::Value count);
  mlir::Type element() const;

  KernelBuilder &kb;
  const ContractionProblem &problem;
  const ContractionSchedule &plan;
  const ContractionGeometry &g;
  llvm::ArrayRef<mlir::Value> buffers;
};

// Packs columns [firstColumn, + panels * 16) of an f32 [k][columns] matrix as
// [k][panels * 16]; columns past the last are zero.
void emitPackColumns(KernelBuilder &kb, mlir::Value matrix, mlir::Value k,
                     mlir::Value columns, mlir::Value firstColumn,
                     int64_t panels, mlir::Value packed);

// With inputs shifted from s8 to u8 by 128, sums must start at -128 times the
// sum of each column of weights: computes that into |args.columnStart|.
void emitColumnStart(KernelBuilder &kb, const MicrokernelArguments &args,
                     int64_t panels);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTIONSTAGING_H

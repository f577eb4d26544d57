// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a contraction is cut: into units (a block of rows x some column groups),
// column groups (the panels of one tile) and row tiles.

#ifndef QOPT_LIB_EMISSION_CONTRACTIONSCHEDULE_H
#define QOPT_LIB_EMISSION_CONTRACTIONSCHEDULE_H

#include "lib/Emission/ContractionMicrokernel.h"

namespace qopt::emission {

// Which range of row counts a variant of the kernel serves.
enum class RowRange {
  Single, // 1 row: as many panels as hide the latency of one chain
  Few,    // 2..16: weights stream past once, so they are prefetched
  Many,
};

// Sizes that follow from the geometry, in the function being emitted.
struct ContractionSchedule {
  ContractionSchedule(KernelBuilder &kb, const ContractionProblem &problem,
                      RowRange range);

  ContractionGeometry geometry;
  RowRange range;
  // Rows are evenly spaced in the input (no table of offsets needed).
  bool evenRows;
  // The input is copied to scratch first: padding, or a sign to flip.
  bool staged;
  bool flipSign;
  // Weights are stored narrow and met by many rows: widened to scratch first.
  bool widensPanels;
  int64_t inputBytes; // of one element
  int64_t taps[2];    // outer and inner taps
  bool wholeRowTaps;  // a tap is a kernel row, else one kernel element
  int64_t panels;     // of a column group
  int64_t rows;       // of a row tile in the Many and Few ranges

  mlir::Value tapLength;             // inputs
  mlir::Value steps;                 // of all taps
  mlir::Value rowCount;              // of one batch
  mlir::Value panelCount;            // of one group
  mlir::Value columnGroups;          // of one group
  mlir::Value rowsPerUnit, rowBlocks;
  mlir::Value imageRowsPerUnit;      // staged: output image rows of a unit
  mlir::Value columnGroupsPerUnit, columnBlocks;
  mlir::Value unitsPerStage;         // consecutive units that share a row block
  mlir::Value units;
  // The staged input window of a unit: height, width in elements of channels.
  mlir::Value windowHeight, windowWidth;

  // Panels of the last column group where it differs (0: it does not), known
  // only for static columns.
  int64_t lastPanels = 0;

  // Units are whole rows of the output image, staged as a window of the input.
  bool stagesImages() const { return staged && !evenRows; }

  // Bytes of the unit's scratch buffers, in the order of ScratchBuffer.
  llvm::SmallVector<mlir::Value>
  scratchSizes(KernelBuilder &kb, const ContractionProblem &problem) const;
};

enum ScratchBuffer {
  kTileBuffer,     // accumulators of one tile
  kRowTable,       // i64 byte offset of each row of the unit
  kStageBuffer,    // the unit's input window
  kRowSumBuffer,   // BlockInt4: i32 -8 * sum of each block of each row
  kPanelBuffer,    // weights packed by the kernel
  kColumnStart,    // i32 start of each column of a group (flipped sign)
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTIONSCHEDULE_H

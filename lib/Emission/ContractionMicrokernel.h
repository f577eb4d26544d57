// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner kernel of a contraction: a tile of rows x panels of accumulators
// over all of K, and the table of tile shapes per ISA and domain.

#ifndef QOPT_LIB_EMISSION_CONTRACTIONMICROKERNEL_H
#define QOPT_LIB_EMISSION_CONTRACTIONMICROKERNEL_H

#include "lib/Emission/Contraction.h"

namespace qopt::emission {

struct TileShape {
  int64_t rows;
  int64_t panels;
};

// The tallest tile of |panels| panels. |fewPointers|: each row has its own
// pointer, which general-purpose registers must hold.
int64_t tileRows(const TargetIsa &isa, ContractionDomain domain,
                 int64_t panels, bool fewPointers);
// Panels of the tile used for many rows, and for a single row.
int64_t tilePanels(const TargetIsa &isa, ContractionDomain domain);
int64_t singleRowPanels(const TargetIsa &isa, ContractionDomain domain);

// Where one tile reads and writes. All strides in bytes.
struct MicrokernelArguments {
  TileShape shape;
  llvm::SmallVector<mlir::Value> rows; // pointers to each row's first tap
  int64_t outerTaps = 1, innerTaps = 1;
  mlir::Value outerTapStride, innerTapStride;
  mlir::Value tapLength; // inputs
  mlir::Value weights;   // first panel
  mlir::Value panelStride, stepStride;
  mlir::Type weightType = {}; // F32: f16 or bf16, else null or f32
  mlir::Value tile;      // [rows][panels * 16] of 4 bytes
  // i32 [panels * 16]: what accumulators start from; null: zero.
  mlir::Value columnStart = {};
  // Next panels to bring into L2, this tile's share: null or a pointer.
  mlir::Value prefetch = {};
  int64_t prefetchLinesPerStep = 0;
  // BlockInt4: scales of the first panel, -8 * sums of each row's blocks.
  mlir::Value scales = {}, scalePanelStride = {};
  llvm::SmallVector<mlir::Value> rowSums;
  int64_t block = 0;
  mlir::Type scaleType = {};
};

void emitMicrokernel(KernelBuilder &kb, ContractionDomain domain,
                     const MicrokernelArguments &arguments);
// The BlockInt4 kernel, on its own in ContractionBlockInt4.cpp.
void emitBlockInt4Microkernel(KernelBuilder &kb,
                              const MicrokernelArguments &arguments);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTIONMICROKERNEL_H

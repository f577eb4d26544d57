// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrix products and convolutions as one implicit product
//
//   out[row, column] = epilogue(sum over taps, i of
//                         input[offset(row) + offset(tap) + i] * w[tap, i, column])
//
// A row is an output pixel (or a row of the left operand); a tap is a run of
// input elements that is contiguous for every row: all of K for a matmul, one
// kernel row for a convolution. ContractionProblem says what to compute and
// where; emitContractionKernel writes the three functions. It knows nothing of
// nn or exec ops: ContractionRoot translates from those.

#ifndef QOPT_LIB_EMISSION_CONTRACTION_H
#define QOPT_LIB_EMISSION_CONTRACTION_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/PanelLayout.h"
#include <functional>

namespace qopt::emission {

enum class ContractionDomain {
  F32,       // f32 x f32 -> f32: one ascending fma chain an output
  U8S8,      // ui8 x i8 -> i32, exact
  S8S8,      // i8 x i8 -> i32, exact
  BlockInt4, // i8 x codes 0..15 (value = code - 8) -> f32, scaled per block
};

// Sizes of a contraction in the function being emitted (Values), and its
// static attributes. A matmul is a 1x1 window over a one-row image whose width
// is the number of rows and whose channels are K.
struct ContractionGeometry {
  mlir::Value batches;               // images or matrices
  mlir::Value height, width;         // of one input image
  mlir::Value channels;              // of the input, all groups
  mlir::Value outHeight, outWidth;   // of one output image
  mlir::Value columns;               // outputs of one group
  int64_t groups = 1;
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1};
  int64_t padLow[2] = {0, 0}, padHigh[2] = {0, 0};
  int64_t padValue = 0;
};

struct ContractionProblem {
  ContractionDomain domain;
  // Kernel operand numbers.
  unsigned input, weights, scales = 0;
  // Weights in panels (the domain's layout, packed by PanelLayout); otherwise
  // f32 [K][N] row-major matrices, packed by the kernel itself.
  bool packed = true;
  int64_t block = 0;             // BlockInt4: inputs a scale covers
  mlir::Type scaleType = {};     // BlockInt4: f16 or f32
  // F32, packed: f16 or bf16 where the panels hold those, else f32.
  mlir::Type weightType = {};
  bool isNarrow() const;
  // Bytes of one step of a panel.
  int64_t stepBytes() const;
  // Called in each of the three functions.
  std::function<ContractionGeometry(KernelBuilder &)> geometry;
  // Which input / weight matrix a batch uses; default: its own / the only one.
  std::function<mlir::Value(KernelBuilder &, mlir::Value)> inputBatch, weightBatch;
};

// What happens to accumulators: called for each output row, then for each 16
// of its columns. Rows count over all batches, columns over all groups.
class ContractionEpilogue {
public:
  virtual ~ContractionEpilogue();
  // Before all rows of a call: for what is the same everywhere.
  virtual void begin(KernelBuilder &kb) {}
  virtual void beginRow(KernelBuilder &kb, mlir::Value row) {}
  virtual void emit(KernelBuilder &kb, mlir::Value row, mlir::Value column,
                    mlir::Value accumulators, LiveLanes live) = 0;
};

// The layout |domain|'s weights are packed in.
PanelLayout panelLayout(ContractionDomain domain);

// Defines the builder's three functions. |epilogue|'s code is emitted once for
// each variant of the inner kernel's width.
void emitContractionKernel(KernelBuilder &kb, const ContractionProblem &problem,
                           ContractionEpilogue &epilogue);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_CONTRACTION_H

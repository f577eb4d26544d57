// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row op inside a row kernel: the passes over the row that find its
// statistics, and its result at any column afterwards.
//
//   layer_norm      gather x, sum -> mean;  sum d * d -> scale;   (d*s)*g+b
//   softmax         gather x, max;  e = exp(x - max), sum;        e * (1/sum)
//   quantize_rows   gather x, max |x|;                            encode(x*inv)
//
// "gather" evaluates what feeds the op and keeps it in a row buffer.

#ifndef QOPT_LIB_EMISSION_ROWSTAGE_H
#define QOPT_LIB_EMISSION_ROWSTAGE_H

#include "lib/Emission/LeafReader.h"

namespace qopt::emission {

/// Several rows worked on together: their chains of additions overlap.
struct RowGroup {
  mlir::Value columns;
  unsigned size; // rows
};

class RowStage {
public:
  using Value = mlir::Value;
  /// One carried vector a row.
  using Vectors = llvm::SmallVector<Value>;

  virtual ~RowStage() = default;
  /// Null for an op that is no row op.
  static std::unique_ptr<RowStage> create(mlir::Operation *op);

  mlir::Operation *op() const { return operation; }
  /// What the stage is fed with.
  Value input() const { return operation->getOperand(0); }

  /// Finds the memory of gain and bias, in the run function; false when they
  /// are neither inputs nor constants.
  virtual bool begin(KernelBuilder &kb) { return true; }
  /// Start of the partial results of the gathering pass, and its step.
  virtual Value neutral(KernelBuilder &kb) = 0;
  virtual Value step(KernelBuilder &kb, Value partials, Value x) = 0;
  /// Joins partials; may pass over the buffers again. The vectors it returns
  /// for each row are handed to result().
  struct Statistics {
    Vectors values; // splats
    Value scale;    // scalar a caller may store (quantize_rows)
  };
  virtual llvm::SmallVector<Statistics>
  finish(KernelBuilder &kb, const RowGroup &rows,
         llvm::ArrayRef<Value> partials, llvm::ArrayRef<Value> buffers) = 0;
  /// The op's (first) result at \p column, from the buffered x (or e).
  virtual Value result(KernelBuilder &kb, const Statistics &statistics,
                       Value buffered, Value column, LiveLanes live) = 0;

protected:
  explicit RowStage(mlir::Operation *op) : operation(op) {}
  mlir::Operation *operation;
};

/// buffer[column ..] of f32.
mlir::Value loadBuffered(KernelBuilder &kb, mlir::Value buffer,
                         mlir::Value column);
void storeBuffered(KernelBuilder &kb, mlir::Value lanes, mlir::Value buffer,
                   mlir::Value column);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_ROWSTAGE_H

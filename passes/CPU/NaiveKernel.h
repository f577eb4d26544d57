// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive code for a kernel: every op of the body is a scalar loop nest of its
// own, values in between lie in scratch, one work unit does it all. It is the
// -O0 path and the judge of the optimized emitters, so it shares nothing with
// them but the arithmetic of single elements.

#ifndef QOPT_PASSES_CPU_NAIVEKERNEL_H
#define QOPT_PASSES_CPU_NAIVEKERNEL_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/KernelShapes.h"
#include "lib/Emission/Lanes.h"

namespace qopt::naive {

/// Emits the kernel's three functions. \p body: its arguments are the inputs,
/// its terminator's operands the outputs. Fails, blaming the op, on an op that
/// has no naive form.
mlir::LogicalResult emitNaiveKernel(emission::KernelBuilder &kb,
                                    mlir::Block &body);

/// What the loop nest of one op needs: the sizes and elements of its operands
/// and result.
class NaiveBuilder {
public:
  using Value = mlir::Value;
  using Indices = llvm::ArrayRef<Value>;

  NaiveBuilder(emission::KernelBuilder &kb, emission::KernelShapes &shapes)
      : kb(kb), shapes(shapes) {}

  mlir::Type elementType(Value tensor) const;
  mlir::Type laneType(Value tensor) const;
  int64_t rank(Value tensor) const;
  llvm::SmallVector<Value> dims(Value tensor) {
    return shapes.dims(kb, tensor);
  }
  Value dim(Value tensor, int64_t axis) { return shapes.dim(kb, tensor, axis); }

  /// The nest over all indices below \p sizes, the last the fastest.
  void forIndices(llvm::ArrayRef<Value> sizes,
                  llvm::function_ref<void(Indices)> body);
  /// A chain of values: carried = body(index, carried) over the nest.
  Value accumulate(llvm::ArrayRef<Value> sizes, Value start,
                   llvm::function_ref<Value(Indices, Value)> body);
  /// 16 partial results, element i joining number i % 16, then 8, 4, 2, 1.
  Value reduceRow(Value size, Value start,
                  llvm::function_ref<Value(Value, Value)> combine,
                  llvm::function_ref<Value(Value)> element);

  Value read(Value tensor, Indices indices);
  /// numpy: aligned at the last axis, axes of size 1 repeat.
  Value readBroadcast(Value tensor, Indices indices);
  void write(Value tensor, Indices indices, Value lane);
  /// Row-major position.
  Value position(llvm::ArrayRef<Value> sizes, Indices indices);
  /// lane, or with f16 its f32.
  Value toF32(Value lane);

  void bind(Value tensor, Value pointer) { buffers[tensor] = pointer; }
  Value pointer(Value tensor) { return buffers.lookup(tensor); }

  /// Scratch of an op beyond its results, see temporaryBytes.
  void bindTemporary(mlir::Operation *op, Value pointer) {
    temporaries[op] = pointer;
  }
  Value temporary(mlir::Operation *op) { return temporaries.lookup(op); }
  Value temporaryBytes(mlir::Operation *op);

  emission::KernelBuilder &kb;
  emission::KernelShapes &shapes;

private:
  void nest(llvm::ArrayRef<Value> sizes, llvm::SmallVector<Value> &indices,
            llvm::function_ref<void(Indices)> body);
  Value nest(llvm::ArrayRef<Value> sizes, llvm::SmallVector<Value> &indices,
             Value carried, llvm::function_ref<Value(Indices, Value)> body);

  llvm::DenseMap<Value, Value> buffers;
  llvm::DenseMap<mlir::Operation *, Value> temporaries;
};

/// Each emits \p op if it is of the family; failure means it is not.
mlir::LogicalResult emitNaivePointwise(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveContraction(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveAttention(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveRows(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveReduction(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveWindow(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveMovement(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaivePositions(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveSequential(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaiveRecurrence(NaiveBuilder &nb, mlir::Operation *op);
mlir::LogicalResult emitNaivePanels(NaiveBuilder &nb, mlir::Operation *op);

} // namespace qopt::naive

#endif // QOPT_PASSES_CPU_NAIVEKERNEL_H

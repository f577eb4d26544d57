// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sizes of every tensor in a kernel's body, as i64 arithmetic on the
// kernel's dims argument. The ops' own shape functions give them.

#ifndef QOPT_LIB_EMISSION_KERNELSHAPES_H
#define QOPT_LIB_EMISSION_KERNELSHAPES_H

#include "lib/Emission/KernelBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace qopt::emission {

class KernelShapes {
public:
  /// \p body: its arguments are the kernel's first operands. Index arithmetic
  /// is added to it until the destructor.
  explicit KernelShapes(mlir::Block &body);
  ~KernelShapes();

  /// False when an op could not tell its shape; the op has been blamed.
  bool valid() const { return isValid; }

  /// Emitted where \p kb stands; folds to a constant for static sizes.
  mlir::Value dim(KernelBuilder &kb, mlir::Value tensor, unsigned axis);
  llvm::SmallVector<mlir::Value> dims(KernelBuilder &kb, mlir::Value tensor);
  mlir::Value numElements(KernelBuilder &kb, mlir::Value tensor);
  /// The value of an index computed in the body from sizes and (in the run
  /// function only) elements of inputs; null when it is anything else.
  mlir::Value evaluate(KernelBuilder &kb, mlir::Value index);

private:
  mlir::Value evaluateOp(KernelBuilder &kb, mlir::Operation *op);
  mlir::Value loadScalar(KernelBuilder &kb, mlir::Operation *extract);

  mlir::Block &body;
  llvm::SmallVector<mlir::Operation *> added;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::OpFoldResult>> reified;
  // Operand number of each yielded value: its sizes are in the dims argument.
  llvm::DenseMap<mlir::Value, unsigned> outputs;
  bool isValid = true;
};

/// How many arguments of a kernel's body are tensors; index arguments follow
/// them. Also the operand number of the first output.
unsigned numTensorInputs(mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_KERNELSHAPES_H

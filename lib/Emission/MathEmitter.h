// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits the elementary functions of lib/Numerics on SSA values: the same operations in the same order, so the same bits. No libm.

#ifndef QOPT_LIB_EMISSION_MATHEMITTER_H
#define QOPT_LIB_EMISSION_MATHEMITTER_H

#include "mlir/IR/Builders.h"

namespace qopt::emission {

/// Every function takes f32, f64 or a vector of either and returns the same type.
class MathEmitter {
public:
  MathEmitter(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value exp(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value erf(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value sin(mlir::Value x);
  mlir::Value cos(mlir::Value x);
  mlir::Value asin(mlir::Value x);
  mlir::Value acos(mlir::Value x);
  mlir::Value atan(mlir::Value x);
  mlir::Value sinh(mlir::Value x);
  mlir::Value cosh(mlir::Value x);
  mlir::Value asinh(mlir::Value x);
  mlir::Value acosh(mlir::Value x);
  mlir::Value atanh(mlir::Value x);
  /// C's fmod.
  mlir::Value remainder(mlir::Value x, mlir::Value y);
  mlir::Value pow(mlir::Value x, mlir::Value y);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_MATHEMITTER_H

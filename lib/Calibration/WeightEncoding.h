// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A constant weight in a format.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/Statistics.h"
#include "lib/Numerics/TensorCodec.h"
#include "mlir/IR/Builders.h"

namespace qopt {

// Encodes the weight: below 8 bits a matmul's by second-order rounding where
// statistics have its moment, and otherwise to nearest with scales searched by
// error, weighted by the mean square of the input channel where it is known.
numerics::EncodedTensor encodeWeight(const Contraction &contraction,
                                     const numerics::FormatSpec &format,
                                     const Statistics *statistics);

// Mean squares of the channels of the input over the calibration data: the
// weight of an error on them. Empty if unknown.
std::vector<float> inputImportance(const Contraction &contraction,
                                   const Statistics *statistics);

// lowbit.constant and its decode.
mlir::Value createDecodedConstant(mlir::OpBuilder &builder, mlir::Location loc,
                                  const numerics::EncodedTensor &tensor);

// Bytes of packed codes, scales and zero points.
int64_t encodedBytes(const numerics::FormatSpec &format,
                     llvm::ArrayRef<int64_t> shape);

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A constant weight in a format.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/Statistics.h"
#include "lib/Numerics/TensorCodec.h"

namespace qopt {

// Encodes the weight: below 8 bits a matmul's by second-order rounding where
// statistics have its moment, and otherwise to nearest with scales searched by
// error, weighted by the mean square of the input channel where it is known.
// Scales that f16 cannot hold (weights beyond some 1e5 or below 1e-5) become
// f32, whatever the format says.
numerics::EncodedTensor encodeWeight(const Contraction &contraction,
                                     const numerics::FormatSpec &format,
                                     const Statistics *statistics);

// Mean squares of the channels of the input over the calibration data: the
// weight of an error on them. Empty if unknown.
std::vector<float> inputImportance(const Contraction &contraction,
                                   const Statistics *statistics);

// Bytes of packed codes, scales and zero points.
int64_t encodedBytes(const numerics::FormatSpec &format,
                     llvm::ArrayRef<int64_t> shape);

} // namespace qopt

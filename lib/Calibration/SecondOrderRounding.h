// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rounding that lets later weights make up for the error of earlier ones:
// GPTQ (Frantar et al.). Inputs are rounded in ascending order; what rounding
// changes is spread over the inputs not yet rounded, by the inverse of XᵀX.
#pragma once
#include "lib/Calibration/SecondMoment.h"
#include "lib/Numerics/TensorCodec.h"
#include <optional>

namespace qopt {

// Encodes a matmul's weight [inputs, outputs] per output channel (axis 1) or in
// blocks along the inputs ([size, 1]); nothing if the format is another, the
// moment has too few rows to tell, or its matrix has no inverse. Scales of
// channels come from the weight as given, scales of blocks from the weight as
// corrected when the block is reached.
std::optional<numerics::EncodedTensor>
encodeSecondOrder(llvm::ArrayRef<float> weight, int64_t inputs, int64_t outputs,
                  const numerics::FormatSpec &format,
                  const SecondMoment &moment);

} // namespace qopt

// Encoded constants, between lib/Numerics' tensors and the IR.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_ENCODEDCONSTANTS_H
#define QOPT_DIALECTS_LOWBIT_ENCODEDCONSTANTS_H

#include "dialects/LowBit/LowBitOps.h"
#include "lib/Numerics/TensorCodec.h"
#include "mlir/IR/Builders.h"

namespace qopt::lowbit {

/// lowbit.constant and its decode.
mlir::Value createDecodedConstant(mlir::OpBuilder &builder, mlir::Location loc,
                                  const numerics::EncodedTensor &tensor);

/// What \p constant holds.
numerics::EncodedTensor encodedTensorOf(ConstantOp constant);

} // namespace qopt::lowbit

#endif

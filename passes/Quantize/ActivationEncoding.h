// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encode and decode on the values between ops.
#pragma once
#include "lib/Numerics/Quantize.h"
#include "mlir/IR/Builders.h"

namespace qopt {

// encode and decode right after `value`; every reader but function results
// sees the decoded value.
void encodeStatic(mlir::OpBuilder &builder, mlir::Value value,
                  numerics::QuantParams params);

// encode_rows and decode right after `value`; readers do not change.
mlir::Value createDecodedRows(mlir::OpBuilder &builder, mlir::Value value);

} // namespace qopt

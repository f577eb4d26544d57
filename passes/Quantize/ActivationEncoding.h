// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encode and decode on the values between ops.
#pragma once
#include "lib/Analysis/EncodedEdges.h"
#include "lib/Numerics/Quantize.h"
#include "mlir/IR/Builders.h"
#include <optional>

namespace qopt {

// Scale and zero point of the codes (ui8) a value's class travels in, from the
// ranges its members carry; nothing if none does.
std::optional<numerics::QuantParams> staticParams(const EncodedEdges &edges,
                                                  mlir::Value value);

// encode and decode right after `value`; every reader but function results
// sees the decoded value.
void encodeStatic(mlir::OpBuilder &builder, mlir::Value value,
                  numerics::QuantParams params);

// encode_rows and decode right after `value`; readers do not change.
mlir::Value createDecodedRows(mlir::OpBuilder &builder, mlir::Value value);

} // namespace qopt

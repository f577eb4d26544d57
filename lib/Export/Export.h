// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module of the nn and lowbit dialects, as phase Quantize leaves it, written
// as an ONNX model: encodes become QuantizeLinear, decodes DequantizeLinear.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace qopt::onnx_export {

/// Who is to run the model.
enum class Profile {
  /// ONNX Runtime: opset 21 and com.microsoft. int4 blocks become MatMulNBits,
  /// activations quantized by row a MatMulInteger between their scales.
  Ort,
  /// TensorRT: opset 21 alone. int4 blocks are a blocked DequantizeLinear of
  /// int4; activations quantized by row stay float.
  TensorRt,
};

std::optional<Profile> parseProfile(llvm::StringRef name);

/// Writes `module` (one function, @main) to `path`: Unsupported, naming the op,
/// for what ONNX cannot say; Resources beyond 2 GB; IO when writing fails.
llvm::Error exportOnnx(mlir::ModuleOp module, Profile profile,
                       llvm::StringRef path);

} // namespace qopt::onnx_export

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantized tensors of a model: what their codes, scales and zero points are in
// the IR.
//
//   codes that flow between nodes   plain integer tensors, made by
//                                   lowbit.quantize and read by
//                                   lowbit.dequantize
//   constant codes behind           lowbit.constant and lowbit.decode: the
//   DequantizeLinear                form our own quantization writes
#pragma once

#include "dialects/LowBit/LowBitOps.h"
#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// Scale (f32) and zero point (i32), shaped to broadcast against the tensor
/// they belong to.
struct QuantParams {
  mlir::Value scale, zero;
};

/// What of a node's inputs and attributes says how a tensor is coded.
struct QuantSource {
  mlir::Value scale;     // as the model has it: one, one a slice or one a block
  mlir::Value zero;      // null: 0
  int64_t axis = 1;      // of slices and blocks
  int64_t block = 0;     // elements of a block along the axis; 0: none
};

/// Of inputs `scale` and `zero` of the node; `zero` may be absent.
QuantSource quantSource(NodeImport &node, size_t scale, size_t zero,
                        int64_t axis = 1, int64_t block = 0);

/// The parameters as operands beside `like`; BadModel when shapes contradict.
QuantParams quantParams(NodeImport &node, const QuantSource &source,
                        mlir::Value like);

/// roundeven(x / scale) + zero, saturated to `code` (an integer type of at most
/// 16 bits); f32 `x`. Constants become constant codes.
mlir::Value quantize(NodeImport &node, mlir::Value x, const QuantSource &source,
                     mlir::Type code);
/// (codes - zero) * scale in f32.
mlir::Value dequantize(NodeImport &node, mlir::Value codes,
                       const QuantSource &source);

/// `x` in another element type: constants at once, others by a cast.
mlir::Value converted(NodeImport &node, mlir::Value x, mlir::Type element);
/// The constant `values` of `code`'s type, or nothing.
std::optional<double> scalarOf(NodeImport &node, mlir::Value x);

/// What DynamicQuantizeLinear computes: uint8 codes of a range found at run
/// time that holds 0, one scale and zero point for all.
struct DynamicCodes {
  mlir::Value codes, scale, zero;
};
DynamicCodes quantizeDynamically(NodeImport &node, mlir::Value x);

/// Output 0 of the standard's `op` with the attributes of `node` on `inputs`,
/// which replace those of the node.
mlir::Value importAs(NodeImport &node, llvm::StringRef op,
                     llvm::ArrayRef<mlir::Value> inputs);

/// Exact sums of products in i32, of codes less their zero points.
struct IntegerOperand {
  mlir::Value codes;
  mlir::Value zero; // null: 0
};
/// numpy.matmul; the zero point of `a` may differ by row, that of `b` by
/// column.
mlir::Value integerProduct(NodeImport &node, IntegerOperand a,
                           IntegerOperand b);
/// Convolution by the node's window attributes, channels last. The zero point
/// of `filter` may differ by output.
mlir::Value integerConvolution(NodeImport &node, IntegerOperand x,
                               IntegerOperand filter, bool &isOneDimensional);

} // namespace qopt::import

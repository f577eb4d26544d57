// Building blocks of stated arithmetic: scales, codes and accumulator biases.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_FUSE_CODEARITHMETIC_H
#define QOPT_PASSES_FUSE_CODEARITHMETIC_H

#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include <optional>
#include <vector>

namespace qopt::fuse {

/// The constant per-tensor scale of an encode to at most 8 bits, expressed in
/// ui8 codes: kernels see only those. Signed codes are shifted up by 128, zero
/// point and bounds with them, which changes no value. Of a quantize, which
/// states its codes already, it is what the op says.
struct StaticScale {
  float scale = 1;
  int zero = 0;
  int low = 0, high = 255;
  int typeLow = 0, typeHigh = 255; // bounds of the codes' type
  bool divides = false;            // by the scale, not times its reciprocal

  static std::optional<StaticScale> of(lowbit::EncodeOp encode);
  /// Of 8-bit codes by division (a model's own QuantizeLinear).
  static std::optional<StaticScale> of(lowbit::QuantizeOp quantize);
  /// Of 8-bit codes.
  static std::optional<StaticScale> of(lowbit::DequantizeOp dequantize);
  bool operator==(const StaticScale &) const = default;

  /// Narrows the bounds to what a relu or clip before the encode lets through.
  void clampTo(mlir::Operation *reluOrClip);
  /// Null when the bounds are those of the type.
  mlir::IntegerAttr lowAttr(mlir::OpBuilder &builder) const;
  mlir::IntegerAttr highAttr(mlir::OpBuilder &builder) const;
};

/// An int8 or int4 weight with one scale an output.
struct ChannelWeights {
  mlir::RankedTensorType type;  // of the real tensor
  std::vector<int8_t> codes;
  std::vector<float> scales;    // one an output
  std::vector<int64_t> sums;    // of the codes of an output
  /// Outputs are axis 0 of a conv filter, axis 1 of a matmul's operand.
  static ChannelWeights of(lowbit::ConstantOp constant, bool isConv);
};

/// bias / scale, rounded, minus zero * sum, saturated to i32.
int32_t accumulatorBias(float bias, float scale, int64_t zero, int64_t sum);

mlir::Value createScalar(mlir::OpBuilder &builder, mlir::Location loc, float v);
mlir::Value createScalar(mlir::OpBuilder &builder, mlir::Location loc,
                         int32_t v);
mlir::Value createVector(mlir::OpBuilder &builder, mlir::Location loc,
                         const std::vector<float> &values);
mlir::Value createVector(mlir::OpBuilder &builder, mlir::Location loc,
                         const std::vector<int32_t> &values);

/// i8 codes as a constant of the weight's shape.
mlir::Value createCodes(mlir::OpBuilder &builder, mlir::Location loc,
                        const ChannelWeights &weights);
/// int4 codes shifted by \p offset to unsigned bytes.
mlir::Value createOffsetCodes(mlir::OpBuilder &builder, mlir::Location loc,
                              lowbit::ConstantOp constant, int offset);
mlir::Value createScales(mlir::OpBuilder &builder, mlir::Location loc,
                         lowbit::ConstantOp constant);

/// lowbit.quantize of what \p encode encodes.
mlir::Value createQuantize(mlir::OpBuilder &builder, lowbit::EncodeOp encode,
                           const StaticScale &scale);

/// lowbit.quantize_rows, placed at the encode_rows it stands for.
struct RowCodes {
  mlir::Value codes, scales;
};
RowCodes createRowCodes(mlir::OpBuilder &builder, lowbit::EncodeRowsOp encode,
                        bool isUnsigned);

/// The f32 constant that \p constant stands for.
mlir::Value decodeConstant(mlir::OpBuilder &builder,
                           lowbit::ConstantOp constant);

} // namespace qopt::fuse

#endif

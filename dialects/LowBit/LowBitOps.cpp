// Shapes and verifiers of the lowbit operators.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/LowBitOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

#include "dialects/LowBit/LowBitDialect.cpp.inc"

using namespace mlir;
using namespace qopt::lowbit;

void LowBitDialect::registerOps() {
  addOperations<
#define GET_OP_LIST
#include "dialects/LowBit/LowBitOps.cpp.inc"
      >();
}

//===-- Shapes --------------------------------------------------------------===//

static SmallVector<OpFoldResult> dimsOf(OpBuilder &builder, Value tensor) {
  return tensor::getMixedSizes(builder, tensor.getLoc(), tensor);
}

#define SAME_SHAPE(OP)                                                         \
  LogicalResult OP::reifyResultShapes(OpBuilder &builder,                      \
                                      ReifiedRankedShapedTypeDims &shapes) {   \
    shapes.push_back(dimsOf(builder, getOperation()->getOperand(0)));          \
    return success();                                                          \
  }
SAME_SHAPE(EncodeOp)
SAME_SHAPE(EncodeRowsOp)
SAME_SHAPE(DecodeOp)
SAME_SHAPE(ScaleChannelsOp)
SAME_SHAPE(QuantizeOp)
SAME_SHAPE(DequantizeOp)
SAME_SHAPE(RequantizeOp)
SAME_SHAPE(RescaleOp)
#undef SAME_SHAPE

LogicalResult
QuantizeRowsOp::reifyResultShapes(OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> dims = dimsOf(builder, getX());
  shapes.push_back(dims);
  dims.back() = builder.getIndexAttr(1);
  shapes.push_back(dims);
  return success();
}

LogicalResult
BlockMatMulOp::reifyResultShapes(OpBuilder &builder,
                                 ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> dims = dimsOf(builder, getLhs());
  dims.back() = tensor::getMixedSize(builder, getLoc(), getCodes(), 1);
  shapes.push_back(dims);
  return success();
}

//===-- Verifiers -------------------------------------------------------------===//

static std::string printShape(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(shape))
    text += (i ? ", " : "") +
            (ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return text + "]";
}

/// Checks that \p companion (scales or zeros) has the shape \p format asks for
/// a tensor of type \p encoded.
static LogicalResult verifyCompanion(Operation *op, RankedTensorType encoded,
                                     ShapedType companion, StringRef label,
                                     StringRef what) {
  QType format = getFormat(encoded);
  std::string problem = format.getSpec().verify(encoded.getRank());
  if (!problem.empty())
    return op->emitOpError("(") << label << ") " << problem;
  std::vector<int64_t> expected = format.getSpec().scaleShape(
      {encoded.getShape().data(), encoded.getShape().size()});
  if (failed(verifyCompatibleShape(expected, companion.getShape())))
    return op->emitOpError("(") << label << ") expects " << what
                                << " of shape " << printShape(expected)
                                << ", got " << printShape(companion.getShape());
  return success();
}

LogicalResult EncodeOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  auto x = cast<RankedTensorType>(getX().getType());
  QType format = getFormat(type);
  if (!format ||
      getRealType(getContext(), format.getSpec()) != x.getElementType())
    return emitOpError("(encode_c1) expects a result encoded from ")
           << x.getElementType() << ", got " << type.getElementType();
  if (failed(verifyCompatibleShape(x, type)))
    return emitOpError("(encode_c1) expects a result of the operand's shape");
  if (failed(verifyCompanion(*this, type, cast<ShapedType>(getScales().getType()),
                             "encode_c2", "scales")))
    return failure();
  if (format.getSpec().zeroPoint != bool(getZeros()))
    return emitOpError("(encode_c2) expects zero points exactly if the format "
                       "has them");
  if (getZeros())
    return verifyCompanion(*this, type, cast<ShapedType>(getZeros().getType()),
                           "encode_c2", "zeros");
  return success();
}

LogicalResult EncodeRowsOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  QType format = getFormat(type);
  if (!format ||
      format.getSpec().granularity != numerics::Granularity::Row)
    return emitOpError("(encode_rows_c1) expects a format scaled by row, got ")
           << type.getElementType();
  if (failed(verifyCompatibleShape(getX().getType(), type)))
    return emitOpError(
        "(encode_rows_c1) expects a result of the operand's shape");
  return success();
}

LogicalResult DecodeOp::verify() {
  auto type = cast<RankedTensorType>(getQ().getType());
  QType format = getFormat(type);
  Type element = getElementTypeOrSelf(getResult().getType());
  if (!format || getRealType(getContext(), format.getSpec()) != element)
    return emitOpError("(decode_c1) expects an operand that encodes ")
           << element << ", got " << type.getElementType();
  if (failed(verifyCompatibleShape(type, getResult().getType())))
    return emitOpError("(decode_c1) expects a result of the operand's shape");
  return success();
}

LogicalResult ConstantOp::verify() {
  auto type = cast<RankedTensorType>(getResult().getType());
  QType format = getFormat(type);
  if (!format)
    return emitOpError("(constant_c1) expects an encoded result, got ")
           << type.getElementType();
  ShapedType codes = getCodes().getShapedType();
  if (codes.getShape() != type.getShape() ||
      !codes.getElementType().isInteger(8))
    return emitOpError("(constant_c1) expects 8-bit codes of shape ")
           << printShape(type.getShape()) << ", got " << codes;
  if (failed(verifyCompanion(*this, type, getScales().getShapedType(),
                             "constant_c2", "scales")))
    return failure();
  if (format.getSpec().zeroPoint != getZeros().has_value())
    return emitOpError("(constant_c2) expects zero points exactly if the "
                       "format has them");
  if (getZeros())
    return verifyCompanion(*this, type, getZeros()->getShapedType(),
                           "constant_c2", "zeros");
  return success();
}

LogicalResult ScaleChannelsOp::verify() {
  auto x = cast<RankedTensorType>(getX().getType());
  auto factors = cast<RankedTensorType>(getFactors().getType());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= x.getRank() || factors.getRank() != 1 ||
      failed(verifyCompatibleDims({x.getDimSize(axis), factors.getDimSize(0)})))
    return emitOpError("(scale_channels_c1) expects one factor for each slice "
                       "of axis ")
           << axis << ", got " << factors;
  return success();
}

LogicalResult BlockMatMulOp::verify() {
  auto lhs = cast<RankedTensorType>(getLhs().getType());
  auto codes = cast<RankedTensorType>(getCodes().getType());
  auto scales = cast<RankedTensorType>(getScales().getType());
  int64_t block = getBlock();
  if (lhs.getRank() < 2 || codes.getRank() != 2 || !codes.hasStaticShape() ||
      block < 1 || codes.getDimSize(0) % block ||
      failed(verifyCompatibleDims(
          {lhs.getDimSize(lhs.getRank() - 1), codes.getDimSize(0)})))
    return emitOpError("(block_matmul_c1) expects lhs [.., M, K] and codes "
                       "[K, N] with K a multiple of ")
           << block << ", got " << lhs << " and " << codes;
  SmallVector<int64_t> expected{codes.getDimSize(0) / block,
                                codes.getDimSize(1)};
  if (scales.getShape() != ArrayRef<int64_t>(expected))
    return emitOpError("(block_matmul_c2) expects scales of shape ")
           << printShape(expected) << ", got " << printShape(scales.getShape());
  return success();
}

#define GET_OP_CLASSES
#include "dialects/LowBit/LowBitOps.cpp.inc"

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activations are coded in 8 bits: asymmetric and static for a whole tensor, or
// symmetric for each row.
#include "passes/Quantize/ActivationEncoding.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace qopt::numerics;

namespace qopt {

static RankedTensorType encodedType(Value value, const FormatSpec &spec) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.clone(lowbit::QType::get(value.getContext(), spec));
}

void encodeStatic(OpBuilder &builder, Value value, QuantParams params) {
  Location loc = value.getLoc();
  builder.setInsertionPointAfterValue(value);
  Value scale = nn::createConstant(
      builder, loc, RankedTensorType::get({}, builder.getF32Type()),
      std::vector<float>{params.scale}, "scale");
  Value zero = nn::createConstant(
      builder, loc, RankedTensorType::get({}, builder.getI32Type()),
      std::vector<int32_t>{params.zeroPoint}, "zero");
  FormatSpec spec = FormatSpec::perTensor(ElementFormat::makeUInt(8), true);
  Operation *encode = lowbit::EncodeOp::create(
      builder, loc, encodedType(value, spec), value, scale, zero);
  Value decoded = lowbit::DecodeOp::create(builder, loc, value.getType(),
                                           encode->getResult(0));
  // What the network returns is not rounded for the sake of a neighbour, and
  // sizes are read off what is there anyway.
  value.replaceUsesWithIf(decoded, [&](OpOperand &use) {
    return use.getOwner() != encode &&
           !isa<func::ReturnOp, tensor::DimOp>(use.getOwner());
  });
}

Value createDecodedRows(OpBuilder &builder, Value value) {
  builder.setInsertionPointAfterValue(value);
  FormatSpec spec = FormatSpec::perRow(ElementFormat::makeInt(8));
  Value rows = lowbit::EncodeRowsOp::create(
      builder, value.getLoc(), encodedType(value, spec), value);
  return lowbit::DecodeOp::create(builder, value.getLoc(), value.getType(),
                                  rows);
}

} // namespace qopt

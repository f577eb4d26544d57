// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding and decoding of lanes.

#include "lib/Emission/PointwiseLowBit.h"
#include "dialects/LowBit/LowBitOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

Type sameShape(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value toFloat(KernelBuilder &kb, Value integer) {
  return kb.create<arith::SIToFPOp>(sameShape(integer.getType(), kb.f32Type),
                                    integer);
}

/// The range of the result's codes, narrowed by the op's own bounds.
template <class Op> CodeRange codeRange(Op op) {
  CodeRange range =
      CodeRange::of(getElementTypeOrSelf(op.getResult().getType()));
  return {op.getLo() ? int64_t(*op.getLo()) : range.low,
          op.getHi() ? int64_t(*op.getHi()) : range.high};
}

} // namespace

CodeRange CodeRange::of(Type element) {
  unsigned bits = element.getIntOrFloatBitWidth();
  if (element.isUnsignedInteger())
    return {0, (int64_t(1) << bits) - 1};
  return {-(int64_t(1) << (bits - 1)), (int64_t(1) << (bits - 1)) - 1};
}

Value qopt::emission::emitEncode(KernelBuilder &kb, Value x, Value zero,
                                 CodeRange range) {
  Type integers = zero.getType();
  auto bound = [&](int64_t code) {
    return toFloat(kb, kb.builder().createOrFold<arith::SubIOp>(
                           kb.loc(), kb.constantLike(integers, code), zero));
  };
  auto select = [&](arith::CmpFPredicate predicate, Value a, Value b,
                    Value then, Value otherwise) -> Value {
    Value condition = kb.create<arith::CmpFOp>(predicate, a, b);
    return kb.create<arith::SelectOp>(condition, then, otherwise);
  };
  Value low = bound(range.low), high = bound(range.high);
  Value t = select(arith::CmpFPredicate::OLT, x, low, low, x);
  t = select(arith::CmpFPredicate::OGT, t, high, high, t);
  // NaN last: a mask on the minimum before it.
  t = select(arith::CmpFPredicate::ORD, x, x, t,
             kb.constantLike(x.getType(), 0));
  // roundeven and conversion in one addition: codes are far below 2^22, and a
  // float from 2^23 to 2^24 holds its integer in its low mantissa bits. The
  // bits of 1.5 * 2^23 leave together with the zero point's addition.
  constexpr float shift = 12582912.0f;
  constexpr int32_t shiftBits = 0x4b400000;
  Value bits = kb.create<arith::BitcastOp>(
      integers, kb.addf(t, kb.constantLike(x.getType(), shift)));
  return kb.create<arith::AddIOp>(
      bits, kb.create<arith::SubIOp>(
                zero, kb.constantLike(integers, shiftBits)));
}

Value qopt::emission::emitLowBitPointwise(KernelBuilder &kb, Operation *op,
                                          ValueRange lanes) {
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](lowbit::QuantizeOp quantize) {
        Value scaled = quantize.getDivide() ? kb.divf(lanes[0], lanes[1])
                                            : kb.mulf(lanes[0], lanes[1]);
        return emitEncode(kb, scaled, lanes[2], codeRange(quantize));
      })
      .Case([&](lowbit::RequantizeOp requantize) {
        Value scaled = kb.mulf(toFloat(kb, lanes[0]), lanes[1]);
        return emitEncode(kb, scaled, lanes[2], codeRange(requantize));
      })
      .Case([&](lowbit::DequantizeOp) {
        Value offset = kb.create<arith::SubIOp>(lanes[0], lanes[2]);
        return kb.mulf(toFloat(kb, offset), lanes[1]);
      })
      .Case([&](lowbit::RescaleOp) {
        Value scaled = kb.mulf(toFloat(kb, lanes[0]), lanes[1]);
        return lanes.size() == 3 ? kb.mulf(scaled, lanes[2]) : scaled;
      })
      .Default([](Operation *) { return Value(); });
}

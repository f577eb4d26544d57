// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Floats of 8 bits and less, to and from f32, in integer arithmetic on the
// bits of f32: no instruction set we generate for has them.
//
//   code = sign, exponent with a bias, mantissa      e.g. e4m3fn 0x3c = 1.5
//
// Formats: OCP 8-bit floating point (e4m3fn, e5m2) and microscaling (e2m1,
// e8m0), and the "fnuz" pair with one zero whose negative is NaN.

#include "lib/Emission/PointwiseEmitter.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

struct NarrowFormat {
  int mantissaBits, bias;
  int32_t signBit;   // of a code
  int32_t largest;   // code of the largest finite number
  int32_t beyond;    // code of what is larger: infinity, NaN or the largest
  int32_t nan;       // what NaN becomes: -0 where the type has none
  bool hasNaN;
  bool negativeZero; // false: its code is NaN
  bool hasInfinity;

  static NarrowFormat of(Type type) {
    if (isa<Float8E4M3FNType>(type))
      return {3, 7, 0x80, 0x7e, 0x7f, 0x7f, true, true, false};
    if (isa<Float8E4M3FNUZType>(type))
      return {3, 8, 0x80, 0x7f, 0x80, 0x80, true, false, false};
    if (isa<Float8E5M2Type>(type))
      return {2, 15, 0x80, 0x7b, 0x7c, 0x7f, true, true, true};
    if (isa<Float8E5M2FNUZType>(type))
      return {2, 16, 0x80, 0x7f, 0x80, 0x80, true, false, false};
    // e2m1: every code is a number.
    return {1, 1, 0x8, 0x7, 0x7, 0x8, false, true, false};
  }
};

/// Integer arithmetic on lanes of one type.
class Bits {
public:
  Bits(KernelBuilder &kb, Value like) : kb(kb) {
    auto vector = dyn_cast<VectorType>(like.getType());
    word = withElement(vector, kb.i32Type);
    real = withElement(vector, kb.f32Type);
  }

  Value constant(int64_t value) { return kb.constantLike(word, int32_t(value)); }
  Value number(double value) { return kb.constantLike(real, value); }
  Value both(Value a, int64_t mask) {
    return kb.create<arith::AndIOp>(a, constant(mask));
  }
  Value either(Value a, Value b) { return kb.create<arith::OrIOp>(a, b); }
  Value add(Value a, Value b) { return kb.create<arith::AddIOp>(a, b); }
  Value left(Value a, int64_t by) {
    return by ? kb.create<arith::ShLIOp>(a, constant(by)).getResult() : a;
  }
  Value right(Value a, int64_t by) {
    return kb.create<arith::ShRUIOp>(a, constant(by));
  }
  Value compare(arith::CmpIPredicate predicate, Value a, int64_t b) {
    return kb.create<arith::CmpIOp>(predicate, a, constant(b));
  }
  Value select(Value condition, Value a, Value b) {
    return kb.create<arith::SelectOp>(condition, a, b);
  }
  Value toBits(Value x) { return kb.create<arith::BitcastOp>(word, x); }
  Value toReal(Value bits) { return kb.create<arith::BitcastOp>(real, bits); }

  KernelBuilder &kb;

private:
  static Type withElement(VectorType like, Type element) {
    return like ? Type(VectorType::get(like.getShape(), element)) : element;
  }
  Type word, real;
};

/// The code of a magnitude, rounded to nearest even, not yet bounded.
Value encodeMagnitude(Bits &bits, const NarrowFormat &format, Value magnitude) {
  int dropped = 23 - format.mantissaBits;
  // Normal numbers: round the mantissa (a carry runs into the exponent, as it
  // should), then shift and move the bias.
  Value lowest = bits.both(bits.right(magnitude, dropped), 1);
  Value rounded = bits.add(
      magnitude, bits.add(lowest, bits.constant((1 << (dropped - 1)) - 1)));
  Value normal = bits.add(
      bits.right(rounded, dropped),
      bits.constant(-int64_t(127 - format.bias) << format.mantissaBits));
  // Below the smallest normal number codes are multiples of one step; adding a
  // float whose unit in the last place is that step rounds to it.
  int exponent = 23 + 1 - format.bias - format.mantissaBits;
  Value shift = bits.number(std::ldexp(1.0, exponent));
  Value sum = bits.kb.addf(bits.toReal(magnitude), shift);
  Value small = bits.add(bits.toBits(sum),
                         bits.constant(-(int64_t(exponent + 127) << 23)));
  Value isSmall = bits.compare(arith::CmpIPredicate::ult, magnitude,
                               int64_t(128 - format.bias) << 23);
  return bits.select(isSmall, small, normal);
}

/// Powers of two: the exponent of f32, rounded up unless exact (what MX scales
/// want: nothing overflows); anything not positive is the smallest.
Value encodePower(Bits &bits, Value x) {
  Value word = bits.toBits(x);
  Value up = bits.right(bits.add(word, bits.constant(0x7fffff)), 23);
  // Half of the smallest normal number is the code 0 too.
  Value tiny = bits.compare(arith::CmpIPredicate::sle, word, 0x400000);
  Value code = bits.select(tiny, bits.constant(0), up);
  Value high = bits.compare(arith::CmpIPredicate::sgt, code, 0xfe);
  code = bits.select(high, bits.constant(0xfe), code);
  Value isNaN = bits.kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  return bits.select(isNaN, bits.constant(0xff), code);
}

} // namespace

Value qopt::emission::emitNarrowEncode(KernelBuilder &kb, Type to, Value x,
                                       bool overflow) {
  Bits bits(kb, x);
  if (isa<Float8E8M0FNUType>(to))
    return encodePower(bits, x);
  NarrowFormat format = NarrowFormat::of(to);
  Value word = bits.toBits(x);
  Value magnitude = bits.both(word, 0x7fffffff);
  Value code = encodeMagnitude(bits, format, magnitude);
  Value isBeyond =
      bits.compare(arith::CmpIPredicate::sgt, code, format.largest);
  // Codes of huge numbers and of infinity lie beyond the largest as well.
  code = bits.select(
      isBeyond, bits.constant(overflow ? format.beyond : format.largest), code);
  Value sign = bits.select(
      bits.compare(arith::CmpIPredicate::slt, word, 0),
      bits.constant(format.signBit), bits.constant(0));
  if (!format.negativeZero) // -0 becomes 0.
    sign = bits.select(bits.compare(arith::CmpIPredicate::eq, code, 0),
                       bits.constant(0), sign);
  code = bits.either(code, sign);
  Value isNaN = kb.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  return bits.select(isNaN, bits.constant(format.nan), code);
}

Value qopt::emission::emitNarrowDecode(KernelBuilder &kb, Type from,
                                       Value codes) {
  Bits bits(kb, codes);
  auto isCode = [&](int32_t code) {
    return bits.compare(arith::CmpIPredicate::eq, codes, code);
  };
  Value nan = bits.constant(0x7fc00000);
  if (isa<Float8E8M0FNUType>(from)) {
    // 2^-127 is the one power below the normal numbers.
    Value power = bits.select(isCode(0), bits.constant(0x400000),
                              bits.left(codes, 23));
    return bits.toReal(bits.select(isCode(0xff), nan, power));
  }
  NarrowFormat format = NarrowFormat::of(from);
  Value magnitude = bits.both(codes, format.signBit - 1);
  // The fields where f32 has them, the bias moved by an exact product, which
  // makes normal numbers of the small ones too.
  Value placed = bits.toReal(bits.left(magnitude, 23 - format.mantissaBits));
  Value value = bits.toBits(
      kb.mulf(placed, bits.number(std::ldexp(1.0, 127 - format.bias))));
  if (format.hasInfinity)
    value = bits.select(
        bits.compare(arith::CmpIPredicate::eq, magnitude, format.beyond),
        bits.constant(0x7f800000), value);
  Value sign = bits.left(bits.both(codes, format.signBit),
                         format.signBit == 0x80 ? 24 : 28);
  value = bits.either(value, sign);
  if (!format.negativeZero)
    value = bits.select(isCode(format.nan), nan, value);
  else if (format.hasNaN)
    value = bits.select(
        bits.compare(arith::CmpIPredicate::sgt, magnitude,
                     format.hasInfinity ? format.beyond : format.largest),
        nan, value);
  return bits.toReal(value);
}

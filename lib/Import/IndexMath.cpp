// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Folding index arithmetic.
#include "lib/Import/IndexMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <limits>

using namespace mlir;

namespace qopt::import {
namespace {
// Sizes near 2^63 come only from "to the end" spellings: saturation keeps them.
int64_t saturated(std::optional<int64_t> value, bool negative) {
  if (value)
    return *value;
  return negative ? std::numeric_limits<int64_t>::min()
                  : std::numeric_limits<int64_t>::max();
}

void multiply(std::optional<int64_t> &product, int64_t factor) {
  if (product)
    product = llvm::checkedMul(*product, factor);
}

// Collects the factors of a product, looking through multiplications; the
// constant ones have none where their product overflows.
void collectFactors(Scalar scalar, std::optional<int64_t> &constant,
                    SmallVectorImpl<Scalar> &values) {
  if (scalar.isInt())
    return multiply(constant, scalar.integer);
  if (auto mul = scalar.value.getDefiningOp<arith::MulIOp>()) {
    for (Value operand : mul->getOperands()) {
      APInt number;
      if (matchPattern(operand, m_ConstantInt(&number)))
        multiply(constant, number.getSExtValue());
      else
        collectFactors(Scalar::ofIndex(operand, scalar.nonNegative), constant,
                       values);
    }
    return;
  }
  values.push_back(scalar);
}
} // namespace

Value IndexMath::materialize(Scalar scalar) {
  if (scalar.isIndex())
    return scalar.value;
  Value &value = constants[scalar.integer];
  if (!value)
    value = arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(),
                                           scalar.integer);
  return value;
}

OpFoldResult IndexMath::asFoldResult(Scalar scalar) {
  if (scalar.isIndex())
    return scalar.value;
  return builder.getIndexAttr(scalar.integer);
}

Scalar IndexMath::intern(Value value, bool nonNegative) {
  APInt number;
  if (matchPattern(value, m_ConstantInt(&number)))
    return Scalar::ofInt(number.getSExtValue());
  Operation *op = value.getDefiningOp();
  if (!op)
    return Scalar::ofIndex(value, nonNegative);
  std::vector<const void *> key{op->getName().getAsOpaquePointer(),
                                op->getAttrDictionary().getAsOpaquePointer()};
  for (Value operand : op->getOperands())
    key.push_back(operand.getAsOpaquePointer());
  // A repetition stays until the dead ops go: callers may still hold it.
  auto entry = known.try_emplace(std::move(key), value).first;
  return Scalar::ofIndex(entry->second, nonNegative);
}

template <typename OpTy>
Scalar IndexMath::emit(Scalar a, Scalar b, bool nonNegative) {
  Value x = materialize(a), y = materialize(b);
  Value result = builder.createOrFold<OpTy>(builder.getUnknownLoc(), x, y);
  return intern(result, nonNegative);
}

Scalar IndexMath::add(Scalar a, Scalar b) {
  if (a.isInt() && b.isInt())
    return Scalar::ofInt(
        saturated(llvm::checkedAdd(a.integer, b.integer), a.integer < 0));
  return emit<arith::AddIOp>(a, b, a.nonNegative && b.nonNegative);
}

Scalar IndexMath::sub(Scalar a, Scalar b) {
  if (a.isInt() && b.isInt())
    return Scalar::ofInt(
        saturated(llvm::checkedSub(a.integer, b.integer), a.integer < 0));
  return emit<arith::SubIOp>(a, b, false);
}

Scalar IndexMath::mul(Scalar a, Scalar b) {
  if (a.isInt() && b.isInt())
    return Scalar::ofInt(saturated(llvm::checkedMul(a.integer, b.integer),
                                   (a.integer < 0) != (b.integer < 0)));
  if (a.isInt(0) || b.isInt(0))
    return Scalar::ofInt(0);
  return emit<arith::MulIOp>(a, b, a.nonNegative && b.nonNegative);
}

Scalar IndexMath::div(Scalar a, Scalar b) {
  if (a.isInt() && b.isInt() && b.integer != 0)
    return Scalar::ofInt(
        b.integer == -1
            ? saturated(llvm::checkedSub<int64_t>(0, a.integer), false)
            : a.integer / b.integer);
  return emit<arith::DivSIOp>(a, b, a.nonNegative && b.nonNegative);
}

Scalar IndexMath::mod(Scalar a, Scalar b) {
  if (a.isInt() && b.isInt() && b.integer > 0)
    return Scalar::ofInt(floorMod(a.integer, b.integer));
  return emit<arith::RemSIOp>(a, b, a.nonNegative && b.nonNegative);
}

Scalar IndexMath::min(Scalar a, Scalar b) {
  if (a == b)
    return a;
  if (a.isInt() && b.isInt())
    return Scalar::ofInt(std::min(a.integer, b.integer));
  return emit<arith::MinSIOp>(a, b, a.nonNegative && b.nonNegative);
}

Scalar IndexMath::max(Scalar a, Scalar b) {
  if (a == b)
    return a;
  if (a.isInt() && b.isInt())
    return Scalar::ofInt(std::max(a.integer, b.integer));
  if (a.nonNegative && b.isInt() && b.integer <= 0)
    return a;
  if (b.nonNegative && a.isInt() && a.integer <= 0)
    return b;
  return emit<arith::MaxSIOp>(a, b, a.nonNegative || b.nonNegative);
}

Scalar IndexMath::select(bool isLess, Scalar a, Scalar b, Scalar yes,
                         Scalar no) {
  if (yes == no)
    return yes;
  Value x = materialize(a), y = materialize(b);
  Value first = materialize(yes), second = materialize(no);
  auto predicate =
      isLess ? arith::CmpIPredicate::slt : arith::CmpIPredicate::eq;
  // Not interned: the condition is no number.
  Value condition = arith::CmpIOp::create(builder, builder.getUnknownLoc(),
                                          predicate, x, y);
  Value result = arith::SelectOp::create(builder, builder.getUnknownLoc(),
                                         condition, first, second);
  return intern(result, yes.nonNegative && no.nonNegative);
}

Scalar IndexMath::ifEqual(Scalar a, Scalar b, Scalar yes, Scalar no) {
  if (a == b)
    return yes;
  if (a.isInt() && b.isInt())
    return no;
  return select(false, a, b, yes, no);
}

Scalar IndexMath::ifLess(Scalar a, Scalar b, Scalar yes, Scalar no) {
  if (a.isInt() && b.isInt())
    return a.integer < b.integer ? yes : no;
  if (a.nonNegative && b.isInt() && b.integer <= 0)
    return no;
  return select(true, a, b, yes, no);
}

Scalar IndexMath::product(ArrayRef<Scalar> factors) {
  Scalar result = Scalar::ofInt(1);
  for (Scalar factor : factors)
    result = mul(result, factor);
  return result;
}

std::optional<Scalar> IndexMath::quotient(ArrayRef<Scalar> numerator,
                                          ArrayRef<Scalar> denominator) {
  std::optional<int64_t> aboveAll = 1, belowAll = 1;
  SmallVector<Scalar> up, down;
  for (Scalar scalar : numerator)
    collectFactors(scalar, aboveAll, up);
  for (Scalar scalar : denominator)
    collectFactors(scalar, belowAll, down);
  // Sizes are not negative; whatever says otherwise is no quotient.
  if (!aboveAll || !belowAll || *belowAll <= 0)
    return std::nullopt;
  int64_t above = *aboveAll, below = *belowAll;
  for (auto it = down.begin(); it != down.end();) {
    auto same = llvm::find_if(
        up, [&](const Scalar &scalar) { return scalar.value == it->value; });
    if (same == up.end()) {
      ++it;
      continue;
    }
    up.erase(same);
    it = down.erase(it);
  }
  if (up.empty() && down.empty()) {
    if (above % below)
      return std::nullopt;
    return Scalar::ofInt(above / below);
  }
  if (above % below == 0) {
    above /= below;
    below = 1;
  }
  Scalar top = mul(product(up), Scalar::ofInt(above));
  Scalar bottom = mul(product(down), Scalar::ofInt(below));
  return bottom.isInt(1) ? top : div(top, bottom);
}

} // namespace qopt::import

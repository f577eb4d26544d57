// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Evaluation of small tensors.
#include "lib/Import/SmallTensor.h"
#include "lib/Numerics/ElementArithmetic.h"
#include "lib/Numerics/Math.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <cstring>

using namespace llvm;

namespace qopt::import {
namespace {
int64_t sizeOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

template <typename T>
Scalars readElements(StringRef bytes, int64_t count, bool isFloat) {
  Scalars result;
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    result.push_back(isFloat ? Scalar::ofFloat(double(value))
                             : Scalar::ofInt(int64_t(value)));
  }
  return result;
}

// Rounds to the precision the tensor has: its arithmetic is f32, not f64. Of
// + - * / and square roots that gives the bits of f32 arithmetic.
Scalar rounded(double value, OnnxType type) {
  return Scalar::ofFloat(type == OnnxType::Float ? double(float(value))
                                                 : value);
}

// Integers are held as int64: what a narrower type keeps of them.
Scalar wrapped(int64_t value, OnnxType type) {
  return Scalar::ofInt(type == OnnxType::Int32 ? int64_t(int32_t(value))
                                               : value);
}

// Functions of lib/Numerics are those of the kernels.
Scalar elementary(float (*ofFloat)(float), double (*ofDouble)(double), double x,
                  OnnxType type) {
  return Scalar::ofFloat(type == OnnxType::Float ? double(ofFloat(float(x)))
                                                 : ofDouble(x));
}

std::optional<Scalar> evaluateElement(Unary op, const Scalar &x,
                                      OnnxType type, IndexMath &math) {
  if (x.isIndex()) {
    if (op == Unary::Abs && x.nonNegative)
      return x;
    if (op == Unary::Not)
      return math.ifEqual(x, Scalar::ofInt(0), Scalar::ofInt(1),
                          Scalar::ofInt(0));
    return std::nullopt;
  }
  if (x.isInt()) {
    switch (op) {
    case Unary::Neg:
      return wrapped(numerics::wrappedSub(0, x.integer), type);
    case Unary::Abs:
      return wrapped(x.integer < 0 ? numerics::wrappedSub(0, x.integer)
                                   : x.integer,
                     type);
    case Unary::Not:
      return Scalar::ofInt(!x.integer);
    default:
      return std::nullopt;
    }
  }
  switch (op) {
  case Unary::Neg:
    return Scalar::ofFloat(-x.real);
  case Unary::Abs:
    return Scalar::ofFloat(std::fabs(x.real));
  case Unary::Floor:
    return Scalar::ofFloat(std::floor(x.real));
  case Unary::Ceil:
    return Scalar::ofFloat(std::ceil(x.real));
  case Unary::Sqrt:
    return rounded(std::sqrt(x.real), type);
  case Unary::Reciprocal:
    return rounded(1.0 / x.real, type);
  case Unary::Exp:
    return elementary(numerics::exp, numerics::exp, x.real, type);
  case Unary::Log:
    return elementary(numerics::log, numerics::log, x.real, type);
  case Unary::Not:
    return std::nullopt;
  }
  return std::nullopt;
}

bool isComparison(Binary op) { return op >= Binary::Equal; }

template <typename T> std::optional<bool> compare(Binary op, T a, T b) {
  switch (op) {
  case Binary::Equal:
    return a == b;
  case Binary::Less:
    return a < b;
  case Binary::LessOrEqual:
    return a <= b;
  case Binary::Greater:
    return a > b;
  case Binary::GreaterOrEqual:
    return a >= b;
  case Binary::And:
    return a && b;
  case Binary::Or:
    return a || b;
  default:
    return std::nullopt;
  }
}

// Comparisons of dimensions: some are decided although the dimension is not
// known, as it is not negative; equality is a number, 1 or 0, found at run time.
std::optional<Scalar> compareIndex(Binary op, const Scalar &a, const Scalar &b,
                                   IndexMath &math) {
  if (op == Binary::And || op == Binary::Or)
    return std::nullopt;
  if (a == b)
    return Scalar::ofInt(*compare<int64_t>(op, 0, 0));
  bool aFirst = a.nonNegative && b.isInt() && b.integer < 0;
  bool bFirst = b.nonNegative && a.isInt() && a.integer < 0;
  if (aFirst || bFirst)
    return Scalar::ofInt(aFirst ? *compare<int64_t>(op, 0, -1)
                                : *compare<int64_t>(op, -1, 0));
  if (op != Binary::Equal)
    return std::nullopt;
  return math.ifEqual(a, b, Scalar::ofInt(1), Scalar::ofInt(0));
}

std::optional<Scalar> evaluateFloats(Binary op, double a, double b,
                                     OnnxType type) {
  switch (op) {
  case Binary::Add:
    return rounded(a + b, type);
  case Binary::Sub:
    return rounded(a - b, type);
  case Binary::Mul:
    return rounded(a * b, type);
  case Binary::Div:
    return rounded(a / b, type);
  case Binary::Pow:
    if (type == OnnxType::Float)
      return Scalar::ofFloat(numerics::pow(float(a), float(b)));
    if (type == OnnxType::Double)
      return Scalar::ofFloat(numerics::pow(a, b));
    return std::nullopt; // of an integer base
  case Binary::Min:
    return Scalar::ofFloat(numerics::minimum(a, b));
  case Binary::Max:
    return Scalar::ofFloat(numerics::maximum(a, b));
  case Binary::Mod:
    return std::nullopt;
  default:
    return Scalar::ofInt(*compare(op, a, b));
  }
}

// Sizes saturate (IndexMath), data wrap.
std::optional<Scalar> evaluateIntegers(Binary op, int64_t a, int64_t b,
                                       OnnxType type) {
  switch (op) {
  case Binary::Add:
    return wrapped(numerics::wrappedAdd(a, b), type);
  case Binary::Sub:
    return wrapped(numerics::wrappedSub(a, b), type);
  case Binary::Mul:
    return wrapped(numerics::wrappedMul(a, b), type);
  case Binary::Div:
    return wrapped(numerics::wrappedDiv(a, b), type);
  case Binary::Pow:
    return wrapped(numerics::wrappedPow(a, b), type);
  case Binary::Min:
    return Scalar::ofInt(std::min(a, b));
  case Binary::Max:
    return Scalar::ofInt(std::max(a, b));
  case Binary::Mod:
    if (b <= 0)
      return std::nullopt;
    return Scalar::ofInt(floorMod(a, b));
  default:
    return Scalar::ofInt(*compare(op, a, b));
  }
}

std::optional<Scalar> evaluateElement(Binary op, const Scalar &a,
                                      const Scalar &b, OnnxType type,
                                      IndexMath &math) {
  if (a.isFloat() || b.isFloat()) {
    if (a.isIndex() || b.isIndex())
      return std::nullopt;
    return evaluateFloats(op, a.asDouble(), b.asDouble(), type);
  }
  if (a.isInt() && b.isInt())
    return evaluateIntegers(op, a.integer, b.integer, type);
  if (isComparison(op))
    return compareIndex(op, a, b, math);
  switch (op) {
  case Binary::Add:
    return math.add(a, b);
  case Binary::Sub:
    return math.sub(a, b);
  case Binary::Mul:
    return math.mul(a, b);
  case Binary::Div:
    if (b.isInt(0))
      return std::nullopt;
    return math.div(a, b);
  case Binary::Mod:
    if (!b.isInt() || b.integer <= 0)
      return std::nullopt;
    return math.mod(a, b);
  case Binary::Min:
    return math.min(a, b);
  case Binary::Max:
    return math.max(a, b);
  default:
    return std::nullopt;
  }
}

// The operand's position for a result position under numpy broadcasting.
void broadcastPosition(ArrayRef<int64_t> result, ArrayRef<int64_t> shape,
                       MutableArrayRef<int64_t> operand) {
  size_t offset = result.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    operand[i] = shape[i] == 1 ? 0 : result[offset + i];
}

std::optional<SmallTensor> broadcast(const SmallTensor &x,
                                     ArrayRef<int64_t> shape) {
  return rearrange(x, shape,
                   [&](ArrayRef<int64_t> to, MutableArrayRef<int64_t> from) {
                     broadcastPosition(to, x.shape, from);
                   });
}
} // namespace

bool SmallTensor::isConstant() const {
  return none_of(elements, [](const Scalar &x) { return x.isIndex(); });
}

SmallTensor SmallTensor::scalar(Scalar element, OnnxType type) {
  return {type, {}, {element}};
}

SmallTensor SmallTensor::vector(ArrayRef<Scalar> elements, OnnxType type) {
  return {type,
          {int64_t(elements.size())},
          Scalars(elements.begin(), elements.end())};
}

std::optional<SmallTensor> SmallTensor::of(const TensorData &data) {
  if (data.elements > maxElements)
    return std::nullopt;
  SmallTensor result{data.type, data.shape, {}};
  switch (data.type) {
  case OnnxType::Float:
    result.elements = readElements<float>(data.bytes, data.elements, true);
    return result;
  case OnnxType::Double:
    result.elements = readElements<double>(data.bytes, data.elements, true);
    return result;
  case OnnxType::Int64:
    result.elements = readElements<int64_t>(data.bytes, data.elements, false);
    return result;
  case OnnxType::Int32:
    result.elements = readElements<int32_t>(data.bytes, data.elements, false);
    return result;
  case OnnxType::Bool:
    result.elements = readElements<uint8_t>(data.bytes, data.elements, false);
    return result;
  default:
    return std::nullopt;
  }
}

std::optional<SmallVector<int64_t>> broadcastShape(ArrayRef<int64_t> a,
                                                   ArrayRef<int64_t> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  SmallVector<int64_t> result(a.begin(), a.end());
  size_t offset = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    int64_t &size = result[offset + i];
    if (size != b[i] && size != 1 && b[i] != 1)
      return std::nullopt;
    size = size == 1 ? b[i] : size;
  }
  return result;
}

std::optional<SmallTensor> rearrange(
    const SmallTensor &x, ArrayRef<int64_t> shape,
    function_ref<void(ArrayRef<int64_t>, MutableArrayRef<int64_t>)> position) {
  int64_t count = sizeOf(shape);
  if (count > SmallTensor::maxElements)
    return std::nullopt;
  SmallTensor result{x.type, SmallVector<int64_t>(shape), {}};
  SmallVector<int64_t> to(shape.size(), 0), from(x.shape.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis])
      to[axis] = rest % shape[axis];
    position(to, from);
    int64_t linear = 0;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      if (from[axis] < 0 || from[axis] >= x.shape[axis])
        return std::nullopt;
      linear = linear * x.shape[axis] + from[axis];
    }
    result.elements.push_back(x.elements[linear]);
  }
  return result;
}

std::optional<SmallTensor> evaluate(Unary op, const SmallTensor &x,
                                    IndexMath &math) {
  SmallTensor result{x.type, x.shape, {}};
  for (const Scalar &element : x.elements) {
    std::optional<Scalar> value = evaluateElement(op, element, x.type, math);
    if (!value)
      return std::nullopt;
    result.elements.push_back(*value);
  }
  return result;
}

std::optional<SmallTensor> evaluate(Binary op, const SmallTensor &a,
                                    const SmallTensor &b, IndexMath &math) {
  auto shape = broadcastShape(a.shape, b.shape);
  if (!shape || sizeOf(*shape) > SmallTensor::maxElements)
    return std::nullopt;
  std::optional<SmallTensor> x = broadcast(a, *shape), y = broadcast(b, *shape);
  if (!x || !y)
    return std::nullopt;
  SmallTensor result{isComparison(op) ? OnnxType::Bool : a.type, *shape, {}};
  for (auto [first, second] : zip_equal(x->elements, y->elements)) {
    std::optional<Scalar> value =
        evaluateElement(op, first, second, a.type, math);
    if (!value)
      return std::nullopt;
    result.elements.push_back(*value);
  }
  return result;
}

namespace {
std::optional<Scalar> castElement(const Scalar &x, OnnxType to) {
  switch (to) {
  case OnnxType::Float:
    // Not by way of double, which would round twice.
    return Scalar::ofFloat(x.isInt() ? float(x.integer) : float(x.real));
  case OnnxType::Double:
    return Scalar::ofFloat(x.asDouble());
  case OnnxType::Bool:
    return Scalar::ofInt(x.asDouble() != 0);
  case OnnxType::Int32:
    if (x.isFloat())
      return Scalar::ofInt(numerics::truncated<int32_t>(x.real));
    return wrapped(x.integer, to);
  case OnnxType::Int64:
    return Scalar::ofInt(x.isInt() ? x.integer
                                   : numerics::truncated<int64_t>(x.real));
  default:
    return std::nullopt;
  }
}
} // namespace

std::optional<SmallTensor> evaluateCast(const SmallTensor &x, OnnxType to) {
  SmallTensor result{to, x.shape, {}};
  for (const Scalar &element : x.elements) {
    std::optional<Scalar> value;
    if (!element.isIndex())
      value = castElement(element, to);
    else if (to == OnnxType::Int64 || to == OnnxType::Int32 ||
             (to == OnnxType::Bool && x.type == OnnxType::Bool))
      value = element;
    if (!value)
      return std::nullopt;
    result.elements.push_back(*value);
  }
  return result;
}

std::optional<SmallTensor> evaluateSelect(const SmallTensor &condition,
                                          const SmallTensor &a,
                                          const SmallTensor &b) {
  auto values = broadcastShape(a.shape, b.shape);
  auto shape = values ? broadcastShape(*values, condition.shape) : std::nullopt;
  if (!shape || !condition.isConstant() ||
      sizeOf(*shape) > SmallTensor::maxElements)
    return std::nullopt;
  std::optional<SmallTensor> c = broadcast(condition, *shape),
                             x = broadcast(a, *shape), y = broadcast(b, *shape);
  if (!c || !x || !y)
    return std::nullopt;
  for (auto [choice, first, second] :
       zip_equal(c->elements, x->elements, y->elements))
    if (choice.asDouble() == 0)
      first = second;
  return x;
}

std::optional<SmallTensor> evaluateConcat(ArrayRef<const SmallTensor *> parts,
                                          int64_t axis) {
  SmallTensor result{parts.front()->type, parts.front()->shape, {}};
  int64_t outer = 1, total = 0;
  for (int64_t i = 0; i < axis; ++i)
    outer *= result.shape[i];
  result.shape[axis] = 0;
  for (const SmallTensor *part : parts) {
    SmallVector<int64_t> shape(part->shape);
    if (shape.size() != result.shape.size())
      return std::nullopt;
    result.shape[axis] += std::exchange(shape[axis], result.shape[axis]);
    shape[axis] = result.shape[axis];
    if (shape != result.shape)
      return std::nullopt;
    total += part->elements.size();
  }
  if (total > SmallTensor::maxElements)
    return std::nullopt;
  for (int64_t i = 0; i < outer; ++i)
    for (const SmallTensor *part : parts) {
      int64_t chunk = part->elements.size() / std::max<int64_t>(outer, 1);
      result.elements.append(part->elements.begin() + i * chunk,
                             part->elements.begin() + (i + 1) * chunk);
    }
  return result;
}

} // namespace qopt::import

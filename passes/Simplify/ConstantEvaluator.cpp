// Evaluates nn ops on constant operands.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Simplify/ConstantEvaluator.h"
#include "lib/Numerics/ElementArithmetic.h"
#include "lib/Numerics/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;
using nn::ConstantView;

namespace {

/// Beyond this a fold must not make a tensor larger than its operands.
constexpr int64_t kFreeElements = 1 << 16;
/// Except by padding: the filters of transposed convolutions grow so, to be cut
/// into phases.
constexpr int64_t kPaddingGrowth = 4;

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

/// Elements in row-major order of \p shape, element i at
/// offset + sum(index[axis] * strides[axis]) of the source.
std::vector<char> gatherStrided(const ConstantView &x, int64_t offset,
                                ArrayRef<int64_t> shape,
                                ArrayRef<int64_t> strides) {
  int64_t size = nn::elementBytes(x.type().getElementType());
  int64_t count = 1;
  for (int64_t n : shape)
    count *= n;
  std::vector<char> result(count * size);
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t at = offset;
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(result.data() + i * size,
                x.bytes().data() + (x.isSplat() ? 0 : at * size), size);
    for (size_t axis = shape.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < shape[axis])
        break;
      at -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/// Strides that read \p from as if it had the broadcast shape \p to.
SmallVector<int64_t> broadcastStrides(ArrayRef<int64_t> from,
                                      ArrayRef<int64_t> to) {
  SmallVector<int64_t> own = rowMajorStrides(from);
  SmallVector<int64_t> strides(to.size(), 0);
  size_t lead = to.size() - from.size();
  for (size_t axis = 0; axis < from.size(); ++axis)
    if (from[axis] != 1)
      strides[lead + axis] = own[axis];
  return strides;
}

template <typename T> std::vector<char> toBytes(const std::vector<T> &values) {
  const char *data = reinterpret_cast<const char *>(values.data());
  return {data, data + values.size() * sizeof(T)};
}

//===-- Data movement
//-------------------------------------------------------===//

std::optional<std::vector<char>> move(nn::TransposeOp op,
                                      ArrayRef<ConstantView> x) {
  return transposeConstant(x[0], x[0].type().getShape(), op.getPerm()).bytes;
}

std::vector<char> wholeTensor(const ConstantView &x) {
  ArrayRef<int64_t> shape = x.type().getShape();
  return gatherStrided(x, 0, shape, rowMajorStrides(shape));
}

std::optional<std::vector<char>> move(nn::ReshapeOp op,
                                      ArrayRef<ConstantView> x) {
  return wholeTensor(x[0]);
}

std::optional<std::vector<char>> move(nn::BroadcastToOp op,
                                      ArrayRef<ConstantView> x) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return gatherStrided(
      x[0], 0, type.getShape(),
      broadcastStrides(x[0].type().getShape(), type.getShape()));
}

std::optional<std::vector<char>> move(nn::SliceOp op,
                                      ArrayRef<ConstantView> x) {
  if (!op.getOffsets().empty())
    return std::nullopt;
  auto type = cast<RankedTensorType>(op.getResult().getType());
  SmallVector<int64_t> strides = rowMajorStrides(x[0].type().getShape());
  int64_t offset = 0;
  for (auto [axis, start] : llvm::enumerate(op.getStaticOffsets())) {
    int64_t step = op.getStrides()[axis], size = type.getDimSize(axis);
    int64_t last = start + (size - 1) * step;
    if (size > 0 && (std::min(start, last) < 0 ||
                     std::max(start, last) >= x[0].type().getDimSize(axis)))
      return std::nullopt;
    offset += start * strides[axis];
    strides[axis] *= step;
  }
  return gatherStrided(x[0], offset, type.getShape(), strides);
}

std::optional<std::vector<char>> move(nn::PadOp op,
                                      ArrayRef<ConstantView> x) {
  // Zero has the same bytes in every type: none but zeros.
  Type element = x[0].type().getElementType();
  if (op.getMode() != nn::PadMode::constant || !op.getValue().isPosZero() ||
      llvm::any_of(op.getLow(), [](int64_t n) { return n < 0; }) ||
      llvm::any_of(op.getHigh(), [](int64_t n) { return n < 0; }))
    return std::nullopt;
  ArrayRef<int64_t> from = x[0].type().getShape();
  ArrayRef<int64_t> to =
      cast<RankedTensorType>(op.getResult().getType()).getShape();
  int64_t size = nn::elementBytes(element), count = 1;
  for (int64_t n : to)
    count *= n;
  std::vector<char> source = wholeTensor(x[0]), result(count * size, 0);
  SmallVector<int64_t> strides = rowMajorStrides(to), index(from.size(), 0);
  int64_t at = 0;
  for (auto [low, stride] : llvm::zip_equal(op.getLow(), strides))
    at += low * stride;
  for (size_t i = 0; i < source.size(); i += size) {
    std::memcpy(result.data() + at * size, source.data() + i, size);
    for (size_t axis = from.size(); axis-- > 0;) {
      at += strides[axis];
      if (++index[axis] < from[axis])
        break;
      at -= from[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return result;
}

std::optional<std::vector<char>> move(nn::ConcatOp op,
                                      ArrayRef<ConstantView> parts) {
  std::vector<std::vector<char>> whole;
  int64_t outer = 1, total = 0;
  for (int64_t axis = 0; axis < int64_t(op.getAxis()); ++axis)
    outer *= parts[0].type().getDimSize(axis);
  for (const ConstantView &part : parts) {
    whole.push_back(wholeTensor(part));
    total += whole.back().size();
  }
  std::vector<char> result;
  result.reserve(total);
  for (int64_t i = 0; i < outer; ++i)
    for (const std::vector<char> &part : whole) {
      int64_t chunk = part.size() / outer;
      result.insert(result.end(), part.begin() + i * chunk,
                    part.begin() + (i + 1) * chunk);
    }
  return result;
}

//===-- Arithmetic
//----------------------------------------------------------===//

std::optional<float> apply(Operation *op, float x) {
  return TypeSwitch<Operation *, std::optional<float>>(op)
      .Case([&](nn::ReluOp) { return numerics::relu(x); })
      .Case([&](nn::ClipOp clip) {
        return numerics::clip(x, clip.getLo().convertToFloat(),
                              clip.getHi().convertToFloat());
      })
      .Case([&](nn::SigmoidOp) { return numerics::sigmoid(x); })
      .Case([&](nn::TanhOp) { return numerics::tanh(x); })
      .Case([&](nn::ErfOp) { return numerics::erf(x); })
      .Case([&](nn::ExpOp) { return numerics::exp(x); })
      .Case([&](nn::LogOp) { return numerics::log(x); })
      .Case([&](nn::SinOp) { return numerics::sin(x); })
      .Case([&](nn::CosOp) { return numerics::cos(x); })
      .Case([&](nn::SqrtOp) { return std::sqrt(x); })
      .Case([&](nn::RsqrtOp) { return 1.0f / std::sqrt(x); })
      .Case([&](nn::ReciprocalOp) { return 1.0f / x; })
      .Case([&](nn::NegOp) { return -x; })
      .Case([&](nn::AbsOp) { return std::fabs(x); })
      .Case([&](nn::FloorOp) { return std::floor(x); })
      .Case([&](nn::CeilOp) { return std::ceil(x); })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<float> apply(Operation *op, float a, float b) {
  return TypeSwitch<Operation *, std::optional<float>>(op)
      .Case([&](nn::AddOp) { return a + b; })
      .Case([&](nn::SubOp) { return a - b; })
      .Case([&](nn::MulOp) { return a * b; })
      .Case([&](nn::DivOp) { return a / b; })
      .Case([&](nn::MinOp) { return numerics::minimum(a, b); })
      .Case([&](nn::MaxOp) { return numerics::maximum(a, b); })
      .Case([&](nn::PowOp) { return numerics::pow(a, b); })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<int64_t> apply(Operation *op, int64_t a, int64_t b) {
  return TypeSwitch<Operation *, std::optional<int64_t>>(op)
      .Case([&](nn::AddOp) { return numerics::wrappedAdd(a, b); })
      .Case([&](nn::SubOp) { return numerics::wrappedSub(a, b); })
      .Case([&](nn::MulOp) { return numerics::wrappedMul(a, b); })
      .Case([&](nn::MinOp) { return std::min(a, b); })
      .Case([&](nn::MaxOp) { return std::max(a, b); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Both operands of a binary op, broadcast to its result.
template <typename T>
std::optional<std::vector<char>>
evaluateBinary(Operation *op, RankedTensorType type, ArrayRef<ConstantView> x) {
  auto a = x[0].values<T>(), b = x[1].values<T>();
  if (!a || !b)
    return std::nullopt;
  ArrayRef<int64_t> shape = type.getShape();
  auto toA = broadcastStrides(x[0].type().getShape(), shape);
  auto toB = broadcastStrides(x[1].type().getShape(), shape);
  std::vector<T> result(type.getNumElements());
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t atA = 0, atB = 0;
  for (T &element : result) {
    auto value = apply(op, (*a)[atA], (*b)[atB]);
    if (!value)
      return std::nullopt;
    element = *value;
    for (size_t axis = shape.size(); axis-- > 0;) {
      atA += toA[axis];
      atB += toB[axis];
      if (++index[axis] < shape[axis])
        break;
      atA -= shape[axis] * toA[axis];
      atB -= shape[axis] * toB[axis];
      index[axis] = 0;
    }
  }
  return toBytes(result);
}

std::optional<std::vector<char>> evaluateUnary(Operation *op,
                                               const ConstantView &x) {
  auto values = x.values<float>();
  if (!values)
    return std::nullopt;
  for (float &value : *values) {
    std::optional<float> result = apply(op, value);
    if (!result)
      return std::nullopt;
    value = *result;
  }
  return toBytes(*values);
}

std::optional<std::vector<char>> evaluateCast(nn::CastOp op,
                                              const ConstantView &x) {
  Type from = x.type().getElementType(), to = op.getTo();
  if (to.isF32() && (isa<IntegerType>(from) || from.isF16() || from.isBF16())) {
    if (auto values = x.values<float>())
      return toBytes(*values);
  } else if (to.isSignlessInteger(64) && isa<IntegerType>(from)) {
    if (auto values = x.values<int64_t>())
      return toBytes(*values);
  } else if (to.isInteger(1)) {
    if (auto values = x.values<double>()) {
      std::vector<char> bytes;
      for (double value : *values)
        bytes.push_back(value != 0);
      return bytes;
    }
  }
  return std::nullopt;
}

std::optional<std::vector<char>> evaluate(Operation *op, RankedTensorType type,
                                          ArrayRef<ConstantView> x) {
  if (auto transpose = dyn_cast<nn::TransposeOp>(op))
    return move(transpose, x);
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    return move(reshape, x);
  if (auto broadcast = dyn_cast<nn::BroadcastToOp>(op))
    return move(broadcast, x);
  if (auto slice = dyn_cast<nn::SliceOp>(op))
    return move(slice, x);
  if (auto pad = dyn_cast<nn::PadOp>(op))
    return move(pad, x);
  if (auto concat = dyn_cast<nn::ConcatOp>(op))
    return move(concat, x);
  if (auto cast = dyn_cast<nn::CastOp>(op))
    return evaluateCast(cast, x[0]);
  // Of a byte or more: narrower elements are stored one a byte, each type in its
  // own way.
  if (auto cast = dyn_cast<nn::BitCastOp>(op)) {
    if (cast.getTo().getIntOrFloatBitWidth() < 8)
      return std::nullopt;
    return wholeTensor(x[0]);
  }
  if (!op->hasTrait<nn::Pointwise>())
    return std::nullopt;
  Type element = type.getElementType();
  if (x.size() == 1 && element.isF32())
    return evaluateUnary(op, x[0]);
  if (x.size() == 2 && element.isF32())
    return evaluateBinary<float>(op, type, x);
  if (x.size() == 2 && element.isSignlessInteger(64))
    return evaluateBinary<int64_t>(op, type, x);
  return std::nullopt;
}
} // namespace

TensorBytes qopt::simplify::transposeConstant(const ConstantView &x,
                                              ArrayRef<int64_t> from,
                                              ArrayRef<int64_t> perm) {
  SmallVector<int64_t> own = rowMajorStrides(from), shape, strides;
  for (int64_t axis : perm) {
    shape.push_back(from[axis]);
    strides.push_back(own[axis]);
  }
  return {RankedTensorType::get(shape, x.type().getElementType()),
          gatherStrided(x, 0, shape, strides)};
}

std::optional<TensorBytes> qopt::simplify::evaluateOp(Operation *op) {
  if (op->getNumResults() != 1 || !isa<nn::NNDialect>(op->getDialect()))
    return std::nullopt;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  SmallVector<ConstantView> operands;
  int64_t elements = kFreeElements;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    std::optional<ConstantView> view = ConstantView::of(operand);
    if (!view)
      return std::nullopt;
    elements += (view->isSplat() ? 1 : view->numElements()) *
                (isa<nn::PadOp>(op) ? kPaddingGrowth : 1);
    operands.push_back(std::move(*view));
  }
  if (operands.empty() || type.getNumElements() > elements)
    return std::nullopt;
  std::optional<std::vector<char>> bytes = evaluate(op, type, operands);
  if (!bytes)
    return std::nullopt;
  return TensorBytes{type, std::move(*bytes)};
}

Value qopt::simplify::materialize(OpBuilder &builder, Location loc,
                                  const TensorBytes &tensor, StringRef name) {
  size_t size = nn::elementBytes(tensor.type.getElementType());
  bool splat = tensor.bytes.size() > size &&
               std::memcmp(tensor.bytes.data(), tensor.bytes.data() + size,
                           tensor.bytes.size() - size) == 0;
  // i1 splats pack to bits in MLIR: createConstant knows how.
  if (splat && !tensor.type.getElementType().isInteger(1)) {
    ArrayRef<char> first(tensor.bytes.data(), size);
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::getFromRawBuffer(tensor.type, first));
  }
  return nn::createConstant(builder, loc, tensor.type,
                            ArrayRef<char>(tensor.bytes), name);
}

std::string qopt::simplify::constantName(Value constant, StringRef otherwise) {
  Attribute attribute;
  if (matchPattern(constant, m_Constant(&attribute)))
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute))
      return resource.getRawHandle().getKey().str();
  return otherwise.str();
}

std::optional<double> qopt::simplify::scalarConstant(Value value) {
  std::optional<ConstantView> view = ConstantView::of(value);
  if (!view || view->numElements() < 1 ||
      (!view->isSplat() && view->numElements() != 1))
    return std::nullopt;
  auto single = RankedTensorType::get({}, view->type().getElementType());
  // One element of the splat's bytes, whatever the shape.
  auto one = DenseElementsAttr::getFromRawBuffer(single, view->bytes());
  if (single.getElementType().isInteger(1))
    return double(view->bytes()[0] != 0);
  auto values = ConstantView::of(one)->values<double>();
  return values ? std::optional<double>(values->front()) : std::nullopt;
}

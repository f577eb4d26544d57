// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Heads, rotations, masks and the product itself.
#include "lib/Import/Attention.h"
#include "dialects/NN/Constants.h"
#include "lib/Import/Contractions.h"
#include "lib/Import/Normalizations.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace qopt::import {
namespace {

constexpr int64_t longest = 1 << 16;

Scalar number(int64_t value) { return Scalar::ofInt(value); }

// Limits the dimensions whose sum `size` is so that it is at most `limit`.
bool limitSum(NodeImport &node, const Scalar &size, int64_t limit) {
  if (size.isInt())
    return size.integer <= limit;
  if (node.importer().limitDimension(size, limit))
    return true;
  auto sum = size.value.getDefiningOp<arith::AddIOp>();
  if (!sum)
    return false;
  auto part = [](Value value) {
    if (auto constant = getConstantIntValue(value))
      return Scalar::ofInt(*constant);
    return Scalar::ofIndex(value, true);
  };
  return limitSum(node, part(sum.getLhs()), limit / 2) &&
         limitSum(node, part(sum.getRhs()), limit / 2);
}

Value sliceLast(NodeImport &node, Value x, int64_t from, Scalar size,
                int64_t step = 1) {
  Scalars offsets(node.rank(x), number(0)), sizes = node.dims(x);
  SmallVector<int64_t> steps(node.rank(x), 1);
  offsets.back() = number(from);
  sizes.back() = size;
  steps.back() = step;
  return node.slice(x, offsets, sizes, steps);
}
} // namespace

Value splitHeads(NodeImport &node, Value x, int64_t heads) {
  Scalars dims = node.dims(x);
  if (node.rank(x) != 3 || heads < 1)
    node.bad("expected [batch, sequence, hidden] and a number of heads, found "
             "the shape " +
             shapeText(node.typeOf(x).getShape()));
  std::optional<Scalar> size =
      node.math().quotient({dims[2]}, {number(heads)});
  if (!size)
    node.bad("expected a hidden size that " + Twine(heads) +
             " heads divide, found " +
             shapeText(node.typeOf(x).getShape().drop_front(2)));
  x = node.reshape(x, {dims[0], dims[1], number(heads), *size});
  return node.transpose(x, {0, 2, 1, 3});
}

Value mergeHeads(NodeImport &node, Value x) {
  x = node.transpose(x, {0, 2, 1, 3});
  Scalars dims = node.dims(x);
  return node.reshape(x,
                      {dims[0], dims[1], node.math().mul(dims[2], dims[3])});
}

Value repeatHeads(NodeImport &node, Value x, int64_t times) {
  if (times == 1)
    return x;
  Scalars dims = node.dims(x);
  Scalars apart{dims[0], dims[1], number(1), dims[2], dims[3]};
  x = node.reshape(x, apart);
  apart[2] = number(times);
  x = node.broadcastTo(x, apart);
  return node.reshape(x, {dims[0], node.math().mul(dims[1], number(times)),
                          dims[2], dims[3]});
}

Value rotate(NodeImport &node, Value x, const Rotation &rotation) {
  int64_t head = node.typeOf(x).getDimSize(3);
  if (ShapedType::isDynamic(head))
    node.unsupported("heads of a dynamic size are not supported");
  int64_t size = rotation.size ? rotation.size : head;
  if (size > head || size % 2)
    node.bad("expected an even number of at most " + Twine(head) +
             " elements to turn, found " + Twine(size));
  int64_t half = size / 2;
  // One axis for all heads: [.., S, 1, D / 2].
  auto beside = [&](Value table) {
    if (node.typeOf(table).getShape().back() != half)
      node.bad("expected tables of " + Twine(half) + " angles, found the shape " +
               shapeText(node.typeOf(table).getShape()));
    Scalars sizes = node.dims(table);
    sizes.insert(sizes.end() - 1, number(1));
    return node.reshape(node.cast(table, node.elementOf(x)), sizes);
  };
  Value cos = beside(rotation.cos), sin = beside(rotation.sin);
  bool pairs = rotation.interleaved;
  Value a = sliceLast(node, x, 0, number(half), pairs ? 2 : 1);
  Value b = sliceLast(node, x, pairs ? 1 : half, number(half), pairs ? 2 : 1);
  auto mul = [&](Value l, Value r) { return node.create<nn::MulOp>({l, r}); };
  Value real = node.create<nn::SubOp>({mul(cos, a), mul(sin, b)});
  Value imaginary = node.create<nn::AddOp>({mul(sin, a), mul(cos, b)});
  SmallVector<Value> parts{real, imaginary};
  if (pairs) {
    Scalars apart = node.dims(real), whole = node.dims(real);
    apart.push_back(number(1));
    whole.back() = number(size);
    Value joined = node.concat(
        {node.reshape(real, apart), node.reshape(imaginary, apart)}, 4);
    parts = {node.reshape(joined, whole)};
  }
  if (size < head)
    parts.push_back(sliceLast(node, x, size, number(head - size)));
  return node.concat(parts, 3);
}

Value countUp(NodeImport &node, const Scalar &size, Type element) {
  int64_t count = size.isInt() ? size.integer : longest;
  if (!limitSum(node, size, longest))
    node.unsupported("its sequence depends on the data or is longer than 65536;"
                     " fix it with --shape");
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(double(i));
  Value all = node.constant(values, {count}, element, "positions");
  return size.isInt() ? all : node.slice(all, {number(0)}, {size});
}

AttentionMask::AttentionMask(NodeImport &node, Value q, Value k)
    : node(node), q(q), k(k) {}

Value AttentionMask::queryPositions(Value offset) {
  Type i64 = node.builder().getI64Type();
  const Scalar size = node.dims(q)[2];
  Value positions =
      node.reshape(countUp(node, size, i64), {size, number(1)});
  return offset ? node.create<nn::AddOp>({positions, offset}) : positions;
}

Value AttentionMask::keyPositions() {
  return countUp(node, node.dims(k)[2], node.builder().getI64Type());
}

void AttentionMask::causal(Value offset) {
  where(node.create<nn::LessEqualOp>({keyPositions(), queryPositions(offset)}));
}

void AttentionMask::window(Value offset, int64_t size) {
  Value queries = queryPositions(offset);
  Value first = node.create<nn::SubOp>(
      {queries, node.constant({double(size)}, {}, node.builder().getI64Type(),
                              "window")});
  where(node.create<nn::LessOp>({first, keyPositions()}));
}

void AttentionMask::keysBelow(Value lengths) {
  where(node.create<nn::LessOp>({keyPositions(), lengths}));
}

void AttentionMask::where(Value condition) {
  Type f32 = node.builder().getF32Type();
  add(node.create<nn::SelectOp>({condition, node.constant({0}, {}, f32, "seen"),
                                 node.constant({hidden}, {}, f32, "hidden")}));
}

void AttentionMask::add(Value more) {
  more = node.cast(more, node.builder().getF32Type());
  bias = bias ? node.create<nn::AddOp>({bias, more}) : more;
}

namespace {
// Rows whose bias is -infinity everywhere.
Value hiddenRows(NodeImport &node, Value bias) {
  Value top = node.reduce<nn::ReduceMaxOp>(bias, {node.rank(bias) - 1});
  Value lowest = node.constant({-std::numeric_limits<double>::infinity()}, {},
                               node.elementOf(bias), "hidden");
  return node.create<nn::EqualOp>({top, lowest});
}

Value zeroWhere(NodeImport &node, Value condition, Value x) {
  return node.create<nn::SelectOp>({condition, node.splat(0, x), x});
}

Value capped(NodeImport &node, Value scores, double softcap) {
  if (softcap == 0)
    return scores;
  Value t = node.create<nn::TanhOp>(
      node.create<nn::DivOp>({scores, node.splat(softcap, scores)}));
  return scaleBy(node, t, softcap);
}
} // namespace

Value attend(NodeImport &node, const AttentionProblem &problem,
             ScoreStage stage, Value *scores) {
  Value bias = problem.bias, hidden;
  if (bias && problem.guarded) {
    hidden = hiddenRows(node, bias);
    bias = zeroWhere(node, hidden, bias);
  }
  Value result;
  bool isDouble = node.elementOf(problem.q).isF64();
  if (!scores && problem.softcap == 0 && !isDouble) {
    SmallVector<Value> operands{problem.q, problem.k, problem.v};
    if (bias)
      operands.push_back(bias);
    result = node.create<nn::AttentionOp>(
        operands, {node.attr("scale", node.builder().getF32FloatAttr(
                                          float(problem.scale)))});
    return hidden ? zeroWhere(node, hidden, result) : result;
  }
  Value product = node.create<nn::MatMulOp>(
      {problem.q, transposeLastTwo(node, problem.k)});
  Value raw = scaleBy(node, product, problem.scale);
  Value soft = capped(node, raw, problem.softcap);
  Value biased = soft;
  if (bias)
    biased = node.create<nn::AddOp>({soft, node.cast(bias, node.elementOf(soft))});
  Value weights = softmax(node, biased);
  if (hidden)
    weights = zeroWhere(node, hidden, weights);
  if (scores) {
    if (stage == ScoreStage::Biased && hidden)
      biased = node.create<nn::AddOp>(
          {soft, node.cast(problem.bias, node.elementOf(soft))});
    const Value stages[] = {raw, soft, biased, weights};
    *scores = stages[int(stage)];
  }
  return node.create<nn::MatMulOp>({weights, problem.v});
}

} // namespace qopt::import

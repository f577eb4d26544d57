// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention as ONNX Runtime's transformer optimizer and generative exporters
// write it (domain com.microsoft; its ContribOperators.md describes the ops).
#include "lib/Import/Attention.h"
#include "lib/Import/Contractions.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"

using namespace mlir;

namespace qopt::import {
namespace {

Scalar number(int64_t value) { return Scalar::ofInt(value); }

Value i64Of(NodeImport &node, Value x) {
  return node.cast(x, node.builder().getI64Type());
}

Value constantI64(NodeImport &node, int64_t value) {
  return node.constant({double(value)}, {}, node.builder().getI64Type(),
                       "number");
}

Value sizeI64(NodeImport &node, const Scalar &value) {
  node.setInput(node.numInputs(), SmallTensor::scalar(value));
  return node.input(node.numInputs() - 1);
}

Value add(NodeImport &node, Value a, Value b) {
  return node.create<nn::AddOp>({a, b});
}

// Elements [from, from + size) of `axis`.
Value part(NodeImport &node, Value x, int64_t axis, const Scalar &from,
           const Scalar &size) {
  Scalars offsets(node.rank(x), number(0)), sizes = node.dims(x);
  offsets[axis] = from;
  sizes[axis] = size;
  return node.slice(x, offsets, sizes);
}

int64_t headsOf(NodeImport &node, StringRef name) {
  int64_t heads = node.integer(name, 0);
  if (heads < 1)
    node.bad("expected attribute '" + name + "' to be positive, found " +
             Twine(heads));
  return heads;
}

double scaleOf(NodeImport &node, Value q) {
  double scale = node.real("scale", 0);
  int64_t head = node.typeOf(q).getDimSize(3);
  if (scale == 0 && head < 1)
    node.unsupported("heads of a dynamic size are not supported");
  return scale != 0 ? scale : 1 / std::sqrt(double(head));
}

// The mask input of Attention and MultiHeadAttention: [B] lengths, or 0 and 1
// by key, by query and key, or by head as well.
void addKeyMask(NodeImport &node, AttentionMask &mask, Value given,
                const Scalar &batch) {
  auto seen = [&](Value x) {
    mask.where(node.create<nn::NotOp>(
        node.create<nn::EqualOp>({x, node.splat(0, x)})));
  };
  Scalars dims = node.dims(given);
  Scalar one = number(1);
  switch (node.rank(given)) {
  case 1:
    if (!(dims[0] == batch))
      node.unsupported("a mask of starts and ends is not supported; expected "
                       "one length a batch");
    return mask.keysBelow(
        node.reshape(i64Of(node, given), {dims[0], one, one, one}));
  case 2:
    return seen(node.reshape(given, {dims[0], one, one, dims[1]}));
  case 3:
    return seen(node.reshape(given, {dims[0], one, dims[1], dims[2]}));
  default:
    node.unsupported("a mask of rank " + Twine(node.rank(given)) +
                     " is not supported");
  }
}

struct Heads {
  Value q, k, v;
};

// past [B, heads, P, D] before the new keys and values; the results are the
// outputs `present`.
Scalar appendPast(NodeImport &node, Heads &heads, Value pastKey,
                  Value pastValue) {
  if (!pastKey || !pastValue)
    return number(0);
  Scalar past = node.dims(pastKey)[2];
  if (past.isInt(0))
    return past;
  heads.k = node.concat({pastKey, heads.k}, 2);
  heads.v = node.concat({pastValue, heads.v}, 2);
  return past;
}

Value optionalInput(NodeImport &node, size_t i) {
  return node.hasInput(i) ? node.input(i) : Value();
}

// Sections of the last axis of a projection [.., q | k | v].
Heads split(NodeImport &node, Value x, ArrayRef<int64_t> sizes) {
  int64_t axis = node.rank(x) - 1;
  Heads parts;
  int64_t from = 0;
  for (auto [size, to] :
       llvm::zip(sizes, std::array{&parts.q, &parts.k, &parts.v})) {
    *to = part(node, x, axis, number(from), number(size));
    from += size;
  }
  if (node.typeOf(x).getDimSize(axis) != from)
    node.bad("expected " + Twine(from) + " elements in queries, keys and values"
             " together, found the shape " +
             shapeText(node.typeOf(x).getShape()));
  return parts;
}

int64_t fixedLast(NodeImport &node, Value x) {
  int64_t size = node.typeOf(x).getShape().back();
  if (ShapedType::isDynamic(size))
    node.unsupported("a hidden size that is dynamic is not supported");
  return size;
}

void finish(NodeImport &node, const Heads &heads, const AttentionMask &mask) {
  AttentionProblem problem{heads.q, heads.k, heads.v, mask.get()};
  problem.scale = scaleOf(node, heads.q);
  problem.softcap = node.real("softcap", 0);
  node.result(
      mergeHeads(node, attend(node, problem, ScoreStage::Raw, nullptr)));
}

// Which inputs of Attention and QAttention hold what.
struct AttentionInputs {
  size_t mask, past, bias;
};

// `projected` is input W + bias, cut here into queries, keys and values.
void attendProjected(NodeImport &node, Value projected,
                     AttentionInputs inputs) {
  int64_t count = headsOf(node, "num_heads");
  if (node.integer("do_rotary", 0))
    node.unsupported("do_rotary is not supported");
  int64_t all = fixedLast(node, projected);
  SmallVector<int64_t> sizes = node.integers("qkv_hidden_sizes");
  if (sizes.empty())
    sizes.assign(3, all / 3);
  if (sizes.size() != 3)
    node.bad("expected 3 qkv_hidden_sizes, found " + Twine(sizes.size()));
  Heads heads = split(node, projected, sizes);
  heads = {splitHeads(node, heads.q, count), splitHeads(node, heads.k, count),
           splitHeads(node, heads.v, count)};
  Scalar past = number(0);
  if (node.hasInput(inputs.past)) {
    // [2, B, heads, P, D].
    Value both = node.input(inputs.past);
    Scalars dims = node.dims(both);
    auto half = [&](int64_t i) {
      return node.reshape(part(node, both, 0, number(i), number(1)),
                          ArrayRef(dims).drop_front());
    };
    past = appendPast(node, heads, half(0), half(1));
  }
  if (node.wantsOutput(1)) {
    auto stacked = [&](Value x) {
      Scalars dims = node.dims(x);
      dims.insert(dims.begin(), number(1));
      return node.reshape(x, dims);
    };
    node.result(node.concat({stacked(heads.k), stacked(heads.v)}, 0), 1);
  }
  AttentionMask mask(node, heads.q, heads.k);
  mask.hidden = node.real("mask_filter_value", -10000);
  if (node.hasInput(inputs.mask))
    addKeyMask(node, mask, node.input(inputs.mask), node.dims(heads.q)[0]);
  bool hasBias = node.hasInput(inputs.bias);
  if (node.integer("unidirectional", 0))
    mask.causal(past.isInt(0) ? Value() : sizeI64(node, past));
  if (hasBias)
    mask.add(node.input(inputs.bias));
  finish(node, heads, mask);
}

void importAttention(NodeImport &node) {
  Value projected = importProduct(node, node.input(0), node.input(1));
  if (node.hasInput(2))
    projected = add(node, projected, node.input(2));
  attendProjected(node, projected, {3, 4, 5});
}

void importQAttention(NodeImport &node) {
  auto zero = [&](size_t i) {
    return node.hasInput(i) ? node.input(i) : Value();
  };
  Type f32 = node.builder().getF32Type();
  Value acc = integerProduct(node, {node.input(0), zero(6)},
                             {node.input(1), zero(7)});
  Value scale = node.create<nn::MulOp>({converted(node, node.input(3), f32),
                                        converted(node, node.input(4), f32)});
  Value projected = node.create<nn::MulOp>({node.cast(acc, f32), scale});
  if (node.hasInput(2))
    projected = add(node, projected, node.input(2));
  attendProjected(node, projected, {5, 8, ~size_t(0)});
}

// [B, S, heads, 3, D] or [B, S, heads, 2, D]: entry `i` as [B, heads, S, D].
Value unpacked(NodeImport &node, Value x, int64_t i) {
  Scalars dims = node.dims(x);
  x = part(node, x, 3, number(i), number(1));
  x = node.reshape(x, {dims[0], dims[1], dims[2], dims[4]});
  return node.transpose(x, {0, 2, 1, 3});
}

Heads multiHeadInputs(NodeImport &node, int64_t count) {
  Value q = node.input(0), k = optionalInput(node, 1),
        v = optionalInput(node, 2), bias = optionalInput(node, 3);
  if (node.rank(q) == 5)
    return {unpacked(node, q, 0), unpacked(node, q, 1), unpacked(node, q, 2)};
  if (bias) {
    int64_t hidden = fixedLast(node, q), all = fixedLast(node, bias);
    int64_t values = v && node.rank(v) == 3 ? fixedLast(node, v) : hidden;
    Heads parts = split(node, bias, {hidden, all - hidden - values, values});
    q = add(node, q, parts.q);
    if (k && node.rank(k) == 3)
      k = add(node, k, parts.k);
    if (v && node.rank(v) == 3)
      v = add(node, v, parts.v);
  }
  Heads heads;
  heads.q = splitHeads(node, q, count);
  if (!k)
    node.bad("expected keys, or queries, keys and values packed together");
  if (node.rank(k) == 5) {
    heads.k = unpacked(node, k, 0);
    heads.v = unpacked(node, k, 1);
    return heads;
  }
  if (!v)
    node.bad("expected values");
  heads.k = node.rank(k) == 4 ? k : splitHeads(node, k, count);
  heads.v = node.rank(v) == 4 ? v : splitHeads(node, v, count);
  return heads;
}

void importMultiHeadAttention(NodeImport &node) {
  int64_t count = headsOf(node, "num_heads");
  Heads heads = multiHeadInputs(node, count);
  Scalar past = appendPast(node, heads, optionalInput(node, 6),
                           optionalInput(node, 7));
  node.result(heads.k, 1);
  node.result(heads.v, 2);
  AttentionMask mask(node, heads.q, heads.k);
  mask.hidden = node.real("mask_filter_value", -10000);
  if (node.hasInput(4))
    addKeyMask(node, mask, node.input(4), node.dims(heads.q)[0]);
  if (node.integer("unidirectional", 0))
    mask.causal(past.isInt(0) ? Value() : sizeI64(node, past));
  if (node.hasInput(5))
    mask.add(node.input(5));
  node.rejectOutput(3, "qk");
  finish(node, heads, mask);
}

// Tables of all positions, read at the queries' own: `past` + 0, 1, ...
Value rotated(NodeImport &node, Value heads, const Scalar &past, Value at) {
  Rotation rotation;
  rotation.interleaved = node.integer("rotary_interleaved", 0);
  auto table = [&](size_t i) {
    Value all = node.input(i);
    rotation.size = 2 * node.typeOf(all).getShape().back();
    if (at)
      return node.create<nn::GatherOp>({all, at});
    return part(node, all, 0, past, node.dims(heads)[2]);
  };
  rotation.cos = table(7);
  rotation.sin = table(8);
  Value x = node.transpose(heads, {0, 2, 1, 3});
  return node.transpose(rotate(node, x, rotation), {0, 2, 1, 3});
}

// Keys and values are appended to what `past` holds: buffers that are longer
// than what they hold are refused where that is visible.
void importGroupQueryAttention(NodeImport &node) {
  int64_t count = headsOf(node, "num_heads");
  int64_t keyCount = headsOf(node, "kv_num_heads");
  if (count % keyCount)
    node.bad("expected num_heads to be a multiple of kv_num_heads");
  if (!node.hasInput(5))
    node.bad("expected seqlens_k as input #5");
  if (node.hasInput(11) || node.integer("smooth_softmax", 0) > 0)
    node.unsupported("attention sinks and smooth softmax are not supported");
  Value q = node.input(0);
  Heads heads;
  if (node.hasInput(1)) {
    heads = {q, node.input(1), node.input(2)};
  } else {
    int64_t head = fixedLast(node, q) / (count + 2 * keyCount);
    heads = split(node, q, {count * head, keyCount * head, keyCount * head});
  }
  heads = {splitHeads(node, heads.q, count),
           splitHeads(node, heads.k, keyCount),
           splitHeads(node, heads.v, keyCount)};
  Value pastKey = optionalInput(node, 3), pastValue = optionalInput(node, 4);
  Scalar past = pastKey ? node.dims(pastKey)[2] : number(0);
  if (node.integer("do_rotary", 0)) {
    Value at = node.hasInput(9) ? i64Of(node, node.input(9)) : Value();
    heads.q = rotated(node, heads.q, past, at);
    heads.k = rotated(node, heads.k, past, at);
  }
  appendPast(node, heads, pastKey, pastValue);
  node.result(heads.k, 1);
  node.result(heads.v, 2);
  AttentionMask mask(node, heads.q, heads.k);
  Value offset = past.isInt(0) ? Value() : sizeI64(node, past);
  mask.causal(offset);
  int64_t window = node.integer("local_window_size", -1);
  if (window > 0)
    mask.window(offset, window);
  // seqlens_k is the last position that holds a key.
  Value last = node.input(5);
  Scalar batch = node.dims(heads.q)[0], one = number(1);
  last = node.reshape(i64Of(node, last), {batch, one, one, one});
  mask.keysBelow(add(node, last, constantI64(node, 1)));
  if (node.hasInput(10))
    mask.add(node.input(10));
  heads.k = repeatHeads(node, heads.k, count / keyCount);
  heads.v = repeatHeads(node, heads.v, count / keyCount);
  finish(node, heads, mask);
}

// Positions by element, or one that the first element has.
void importRotaryEmbedding(NodeImport &node) {
  Value x = node.input(0), at = i64Of(node, node.input(1));
  Rotation rotation;
  rotation.interleaved = node.integer("interleaved", 0);
  if (node.real("scale", 1) != 1)
    node.unsupported("a scale is not supported");
  bool flat = node.rank(x) == 3;
  Scalars dims = node.dims(x);
  int64_t width = 2 * node.typeOf(node.input(2)).getShape().back();
  if (flat) {
    int64_t heads = node.integer("num_heads", 0);
    Scalars factors{heads > 0 ? number(heads) : number(width)};
    auto rest = node.math().quotient({dims[2]}, factors);
    if (!rest)
      node.bad("expected heads that divide the hidden size");
    x = node.reshape(x, {dims[0], dims[1], heads > 0 ? number(heads) : *rest,
                         heads > 0 ? *rest : number(width)});
  } else {
    x = node.transpose(x, {0, 2, 1, 3});
  }
  rotation.size = node.integer("rotary_embedding_dim", 0);
  if (node.rank(at) == 1) {
    Value steps = countUp(node, node.dims(x)[1], node.builder().getI64Type());
    at = add(node, steps, at);
  }
  rotation.cos = node.create<nn::GatherOp>({node.input(2), at});
  rotation.sin = node.create<nn::GatherOp>({node.input(3), at});
  Value y = rotate(node, x, rotation);
  node.result(flat ? node.reshape(y, dims) : node.transpose(y, {0, 2, 1, 3}));
}

constexpr OpEntry rows[] = {
    {"Attention", 2, 7, importAttention},
    {"GroupQueryAttention", 1, 14, importGroupQueryAttention},
    {"MultiHeadAttention", 1, 10, importMultiHeadAttention},
    {"QAttention", 5, 9, importQAttention},
    {"RotaryEmbedding", 4, 4, importRotaryEmbedding},
};
} // namespace

ArrayRef<OpEntry> attentionContribOps() { return rows; }

} // namespace qopt::import

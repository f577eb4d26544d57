// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The standard's Attention and RotaryEmbedding (opset 23 on).
#include "lib/Import/Attention.h"
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

// A mask shorter than the keys hides the rest.
Value paddedMask(NodeImport &node, Value mask, const Scalar &keys) {
  int64_t last = node.rank(mask) - 1;
  if (node.dims(mask)[last] == keys)
    return mask;
  const Scalar &size = node.dims(mask)[last];
  if (!size.isInt() || !keys.isInt())
    return mask; // Sizes that agree only at run time.
  if (size.integer > keys.integer)
    node.bad("expected a mask of at most " + Twine(keys.integer) +
             " keys, found " + Twine(size.integer));
  bool isBool = node.elementOf(mask).isInteger(1);
  Scalars rest = node.dims(mask);
  rest.back() = Scalar::ofInt(keys.integer - size.integer);
  double hidden = isBool ? 0 : -std::numeric_limits<double>::infinity();
  Value fill = node.constant({hidden}, {}, node.elementOf(mask), "hidden");
  return node.concat({mask, node.broadcastTo(fill, rest)}, last);
}

Value scalarI64(NodeImport &node, const Scalar &value) {
  SmallTensor known = SmallTensor::scalar(value);
  node.setInput(node.numInputs(), std::move(known));
  return node.input(node.numInputs() - 1);
}

void addMasks(NodeImport &node, AttentionMask &mask, const Scalar &past) {
  Value offset;
  bool isExternal = node.hasInput(6);
  if (isExternal) {
    Value lengths = node.cast(node.input(6), node.builder().getI64Type());
    lengths = node.reshape(lengths, {node.dims(lengths)[0], Scalar::ofInt(1),
                                     Scalar::ofInt(1), Scalar::ofInt(1)});
    mask.keysBelow(lengths);
    Value queries = scalarI64(node, node.dims(node.input(0)).end()[-2]);
    offset = node.create<nn::SubOp>({lengths, queries});
  } else if (!past.isInt(0)) {
    offset = scalarI64(node, past);
  }
  if (node.integer("is_causal", 0))
    mask.causal(offset);
  int64_t left = node.integer("left_window_size", -1);
  int64_t right = node.integer("right_window_size", -1);
  if (left >= 0)
    mask.window(offset, left + 1);
  if (right >= 0) {
    Value last = node.create<nn::AddOp>(
        {mask.queryPositions(offset),
         node.constant({double(right)}, {}, node.builder().getI64Type(),
                       "window")});
    mask.where(node.create<nn::LessEqualOp>({mask.keyPositions(), last}));
  }
}

void importAttention(NodeImport &node) {
  Value q = node.input(0), k = node.input(1), v = node.input(2);
  bool flat = node.rank(q) == 3;
  if (flat) {
    q = splitHeads(node, q, node.integer("q_num_heads", 0));
    k = splitHeads(node, k, node.integer("kv_num_heads", 0));
    v = splitHeads(node, v, node.integer("kv_num_heads", 0));
  }
  if (node.rank(q) != 4 || node.rank(k) != 4 || node.rank(v) != 4)
    node.bad("expected queries, keys and values of rank 3 or 4");
  Scalar past = Scalar::ofInt(0);
  if (node.hasInput(4) && node.hasInput(5)) {
    past = node.dims(node.input(4))[2];
    k = node.concat({node.input(4), k}, 2);
    v = node.concat({node.input(5), v}, 2);
  }
  node.result(k, 1);
  node.result(v, 2);
  AttentionMask mask(node, q, k);
  addMasks(node, mask, past);
  AttentionProblem problem;
  problem.guarded = node.hasInput(3) || bool(mask.get());
  if (node.hasInput(3)) {
    Value given = paddedMask(node, node.input(3), node.dims(k)[2]);
    if (node.elementOf(given).isInteger(1))
      mask.where(given);
    else
      mask.add(given);
  }
  int64_t heads = node.typeOf(q).getDimSize(1);
  int64_t keyHeads = node.typeOf(k).getDimSize(1);
  int64_t head = node.typeOf(q).getDimSize(3);
  if (heads < 1 || keyHeads < 1 || heads % keyHeads || head < 1)
    node.unsupported("expected fixed numbers of heads, those of queries a "
                     "multiple of those of keys, and a fixed head size");
  problem.q = q;
  problem.k = repeatHeads(node, k, heads / keyHeads);
  problem.v = repeatHeads(node, v, heads / keyHeads);
  problem.bias = mask.get();
  problem.scale = node.real("scale", 0);
  if (!node.hasAttribute("scale"))
    problem.scale = 1 / std::sqrt(double(head));
  problem.softcap = node.real("softcap", 0);
  int64_t mode = node.integer("qk_matmul_output_mode", 0);
  // Modes are numbered by their place in the chain.
  constexpr ScoreStage stages[] = {ScoreStage::Raw, ScoreStage::Capped,
                                   ScoreStage::Biased, ScoreStage::Softmax};
  if (mode < 0 || mode > 3)
    node.bad("expected a qk_matmul_output_mode from 0 to 3, found " +
             Twine(mode));
  // The scores of mode 0 have been through the soft cap as well.
  ScoreStage stage = mode == 0 ? ScoreStage::Capped : stages[mode];
  Value scores;
  Value y = attend(node, problem, stage,
                   node.wantsOutput(3) ? &scores : nullptr);
  node.result(flat ? mergeHeads(node, y) : y);
  if (scores)
    node.result(scores, 3);
}

void importRotaryEmbedding(NodeImport &node) {
  Value x = node.input(0);
  bool flat = node.rank(x) == 3;
  Scalars dims = node.dims(x);
  if (flat) {
    int64_t heads = node.integer("num_heads", 0);
    auto size = heads > 0 ? node.math().quotient({dims[2]},
                                                 {Scalar::ofInt(heads)})
                          : std::nullopt;
    if (!size)
      node.bad("expected num_heads to divide the hidden size");
    x = node.reshape(x, {dims[0], dims[1], Scalar::ofInt(heads), *size});
  } else if (node.rank(x) == 4) {
    x = node.transpose(x, {0, 2, 1, 3});
  } else {
    node.bad("expected an input of rank 3 or 4");
  }
  Rotation rotation;
  rotation.interleaved = node.integer("interleaved", 0);
  rotation.size = node.integer("rotary_embedding_dim", 0);
  rotation.cos = node.input(1);
  rotation.sin = node.input(2);
  if (node.hasInput(3)) {
    Value at = node.input(3);
    rotation.cos = node.create<nn::GatherOp>({rotation.cos, at});
    rotation.sin = node.create<nn::GatherOp>({rotation.sin, at});
  }
  Value y = rotate(node, x, rotation);
  node.result(flat ? node.reshape(y, dims)
                   : node.transpose(y, {0, 2, 1, 3}));
}

// x * sigmoid(alpha * x).
Value swish(NodeImport &node, Value x) {
  double alpha = node.real("alpha", 1);
  if (alpha == 1)
    return node.create<nn::SiluOp>(x);
  Value scaled = node.create<nn::MulOp>({x, node.splat(alpha, x)});
  return node.create<nn::MulOp>({x, node.create<nn::SigmoidOp>(scaled)});
}

void importSwish(NodeImport &node) { node.result(swish(node, node.input(0))); }

void importSwiGLU(NodeImport &node) {
  Value gate = node.input(0), x = node.input(1);
  if (failed(verifyCompatibleShape(node.typeOf(gate), node.typeOf(x))))
    node.bad("expected inputs of one shape, found " +
             shapeText(node.typeOf(gate).getShape()) + " and " +
             shapeText(node.typeOf(x).getShape()));
  node.result(node.create<nn::MulOp>({swish(node, gate), x}));
}

constexpr OpEntry rows[] = {
    {"Attention", 3, 7, importAttention},
    {"RotaryEmbedding", 3, 4, importRotaryEmbedding},
    {"SwiGLU", 2, 2, importSwiGLU},
    {"Swish", 1, 1, importSwish},
};
} // namespace

ArrayRef<OpEntry> attentionOps() { return rows; }

} // namespace qopt::import

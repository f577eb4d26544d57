// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that carry a state from one piece of a sequence to the next: linear
// attention and the causal convolution before it (opset 27 on).
#include "lib/Import/Attention.h"
#include "lib/Import/InnerGraphs.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"
#include "lib/Import/WindowSlices.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

//===-- CausalConvWithState -----------------------------------------------===//

// A depthwise convolution along the sequence, the state before it.
void importCausalConv(NodeImport &node) {
  Value x = node.input(0), weight = node.input(1);
  auto type = node.typeOf(weight);
  if (node.rank(x) != 3 || type.getRank() != 3)
    node.bad("expected an input [batch, channels, length] and weights "
             "[channels, 1, k], found the shapes " +
             shapeText(node.typeOf(x).getShape()) + " and " +
             shapeText(type.getShape()));
  int64_t channels = type.getDimSize(0), taps = type.getDimSize(2);
  if (channels < 1 || taps < 1)
    node.unsupported("weights of a dynamic size are not supported; fix it with "
                     "--shape");
  std::string activation = node.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    node.bad("expected activation none, silu or swish, found '" +
             Twine(activation) + "'");
  Scalars before = node.dims(x);
  before[2] = Scalar::ofInt(taps - 1);
  Value past = node.hasInput(3) ? node.input(3)
                                : node.broadcastTo(node.splat(0, x), before);
  Value padded = taps == 1 ? x : node.concat({past, x}, 2);
  Value state =
      sliceAxis(node, padded, 2, node.dims(x)[2], Scalar::ofInt(taps - 1));
  SmallVector<Value> operands{padded, weight};
  if (node.hasInput(2))
    operands.push_back(node.input(2));
  node.setInteger("group", channels);
  Value y = importAs(node, "Conv", operands);
  node.result(activation == "none" ? y : node.create<nn::SiluOp>(y), 0);
  node.result(state, 1);
}

//===-- LinearAttention ---------------------------------------------------===//

struct LinearAttention {
  int64_t heads, keyHeads; // of queries, of keys and values
  Scalar batch, length, keySize, valueSize;
  bool decays, corrects; // gated, delta
};

LinearAttention readLinearAttention(NodeImport &node) {
  LinearAttention plan;
  plan.heads = node.integer("q_num_heads", 0);
  plan.keyHeads = node.integer("kv_num_heads", 0);
  if (plan.heads < 1 || plan.keyHeads < 1 || plan.heads % plan.keyHeads)
    node.bad("expected q_num_heads to be a positive multiple of kv_num_heads, "
             "found " + Twine(plan.heads) + " and " + Twine(plan.keyHeads));
  std::string rule = node.text("update_rule", "gated_delta");
  plan.decays = rule == "gated" || rule == "gated_delta";
  plan.corrects = rule == "delta" || rule == "gated_delta";
  if (!plan.decays && !plan.corrects && rule != "linear")
    node.bad("expected update_rule linear, gated, delta or gated_delta, found '" +
             Twine(rule) + "'");
  if (plan.decays != node.hasInput(4) || plan.corrects != node.hasInput(5))
    node.bad("expected a decay with the rules gated and gated_delta, a beta "
             "with delta and gated_delta, and neither otherwise");
  for (size_t i : {0, 1, 2, 4, 5})
    if (node.hasInput(i) && node.rank(node.input(i)) != 3)
      node.bad("expected queries, keys, values, decay and beta of rank 3");
  Scalars q = node.dims(node.input(0)), v = node.dims(node.input(2));
  plan.batch = q[0];
  plan.length = q[1];
  auto keys = node.math().quotient({q[2]}, {Scalar::ofInt(plan.heads)});
  auto values = node.math().quotient({v[2]}, {Scalar::ofInt(plan.keyHeads)});
  if (!keys || !values)
    node.bad("expected q_num_heads to divide the size of queries, and "
             "kv_num_heads that of values");
  plan.keySize = *keys;
  plan.valueSize = *values;
  return plan;
}

// S: the state [B, H, dk, dv]. A step's rows are k [B, H, 1, dk] and v
// [B, H, 1, dv], c is k as a column, q [B, H, queries a head, dk], g and b
// the decay and beta:
//   S <- g S;  v <- b (v - k S);  S <- S + c v;  o = q S
onnx::GraphProto stepGraph(const LinearAttention &plan) {
  GraphWriter body("linear_attention");
  for (StringRef name : {"S", "q", "c", "v"})
    body.input(name);
  std::string state = "S", value = "v";
  if (plan.decays) {
    body.input("g");
    state = body.node("Mul", {"g", state});
  }
  if (plan.corrects) {
    body.input("k");
    body.input("b");
    std::string found = body.node("MatMul", {"k", state});
    value = body.node("Mul", {"b", body.node("Sub", {"v", found})});
  }
  state = body.node("Add", {state, body.node("Mul", {"c", value})});
  body.output(state);
  body.output(body.node("MatMul", {"q", state}));
  return std::move(body.graph);
}

void importLinearAttention(NodeImport &node) {
  LinearAttention plan = readLinearAttention(node);
  Type f32 = node.builder().getF32Type();
  Type element = node.elementOf(node.input(0));
  Scalar one = Scalar::ofInt(1), heads = Scalar::ofInt(plan.keyHeads);
  Scalar group = Scalar::ofInt(plan.heads / plan.keyHeads);
  // [B, T, H * ..] as [T, B, H, rows, columns], in f32.
  auto steps = [&](Value x, Scalar ofHeads, Scalar rows, Scalar columns) {
    x = node.reshape(node.cast(x, f32),
                     {plan.batch, plan.length, ofHeads, rows, columns});
    return node.transpose(x, {1, 0, 2, 3, 4});
  };
  double scale = node.real("scale", 0);
  if (scale == 0 && !plan.keySize.isInt())
    node.unsupported("heads of a dynamic size are not supported; fix it with "
                     "--shape");
  if (scale == 0)
    scale = 1 / std::sqrt(double(plan.keySize.integer));
  Value q = steps(node.input(0), heads, group, plan.keySize);
  q = node.create<nn::MulOp>({q, node.splat(scale, q)});
  Value k = node.input(1);
  SmallVector<Value> scanned{q, steps(k, heads, plan.keySize, one),
                             steps(node.input(2), heads, one, plan.valueSize)};
  if (plan.decays) {
    Value g = node.input(4);
    // One a head, or one a key element.
    bool isPerHead = node.dims(g).back().isInt(plan.keyHeads);
    g = steps(g, heads, isPerHead ? one : plan.keySize, one);
    scanned.push_back(node.create<nn::ExpOp>(g));
  }
  if (plan.corrects) {
    Value b = node.input(5);
    scanned.push_back(steps(k, heads, one, plan.keySize));
    scanned.push_back(steps(b, node.dims(b).back(), one, one));
  }
  Scalars sizes{plan.batch, heads, plan.keySize, plan.valueSize};
  Value first = node.hasInput(3)
                    ? node.cast(node.input(3), f32)
                    : node.broadcastTo(node.splat(0, q), sizes);
  Type stateElement =
      node.hasInput(3) ? node.elementOf(node.input(3)) : element;
  SmallVector<Value> results = scan(node, first, scanned, stepGraph(plan));
  // [T, B, H, group, dv] to [B, T, all heads * dv].
  Value y = node.transpose(results[1], {1, 0, 2, 3, 4});
  y = node.reshape(y, {plan.batch, plan.length,
                       node.math().mul(Scalar::ofInt(plan.heads),
                                       plan.valueSize)});
  node.result(node.cast(y, element), 0);
  node.result(node.cast(results[0], stateElement), 1);
}

constexpr OpEntry rows[] = {
    {"CausalConvWithState", 2, 4, importCausalConv},
    {"LinearAttention", 3, 6, importLinearAttention},
};
} // namespace

ArrayRef<OpEntry> statefulOps() { return rows; }

} // namespace qopt::import

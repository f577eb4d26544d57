// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops of the domain ai.onnx.preview: attention with graphs of the model's own
// between its steps.
#include "lib/Import/Attention.h"
#include "lib/Import/Contractions.h"
#include "lib/Import/InnerGraphs.h"
#include "lib/Import/Normalizations.h"
#include "lib/Import/OpTable.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

// The type of scores and probabilities.
Type softmaxType(NodeImport &node, Type input) {
  auto type = static_cast<OnnxType>(node.integer("softmax_precision", 0));
  if (type == OnnxType::Undefined)
    return input.isF64() ? input : node.builder().getF32Type();
  Type element = node.importer().elementType(type);
  if (!element || !isa<FloatType>(element))
    node.bad("expected softmax_precision to be a type of floats, found " +
             nameOf(type));
  return element;
}

void importFlexAttention(NodeImport &node) {
  Value q = node.input(0), k = node.input(1), v = node.input(2);
  if (node.rank(q) != 4 || node.rank(k) != 4 || node.rank(v) != 4)
    node.bad("expected queries, keys and values of rank 4");
  int64_t heads = node.typeOf(q).getDimSize(1),
          keyHeads = node.typeOf(k).getDimSize(1),
          size = node.typeOf(q).getDimSize(3);
  if (heads < 1 || keyHeads < 1 || heads % keyHeads || size < 1)
    node.unsupported("expected fixed numbers of heads, those of queries a "
                     "multiple of those of keys, and a fixed head size");
  k = repeatHeads(node, k, heads / keyHeads);
  v = repeatHeads(node, v, heads / keyHeads);
  double scale = node.real("scale", 0);
  if (!node.hasAttribute("scale"))
    scale = 1 / std::sqrt(double(size));
  Type element = node.elementOf(q), precise = softmaxType(node, element);
  bool isPlain = !node.hasAttribute("score_mod") &&
                 !node.hasAttribute("prob_mod");
  if (isPlain && precise.isF32())
    return node.result(
        attend(node, {q, k, v, {}, scale}, ScoreStage::Raw, nullptr));
  Value scores = node.create<nn::MatMulOp>({q, transposeLastTwo(node, k)});
  scores = node.cast(scaleBy(node, scores, scale), precise);
  if (node.hasAttribute("score_mod"))
    scores = applyGraph(node, "score_mod", scores);
  Value weights = softmax(node, scores);
  if (node.hasAttribute("prob_mod"))
    weights = applyGraph(node, "prob_mod", weights);
  Value y = node.create<nn::MatMulOp>({weights, node.cast(v, precise)});
  node.result(node.cast(y, element));
}

constexpr OpEntry rows[] = {
    {"FlexAttention", 3, 3, importFlexAttention},
};
} // namespace

ArrayRef<OpEntry> previewOps() { return rows; }

} // namespace qopt::import

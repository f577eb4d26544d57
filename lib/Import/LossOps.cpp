// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Losses of classifiers: what the network gives the true class, weighted.
#include "lib/Import/Normalizations.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"

using namespace mlir;

namespace qopt::import {
namespace {

// The entry of the true class along axis 1 of [N, C, d..], as [N, d..].
Value atClass(NodeImport &node, Value isClass, Value x) {
  Value picked =
      node.create<nn::SelectOp>({isClass, x, node.splat(0, x)});
  return node.reduce<nn::ReduceSumOp>(picked, {1}, /*keepdims=*/false);
}

// Loss of log probabilities [N, C, d..] under classes [N, d..] (input 1) and
// class weights [C] (input 2, optional).
void likelihoodLoss(NodeImport &node, Value logProbabilities) {
  Value x = logProbabilities, target = node.input(1);
  int64_t rank = node.rank(x);
  if (rank < 2 || node.rank(target) != rank - 1)
    node.bad("expected scores [N, C, ..] and classes [N, ..], found ranks " +
             Twine(rank) + " and " + Twine(node.rank(target)));
  Scalar classes = node.dims(x)[1];
  Scalars sizes = node.dims(target);
  sizes.insert(sizes.begin() + 1, Scalar::ofInt(1));
  Value isClass = node.create<nn::EqualOp>(
      {node.reshape(target, sizes),
       positions(node, classes, rank - 2, node.elementOf(target))});
  Value loss = node.create<nn::NegOp>(atClass(node, isClass, x));
  Value weight;
  if (node.hasInput(2)) {
    Scalars over(rank - 1, Scalar::ofInt(1));
    over.front() = classes;
    weight = atClass(node, isClass, node.reshape(node.input(2), over));
  }
  if (node.hasAttribute("ignore_index")) {
    Value ignored = node.create<nn::EqualOp>(
        {target, node.splat(double(node.integer("ignore_index", 0)), target)});
    Value counted = weight ? weight : node.splat(1, x);
    weight =
        node.create<nn::SelectOp>({ignored, node.splat(0, x), counted});
  }
  if (weight)
    loss = node.create<nn::MulOp>({loss, weight});
  std::string reduction = node.text("reduction", "mean");
  if (reduction == "none")
    return node.result(loss);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  if (reduction == "sum")
    return node.result(node.reduce<nn::ReduceSumOp>(loss, axes, false));
  if (reduction != "mean")
    node.bad("expected reduction none, sum or mean, found '" +
             Twine(reduction) + "'");
  if (!weight)
    return node.result(node.reduce<nn::ReduceMeanOp>(loss, axes, false));
  node.result(node.create<nn::DivOp>(
      {node.reduce<nn::ReduceSumOp>(loss, axes, false),
       node.reduce<nn::ReduceSumOp>(weight, axes, false)}));
}

void importLikelihoodLoss(NodeImport &node) {
  likelihoodLoss(node, node.input(0));
}

void importCrossEntropyLoss(NodeImport &node) {
  Value x = node.input(0);
  if (node.rank(x) < 2)
    node.bad("expected scores [N, C, ..]");
  Value logs = logSoftmax(node, x, 1);
  likelihoodLoss(node, logs);
  if (node.wantsOutput(1))
    node.result(logs, 1);
}

constexpr OpEntry rows[] = {
    {"NegativeLogLikelihoodLoss", 2, 3, importLikelihoodLoss},
    {"SoftmaxCrossEntropyLoss", 2, 3, importCrossEntropyLoss},
};
} // namespace

ArrayRef<OpEntry> lossOps() { return rows; }

} // namespace qopt::import

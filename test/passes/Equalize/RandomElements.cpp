// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements as far from the identity as numbers allow.
#include "RandomElements.h"
#include "passes/Equalize/ChannelRewriter.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;

namespace qopt {
namespace {

std::vector<double> randomFactors(int64_t n, std::mt19937 &random) {
  std::vector<double> factors(n);
  for (double &factor : factors)
    factor = std::exp(std::normal_distribution<double>(0, 0.7)(random));
  return factors;
}

std::vector<int64_t> randomOrder(int64_t n, std::mt19937 &random) {
  std::vector<int64_t> order(n);
  for (int64_t i = 0; i < n; ++i)
    order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

// Gram and Schmidt on normal rows, twice for precision.
std::vector<double> randomOrthogonal(int64_t n, std::mt19937 &random) {
  std::vector<double> q(n * n);
  for (double &x : q)
    x = std::normal_distribution<double>()(random);
  for (int64_t row = 0; row < n; ++row) {
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t other = 0; other < row; ++other) {
        double dot = 0;
        for (int64_t i = 0; i < n; ++i)
          dot += q[row * n + i] * q[other * n + i];
        for (int64_t i = 0; i < n; ++i)
          q[row * n + i] -= dot * q[other * n + i];
      }
    double square = 0;
    for (int64_t i = 0; i < n; ++i)
      square += q[row * n + i] * q[row * n + i];
    for (int64_t i = 0; i < n; ++i)
      q[row * n + i] /= std::sqrt(square);
  }
  return q;
}

} // namespace

ChannelElement randomElement(const ChannelSpace &space, std::mt19937 &random) {
  ChannelElement element;
  element.kind = space.kind;
  for (size_t block = 0; block < space.blocks.size(); ++block) {
    if (space.kind == nn::Groups::Diagonal)
      element.factors.push_back(randomFactors(space.blockSize, random));
    else if (space.kind == nn::Groups::Permutation)
      element.orders.push_back(randomOrder(space.blockSize, random));
    else
      element.matrices.push_back(randomOrthogonal(space.blockSize, random));
  }
  return element;
}

static bool needsPreparation(const ChannelSpace &space) {
  return llvm::any_of(space.conditions, [](const NormCondition &condition) {
    return condition.moveGain || condition.removeMean;
  });
}

// O spaces behind norms come first, one after another: each preparation asks
// for a new analysis.
int actOnAll(func::FuncOp function, nn::Groups kind, std::mt19937 &random) {
  int count = 0;
  for (bool prepared = true; prepared;) {
    prepared = false;
    ChannelSpaces spaces(function);
    for (const ChannelSpace &space : spaces.spaces())
      if (!prepared && space.kind == kind && space.isFree() &&
          needsPreparation(space)) {
        EXPECT_EQ(
            ChannelRewriter(function.getContext()).prepareNorms(spaces, space),
            "");
        prepared = true;
      }
  }
  ChannelSpaces spaces(function);
  ChannelRewriter rewriter(function.getContext());
  for (const ChannelSpace &space : spaces.spaces()) {
    if (space.kind != kind || !space.isFree())
      continue;
    EXPECT_EQ(rewriter.apply(space, randomElement(space, random)), "");
    ++count;
  }
  return count;
}

} // namespace qopt

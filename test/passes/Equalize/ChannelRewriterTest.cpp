// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The claim of channel spaces: whatever element acts on a free space, the
// network computes the same. Checked in double precision on random networks.

#include "NetworkInterpreter.h"
#include "RandomNetworks.h"
#include "mlir/IR/Verifier.h"
#include "passes/Equalize/ChannelRewriter.h"
#include "passes/Pipeline/Registration.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace qopt;

namespace {

class ChannelRewriterTest : public testing::Test {
protected:
  ChannelRewriterTest() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }
  MLIRContext context;
};

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

bool needsPreparation(const ChannelSpace &space) {
  return llvm::any_of(space.conditions, [](const NormCondition &condition) {
    return condition.moveGain || condition.removeMean;
  });
}

// How many spaces of each kind took an element.
using Counts = std::map<nn::Groups, int>;

// Acts on every free space of `kind`. O spaces behind norms come first, one
// after another: each preparation asks for a new analysis.
void actOnAll(func::FuncOp function, nn::Groups kind, std::mt19937 &random,
              Counts &counts) {
  for (bool prepared = true; prepared;) {
    prepared = false;
    ChannelSpaces spaces(function);
    for (const ChannelSpace &space : spaces.spaces())
      if (!prepared && space.kind == kind && space.isFree() &&
          needsPreparation(space)) {
        EXPECT_EQ(ChannelRewriter(function.getContext())
                      .prepareNorms(spaces, space),
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
    ++counts[kind];
  }
}

std::vector<Array> randomInputs(func::FuncOp function, std::mt19937 &random) {
  std::vector<Array> inputs;
  for (Type type : function.getArgumentTypes()) {
    Array input(cast<RankedTensorType>(type).getShape());
    for (double &x : input.data)
      x = std::normal_distribution<double>()(random);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// The largest difference, relative to the largest number of an output.
double distance(const std::vector<Array> &a, const std::vector<Array> &b) {
  double worst = 0;
  for (auto [x, y] : llvm::zip(a, b)) {
    double largest = 0, difference = 0;
    for (auto [p, q] : llvm::zip(x.data, y.data)) {
      largest = std::max(largest, std::abs(p));
      difference = std::max(difference, std::abs(p - q));
    }
    // A NaN is no small difference.
    if (!(difference <= worst * std::max(largest, 1e-30)))
      worst = difference / std::max(largest, 1e-30);
  }
  return worst;
}

TEST_F(ChannelRewriterTest, FreeSpacesLeaveNoTrace) {
  Counts counts;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    OwningOpRef<ModuleOp> module = randomNetwork(&context, seed);
    ASSERT_TRUE(succeeded(verify(*module))) << seed;
    auto function = *module->getOps<func::FuncOp>().begin();
    std::mt19937 random(seed);
    std::vector<Array> inputs = randomInputs(function, random);
    std::vector<Array> before = interpret(function, inputs);
    std::vector<nn::Groups> kinds{nn::Groups::Diagonal, nn::Groups::Permutation,
                                  nn::Groups::Orthogonal};
    std::shuffle(kinds.begin(), kinds.end(), random);
    for (nn::Groups kind : kinds) {
      actOnAll(function, kind, random, counts);
      ASSERT_TRUE(succeeded(verify(*module))) << seed;
      double error = distance(before, interpret(function, inputs));
      EXPECT_LE(error, 1e-9) << "seed " << seed << ", kind " << int(kind);
      if (!(error <= 1e-9))
        break;
    }
  }
  // The claim is empty where nothing acts.
  EXPECT_GE(counts[nn::Groups::Diagonal], 4000);
  EXPECT_GE(counts[nn::Groups::Permutation], 4000);
  EXPECT_GE(counts[nn::Groups::Orthogonal], 2000);
}

} // namespace

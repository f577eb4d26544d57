// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The claim of channel spaces: whatever element acts on a free space, the
// network computes the same. Checked in double precision on random networks.

#include "passes/Equalize/ChannelRewriter.h"
#include "NetworkInterpreter.h"
#include "RandomElements.h"
#include "RandomNetworks.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "passes/Pipeline/Registration.h"
#include "gtest/gtest.h"
#include <cmath>
#include <map>
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

// The function of a module in textual form.
class ParsedFunction {
public:
  ParsedFunction(MLIRContext &context, StringRef text)
      : module(parseSourceString<ModuleOp>(text, &context)) {}
  func::FuncOp operator*() { return *module->getOps<func::FuncOp>().begin(); }
  template <typename Op> int count() {
    int found = 0;
    module->walk([&](Op) { ++found; });
    return found;
  }
  OwningOpRef<ModuleOp> module;
};

// The first free space of `kind` of this size.
const ChannelSpace *find(const ChannelSpaces &spaces, nn::Groups kind,
                         int64_t blockSize) {
  for (const ChannelSpace &space : spaces.spaces())
    if (space.kind == kind && space.isFree() && space.blockSize == blockSize)
      return &space;
  return nullptr;
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
  std::map<nn::Groups, int> counts; // Spaces that took an element.
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
      counts[kind] += actOnAll(function, kind, random);
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

constexpr StringLiteral clipped = R"(
func.func @main(%x: tensor<2x3xf64>) -> tensor<2x2xf64> {
  %w1 = arith.constant dense<[[1.0, -2.0, 3.0, 4.0], [0.5, 1.5, -1.0, 2.0], [2.0, 1.0, 0.0, -1.0]]> : tensor<3x4xf64>
  %w2 = arith.constant dense<[[1.0, 2.0], [3.0, -4.0], [5.0, 6.0], [-7.0, 8.0]]> : tensor<4x2xf64>
  %0 = nn.matmul %x, %w1 : (tensor<2x3xf64>, tensor<3x4xf64>) -> tensor<2x4xf64>
  %1 = nn.clip %0 {lo = -1.0 : f32, hi = 2.0 : f32, nn.value_id = "c"} : (tensor<2x4xf64>) -> tensor<2x4xf64>
  %2 = nn.matmul %1, %w2 : (tensor<2x4xf64>, tensor<4x2xf64>) -> tensor<2x2xf64>
  return %2 : tensor<2x2xf64>
})";

TEST_F(ChannelRewriterTest, BoundsBecomeVectors) {
  ParsedFunction function(context, clipped);
  std::mt19937 random(1);
  std::vector<Array> inputs = randomInputs(*function, random);
  std::vector<Array> before = interpret(*function, inputs);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Diagonal, 4);
  ASSERT_TRUE(space);
  ChannelElement element;
  element.kind = nn::Groups::Diagonal;
  element.factors = {{1, 2, 4, 8}};
  ChannelRewriter rewriter(&context);
  ASSERT_EQ(rewriter.apply(*space, element), "");
  EXPECT_EQ(function.count<nn::ClipOp>(), 0);
  EXPECT_EQ(function.count<nn::MaxOp>(), 1);
  ASSERT_EQ(function.count<nn::MinOp>(), 1);
  // The value keeps its name; powers of two leave no rounding at all.
  function.module->walk(
      [](nn::MinOp op) { EXPECT_TRUE(op->hasAttr("nn.value_id")); });
  EXPECT_EQ(distance(before, interpret(*function, inputs)), 0);
  // Once more, on the vectors that now stand there.
  ASSERT_EQ(rewriter.apply(*space, element), "");
  EXPECT_EQ(distance(before, interpret(*function, inputs)), 0);
}

TEST_F(ChannelRewriterTest, BoundsThatAreRefusedLeaveWeightsAlone) {
  ParsedFunction function(context, clipped);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Diagonal, 4);
  ASSERT_TRUE(space);
  ChannelElement element;
  element.kind = nn::Groups::Diagonal;
  element.factors = {{1, 2, 4, 8}};
  ChannelRewriter rewriter(&context);
  ASSERT_EQ(rewriter.apply(*space, element), "");
  // Someone else reads the vector of a bound.
  function.module->walk([&](nn::MaxOp op) {
    OpBuilder builder(op);
    nn::NegOp::create(builder, op.getLoc(), op->getOperand(1));
  });
  std::string before, after;
  llvm::raw_string_ostream(before) << *function.module;
  rewriter.mostCloneBytes = 31;
  EXPECT_EQ(rewriter.apply(*space, element), "clones would take 32 bytes");
  llvm::raw_string_ostream(after) << *function.module;
  EXPECT_EQ(before, after);
  rewriter.mostCloneBytes = 32;
  EXPECT_EQ(rewriter.apply(*space, element), "");
}

TEST_F(ChannelRewriterTest, PermutationsLeaveEqualBoundsAlone) {
  ParsedFunction function(context, clipped);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Permutation, 4);
  ASSERT_TRUE(space);
  ChannelElement element;
  element.kind = nn::Groups::Permutation;
  element.orders = {{2, 0, 3, 1}};
  ASSERT_EQ(ChannelRewriter(&context).apply(*space, element), "");
  EXPECT_EQ(function.count<nn::ClipOp>(), 1);
}

constexpr StringLiteral tied = R"(
func.func @main(%ids: tensor<3xi64>) -> tensor<3x5xf64> {
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 1.0]]> : tensor<5x2xf64>
  %x = nn.gather %table, %ids : (tensor<5x2xf64>, tensor<3xi64>) -> tensor<3x2xf64>
  %t = nn.transpose %table {perm = array<i64: 1, 0>} : (tensor<5x2xf64>) -> tensor<2x5xf64>
  %y = nn.matmul %x, %t : (tensor<3x2xf64>, tensor<2x5xf64>) -> tensor<3x5xf64>
  return %y : tensor<3x5xf64>
})";

TEST_F(ChannelRewriterTest, TiedUsesThatAgreeShareTheChangedConstant) {
  ParsedFunction function(context, tied);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Orthogonal, 2);
  ASSERT_TRUE(space);
  EXPECT_TRUE(space->ties.empty());
  ChannelRewriter rewriter(&context);
  rewriter.mostCloneBytes = 0;
  ChannelElement element;
  element.kind = nn::Groups::Orthogonal;
  element.matrices = {{0.6, 0.8, -0.8, 0.6}};
  EXPECT_EQ(rewriter.apply(*space, element), "");
  EXPECT_EQ(function.count<arith::ConstantOp>(), 1);
}

TEST_F(ChannelRewriterTest, ClonesBeyondTheLimitAreRefused) {
  ParsedFunction function(context, tied);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Diagonal, 2);
  ASSERT_TRUE(space);
  ASSERT_EQ(space->ties.size(), 1u);
  EXPECT_EQ(space->ties[0].cloneBytes, 80);
  ChannelRewriter rewriter(&context);
  ChannelElement element;
  element.kind = nn::Groups::Diagonal;
  element.factors = {{2, 4}};
  rewriter.mostCloneBytes = 79;
  EXPECT_EQ(rewriter.apply(*space, element), "clones would take 80 bytes");
  EXPECT_EQ(function.count<arith::ConstantOp>(), 1);
  rewriter.mostCloneBytes = 80;
  EXPECT_EQ(rewriter.apply(*space, element), "");
  EXPECT_EQ(function.count<arith::ConstantOp>(), 2);
}

TEST_F(ChannelRewriterTest, NormsArePreparedFirst) {
  ParsedFunction function(context, R"(
func.func @main(%x: tensor<2x3xf64>) -> tensor<2x2xf64> {
  %w1 = arith.constant dense<[[1.0, -2.0, 3.0, 4.0], [0.5, 1.5, -1.0, 2.0], [2.0, 1.0, 0.0, -1.0]]> : tensor<3x4xf64>
  %g = arith.constant dense<[1.0, 2.0, 3.0, -4.0]> : tensor<4xf64>
  %b = arith.constant dense<[0.1, 0.2, 0.3, 0.4]> : tensor<4xf64>
  %w2 = arith.constant dense<[[1.0, 2.0], [3.0, -4.0], [5.0, 6.0], [-7.0, 8.0]]> : tensor<4x2xf64>
  %0 = nn.matmul %x, %w1 : (tensor<2x3xf64>, tensor<3x4xf64>) -> tensor<2x4xf64>
  %1 = nn.layer_norm %0, %g, %b {epsilon = 0.01 : f32} : (tensor<2x4xf64>, tensor<4xf64>, tensor<4xf64>) -> tensor<2x4xf64>
  %2 = nn.matmul %1, %w2 : (tensor<2x4xf64>, tensor<4x2xf64>) -> tensor<2x2xf64>
  return %2 : tensor<2x2xf64>
})");
  std::mt19937 random(1);
  std::vector<Array> inputs = randomInputs(*function, random);
  std::vector<Array> before = interpret(*function, inputs);
  ChannelRewriter rewriter(&context);
  {
    ChannelSpaces spaces(*function);
    const ChannelSpace *space = find(spaces, nn::Groups::Orthogonal, 4);
    ASSERT_TRUE(space);
    EXPECT_EQ(rewriter.apply(*space, randomElement(*space, random)),
              "norms are not prepared");
    ASSERT_EQ(rewriter.prepareNorms(spaces, *space), "");
  }
  EXPECT_EQ(function.count<nn::LayerNormOp>(), 0);
  EXPECT_EQ(function.count<nn::RMSNormOp>(), 1);
  EXPECT_LE(distance(before, interpret(*function, inputs)), 1e-13);
  ChannelSpaces spaces(*function);
  const ChannelSpace *space = find(spaces, nn::Groups::Orthogonal, 4);
  ASSERT_TRUE(space);
  EXPECT_EQ(rewriter.apply(*space, randomElement(*space, random)), "");
  EXPECT_LE(distance(before, interpret(*function, inputs)), 1e-13);
}

TEST_F(ChannelRewriterTest, PinnedSpacesAreRefused) {
  ParsedFunction function(context, clipped);
  ChannelSpaces spaces(*function);
  ChannelRewriter rewriter(&context);
  int refused = 0;
  for (const ChannelSpace &space : spaces.spaces())
    if (!space.isFree()) {
      std::mt19937 random(1);
      EXPECT_EQ(rewriter.apply(space, randomElement(space, random)),
                "the space is pinned");
      ++refused;
    }
  EXPECT_GE(refused, 4);
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers scaled on either side of an activation compute the same function.
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/Contractions.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Equalize/LayerFactors.h"
#include "passes/Equalize/Passes.h"
#include "passes/Pipeline/Registration.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace qopt;

namespace {

// matmul -> + bias -> clip -> matmul, two channels between.
std::string network(const std::string &middle, const std::string &type) {
  return R"mlir(
func.func @main(%x: tensor<3x2xf32>) -> )mlir" +
         type + R"mlir( {
  %w = arith.constant dense<[[1.0, 0.5], [2.0, 0.25]]> : tensor<2x2xf32>
  %b = arith.constant dense<[1.0, 0.125]> : tensor<2xf32>
  %v = arith.constant dense<[[1.0], [8.0]]> : tensor<2x1xf32>
  %0 = nn.matmul %x, %w : (tensor<3x2xf32>, tensor<2x2xf32>) -> tensor<3x2xf32>
  %1 = nn.add %0, %b : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
)mlir" + middle +
         "\n}";
}
const char *clipped = R"mlir(
  %2 = nn.clip %1 {hi = 6.0 : f32, lo = 0.0 : f32, lowbit.range = array<f32: 0.0, 6.0>, nn.value_id = "a"} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = nn.matmul %2, %v : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  return %3 : tensor<3x1xf32>)mlir";

struct EqualizeLayers : testing::Test {
  EqualizeLayers() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    ValueStatistics &activation = statistics.values["a"];
    activation.elements = 200;
    activation.rows = 100;
    activation.channelAbsMax = {6, 0.3f};
    activation.channelSum = {200, 10};
    activation.channelSquares = {800, 2};
  }

  void run(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    PassManager pm(&context);
    pm.addNestedPass<func::FuncOp>(createEqualizeLayersPass({&statistics}));
    ASSERT_TRUE(succeeded(pm.run(*module)));
  }

  std::vector<float> weight(size_t layer) {
    auto contractions =
        findContractions(module->lookupSymbol<func::FuncOp>("main"));
    return *nn::ConstantView::of(contractions[layer].weight)->values<float>();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Statistics statistics;
};

TEST_F(EqualizeLayers, LiftsTheQuietChannelOnBothSides) {
  run(network(clipped, "tensor<3x1xf32>"));
  std::vector<float> writer = weight(0), reader = weight(1);
  // The loud channel stays; the quiet one grows, to at most 0.8 of the bound.
  EXPECT_EQ(writer[0], 1.0f);
  float factor = writer[1] / 0.5f;
  EXPECT_GT(factor, 1.5f);
  EXPECT_LE(factor * 0.3f, 0.8f * 6.0f + 1e-5f);
  EXPECT_FLOAT_EQ(writer[3], 0.25f * factor);
  EXPECT_EQ(reader[0], 1.0f);
  EXPECT_FLOAT_EQ(reader[1] * factor, 8.0f);
  EXPECT_FLOAT_EQ(statistics.values["a"].channelAbsMax[1], 0.3f * factor);
}

TEST_F(EqualizeLayers, LeavesAnActivationWithOtherReaders) {
  run(network(R"mlir(
  %2 = nn.clip %1 {hi = 6.0 : f32, lo = 0.0 : f32, lowbit.range = array<f32: 0.0, 6.0>, nn.value_id = "a"} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = nn.matmul %2, %v : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  %4 = nn.add %2, %3 : (tensor<3x2xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
  return %4 : tensor<3x2xf32>)mlir",
              "tensor<3x2xf32>"));
  EXPECT_EQ(weight(0)[1], 0.5f);
}

TEST_F(EqualizeLayers, LeavesFunctionsThatDoNotScale) {
  run(network(R"mlir(
  %2 = nn.hard_swish %1 {lowbit.range = array<f32: -0.5, 6.0>, nn.value_id = "a"} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = nn.matmul %2, %v : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  return %3 : tensor<3x1xf32>)mlir",
              "tensor<3x1xf32>"));
  EXPECT_EQ(weight(0)[1], 0.5f);
}

TEST_F(EqualizeLayers, LeavesEvenChannels) {
  statistics.values["a"].channelAbsMax = {6, 5.9f};
  run(network(clipped, "tensor<3x1xf32>"));
  EXPECT_EQ(weight(0)[1], 0.5f);
}

// A layer of `inputs` whose weight, 8 * inputs bytes, another one uses as well.
std::string tiedNetwork(int64_t inputs) {
  std::string size = std::to_string(inputs);
  std::string x = "tensor<3x" + size + "xf32>";
  std::string w = "tensor<" + size + "x2xf32>";
  return "func.func @main(%x: " + x +
         R"mlir() -> (tensor<3x1xf32>, tensor<3x2xf32>) {
  %w = arith.constant dense<0.5> : )mlir" +
         w + R"mlir(
  %b = arith.constant dense<[1.0, 0.125]> : tensor<2xf32>
  %v = arith.constant dense<[[1.0], [8.0]]> : tensor<2x1xf32>
  %0 = nn.matmul %x, %w : ()mlir" +
         x + ", " + w + R"mlir() -> tensor<3x2xf32>
  %1 = nn.add %0, %b : (tensor<3x2xf32>, tensor<2xf32>) -> tensor<3x2xf32>
  %2 = nn.clip %1 {hi = 6.0 : f32, lo = 0.0 : f32, lowbit.range = array<f32: 0.0, 6.0>, nn.value_id = "a"} : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %3 = nn.matmul %2, %v : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  %4 = nn.neg %x : ()mlir" +
         x + ") -> " + x + R"mlir(
  %5 = nn.matmul %4, %w : ()mlir" +
         x + ", " + w + R"mlir() -> tensor<3x2xf32>
  return %3, %5 : tensor<3x1xf32>, tensor<3x2xf32>
})mlir";
}

TEST_F(EqualizeLayers, StoresTiedWeightsTwiceUpToALimit) {
  run(tiedNetwork(8192));
  EXPECT_GT(weight(0)[1], 0.5f);
}

TEST_F(EqualizeLayers, LeavesTiedWeightsBeyondTheLimit) {
  run(tiedNetwork(8193));
  EXPECT_EQ(weight(0)[1], 0.5f);
  EXPECT_EQ(weight(1)[1], 8.0f);
}

TEST(LayerFactors, DepthwiseReadersTakeFullStrength) {
  // Every output reads one channel and has a scale of its own: lifting is free.
  LayerProfile profile;
  profile.absMax = {4, 0.01};
  profile.meanSquare = {2, 1e-5};
  profile.limit = profile.bound = 4;
  profile.readers.push_back({{1, 50}, 2, 1, 1, true});
  std::vector<float> factors = chooseLayerFactors(profile);
  ASSERT_EQ(factors.size(), 2u);
  EXPECT_EQ(factors[0], 1.0f);
  EXPECT_NEAR(factors[1], 0.8 * 4 / 0.01, 1e-2);
}

} // namespace

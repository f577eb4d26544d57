// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Corrected biases against sums written out.
#include "lib/Calibration/BiasCorrection.h"
#include "dialects/NN/NNDialect.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace qopt;

namespace {

struct BiasCorrection : testing::Test {
  BiasCorrection() {
    context.loadDialect<func::FuncDialect, arith::ArithDialect, nn::NNDialect>();
    // Means of 3 and -2.
    ValueStatistics &input = statistics.values["x"];
    input.rows = 10;
    input.channelSum = {30, -20};
  }

  // The bias of the contraction in `body`, its weight changed by `delta`.
  std::vector<float> correct(StringRef body, std::vector<float> delta) {
    module = parseSourceString<ModuleOp>(body, &context);
    Contraction contraction =
        findContractions(*module->getOps<func::FuncOp>().begin()).front();
    for (float &x : delta)
      x += 1; // Every weight is 1.
    return correctedBias(contraction, biasOperand(contraction), delta,
                         &statistics);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Statistics statistics;
};

TEST_F(BiasCorrection, MatMul) {
  // delta[k][n] of two inputs and three outputs.
  EXPECT_EQ(correct(R"mlir(
func.func @f(%x: tensor<4x2xf32> {nn.value_id = "x"}) -> tensor<4x3xf32> {
  %w = arith.constant dense<1.0> : tensor<2x3xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %0 = nn.matmul %x, %w : (tensor<4x2xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %1 = nn.add %0, %b : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
})mlir",
                    {1, 0, 1, 0, 1, 2}),
            (std::vector<float>{10 - 3, 20 + 2, 30 - 3 + 4}));
}

TEST_F(BiasCorrection, Convolution) {
  // delta[o][kw][c] of one output, two taps, two channels.
  EXPECT_EQ(correct(R"mlir(
func.func @f(%x: tensor<1x1x4x2xf32> {nn.value_id = "x"}) -> tensor<1x1x3x1xf32> {
  %w = arith.constant dense<1.0> : tensor<1x1x2x2xf32>
  %b = arith.constant dense<5.0> : tensor<1xf32>
  %0 = nn.conv %x, %w : (tensor<1x1x4x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x3x1xf32>
  %1 = nn.add %b, %0 : (tensor<1xf32>, tensor<1x1x3x1xf32>) -> tensor<1x1x3x1xf32>
  return %1 : tensor<1x1x3x1xf32>
})mlir",
                    {1, 2, 4, 8}),
            (std::vector<float>{5 - (1 + 4) * 3 + (2 + 8) * 2}));
}

TEST_F(BiasCorrection, Groups) {
  // delta[o][kw] of two outputs a channel: 0 and 1 read channel 0.
  EXPECT_EQ(correct(R"mlir(
func.func @f(%x: tensor<1x1x4x2xf32> {nn.value_id = "x"}) -> tensor<1x1x3x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x1x2x1xf32>
  %b = arith.constant dense<0.0> : tensor<4xf32>
  %0 = nn.conv %x, %w {groups = 2 : i64} : (tensor<1x1x4x2xf32>, tensor<4x1x2x1xf32>) -> tensor<1x1x3x4xf32>
  %1 = nn.add %0, %b : (tensor<1x1x3x4xf32>, tensor<4xf32>) -> tensor<1x1x3x4xf32>
  return %1 : tensor<1x1x3x4xf32>
})mlir",
                    {1, 1, 0, 1, 1, 0, 1, 1}),
            (std::vector<float>{-6, -3, 2, 4}));
}

TEST_F(BiasCorrection, NeedsABiasOfItsOwnAndMeans) {
  // Another reader sees the result without the bias.
  StringRef shared = R"mlir(
func.func @f(%x: tensor<4x2xf32> {nn.value_id = "x"}) -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x1xf32>
  %b = arith.constant dense<7.0> : tensor<1xf32>
  %0 = nn.matmul %x, %w : (tensor<4x2xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
  %1 = nn.add %0, %b : (tensor<4x1xf32>, tensor<1xf32>) -> tensor<4x1xf32>
  return %0, %1 : tensor<4x1xf32>, tensor<4x1xf32>
})mlir";
  EXPECT_TRUE(correct(shared, {1, 1}).empty());
  statistics.values.clear();
  std::string alone = shared.str();
  alone.replace(alone.find("return %0, %1"), 13, "return %1, %1");
  EXPECT_EQ(correct(alone, {1, 1}), std::vector<float>{7});
}

} // namespace

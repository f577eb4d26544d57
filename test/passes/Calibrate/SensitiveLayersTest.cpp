// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers that 8 bits would hurt most stay float: what rounding their input is
// held to do, and what Allocate makes of it.
#include "dialects/NN/Constants.h"
#include "lib/Analysis/QuantPlan.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Allocate/InputRounding.h"
#include "passes/Allocate/Passes.h"
#include "passes/Pipeline/Registration.h"
#include "test/lib/Calibration/Fixtures.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace mlir;
using namespace qopt;

namespace {

// Its outputs are its first weight: the change of the outputs is the weight's.
class WeightExecutable : public Executable {
public:
  llvm::Error run(ArrayRef<HostTensor> inputs, std::vector<HostTensor> &outputs,
                  Observer) override {
    outputs.assign(1, inputs[1]);
    return llvm::Error::success();
  }
};
class WeightRunner : public CompileAndRun {
public:
  llvm::Expected<std::unique_ptr<Executable>> compile(ModuleOp) override {
    return std::make_unique<WeightExecutable>();
  }
};

// A convolution, as those are coded with one scale for the whole input.
std::string network(float high) {
  return R"mlir(
func.func @main(%x: tensor<1x4x4x2xf32> {nn.name = "x", nn.value_id = "x", lowbit.range = array<f32: 0.0, )mlir" +
         std::to_string(high) + R"mlir(>}) -> tensor<1x2x2x3xf32> {
  %w = arith.constant dense<0.5> : tensor<3x3x3x2xf32>
  %0 = nn.conv %x, %w {nn.value_id = "c"} : (tensor<1x4x4x2xf32>, tensor<3x3x3x2xf32>) -> tensor<1x2x2x3xf32>
  return %0 : tensor<1x2x2x3xf32>
})mlir";
}

struct SensitiveLayers : testing::Test {
  SensitiveLayers() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    ValueStatistics &input = statistics.values["x"];
    input.elements = 200;
    input.rows = 100;
    input.channelAbsMax = {4, 4};
    input.channelSum = {100, 100};
    input.channelSquares = {100, 400};
  }

  Contraction parse(float high) {
    module = parseSourceString<ModuleOp>(network(high), &context);
    return findContractions(module->lookupSymbol<func::FuncOp>("main")).front();
  }

  // The format Allocate chooses.
  std::string allocate(float high, std::string override = "") {
    Contraction layer = parse(high);
    HostTensor row;
    row.shape = {1, 4, 4, 2};
    row.data.resize(32 * sizeof(float));
    SampleBatches samples = {{row}};
    WeightRunner runner;
    AllocateOptions options;
    options.statistics = &statistics;
    options.samples = &samples;
    options.runner = &runner;
    if (!override.empty())
      options.overrides.push_back({"c", override});
    PassManager pm(&context);
    buildAllocatePipeline(pm, options);
    EXPECT_TRUE(succeeded(pm.run(*module)));
    return layer.op->getAttrOfType<StringAttr>(weightFormatName).str();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Statistics statistics;
};

TEST_F(SensitiveLayers, RoundingTheInputAddsItsVarianceToEveryOutput) {
  Contraction layer = parse(255.0f); // A step of 1: its variance is 1 / 12.
  std::vector<float> rounded = roundedWeight(layer, &statistics);
  std::vector<float> weight =
      *nn::ConstantView::of(layer.weight)->values<float>();
  for (size_t output = 0; output < 3; ++output) {
    double added = 0;
    for (size_t k = 0; k < 18; ++k) {
      double change = rounded[output * 18 + k] - weight[output * 18 + k];
      added += change * change * (k % 2 ? 4.0 : 1.0);
    }
    EXPECT_NEAR(added, 18 * 0.25 / 12, 1e-3);
  }
}

TEST_F(SensitiveLayers, StayFloat) {
  EXPECT_EQ(allocate(4), "int8");
  EXPECT_EQ(allocate(400), "float");
}

TEST_F(SensitiveLayers, AreInt8WhereTheUserSaysSo) {
  EXPECT_EQ(allocate(400, "int8"), "int8");
}

} // namespace

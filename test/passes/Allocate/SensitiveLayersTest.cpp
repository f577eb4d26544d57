// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers that 8 bits would hurt most stay float, and activations take the ranges
// that serve the outputs best.
#include "lib/Analysis/QuantPlan.h"
#include "lib/Analysis/ValueIds.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Allocate/Passes.h"
#include "passes/Pipeline/Registration.h"
#include "test/lib/Calibration/Fixtures.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace qopt;

namespace {

// Stands for a network of one layer: x, rounded as the four numbers behind weight
// and bias say, times the first number of the weight.
class OneLayer : public Executable {
public:
  explicit OneLayer(bool outputIsInteger) : outputIsInteger(outputIsInteger) {}
  llvm::Error run(ArrayRef<HostTensor> inputs, std::vector<HostTensor> &outputs,
                  Observer) override {
    auto number = [&](size_t i) { return inputs[i].view().as<float>()[0]; };
    outputs.assign(1, inputs[0]);
    if (outputIsInteger) {
      outputs[0].kind = ElementKind::I32;
      return llvm::Error::success();
    }
    auto *values = reinterpret_cast<float *>(outputs[0].data.data());
    for (int64_t i = 0; i < outputs[0].view().numElements(); ++i) {
      float codes = std::nearbyint(values[i] * number(3));
      values[i] = std::min(std::max(codes, number(4)), number(5)) * number(6) *
                  number(1);
    }
    return llvm::Error::success();
  }

private:
  bool outputIsInteger;
};
class OneLayerRunner : public CompileAndRun {
public:
  bool outputIsInteger = false;
  llvm::Expected<std::unique_ptr<Executable>> compile(ModuleOp) override {
    return std::make_unique<OneLayer>(outputIsInteger);
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
    for (int i = 0; i < 32; ++i)
      row.push_back(0.1f * float(i));
  }

  // Allocates a network whose input is coded up to `high`.
  void allocate(float high, AllocateOptions options = {}) {
    ASSERT_TRUE(succeeded(tryToAllocate(high, options)));
  }
  LogicalResult tryToAllocate(float high, AllocateOptions options) {
    module = parseSourceString<ModuleOp>(network(high), &context);
    SampleBatches samples = {{makeTensor({1, 4, 4, 2}, row)}};
    options.statistics = &statistics;
    options.samples = &samples;
    options.runner = &runner;
    PassManager pm(&context);
    buildAllocatePipeline(pm, options);
    return pm.run(*module);
  }
  Contraction layer() {
    return findContractions(module->lookupSymbol<func::FuncOp>("main")).front();
  }
  std::string format() {
    return layer().op->getAttrOfType<StringAttr>(weightFormatName).str();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::vector<float> row;
  Statistics statistics;
  OneLayerRunner runner;
};

TEST_F(SensitiveLayers, StayFloat) {
  allocate(4);
  EXPECT_EQ(format(), "int8");
  allocate(400); // A step of 1.6 for numbers up to 3.1.
  EXPECT_EQ(format(), "float");
}

TEST_F(SensitiveLayers, AreInt8WhereTheUserSaysSo) {
  AllocateOptions options;
  options.overrides.push_back({"c", "int8"});
  allocate(400, options);
  EXPECT_EQ(format(), "int8");
}

TEST_F(SensitiveLayers, CutNoValuesThatTheOutputsNeed) {
  allocate(2); // A third of the numbers lie beyond.
  EXPECT_EQ(format(), "float");
}

TEST_F(SensitiveLayers, StayFloatWhereAllTogetherMoveTheOutputs) {
  AllocateOptions options;
  AllocationReport report;
  options.report = &report;
  options.budget.error = 1e-7;
  allocate(4, options);
  EXPECT_EQ(format(), "float");
  EXPECT_EQ(report.networkError, 0.0);
}

// Of many numbers a few are large: percentiles cut them off.
TEST_F(SensitiveLayers, RangesAreThoseThatServeTheOutputs) {
  std::vector<float> many(100000, 0.5f);
  many[7] = many[8] = 100.0f;
  statistics.values["x"].add(makeTensor({50000, 2}, many).view());
  AllocateOptions options;
  options.searchRanges = true;
  AllocationReport report;
  options.report = &report;
  row.assign(32, 0.5f);
  allocate(4, options);
  EXPECT_LT(rangeOf(layer().input)->high, 1.0f);
  EXPECT_EQ(report.ranges.count(RangeMethod::Percentile), 1u);
  row[3] = 100;
  allocate(4, options);
  EXPECT_GE(rangeOf(layer().input)->high, 99.0f);
  EXPECT_EQ(report.ranges.count(RangeMethod::Percentile), 0u);
}

// What codes turn into infinity is far away, what was infinite is not looked at.
TEST_F(SensitiveLayers, NumbersThatAreNotFinite) {
  row[0] = std::numeric_limits<float>::infinity();
  row[1] = std::numeric_limits<float>::quiet_NaN();
  allocate(4);
  EXPECT_EQ(format(), "int8");
  allocate(400);
  EXPECT_EQ(format(), "float");
}

TEST_F(SensitiveLayers, IntegersHaveNoDistance) {
  runner.outputIsInteger = true;
  allocate(400);
  EXPECT_EQ(format(), "int8");
  AllocateOptions options;
  options.budget.error = 0.01;
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  EXPECT_TRUE(failed(tryToAllocate(400, options)));
}

TEST_F(SensitiveLayers, AnErrorThatCannotBeReachedFails) {
  AllocateOptions options;
  options.budget.error = 0.01;
  options.overrides.push_back({"c", "int8"});
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  EXPECT_TRUE(failed(tryToAllocate(400, options)));
  EXPECT_TRUE(succeeded(tryToAllocate(4, options)));
}

// Ranges of values that were rescaled come without a histogram.
TEST_F(SensitiveLayers, RangesWithoutAHistogramAreTheExtremes) {
  ValueStatistics &input = statistics.values["x"];
  input.elements = 100;
  input.max = 77;
  AllocateOptions options;
  options.searchRanges = true;
  allocate(3, options);
  EXPECT_EQ(rangeOf(layer().input)->high, 77.0f);
}

TEST_F(SensitiveLayers, RangesThatWereAskedForStay) {
  allocate(3);
  EXPECT_EQ(rangeOf(layer().input)->high, 3.0f);
}

} // namespace

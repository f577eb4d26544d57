// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calibration pipeline on a runner that shows every observer the input:
// ranges land on values, moments under the right keys, errors reach the user.
#include "lib/Analysis/ValueIds.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Calibrate/Passes.h"
#include "passes/Equalize/Passes.h"
#include "passes/Pipeline/Registration.h"
#include "test/lib/Calibration/Fixtures.h"

using namespace mlir;
using namespace qopt;

namespace {

constexpr const char *network = R"mlir(
func.func @main(%x: tensor<?x2xf32> {nn.name = "x"}) -> tensor<?x1xf32> {
  %w = arith.constant dense<1.0> : tensor<2x1xf32>
  %0 = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
})mlir";

// Shows the value of the only observer, which is the input.
class EchoExecutable : public Executable {
public:
  llvm::Error run(ArrayRef<HostTensor> inputs, std::vector<HostTensor> &,
                  Observer observer) override {
    observer("matmul_input", inputs[0].view());
    return llvm::Error::success();
  }
};

class EchoRunner : public CompileAndRun {
public:
  llvm::Expected<std::unique_ptr<Executable>> compile(ModuleOp module) override {
    if (fails)
      return makeFailure(ExitCode::Unsupported, "no such kernel");
    return std::make_unique<EchoExecutable>();
  }
  bool fails = false;
};

struct Calibration : testing::Test {
  Calibration() {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    module = parseSourceString<ModuleOp>(network, &context);
    main = module->lookupSymbol<func::FuncOp>("main");
    main.setArgAttr(0, "nn.value_id", StringAttr::get(&context, "matmul_input"));
  }

  LogicalResult calibrate(const std::vector<float> &rows) {
    std::string file = folder.write(
        "x.npy", npyBytes("<f4", "(" + std::to_string(rows.size() / 2) + ", 2)",
                          rawFloats(rows)));
    DataSet data = llvm::cantFail(
        DataSet::open(file, llvm::cantFail(inputSpecsOf(*module))));
    CalibrateOptions options;
    options.data = &data;
    options.runner = &runner;
    options.statistics = &statistics;
    options.range.method = RangeMethod::MinMax;
    PassManager pm(&context);
    buildCalibratePipeline(pm, options);
    return pm.run(*module);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp main;
  EchoRunner runner;
  Statistics statistics;
  TemporaryFolder folder;
};

TEST_F(Calibration, RangesAndMomentsOfAnInput) {
  ASSERT_TRUE(succeeded(calibrate({-1, 2, 3, 0.5})));
  std::optional<CodedRange> range = rangeOf(main.getArgument(0));
  ASSERT_TRUE(range);
  EXPECT_EQ(range->low, -1);
  EXPECT_EQ(range->high, 3);
  const SecondMoment *moment = statistics.findMoment("matmul_input", {});
  ASSERT_TRUE(moment);
  EXPECT_EQ(moment->matrix()[0], 1 + 9);
  EXPECT_EQ(moment->matrix()[1], -2 + 1.5);
}

TEST_F(Calibration, AFailingRunIsReported) {
  runner.fails = true;
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
  });
  EXPECT_TRUE(failed(calibrate({1, 2})));
  EXPECT_NE(message.find("calibration: no such kernel"), std::string::npos);
}

TEST_F(Calibration, InputSpecsNameTheArguments) {
  std::vector<InputSpec> specs = llvm::cantFail(inputSpecsOf(*module));
  ASSERT_EQ(specs.size(), 1u);
  EXPECT_EQ(specs[0].name, "x");
  EXPECT_EQ(specs[0].shape, (std::vector<int64_t>{-1, 2}));
}

TEST(Equalization, StatisticsFollowTheValue) {
  MLIRContext context;
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  auto module = parseSourceString<ModuleOp>(R"mlir(
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x1xf32> {
  %g = arith.constant dense<1.0> : tensor<2xf32>
  %w = arith.constant dense<1.0> : tensor<2x1xf32>
  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32, nn.value_id = "n"} : (tensor<4x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
  %1 = nn.matmul %0, %w : (tensor<4x2xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
})mlir",
                                            &context);
  Statistics statistics;
  std::vector<float> rows = {100, 1, -90, 0.5, 80, -1, 70, 1};
  HostTensor value = makeTensor({4, 2}, rows);
  statistics.values["n"].add(value.view());
  statistics.moments["n"].add(rows, {4, 2}, {});
  float before = statistics.moments["n"].matrix()[0];
  PassManager pm(&context);
  buildEqualizePipeline(pm, {&statistics});
  ASSERT_TRUE(succeeded(pm.run(*module)));
  const ValueStatistics &after = statistics.values["n"];
  // The channels came closer together; what cannot follow is gone.
  EXPECT_LT(after.channelAbsMax[0] / after.channelAbsMax[1], 50);
  EXPECT_TRUE(after.histogram.empty());
  float factor = after.channelAbsMax[0] / 100;
  EXPECT_NEAR(statistics.moments["n"].matrix()[0], before * factor * factor,
              before * factor * factor * 1e-4);
}

} // namespace

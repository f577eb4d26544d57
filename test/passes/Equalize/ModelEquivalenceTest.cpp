// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trained models, compiled and run: the same logits after every free space has
// taken a random element.

#include "RandomElements.h"
#include "lib/Driver/Backend.h"
#include "lib/Driver/InProcess.h"
#include "lib/Import/Import.h"
#include "passes/Pipeline/Registration.h"
#include "passes/Simplify/Passes.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace qopt;

namespace {

template <typename T> T valueOf(llvm::Expected<T> result) {
  if (!result)
    llvm::report_fatal_error(result.takeError());
  return std::move(*result);
}

std::vector<float> logits(ModuleOp module) {
  HostTensor images;
  images.shape = {4, 1, 28, 28};
  std::mt19937 random(7);
  std::vector<float> pixels(4 * 28 * 28);
  for (float &pixel : pixels)
    pixel = std::uniform_real_distribution<float>()(random);
  images.data.resize(pixels.size() * sizeof(float));
  std::memcpy(images.data.data(), pixels.data(), images.data.size());
  auto program = valueOf(InProcess(/*threads=*/1).compile(module));
  std::vector<HostTensor> outputs;
  if (auto error = program->run({images}, outputs, nullptr))
    llvm::report_fatal_error(std::move(error));
  llvm::ArrayRef<float> result = outputs.at(0).view().as<float>();
  return {result.begin(), result.end()};
}

class ModelEquivalenceTest : public testing::TestWithParam<const char *> {};

TEST_P(ModelEquivalenceTest, LogitsStay) {
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = valueOf(import::importOnnx(
      context, std::string(QOPT_MODELS "/") + GetParam(), {}));
  ASSERT_FALSE(bool(runPipeline(*module, "simplify",
                                [](OpPassManager &pm) { buildSimplify(pm); })));
  std::vector<float> before = logits(*module);
  auto function = *module->getOps<func::FuncOp>().begin();
  std::mt19937 random(1);
  for (nn::Groups kind :
       {nn::Groups::Orthogonal, nn::Groups::Permutation, nn::Groups::Diagonal})
    EXPECT_GE(actOnAll(function, kind, random), 3);
  std::vector<float> after = logits(*module);
  ASSERT_EQ(before.size(), after.size());
  double largest = 0, difference = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    largest = std::max(largest, double(std::fabs(before[i])));
    difference = std::max(difference, double(std::fabs(before[i] - after[i])));
  }
  // Single precision: sums are taken of other numbers now.
  EXPECT_LE(difference, 1e-4 * largest);
  EXPECT_GT(difference, 0);
}

INSTANTIATE_TEST_SUITE_P(Fashion, ModelEquivalenceTest,
                         testing::Values("fashion-vit.onnx",
                                         "fashion-cnn.onnx"));

} // namespace

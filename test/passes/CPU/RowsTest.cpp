// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Row kernels against naive code.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

std::string replaceAll(std::string text, const std::string &from,
                       const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// T is the activation's type, V that of a vector as long as a row.
std::string rowKernel(std::string arguments, std::string body,
                      std::string yield, std::string rows, std::string n) {
  std::string text = kernelText(arguments, body, yield);
  text = replaceAll(text, "T8", "tensor<" + rows + n + "xui8>");
  text = replaceAll(text, "S8", "tensor<" + rows + n + "xi8>");
  text = replaceAll(text, "T1", "tensor<" + rows + "1xf32>");
  text = replaceAll(text, "VV", "tensor<" + n + "xf32>");
  return replaceAll(text, "TT", "tensor<" + rows + n + "xf32>");
}

void expectRows(std::string arguments, std::string body, std::string yield,
                unsigned outputs = 1, bool special = false) {
  for (std::string n : {"1", "16", "21", "48", "100"})
    expectEmitter("rows", rowKernel(arguments, body, yield, "2x7x", n), {}, {},
                  special);
}

TEST(Rows, Softmax) {
  expectRows("%x: TT", "  %0 = nn.softmax %x : (TT) -> TT", "%0 : TT");
  expectRows("%x: TT", "  %0 = nn.softmax %x : (TT) -> TT", "%0 : TT", 1, true);
}

TEST(Rows, LayerNorm) {
  expectRows("%x: TT, %g: VV, %b: VV",
             "  %0 = nn.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : (TT, "
             "VV, VV) -> TT",
             "%0 : TT");
}

TEST(Rows, RMSNormWithDynamicSizes) {
  std::string text = rowKernel(
      "%x: TT, %g: VV",
      "  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (TT, VV) -> TT",
      "%0 : TT", "?x?x", "?");
  for (int64_t n : {1, 17, 64})
    expectEmitter("rows", text, {{3, 5, n}, {n}}, {{3, 5, n}});
}

TEST(Rows, QuantizeRows) {
  for (std::string codes : {"T8", "S8"})
    expectRows("%x: TT",
               "  %0, %1 = lowbit.quantize_rows %x : (TT) -> (" + codes +
                   ", T1)",
               "%0, %1 : " + codes + ", T1", 2, codes == "T8");
}

TEST(Rows, ResidualNormAndCodesTogether) {
  expectRows("%x: TT, %r: TT, %g: VV, %b: VV", R"(
  %0 = nn.add %x, %r : (TT, TT) -> TT
  %1 = nn.layer_norm %0, %g, %b {epsilon = 1.0e-5 : f32} : (TT, VV, VV) -> TT
  %2, %3 = lowbit.quantize_rows %1 : (TT) -> (T8, T1))",
             "%0, %1, %2, %3 : TT, TT, T8, T1", 4);
}

TEST(Rows, MaskedSoftmaxBroadcasts) {
  std::string text =
      kernelText("%x: tensor<?x3x?x?xf32>, %m: tensor<?x1x1x?xf32>", R"(
  %c = arith.constant dense<0.125> : tensor<f32>
  %0 = nn.mul %x, %c : (tensor<?x3x?x?xf32>, tensor<f32>) -> tensor<?x3x?x?xf32>
  %1 = nn.add %0, %m : (tensor<?x3x?x?xf32>, tensor<?x1x1x?xf32>) -> tensor<?x3x?x?xf32>
  %2 = nn.softmax %1 : (tensor<?x3x?x?xf32>) -> tensor<?x3x?x?xf32>)",
                 "%2 : tensor<?x3x?x?xf32>");
  expectEmitter("rows", text, {{2, 3, 5, 37}, {2, 1, 1, 37}}, {{2, 3, 5, 37}});
  expectEmitter("rows", text, {{2, 3, 5, 37}, {1, 1, 1, 37}}, {{2, 3, 5, 37}});
  expectEmitter("rows", text, {{2, 3, 5, 37}, {2, 1, 1, 1}}, {{2, 3, 5, 37}});
}

TEST(Rows, TwoNormsInARow) {
  expectRows("%x: TT, %g: VV", R"(
  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (TT, VV) -> TT
  %1 = nn.silu %0 : (TT) -> TT
  %2 = nn.layer_norm %1, %g {epsilon = 1.0e-6 : f32} : (TT, VV) -> TT
  %3 = nn.add %2, %x : (TT, TT) -> TT)",
             "%3 : TT");
}

} // namespace

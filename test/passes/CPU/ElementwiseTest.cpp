// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise, broadcasting and data-movement kernels against naive code.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

std::string unary(const std::string &op, const std::string &type) {
  return kernelText("%x: " + type,
                    "  %0 = nn." + op + " : (" + type + ") -> " + type,
                    "%0 : " + type);
}

TEST(Elementwise, UnaryOpsOnSpecialValues) {
  for (const char *op :
       {"relu %x",
        "leaky_relu %x {alpha = 0.1 : f32}",
        "clip %x {lo = -1.0 : f32, hi = 2.0 : f32}",
        "sigmoid %x",
        "tanh %x",
        "erf %x",
        "exp %x",
        "log %x",
        "sqrt %x",
        "rsqrt %x",
        "reciprocal %x",
        "neg %x",
        "abs %x",
        "floor %x",
        "ceil %x",
        "round %x",
        "sin %x",
        "cos %x",
        "gelu %x",
        "gelu_tanh %x",
        "silu %x",
        "softplus %x",
        "hard_sigmoid %x {alpha = 0.2 : f32, beta = 0.5 : f32}",
        "hard_swish %x"})
    expectEmitter("elementwise", unary(op, "tensor<5x13xf32>"), {}, {},
                  /*specialValues=*/true);
}

TEST(Elementwise, IntegerUnaryOps) {
  for (const char *op : {"relu %x", "neg %x", "abs %x",
                         "clip %x {lo = -100.0 : f32, hi = 50.0 : f32}"})
    for (const char *type :
         {"tensor<37xi8>", "tensor<37xi32>", "tensor<37xi64>"})
      expectEmitter("elementwise", unary(op, type));
}

std::string binary(const std::string &op, const std::string &a,
                   const std::string &b, const std::string &result) {
  return kernelText("%a: " + a + ", %b: " + b,
                    "  %0 = nn." + op + " %a, %b : (" + a + ", " + b + ") -> " +
                        result,
                    "%0 : " + result);
}

TEST(Elementwise, BinaryOps) {
  for (const char *op : {"add", "sub", "mul", "div", "min", "max", "pow"})
    expectEmitter(
        "elementwise",
        binary(op, "tensor<3x19xf32>", "tensor<19xf32>", "tensor<3x19xf32>"),
        {}, {}, /*specialValues=*/true);
  for (const char *op :
       {"equal", "less", "less_equal", "greater", "greater_equal"})
    expectEmitter(
        "elementwise",
        binary(op, "tensor<3x19xf32>", "tensor<3x1xf32>", "tensor<3x19xi1>"),
        {}, {}, /*specialValues=*/true);
  for (const char *op : {"and", "or", "equal"})
    expectEmitter("elementwise", binary(op, "tensor<70xi1>", "tensor<70xi1>",
                                        "tensor<70xi1>"));
  for (const char *op : {"add", "sub", "mul", "div", "min", "max"})
    expectEmitter("elementwise", binary(op, "tensor<5x7xi64>", "tensor<7xi64>",
                                        "tensor<5x7xi64>"));
}

TEST(Elementwise, Broadcasts) {
  // Each: a, b, result.
  const char *shapes[][3] = {{"2x3x4x21", "21", "2x3x4x21"},
                             {"2x3x4x21", "4x1", "2x3x4x21"},
                             {"2x3x4x21", "2x1x1x21", "2x3x4x21"},
                             {"2x3x1x1", "4x21", "2x3x4x21"},
                             {"", "5x33", "5x33"},
                             {"1", "1x1", "1x1"},
                             {"1x17", "40x1", "40x17"}};
  auto type = [](std::string shape) {
    return "tensor<" + shape + (shape.empty() ? "" : "x") + "f32>";
  };
  for (auto &[a, b, result] : shapes)
    expectEmitter("elementwise", binary("sub", type(a), type(b), type(result)));
}

TEST(Elementwise, DynamicSizesThatMayBroadcast) {
  std::string text = binary("sub", "tensor<?x?x19xf32>", "tensor<?x19xf32>",
                            "tensor<?x?x19xf32>");
  expectEmitter("elementwise", text, {{3, 4, 19}, {4, 19}}, {{3, 4, 19}});
  expectEmitter("elementwise", text, {{3, 4, 19}, {1, 19}}, {{3, 4, 19}});
  expectEmitter("elementwise", text, {{3, 1, 19}, {5, 19}}, {{3, 5, 19}});
  expectEmitter("elementwise", text, {{0, 1, 19}, {5, 19}}, {{0, 5, 19}});
  std::string alone = unary("relu %x", "tensor<?x?xf32>");
  expectEmitter("elementwise", alone, {{7, 33}}, {{7, 33}});
  expectEmitter("elementwise", alone, {{1, 100000}}, {{1, 100000}});
  expectEmitter("elementwise", alone, {{3000, 3}}, {{3000, 3}});
}

TEST(Elementwise, FusedChainWithTwoOutputs) {
  expectEmitter("elementwise",
                kernelText("%a: tensor<9x40xf32>, %b: tensor<40xf32>, %inv: "
                           "tensor<f32>, %zp: tensor<i32>",
                           R"(
  %0 = nn.add %a, %b : (tensor<9x40xf32>, tensor<40xf32>) -> tensor<9x40xf32>
  %1 = nn.gelu %0 : (tensor<9x40xf32>) -> tensor<9x40xf32>
  %2 = "lowbit.quantize"(%1, %inv, %zp) : (tensor<9x40xf32>, tensor<f32>, tensor<i32>) -> tensor<9x40xui8>)",
                           "%1, %2 : tensor<9x40xf32>, tensor<9x40xui8>"),
                {}, {}, true);
}

TEST(Elementwise, CodesThere) {
  expectEmitter(
      "elementwise",
      kernelText("%acc: tensor<6x33xi32>, %m: tensor<33xf32>, %zp: "
                 "tensor<i32>, %r: tensor<6x1xf32>",
                 R"(
  %c = arith.constant dense<0.0001> : tensor<33xf32>
  %0 = nn.mul %m, %c : (tensor<33xf32>, tensor<33xf32>) -> tensor<33xf32>
  %1 = "lowbit.requantize"(%acc, %0, %zp) : (tensor<6x33xi32>, tensor<33xf32>, tensor<i32>) -> tensor<6x33xui8>
  %2 = "lowbit.requantize"(%acc, %0, %zp) {lo = -3 : i32} : (tensor<6x33xi32>, tensor<33xf32>, tensor<i32>) -> tensor<6x33xi8>
  %3 = "lowbit.rescale"(%acc, %m, %r) : (tensor<6x33xi32>, tensor<33xf32>, tensor<6x1xf32>) -> tensor<6x33xf32>
  %4 = "lowbit.dequantize"(%1, %m, %zp) : (tensor<6x33xui8>, tensor<33xf32>, tensor<i32>) -> tensor<6x33xf32>)",
                 "%1, %2, %3, %4 : tensor<6x33xui8>, tensor<6x33xi8>, "
                 "tensor<6x33xf32>, tensor<6x33xf32>"));
}

TEST(Elementwise, Casts) {
  const char *types[] = {"f32", "i64", "i32", "ui8", "i8", "i1"};
  for (std::string from : types)
    for (std::string to : types) {
      if (from == to)
        continue;
      std::string a = "tensor<53x" + from + ">", b = "tensor<53x" + to + ">";
      expectEmitter(
          "elementwise",
          kernelText("%x: " + a,
                     "  %0 = nn.cast %x to " + to + " : (" + a + ") -> " + b,
                     "%0 : " + b),
          {}, {}, /*specialValues=*/true);
    }
}

TEST(Elementwise, Select) {
  expectEmitter(
      "elementwise",
      kernelText("%c: tensor<4x1xi1>, %a: tensor<4x18xf32>, %b: tensor<18xf32>",
                 "  %0 = nn.select %c, %a, %b : (tensor<4x1xi1>, "
                 "tensor<4x18xf32>, tensor<18xf32>) -> tensor<4x18xf32>",
                 "%0 : tensor<4x18xf32>"));
}

TEST(Elementwise, Transposes) {
  struct Case {
    const char *from, *to, *perm;
  };
  for (auto [from, to, perm] : {Case{"17x70", "70x17", "1, 0"},
                                Case{"2x33x5x8", "2x5x33x8", "0, 2, 1, 3"},
                                Case{"2x3x40x9", "2x40x9x3", "0, 2, 3, 1"},
                                Case{"2x40x9x3", "2x3x40x9", "0, 3, 1, 2"},
                                Case{"4x5x6x7", "7x6x5x4", "3, 2, 1, 0"}})
    for (std::string element : {"xf32>", "xui8>", "xi64>"}) {
      std::string a = "tensor<" + (from + element),
                  b = "tensor<" + (to + element);
      expectEmitter("elementwise",
                    kernelText("%x: " + a,
                               "  %0 = nn.transpose %x {perm = array<i64: " +
                                   std::string(perm) + ">} : (" + a + ") -> " +
                                   b,
                               "%0 : " + b));
    }
}

TEST(Elementwise, TransposeOfDynamicSizesInsideAChain) {
  expectEmitter("elementwise",
                kernelText("%x: tensor<?x?x?x32xf32>, %b: tensor<32xf32>", R"(
  %0 = nn.add %x, %b : (tensor<?x?x?x32xf32>, tensor<32xf32>) -> tensor<?x?x?x32xf32>
  %1 = nn.transpose %0 {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x?x32xf32>) -> tensor<?x?x?x32xf32>
  %2 = nn.relu %1 : (tensor<?x?x?x32xf32>) -> tensor<?x?x?x32xf32>)",
                           "%2 : tensor<?x?x?x32xf32>"),
                {{2, 9, 3, 32}}, {{2, 3, 9, 32}});
}

TEST(Elementwise, SlicesWithStrides) {
  expectEmitter(
      "elementwise",
      kernelText("%x: tensor<9x50xf32>",
                 "  %0 = nn.slice %x [1, 3] [4, 40] {strides = array<i64: 2, "
                 "1>} : (tensor<9x50xf32>) -> tensor<4x40xf32>",
                 "%0 : tensor<4x40xf32>"));
  expectEmitter(
      "elementwise",
      kernelText("%x: tensor<9x50xf32>",
                 "  %0 = nn.slice %x [8, 49] [9, 17] {strides = array<i64: -1, "
                 "-2>} : (tensor<9x50xf32>) -> tensor<9x17xf32>",
                 "%0 : tensor<9x17xf32>"));
}

TEST(Elementwise, RotaryPattern) {
  // x * cos + concat-free half rotation by slices.
  expectEmitter("elementwise",
                kernelText("%x: tensor<2x5x4x64xf32>, %c: tensor<5x1x32xf32>, "
                           "%s: tensor<5x1x32xf32>",
                           R"(
  %a = nn.slice %x [0, 0, 0, 0] [2, 5, 4, 32] {strides = array<i64: 1, 1, 1, 1>} : (tensor<2x5x4x64xf32>) -> tensor<2x5x4x32xf32>
  %b = nn.slice %x [0, 0, 0, 32] [2, 5, 4, 32] {strides = array<i64: 1, 1, 1, 1>} : (tensor<2x5x4x64xf32>) -> tensor<2x5x4x32xf32>
  %0 = nn.mul %a, %c : (tensor<2x5x4x32xf32>, tensor<5x1x32xf32>) -> tensor<2x5x4x32xf32>
  %1 = nn.mul %b, %s : (tensor<2x5x4x32xf32>, tensor<5x1x32xf32>) -> tensor<2x5x4x32xf32>
  %2 = nn.sub %0, %1 : (tensor<2x5x4x32xf32>, tensor<2x5x4x32xf32>) -> tensor<2x5x4x32xf32>)",
                           "%2 : tensor<2x5x4x32xf32>"));
}

TEST(Elementwise, BroadcastToAndReshape) {
  expectEmitter("elementwise", kernelText("%x: tensor<4x1x30xf32>", R"(
  %0 = nn.broadcast_to %x to [4, 3, 30] : (tensor<4x1x30xf32>) -> tensor<4x3x30xf32>
  %1 = nn.neg %0 : (tensor<4x3x30xf32>) -> tensor<4x3x30xf32>
  %2 = nn.reshape %1 to [12, 30] : (tensor<4x3x30xf32>) -> tensor<12x30xf32>)",
                                          "%2 : tensor<12x30xf32>"));
}

} // namespace

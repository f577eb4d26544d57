// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Depthwise convolutions and pools against naive code.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

struct Case {
  std::string input, filter, attributes, output;
};

const Case depthwiseCases[] = {
    {"2x9x11x32", "32x3x3x1",
     "strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>", "2x9x11x32"},
    {"1x9x12x21", "21x3x3x1",
     "strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>", "1x4x6x21"},
    {"1x5x7x16", "16x5x5x1",
     "strides = array<i64: 1, 1>, pads = array<i64: 2, 2, 2, 2>", "1x5x7x16"},
    {"1x1x40x80", "80x1x4x1",
     "strides = array<i64: 1, 3>, pads = array<i64: 0, 3, 0, 0>, dilations = "
     "array<i64: 1, 2>",
     "1x1x13x80"},
    {"1x3x2x8", "8x3x3x1",
     "strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>", "1x3x2x8"},
    {"1x30x30x16", "16x3x3x1",
     "strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>", "1x30x30x16"},
};

std::string channels(const Case &c) {
  return c.filter.substr(0, c.filter.find('x'));
}

std::string conv(const Case &c, std::string x, std::string f, std::string y,
                 std::string extra = "") {
  return "  %0 = nn.conv %x, %f {" + c.attributes +
         ", groups = " + channels(c) + " : i64" + extra + "} : (tensor<" +
         c.input + "x" + x + ">, tensor<" + c.filter + "x" + f +
         ">) -> tensor<" + c.output + "x" + y + ">";
}

TEST(Window, DepthwiseF32) {
  for (const Case &c : depthwiseCases) {
    std::string out = "tensor<" + c.output + "xf32>";
    std::string bias = "tensor<" + channels(c) + "xf32>";
    expectEmitter("window",
                  kernelText("%x: tensor<" + c.input + "xf32>, %f: tensor<" +
                                 c.filter + "xf32>, %b: " + bias,
                             conv(c, "f32", "f32", "f32") +
                                 "\n  %1 = nn.add %0, %b : (" + out + ", " +
                                 bias + ") -> " + out +
                                 "\n  %2 = nn.clip %1 {lo = 0.0 : f32, hi = "
                                 "6.0 : f32} : (" +
                                 out + ") -> " + out,
                             "%2 : " + out));
  }
}

TEST(Window, DepthwiseCodes) {
  for (const Case &c : depthwiseCases)
    for (std::string x : {"ui8", "i8"}) {
      std::string acc = "tensor<" + c.output + "xi32>";
      std::string out = "tensor<" + c.output + "xui8>";
      std::string bias = "tensor<" + channels(c) + "xi32>";
      std::string mult = "tensor<" + channels(c) + "xf32>";
      expectEmitter(
          "window",
          kernelText(
              "%x: tensor<" + c.input + "x" + x + ">, %f: tensor<" + c.filter +
                  "xi8>, %b: " + bias + ", %m: " + mult + ", %z: tensor<i32>",
              conv(c, x, "i8", "i32", ", pad_value = 100 : i64") +
                  "\n  %1 = nn.add %0, %b : (" + acc + ", " + bias + ") -> " +
                  acc + "\n  %2 = \"lowbit.requantize\"(%1, %m, %z) : (" + acc +
                  ", " + mult + ", tensor<i32>) -> " + out,
              "%2 : " + out),
          {}, {}, false, [](std::vector<Buffer> &inputs) {
            for (int64_t i = 0; i < inputs[3].size(); ++i)
              inputs[3].as<float>()[i] = 0.001f * (i % 7 + 1);
            inputs[4].as<int32_t>()[0] = 128;
          });
    }
}

TEST(Window, Pools) {
  const Case cases[] = {
      {"2x8x9x20", "", "kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>",
       "2x4x4x20"},
      {"1x7x7x48", "",
       "kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = "
       "array<i64: 1, 1, 1, 1>",
       "1x4x4x48"},
      {"1x7x7x16", "",
       "kernel = array<i64: 7, 7>, strides = array<i64: 1, 1>, pads = "
       "array<i64: 3, 3, 3, 3>",
       "1x7x7x16"},
  };
  for (const Case &c : cases) {
    for (std::string element : {"f32", "ui8", "i8"}) {
      std::string x = "tensor<" + c.input + "x" + element + ">";
      std::string y = "tensor<" + c.output + "x" + element + ">";
      expectEmitter("window",
                    kernelText("%x: " + x,
                               "  %0 = nn.max_pool %x {" + c.attributes +
                                   "} : (" + x + ") -> " + y,
                               "%0 : " + y),
                    {}, {}, /*specialValues=*/true);
    }
    for (std::string counts : {"true", "false"})
      expectEmitter("window",
                    kernelText("%x: tensor<" + c.input + "xf32>",
                               "  %0 = nn.avg_pool %x {" + c.attributes +
                                   ", count_include_pad = " + counts +
                                   "} : (tensor<" + c.input +
                                   "xf32>) -> tensor<" + c.output + "xf32>",
                               "%0 : tensor<" + c.output + "xf32>"));
  }
}

TEST(Window, DynamicBatchAndSize) {
  expectEmitter(
      "window",
      kernelText(
          "%x: tensor<?x?x?x24xf32>, %f: tensor<24x3x3x1xf32>, %r: "
          "tensor<?x?x?x24xf32>",
          "  %0 = nn.conv %x, %f {strides = array<i64: 1, 1>, pads = "
          "array<i64: 1, 1, 1, 1>, groups = 24 : i64} : (tensor<?x?x?x24xf32>, "
          "tensor<24x3x3x1xf32>) -> tensor<?x?x?x24xf32>\n"
          "  %1 = nn.add %0, %r : (tensor<?x?x?x24xf32>, tensor<?x?x?x24xf32>) "
          "-> tensor<?x?x?x24xf32>",
          "%1 : tensor<?x?x?x24xf32>"),
      {{2, 6, 7, 24}, {}, {2, 6, 7, 24}}, {{2, 6, 7, 24}});
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive code against C++ that states the same arithmetic: raw bits.

#include "lib/Emission/PanelLayout.h"
#include "lib/Numerics/Math.h"
#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace qopt;
using namespace qopt::test;

namespace {

struct Naive {
  explicit Naive(const std::string &text, std::vector<Shape> inputShapes = {})
      : kernel(text), inputs(kernel.makeInputs(inputShapes, 7, false)) {}
  const std::vector<Buffer> &run(std::vector<Shape> outputShapes = {}) {
    outputs =
        kernel.run(*emission::hostIsas().front(), 0, inputs, outputShapes);
    return outputs;
  }
  Kernel kernel;
  std::vector<Buffer> inputs, outputs;
};

TEST(Naive, MatMulAccumulatesAscendingByFma) {
  Naive naive(kernelText("%a: tensor<?x5x9xf32>, %b: tensor<9x4xf32>",
                         "  %0 = nn.matmul %a, %b : (tensor<?x5x9xf32>, "
                         "tensor<9x4xf32>) -> tensor<?x5x4xf32>",
                         "%0 : tensor<?x5x4xf32>"),
              {{2, 5, 9}});
  const Buffer &y = naive.run({{2, 5, 4}})[0];
  const float *a = naive.inputs[0].as<float>(),
              *b = naive.inputs[1].as<float>();
  for (int m = 0; m < 10; ++m)
    for (int n = 0; n < 4; ++n) {
      float sum = 0;
      for (int k = 0; k < 9; ++k)
        sum = std::fma(a[m * 9 + k], b[k * 4 + n], sum);
      EXPECT_EQ(y.as<float>()[m * 4 + n], sum);
    }
}

TEST(Naive, ConvWithEverything) {
  Naive naive(kernelText(
      "%x: tensor<1x6x7x4xui8>, %f: tensor<6x3x2x2xi8>",
      "  %0 = nn.conv %x, %f {strides = array<i64: 2, 1>, pads = array<i64: 1, "
      "0, 2, 1>, dilations = array<i64: 1, 2>, groups = 2 : i64, pad_value = 7 "
      ": i64} : (tensor<1x6x7x4xui8>, tensor<6x3x2x2xi8>) -> "
      "tensor<1x4x6x6xi32>",
      "%0 : tensor<1x4x6x6xi32>"));
  const Buffer &y = naive.run()[0];
  const uint8_t *x = naive.inputs[0].as<uint8_t>();
  const int8_t *f = naive.inputs[1].as<int8_t>();
  for (int oy = 0; oy < 4; ++oy)
    for (int ox = 0; ox < 6; ++ox)
      for (int o = 0; o < 6; ++o) {
        int sum = 0;
        for (int kh = 0; kh < 3; ++kh)
          for (int kw = 0; kw < 2; ++kw)
            for (int c = 0; c < 2; ++c) {
              int iy = oy * 2 + kh - 1, ix = ox + kw * 2;
              bool inside = iy >= 0 && iy < 6 && ix < 7;
              int v = inside ? x[(iy * 7 + ix) * 4 + o / 3 * 2 + c] : 7;
              sum += v * f[((o * 3 + kh) * 2 + kw) * 2 + c];
            }
        EXPECT_EQ(y.as<int32_t>()[(oy * 6 + ox) * 6 + o], sum);
      }
}

float rowSum(const std::vector<float> &row) {
  float partial[16] = {};
  for (size_t i = 0; i < row.size(); ++i)
    partial[i % 16] += row[i];
  for (int distance : {8, 4, 2, 1})
    for (int i = 0; i < distance; ++i)
      partial[i] += partial[i + distance];
  return partial[0];
}

TEST(Naive, SoftmaxUsesSixteenPartialSums) {
  Naive naive(kernelText("%x: tensor<3x37xf32>",
                         "  %0 = nn.softmax %x : (tensor<3x37xf32>) -> "
                         "tensor<3x37xf32>",
                         "%0 : tensor<3x37xf32>"));
  const Buffer &y = naive.run()[0];
  const float *x = naive.inputs[0].as<float>();
  for (int r = 0; r < 3; ++r) {
    float maximum = *std::max_element(x + r * 37, x + r * 37 + 37);
    std::vector<float> e;
    for (int i = 0; i < 37; ++i)
      e.push_back(numerics::exp(x[r * 37 + i] - maximum));
    float scale = 1 / rowSum(e);
    for (int i = 0; i < 37; ++i)
      EXPECT_EQ(y.as<float>()[r * 37 + i], e[i] * scale);
  }
}

TEST(Naive, LayerNorm) {
  Naive naive(kernelText(
      "%x: tensor<2x21xf32>, %g: tensor<21xf32>, %b: tensor<21xf32>",
      "  %0 = nn.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : "
      "(tensor<2x21xf32>, tensor<21xf32>, tensor<21xf32>) -> tensor<2x21xf32>",
      "%0 : tensor<2x21xf32>"));
  const Buffer &y = naive.run()[0];
  const float *x = naive.inputs[0].as<float>(),
              *g = naive.inputs[1].as<float>(),
              *b = naive.inputs[2].as<float>();
  for (int r = 0; r < 2; ++r) {
    std::vector<float> row(x + r * 21, x + r * 21 + 21), squares;
    float mean = rowSum(row) * (1.0f / 21);
    for (float &v : row) {
      v -= mean;
      squares.push_back(v * v);
    }
    float scale = 1 / std::sqrt(rowSum(squares) * (1.0f / 21) + 1e-5f);
    for (int i = 0; i < 21; ++i) {
      float scaled = (row[i] * scale) * g[i];
      EXPECT_EQ(y.as<float>()[r * 21 + i], scaled + b[i]);
    }
  }
}

TEST(Naive, MeanOverHeightAndWidthAscends) {
  Naive naive(kernelText(
      "%x: tensor<1x3x5x4xf32>",
      "  %0 = nn.reduce_mean %x {axes = array<i64: 1, 2>, keepdims = false} : "
      "(tensor<1x3x5x4xf32>) -> tensor<1x4xf32>",
      "%0 : tensor<1x4xf32>"));
  const Buffer &y = naive.run()[0];
  for (int c = 0; c < 4; ++c) {
    float sum = 0;
    for (int i = 0; i < 15; ++i)
      sum += naive.inputs[0].as<float>()[i * 4 + c];
    EXPECT_EQ(y.as<float>()[c], sum / 15);
  }
}

TEST(Naive, GatherWrapsNegativeAndClampsForeignIndices) {
  Naive naive(kernelText(
      "%d: tensor<5x3xf32>, %i: tensor<4xi64>",
      "  %0 = nn.gather %d, %i : (tensor<5x3xf32>, tensor<4xi64>) -> "
      "tensor<4x3xf32>",
      "%0 : tensor<4x3xf32>"));
  int64_t indices[] = {4, -1, -5, 1000};
  std::memcpy(naive.inputs[1].data(), indices, sizeof(indices));
  const Buffer &y = naive.run()[0];
  int64_t expected[] = {4, 4, 0, 4};
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(y.as<float>()[i],
              naive.inputs[0].as<float>()[expected[i / 3] * 3 + i % 3]);
}

TEST(Naive, PadModes) {
  for (std::string mode : {"constant", "edge", "reflect"}) {
    Naive naive(kernelText(
        "%x: tensor<4xi64>",
        "  %0 = nn.pad %x {low = array<i64: 2>, high = array<i64: 3>, mode = " +
            std::to_string(mode == "constant" ? 0
                           : mode == "edge"   ? 1
                                              : 2) +
            " : i32, value = 9.0 : f32} : (tensor<4xi64>) -> tensor<9xi64>",
        "%0 : tensor<9xi64>"));
    int64_t x[] = {1, 2, 3, 4};
    std::memcpy(naive.inputs[0].data(), x, sizeof(x));
    const Buffer &y = naive.run()[0];
    int64_t expected[3][9] = {{9, 9, 1, 2, 3, 4, 9, 9, 9},
                              {1, 1, 1, 2, 3, 4, 4, 4, 4},
                              {3, 2, 1, 2, 3, 4, 3, 2, 1}};
    for (int i = 0; i < 9; ++i)
      EXPECT_EQ(y.as<int64_t>()[i], expected[mode == "constant" ? 0
                                             : mode == "edge"   ? 1
                                                                : 2][i]);
  }
}

TEST(Naive, SliceAtAnIndexInput) {
  Naive naive(kernelText(
      "%x: tensor<9xi64>, %o: index",
      "  %0 = nn.slice %x [%o] [3] {strides = array<i64: 2>} : (tensor<9xi64>) "
      "-> tensor<3xi64>",
      "%0 : tensor<3xi64>"));
  naive.kernel.indices = {3};
  const Buffer &y = naive.run()[0];
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(y.as<int64_t>()[i], naive.inputs[0].as<int64_t>()[3 + 2 * i]);
}

TEST(Naive, UnpackedPanelsGiveTheFilterBack) {
  // A 3-channel filter: taps of 2 * 3 inputs, 18 outputs in two panels.
  emission::PanelShape shape = emission::convPanels(18, 2, 2, 3, 1, 1);
  std::vector<int8_t> filter(18 * 2 * 2 * 3);
  for (size_t i = 0; i < filter.size(); ++i)
    filter[i] = int8_t(i * 7);
  auto layout = emission::PanelLayout::Panel16x4;
  std::vector<char> packed = emission::packPanels(
      layout, shape, emission::filterSource(filter.data(), shape));
  std::string type = "tensor<" + std::to_string(packed.size()) + "xi8>";
  Naive naive(kernelText(
      "%x: tensor<1x4x4x3xui8>, %p: " + type,
      "  %w = exec.unpack_panels %p {layout = \"" +
          emission::panelLayoutName(layout).str() + "\"} : (" + type +
          ") -> tensor<18x2x2x3xi8>\n"
          "  %0 = nn.conv %x, %w : (tensor<1x4x4x3xui8>, tensor<18x2x2x3xi8>) "
          "-> tensor<1x3x3x18xi32>",
      "%0, %w : tensor<1x3x3x18xi32>, tensor<18x2x2x3xi8>"));
  std::memcpy(naive.inputs[1].data(), packed.data(), packed.size());
  const std::vector<Buffer> &y = naive.run();
  for (size_t i = 0; i < filter.size(); ++i)
    EXPECT_EQ(y[1].as<int8_t>()[i], filter[i]) << i;
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contractions with what is fused behind them, against naive code. The inner
// kernels have tests of their own in test/lib/Emission/ContractionTest.cpp.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

TEST(Contraction, BiasGeluAndResidual) {
  // 40 inputs, 35 outputs: 3 panels of 40 steps of 16 floats.
  std::string text = kernelText(
      "%a: tensor<2x?x40xf32>, %p: tensor<1920xf32>, %b: tensor<35xf32>, "
      "%r: tensor<2x?x35xf32>",
      "  %w = exec.unpack_panels %p {layout = \"panel16x1\"} : "
      "(tensor<1920xf32>) -> tensor<40x35xf32>\n"
      "  %0 = nn.matmul %a, %w : (tensor<2x?x40xf32>, tensor<40x35xf32>) -> "
      "tensor<2x?x35xf32>\n"
      "  %1 = nn.add %0, %b : (tensor<2x?x35xf32>, tensor<35xf32>) -> "
      "tensor<2x?x35xf32>\n"
      "  %2 = nn.gelu %1 : (tensor<2x?x35xf32>) -> tensor<2x?x35xf32>\n"
      "  %3 = nn.add %r, %2 : (tensor<2x?x35xf32>, tensor<2x?x35xf32>) -> "
      "tensor<2x?x35xf32>",
      "%3 : tensor<2x?x35xf32>");
  for (int64_t rows : {1, 5, 21})
    expectEmitter("contraction", text,
                  {{2, rows, 40}, {1920}, {35}, {2, rows, 35}},
                  {{2, rows, 35}});
  // A residual of one row repeats.
  expectEmitter("contraction", text, {{2, 5, 40}, {1920}, {35}, {2, 1, 35}},
                {{2, 5, 35}});
}

TEST(Contraction, BytesRescaledByColumnAndRow) {
  expectEmitter(
      "contraction",
      kernelText(
          "%a: tensor<?x24xui8>, %p: tensor<1536xi8>, %b: tensor<60xi32>, "
          "%s: tensor<60xf32>, %rs: tensor<?x1xf32>",
          "  %w = exec.unpack_panels %p {layout = \"panel16x4\"} : "
          "(tensor<1536xi8>) -> tensor<24x60xi8>\n"
          "  %0 = nn.matmul %a, %w : (tensor<?x24xui8>, tensor<24x60xi8>) -> "
          "tensor<?x60xi32>\n"
          "  %1 = nn.add %0, %b : (tensor<?x60xi32>, tensor<60xi32>) -> "
          "tensor<?x60xi32>\n"
          "  %2 = lowbit.rescale %1, %s, %rs : (tensor<?x60xi32>, "
          "tensor<60xf32>, tensor<?x1xf32>) -> tensor<?x60xf32>",
          "%2 : tensor<?x60xf32>"),
      {{19, 24}, {1536}, {60}, {60}, {19, 1}}, {{19, 60}});
}

TEST(Contraction, ConvolutionRequantized) {
  // A tap is a kernel row: 3 * 5 bytes, 4 steps; 3 taps, 2 panels.
  expectEmitter(
      "contraction",
      kernelText(
          "%x: tensor<2x9x8x5xui8>, %p: tensor<1536xi8>, %b: tensor<20xi32>, "
          "%m: tensor<20xf32>, %z: tensor<i32>",
          "  %f = exec.unpack_panels %p {layout = \"panel16x4\"} : "
          "(tensor<1536xi8>) -> tensor<20x3x3x5xi8>\n"
          "  %0 = nn.conv %x, %f {strides = array<i64: 2, 1>, pads = array<i64: "
          "1, 1, 1, 0>, pad_value = 9 : i64} : (tensor<2x9x8x5xui8>, "
          "tensor<20x3x3x5xi8>) -> tensor<2x5x7x20xi32>\n"
          "  %1 = nn.add %0, %b : (tensor<2x5x7x20xi32>, tensor<20xi32>) -> "
          "tensor<2x5x7x20xi32>\n"
          "  %2 = lowbit.requantize %1, %m, %z {lo = 3 : i32, hi = 250 : i32} : "
          "(tensor<2x5x7x20xi32>, tensor<20xf32>, tensor<i32>) -> "
          "tensor<2x5x7x20xui8>",
          "%2 : tensor<2x5x7x20xui8>"));
}

TEST(Contraction, ConvolutionOfOneRowSkipsPixels) {
  // Output pixels lie two input pixels apart: no plain matrix.
  expectEmitter(
      "contraction",
      kernelText("%x: tensor<2x1x10x4xf32>, %p: tensor<192xf32>",
                 "  %f = exec.unpack_panels %p {layout = \"panel16x1\"} : "
                 "(tensor<192xf32>) -> tensor<5x1x3x4xf32>\n"
                 "  %0 = nn.conv %x, %f {strides = array<i64: 1, 2>} : "
                 "(tensor<2x1x10x4xf32>, tensor<5x1x3x4xf32>) -> "
                 "tensor<2x1x4x5xf32>",
                 "%0 : tensor<2x1x4x5xf32>"));
}

TEST(Contraction, BlocksOf24) {
  // 48 inputs: 6 steps; 2 panels; 2 blocks of three steps.
  expectEmitter(
      "contraction",
      kernelText(
          "%a: tensor<7x48xi8>, %p: tensor<768xi8>, %s: tensor<64xf16>",
          "  %w = exec.unpack_panels %p {layout = \"panel16x8\"} : "
          "(tensor<768xi8>) -> tensor<48x20xui8>\n"
          "  %t = exec.unpack_panels %s {layout = \"panel_scales\"} : "
          "(tensor<64xf16>) -> tensor<2x20xf16>\n"
          "  %0 = lowbit.block_matmul %a, %w, %t {block = 24 : i64} : "
          "(tensor<7x48xi8>, tensor<48x20xui8>, tensor<2x20xf16>) -> "
          "tensor<7x20xf32>",
          "%0 : tensor<7x20xf32>"));
}

TEST(Contraction, BlocksScaledByRow) {
  // 64 inputs: 8 steps; 3 panels; 2 blocks.
  expectEmitter(
      "contraction",
      kernelText(
          "%a: tensor<?x64xi8>, %p: tensor<1536xi8>, %s: tensor<96xf16>, "
          "%rs: tensor<?x1xf32>",
          "  %w = exec.unpack_panels %p {layout = \"panel16x8\"} : "
          "(tensor<1536xi8>) -> tensor<64x40xui8>\n"
          "  %t = exec.unpack_panels %s {layout = \"panel_scales\"} : "
          "(tensor<96xf16>) -> tensor<2x40xf16>\n"
          "  %0 = lowbit.block_matmul %a, %w, %t {block = 32 : i64} : "
          "(tensor<?x64xi8>, tensor<64x40xui8>, tensor<2x40xf16>) -> "
          "tensor<?x40xf32>\n"
          "  %1 = nn.mul %0, %rs : (tensor<?x40xf32>, tensor<?x1xf32>) -> "
          "tensor<?x40xf32>",
          "%1 : tensor<?x40xf32>"),
      {{11, 64}, {1536}, {96}, {11, 1}}, {{11, 40}});
}

TEST(Contraction, BatchedMatricesBroadcast) {
  std::string text = kernelText(
      "%a: tensor<?x3x7x?xf32>, %b: tensor<3x?x?xf32>",
      "  %0 = nn.matmul %a, %b : (tensor<?x3x7x?xf32>, tensor<3x?x?xf32>) -> "
      "tensor<?x3x7x?xf32>\n"
      "  %1 = nn.relu %0 : (tensor<?x3x7x?xf32>) -> tensor<?x3x7x?xf32>",
      "%1 : tensor<?x3x7x?xf32>");
  expectEmitter("contraction", text, {{2, 3, 7, 9}, {3, 9, 33}},
                {{2, 3, 7, 33}});
  expectEmitter("contraction", text, {{1, 3, 7, 4}, {3, 4, 1}},
                {{1, 3, 7, 1}});
}

TEST(Contraction, TwoResults) {
  expectEmitter(
      "contraction",
      kernelText("%a: tensor<6x12xf32>, %b: tensor<12x18xf32>",
                 "  %0 = nn.matmul %a, %b : (tensor<6x12xf32>, "
                 "tensor<12x18xf32>) -> tensor<6x18xf32>\n"
                 "  %1 = nn.sigmoid %0 : (tensor<6x18xf32>) -> "
                 "tensor<6x18xf32>",
                 "%0, %1 : tensor<6x18xf32>, tensor<6x18xf32>"));
}

TEST(Contraction, DeclinesUnpackedBytes) {
  expectEmitter("naive",
                kernelText("%a: tensor<6x12xui8>, %b: tensor<12x18xi8>",
                           "  %0 = nn.matmul %a, %b : (tensor<6x12xui8>, "
                           "tensor<12x18xi8>) -> tensor<6x18xi32>",
                           "%0 : tensor<6x18xi32>"));
}

} // namespace

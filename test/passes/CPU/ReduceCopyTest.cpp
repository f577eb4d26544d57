// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions, gather, concat and pad against naive code.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

TEST(Reduce, AdjacentAxes) {
  struct Case {
    std::string input, axes, output;
  };
  for (auto &[input, axes, output] :
       {Case{"2x5x7x40", "1, 2", "2x40"}, Case{"2x5x7x130", "1, 2", "2x130"},
        Case{"3x37", "1", "3"}, Case{"2x3x4x21", "1, 2, 3", "2"},
        Case{"6x5x3", "0", "5x3"}, Case{"5x3", "0, 1", ""}})
    for (std::string op : {"sum", "mean", "max", "min"})
      for (std::string element : {"f32", "i64", "i32"}) {
        std::string x = "tensor<" + input + "x" + element + ">";
        std::string y =
            "tensor<" + output + (output.empty() ? "" : "x") + element + ">";
        expectEmitter(
            "reduce",
            kernelText("%x: " + x,
                       "  %0 = nn.reduce_" + op + " %x {axes = array<i64: " +
                           axes + ">, keepdims = false} : (" + x + ") -> " + y,
                       "%0 : " + y));
      }
}

TEST(Copy, Gather) {
  struct Case {
    std::string data, indices, axis, output;
  };
  for (auto &[data, indices, axis, output] :
       {Case{"50x64", "2x7", "0", "2x7x64"}, Case{"5x3", "4", "0", "4x3"},
        Case{"4x6x20", "3", "1", "4x3x20"}, Case{"4x6", "", "1", "4"}})
    for (std::string element : {"f32", "ui8"}) {
      std::string d = "tensor<" + data + "x" + element + ">";
      std::string i =
          "tensor<" + indices + (indices.empty() ? "" : "x") + "i64>";
      std::string y = "tensor<" + output + "x" + element + ">";
      expectEmitter("copy",
                    kernelText("%d: " + d + ", %i: " + i,
                               "  %0 = nn.gather %d, %i {axis = " + axis +
                                   " : i64} : (" + d + ", " + i + ") -> " + y,
                               "%0 : " + y));
    }
}

TEST(Copy, Concat) {
  for (std::string element : {"f32", "i64", "i1"}) {
    std::string e = "x" + element + ">";
    expectEmitter(
        "copy",
        kernelText(
            "%a: tensor<3x5x18" + e + ", %b: tensor<3x1x18" + e +
                ", %c: tensor<3x9x18" + e,
            "  %0 = nn.concat %a, %b, %c {axis = 1 : i64} : (tensor<3x5x18" +
                e + ", tensor<3x1x18" + e + ", tensor<3x9x18" + e +
                ") -> tensor<3x15x18" + e,
            "%0 : tensor<3x15x18" + e));
  }
  expectEmitter(
      "copy",
      kernelText("%a: tensor<?x9xf32>, %b: tensor<?x9xf32>",
                 "  %0 = nn.concat %a, %b {axis = 0 : i64} : (tensor<?x9xf32>, "
                 "tensor<?x9xf32>) -> tensor<?x9xf32>",
                 "%0 : tensor<?x9xf32>"),
      {{3000, 9}, {7, 9}}, {{3007, 9}});
}

TEST(Copy, Pad) {
  for (std::string element : {"f32", "ui8", "i64"})
    expectEmitter(
        "copy",
        kernelText(
            "%x: tensor<2x5x6x3x" + element + ">",
            "  %0 = nn.pad %x {low = array<i64: 0, 1, 2, 0>, high = array<i64: "
            "0, 2, 1, 4>, value = 3.0 : f32} : (tensor<2x5x6x3x" +
                element + ">) -> tensor<2x8x9x7x" + element + ">",
            "%0 : tensor<2x8x9x7x" + element + ">"));
}

} // namespace

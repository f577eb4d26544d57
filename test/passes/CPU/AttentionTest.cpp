// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention kernels against naive code.

#include "test/passes/CPU/KernelHarness.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

std::string attention(std::string q, std::string k, std::string v,
                      std::string mask, std::string y) {
  auto type = [](std::string shape) { return "tensor<" + shape + "xf32>"; };
  std::string arguments =
      "%q: " + type(q) + ", %k: " + type(k) + ", %v: " + type(v);
  std::string operands = "%q, %k, %v",
              types = type(q) + ", " + type(k) + ", " + type(v);
  if (!mask.empty()) {
    arguments += ", %m: " + type(mask);
    operands += ", %m";
    types += ", " + type(mask);
  }
  return kernelText(arguments,
                    "  %0 = nn.attention " + operands +
                        " {scale = 0.125 : f32} : (" + types + ") -> " +
                        type(y),
                    "%0 : " + type(y));
}

TEST(Attention, StaticShapes) {
  expectEmitter("attention", attention("1x3x50x32", "1x3x50x32", "1x3x50x32",
                                       "", "1x3x50x32"));
  expectEmitter("attention", attention("2x2x7x20", "2x2x70x20", "2x2x70x36",
                                       "2x1x1x70", "2x2x7x36"));
  expectEmitter("attention",
                attention("4x1x64", "4x130x64", "4x130x64", "1x130", "4x1x64"));
}

TEST(Attention, DynamicSequenceWithBroadcastMask) {
  std::string text =
      attention("?x2x?x16", "?x2x?x16", "?x2x?x16", "?x1x?x?", "?x2x?x16");
  for (int64_t mask : {1, 65})
    expectEmitter(
        "attention", text,
        {{2, 2, 65, 16}, {2, 2, 65, 16}, {2, 2, 65, 16}, {1, 1, mask, 65}},
        {{2, 2, 65, 16}});
  expectEmitter("attention", text,
                {{1, 2, 5, 16}, {1, 2, 5, 16}, {1, 2, 5, 16}, {1, 1, 5, 1}},
                {{1, 2, 5, 16}});
}

TEST(Attention, GroupedHeads) {
  // Four heads of queries to one of keys and values, masked and not.
  expectEmitter("attention",
                attention("2x3x4x50x32", "2x3x1x70x32", "2x3x1x70x20", "",
                          "2x3x4x50x20"));
  expectEmitter("attention", attention("2x3x4x1x16", "2x3x1x17x16",
                                       "2x3x1x17x16", "2x1x1x1x17",
                                       "2x3x4x1x16"));
  // Keys or values alone; all heads alike; another axis than the last.
  expectEmitter("attention", attention("2x3x5x16", "2x1x9x16", "2x3x9x16", "",
                                       "2x3x5x16"));
  expectEmitter("attention", attention("2x3x5x16", "2x3x9x16", "1x1x9x16", "",
                                       "2x3x5x16"));
  expectEmitter("attention", attention("4x3x5x16", "1x3x9x16", "1x3x9x16", "",
                                       "4x3x5x16"));
}

TEST(Attention, GroupedHeadsOfDynamicSizes) {
  std::string text = attention("?x3x3x?x16", "?x3x1x?x16", "?x3x1x?x16",
                               "?x1x1x?x?", "?x3x3x?x16");
  expectEmitter("attention", text,
                {{2, 3, 3, 5, 16},
                 {2, 3, 1, 66, 16},
                 {2, 3, 1, 66, 16},
                 {2, 1, 1, 5, 66}},
                {{2, 3, 3, 5, 16}});
  // No heads at all.
  expectEmitter("attention",
                attention("2x?x5x16", "2x1x9x16", "2x1x9x16", "", "2x?x5x16"),
                {{2, 0, 5, 16}, {2, 1, 9, 16}, {2, 1, 9, 16}},
                {{2, 0, 5, 16}});
}

} // namespace

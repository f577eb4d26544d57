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

} // namespace

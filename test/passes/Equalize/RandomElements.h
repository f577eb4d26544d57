// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements for tests, drawn at random.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "passes/Equalize/ChannelElements.h"
#include <random>

namespace qopt {

// One element for each block of a space, of the space's kind.
ChannelElement randomElement(const ChannelSpace &space, std::mt19937 &random);

// Acts on every free space of `kind`, norms prepared where need be; returns on
// how many. Failures of the rewriter are failures of the test.
int actOnAll(mlir::func::FuncOp function, nn::Groups kind,
             std::mt19937 &random);

} // namespace qopt

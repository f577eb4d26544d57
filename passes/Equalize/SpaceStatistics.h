// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What calibration knows of the values of a space, when a diagonal acts on it.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "lib/Calibration/Statistics.h"
#include "passes/Equalize/ChannelElements.h"

namespace qopt {

// All values of `space`, each once, in program order.
std::vector<mlir::Value> valuesOf(const ChannelSpace &space);

// Scales what is known of each value by channel, and drops what cannot be
// scaled (histograms). `element` is a diagonal; its factors are what activations
// are multiplied with.
void rescaleStatistics(Statistics &statistics, const ChannelSpace &space,
                       const ChannelElement &element);

} // namespace qopt

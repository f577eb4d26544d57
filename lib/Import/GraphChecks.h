// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Structure of an ONNX graph: every name defined once and before its use,
// nodes in topological order, tensors that can be read, bounded nesting.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <onnx/onnx_pb.h>

namespace qopt::import {

struct ReadLimits;

/// Says why a tensor's bytes cannot be had.
using TensorCheck = llvm::function_ref<llvm::Error(const onnx::TensorProto &)>;

/// Checks `graph` and the graphs nested in it; sorts nodes that are out of
/// order (stably: a sorted graph keeps its order). All undefined names of a
/// graph are reported together, each with its node.
llvm::Error checkAndSortGraph(onnx::GraphProto &graph, const ReadLimits &limits,
                              TensorCheck checkTensor);

} // namespace qopt::import

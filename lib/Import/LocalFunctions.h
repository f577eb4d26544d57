// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Functions that a model defines for itself: every node that calls one becomes
// the function's nodes, before anything else looks at the graph.
#pragma once

#include "lib/Import/ModelReader.h"

namespace qopt::import {

/// Replaces all calls, those in inner graphs and in functions included. Fails
/// on functions that call themselves and beyond `limits`.
llvm::Error expandLocalFunctions(onnx::ModelProto &model,
                                 const ReadLimits &limits);

} // namespace qopt::import

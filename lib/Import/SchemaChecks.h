// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A node against its operator's schema, which the ONNX library holds: names and
// types of attributes, number of outputs, element types of inputs. An importer
// need not check them again.
//
// The library may be older than the model's opset. Then only what no later
// version takes back is checked: the types of attributes it knows, and that
// inputs declared alike are alike.
#pragma once

#include "lib/Import/OnnxTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <onnx/onnx_pb.h>

namespace qopt::import {

/// BadModel when the attributes of `node` contradict each other or the schema.
llvm::Error checkAttributes(const onnx::NodeProto &node, int64_t opset);

/// BadModel when an input has an element type the operator does not take, or
/// another than an input that must be alike. `types`: of every input, Undefined
/// where absent or not known.
llvm::Error checkInputTypes(const onnx::NodeProto &node, int64_t opset,
                            llvm::ArrayRef<OnnxType> types);

} // namespace qopt::import

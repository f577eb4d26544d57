// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognizes files that are no ONNX model, to say what they are.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace qopt::import {

/// What `bytes` look like if not ONNX ("a ZIP archive, as PyTorch saves ..."),
/// or an empty string when nothing is recognized.
llvm::StringRef describeForeignFile(llvm::StringRef bytes);

} // namespace qopt::import

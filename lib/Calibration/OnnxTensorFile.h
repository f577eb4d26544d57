// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A serialized ONNX TensorProto, as test data sets hold them.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/Support/Error.h"

namespace qopt {

// `name` serves the message.
llvm::Expected<HostTensor> parseOnnxTensor(llvm::StringRef bytes,
                                           llvm::StringRef name);

llvm::Expected<HostTensor> readOnnxTensor(llvm::StringRef path);

} // namespace qopt

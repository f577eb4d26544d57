// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// numpy's .npy (format 1 to 3) and .npz (a zip of .npy, stored or deflated).
// Every length in a file is checked before it is believed.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/Support/Error.h"

namespace qopt {

// `name` serves the message and becomes the tensor's name.
llvm::Expected<HostTensor> parseNpy(llvm::StringRef bytes,
                                    llvm::StringRef name);

// The arrays of a zip in the order of its directory, named without ".npy".
llvm::Expected<std::vector<HostTensor>> parseNpz(llvm::StringRef bytes);

llvm::Expected<HostTensor> readNpy(llvm::StringRef path);
llvm::Expected<std::vector<HostTensor>> readNpz(llvm::StringRef path);

} // namespace qopt

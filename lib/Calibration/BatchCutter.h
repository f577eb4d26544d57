// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arrays against the inputs they are meant for: checked, and cut into batches.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/Support/Error.h"
#include <deque>

namespace qopt {

// `arrays` stand in the order of `inputs`. Appends batches to `batches`.
llvm::Error cutBatches(std::vector<HostTensor> arrays,
                       llvm::ArrayRef<InputSpec> inputs, int64_t rowsPerBatch,
                       std::deque<std::vector<HostTensor>> &batches);

} // namespace qopt

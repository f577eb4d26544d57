// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs large inputs a piece at a time.
#ifndef QRUN_BATCHES_H
#define QRUN_BATCHES_H

#include "Session.h"

namespace qrun {

// Runs the session on `inputs`, `batch` entries of axis 0 at a time (0: all
// at once), and joins the outputs. Pieces are taken from the inputs whose
// axis 0 the model leaves open or wants smaller than it is.
Failure runBatches(Session &session, const std::vector<Tensor> &inputs,
                   int64_t batch, std::vector<Tensor> &outputs);

// Sets the inputs, only their first `batch` entries where they are cut.
Failure setFirstBatch(Session &session, const std::vector<Tensor> &inputs,
                      int64_t batch);

} // namespace qrun

#endif // QRUN_BATCHES_H

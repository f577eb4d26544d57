// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares outputs with references and labels, and holds the gate.
#ifndef QRUN_JUDGE_H
#define QRUN_JUDGE_H

#include "Session.h"

namespace qrun {

// Reads every file of --expect and --labels before anything is run.
class Judge {
public:
  Failure read(const Session &session, const Options &options);
  // Prints the metrics. Fails with ExitAccuracy where the gate is shut;
  // `json` is complete by then.
  Failure judge(const std::vector<Tensor> &outputs, const Options &options,
                JsonWriter *json) const;

private:
  struct Reference {
    uint32_t output;
    Tensor tensor;
  };
  std::vector<Reference> expected, labels;
};

} // namespace qrun

#endif // QRUN_JUDGE_H

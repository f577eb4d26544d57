// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the command line to one tensor per input of the model.
#ifndef QRUN_INPUTS_H
#define QRUN_INPUTS_H

#include "Session.h"

namespace qrun {

// Reads the files of --input; what they leave open is random if --random-seed
// or --bench allows it. inputs[i] is for input i.
Failure gatherInputs(const Session &session, const Options &options,
                     std::vector<Tensor> &inputs);

// Reads the one tensor a binding means; `name` picks it from an .npz without
// a key.
Failure readOne(const FileBinding &binding, const std::string &name,
                Tensor &tensor);

} // namespace qrun

#endif // QRUN_INPUTS_H

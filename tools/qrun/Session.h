// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model with its context and ports.
#ifndef QRUN_SESSION_H
#define QRUN_SESSION_H

#include "Json.h"
#include "Options.h"
#include "Tensor.h"

namespace qrun {

class Session {
public:
  Session() = default;
  Session(const Session &) = delete;
  ~Session();

  Failure open(const Options &options);
  // Of the port called `name`; an empty name means the only one there is.
  Failure findInput(const std::string &name, uint32_t &index) const;
  Failure findOutput(const std::string &name, uint32_t &index) const;

  Failure setInput(uint32_t index, const Tensor &tensor);
  Failure run() { return qrt_context_run(context); }
  Failure output(uint32_t index, Tensor &tensor) const;

  qrt_model_t *model = nullptr;
  qrt_context_t *context = nullptr;
  std::vector<qrt_port_info_t> inputs, outputs;

  qrt_model_info_t info() const;
  qrt_context_stats_t stats() const;
};

// "f32[batch x 3 x 224 x 224]".
std::string typeOf(const qrt_port_info_t &port);

// What --info prints.
void describe(const Session &session, JsonWriter *json);

} // namespace qrun

#endif // QRUN_SESSION_H

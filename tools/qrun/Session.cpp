// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Session.h"
#include <cstdio>

using namespace qrun;

Session::~Session() {
  qrt_context_release(context);
  qrt_model_release(model);
}

Failure Session::open(const Options &options) {
  qrt_model_options_t modelOptions;
  qrt_model_options_init(&modelOptions);
  modelOptions.isa = options.isa.empty() ? nullptr : options.isa.c_str();
  if (Failure failure =
          qrt_model_open_file(options.model.c_str(), &modelOptions, &model))
    return failure;
  qrt_context_options_t contextOptions;
  qrt_context_options_init(&contextOptions);
  contextOptions.threads = options.threads;
  contextOptions.iteration_limit = uint64_t(options.loopLimit);
  if (Failure failure = qrt_context_create(model, &contextOptions, &context))
    return failure;
  inputs.resize(info().input_count);
  outputs.resize(info().output_count);
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (Failure failure = qrt_model_input(model, i, &inputs[i]))
      return failure;
  for (uint32_t i = 0; i < outputs.size(); ++i)
    if (Failure failure = qrt_model_output(model, i, &outputs[i]))
      return failure;
  return {};
}

static Failure ambiguous(const char *what,
                         const std::vector<qrt_port_info_t> &ports) {
  std::string text =
      format("the model has %zu %ss; name one of:", ports.size(), what);
  for (const qrt_port_info_t &port : ports)
    text += std::string(" ") + port.name;
  return Failure(ExitUsage, text);
}

Failure Session::findInput(const std::string &name, uint32_t &index) const {
  index = 0;
  if (!name.empty())
    return qrt_model_find_input(model, name.c_str(), &index);
  return inputs.size() == 1 ? Failure() : ambiguous("input", inputs);
}

Failure Session::findOutput(const std::string &name, uint32_t &index) const {
  index = 0;
  if (!name.empty())
    return qrt_model_find_output(model, name.c_str(), &index);
  return outputs.size() == 1 ? Failure() : ambiguous("output", outputs);
}

Failure Session::setInput(uint32_t index, const Tensor &tensor) {
  qrt_array_t array = {
      tensor.dtype, uint32_t(tensor.shape.size()), tensor.shape.data(),
      const_cast<char *>(tensor.data.data()), tensor.data.size()};
  return qrt_context_set_input(context, index, &array);
}

Failure Session::output(uint32_t index, Tensor &tensor) const {
  qrt_array_t array;
  if (Failure failure = qrt_context_output(context, index, &array))
    return failure;
  tensor = Tensor::copyOf(outputs[index].name, array);
  return {};
}

qrt_model_info_t Session::info() const {
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  return info;
}

qrt_context_stats_t Session::stats() const {
  qrt_context_stats_t stats;
  qrt_context_stats(context, &stats);
  return stats;
}

std::string qrun::typeOf(const qrt_port_info_t &port) {
  std::string text = qrt_dtype_name(port.dtype) + std::string("[");
  for (uint32_t axis = 0; axis < port.rank; ++axis) {
    text += axis ? " x " : "";
    if (port.shape[axis] >= 0)
      text += std::to_string(port.shape[axis]);
    else
      text += *port.symbols[axis] ? port.symbols[axis] : "?";
  }
  return text + "]";
}

static void describePorts(const char *what,
                          const std::vector<qrt_port_info_t> &ports,
                          JsonWriter *json) {
  if (json)
    json->beginList(what);
  for (const qrt_port_info_t &port : ports) {
    if (!json) {
      std::printf("%s %s: %s\n", what, port.name, typeOf(port).c_str());
      continue;
    }
    json->begin().string("name", port.name);
    json->string("dtype", qrt_dtype_name(port.dtype));
    json->shape("shape", {port.shape, port.shape + port.rank}).end();
  }
  if (json)
    json->end();
}

void qrun::describe(const Session &session, JsonWriter *json) {
  qrt_model_info_t info = session.info();
  describePorts(json ? "inputs" : "input", session.inputs, json);
  describePorts(json ? "outputs" : "output", session.outputs, json);
  std::string isas;
  for (uint32_t i = 0; i < info.isa_count; ++i)
    isas += (i ? ", " : "") + std::string(qrt_model_isa(session.model, i));
  if (json) {
    json->string("producer", info.producer).beginList("isas");
    for (uint32_t i = 0; i < info.isa_count; ++i)
      json->string(nullptr, qrt_model_isa(session.model, i));
    json->end().string("isa", info.isa).integer("file_bytes", info.file_bytes);
    json->integer("weight_bytes", info.weight_bytes);
    json->integer("code_bytes", info.code_bytes);
    json->integer("kernels", info.kernel_count);
    json->integer("commands", info.command_count);
    return;
  }
  std::printf("producer: %s\ncode for: %s (in use: %s)\n", info.producer,
              isas.c_str(), info.isa);
  std::printf("file: %llu bytes, weights %llu, code in use %llu\n",
              (unsigned long long)info.file_bytes,
              (unsigned long long)info.weight_bytes,
              (unsigned long long)info.code_bytes);
  std::printf("%u kernels, %u commands\n", info.kernel_count,
              info.command_count);
}

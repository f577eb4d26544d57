// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The context's settings; Run.cpp runs it.

#include "runtime/core/Context.h"
#include <cinttypes>
#include <cstring>

using namespace qrt;

qrt_context::~qrt_context() {
  for (Port &port : inputs)
    if (port.owned)
      allocator.release(allocator.self, port.owned, port.ownedBytes);
  for (Port &port : outputs)
    if (port.owned)
      allocator.release(allocator.self, port.owned, port.ownedBytes);
  for (Plan *plan : plans)
    destroy(allocator, plan);
  for (Buffer *arena : arenas)
    destroy(allocator, arena);
  for (Call *call : calls)
    destroy(allocator, call);
}

// What the program's tables say how much there is of.
qrt_status_t qrt_context::openPorts() {
  QRT_TRY(inputs.allocate(allocator, tables().inputs.size()));
  QRT_TRY(outputs.allocate(allocator, tables().outputs.size()));
  QRT_TRY(weightOverrides.allocate(allocator, tables().storages.size()));
  QRT_TRY(shapes.allocate(allocator,
                          size_t(tables().inputs.size()) * QRT_MAX_RANK));
  QRT_TRY(arenas.allocate(allocator, program->stages.count()));
  for (Buffer *&arena : arenas)
    if (!(arena = create<Buffer>(allocator)))
      return makeStatus(QRT_RESOURCES, "no memory for a context");
  QRT_TRY(calls.allocate(allocator, tables().commands.size()));
  for (uint32_t i = 0; i < calls.size(); ++i) {
    const qrt_command_t &command = tables().commands[i];
    if (!isCall(command))
      continue;
    if (!(calls[i] = create<Call>(allocator)))
      return makeStatus(QRT_RESOURCES, "no memory for a context");
    uint32_t results = command.operand_count - command.input_count;
    calls[i]->allocator = allocator;
    QRT_TRY(calls[i]->results.allocate(allocator, results));
    QRT_TRY(calls[i]->resultBytes.allocate(allocator, results));
  }
  return nullptr;
}

qrt_status_t qrt_context::open(qrt_model_t *newModel,
                               const qrt_context_options_t &options) {
  model = newModel;
  program = &newModel->main;
  executor = options.executor;
  iterationLimit = options.iteration_limit;
  QRT_TRY(openPorts());
  QRT_TRY(profiles.allocate(allocator, newModel->commandCount()));
  if (executor.parallel) {
    threads = executor.concurrency ? executor.concurrency : 1;
    return nullptr;
  }
  threads = options.threads ? options.threads : availableCpus();
  if (threads > 1024)
    return makeStatus(QRT_USAGE, "%u threads are too many", threads);
  return pool.start(threads, allocator);
}

// Makes `port` own at least `bytes` bytes.
qrt_status_t qrt_context::reserve(Port &port, size_t bytes) {
  size_t wanted = bytes ? bytes : 1;
  if (port.owned && port.ownedBytes >= wanted)
    return nullptr;
  if (port.owned)
    allocator.release(allocator.self, port.owned, port.ownedBytes);
  port.owned = allocator.allocate(allocator.self, wanted, QRT_DATA_ALIGNMENT);
  port.ownedBytes = port.owned ? wanted : 0;
  return port.owned
             ? nullptr
             : makeStatus(QRT_RESOURCES, "no memory for %zu bytes", wanted);
}

// Everything about `array` that can be checked without the other inputs.
static qrt_status_t checkInput(const Tables &tables, uint32_t index,
                               const qrt_array_t &array) {
  if (index >= tables.inputs.size())
    return makeStatus(QRT_USAGE, "there is no input %u; the model has %u",
                      index, tables.inputs.size());
  const qrt_port_t &port = tables.inputs[index];
  const qrt_tensor_t &tensor = tables.tensors[port.tensor];
  const char *name = tables.string(port.name);
  if (uint32_t(array.dtype) != tensor.dtype)
    return makeStatus(QRT_BAD_INPUT, "input '%s' is %s, expected %s", name,
                      qrt_dtype_name(array.dtype),
                      qrt_dtype_name(qrt_dtype_t(tensor.dtype)));
  if (array.rank != tensor.rank)
    return makeStatus(QRT_BAD_INPUT, "input '%s' has %u axes, expected %u",
                      name, array.rank, tensor.rank);
  uint64_t bytes = dtypeSize(tensor.dtype);
  for (uint32_t axis = 0; axis < array.rank; ++axis)
    if (array.shape[axis] < 0 ||
        __builtin_mul_overflow(bytes, uint64_t(array.shape[axis]), &bytes))
      return makeStatus(QRT_BAD_INPUT, "input '%s' has a malformed shape",
                        name);
  if (bytes != array.bytes)
    return makeStatus(QRT_BAD_INPUT,
                      "input '%s' has %zu bytes, but its shape needs %" PRIu64,
                      name, array.bytes, bytes);
  if (!array.data && bytes)
    return makeStatus(QRT_USAGE, "input '%s' has no data", name);
  return checkInputShape(tables, index, array.shape);
}

qrt_status_t qrt_context::setInput(uint32_t index, const qrt_array_t &array,
                                   bool lend) {
  QRT_TRY(checkInput(tables(), index, array));
  Port &port = inputs[index];
  if (lend && !isAligned(array.data))
    return makeStatus(QRT_USAGE,
                      "borrowed memory of input %u is not aligned "
                      "to %u bytes",
                      index, QRT_DATA_ALIGNMENT);
  if (!lend) {
    QRT_TRY(reserve(port, array.bytes));
    if (array.bytes)
      std::memcpy(port.owned, array.data, array.bytes);
  }
  port.lent = lend ? array.data : nullptr;
  // An empty array may come without memory; kernels get a valid pointer.
  if (lend && !array.data)
    QRT_TRY(reserve(port, 0));
  std::memset(port.shape, 0, sizeof(port.shape));
  for (uint32_t axis = 0; axis < array.rank; ++axis)
    port.shape[axis] = array.shape[axis];
  std::memcpy(&shapes[size_t(index) * QRT_MAX_RANK], port.shape,
              sizeof(port.shape));
  port.isSet = true;
  return nullptr;
}

qrt_status_t qrt_context::lendOutput(uint32_t index, void *data, size_t bytes) {
  if (index >= outputs.size())
    return makeStatus(QRT_USAGE, "there is no output %u; the model has %zu",
                      index, outputs.size());
  if (!isAligned(data))
    return makeStatus(QRT_USAGE,
                      "borrowed memory of output %u is not aligned "
                      "to %u bytes",
                      index, QRT_DATA_ALIGNMENT);
  outputs[index].lent = data;
  outputs[index].lentBytes = data ? bytes : 0;
  finished = false;
  return nullptr;
}

qrt_status_t qrt_context::setWeight(const char *name, const void *data,
                                    size_t bytes) {
  const Tables &tables = model->tables;
  for (uint32_t i = 0; i < tables.tensors.size(); ++i) {
    const qrt_tensor_t &tensor = tables.tensors[i];
    const qrt_storage_t &storage = tables.storages[tensor.storage];
    if (storage.kind != QRT_STORAGE_WEIGHT ||
        std::strcmp(tables.string(tensor.name), name) != 0)
      continue;
    if (data && bytes != storage.weight_size)
      return makeStatus(QRT_BAD_INPUT,
                        "weight '%s' has %" PRIu64 " bytes, not %zu", name,
                        storage.weight_size, bytes);
    if (!isAligned(data))
      return makeStatus(QRT_USAGE,
                        "memory of weight '%s' is not aligned to %u bytes",
                        name, QRT_DATA_ALIGNMENT);
    weightOverrides[tensor.storage] = data;
    return nullptr;
  }
  return makeStatus(QRT_BAD_INPUT, "the model has no weight '%s'", name);
}

//===----------------------------------------------------------------------===//
// C API
//===----------------------------------------------------------------------===//

void qrt_context_options_init(qrt_context_options_t *options) {
  std::memset(options, 0, sizeof(*options));
  options->size = sizeof(*options);
}

qrt_status_t qrt_context_create(qrt_model_t *model,
                                const qrt_context_options_t *given,
                                qrt_context_t **outContext) {
  *outContext = nullptr;
  qrt_context_options_t options = {};
  if (given)
    std::memcpy(&options, given,
                given->size < sizeof(options) ? given->size : sizeof(options));
  qrt_allocator_t allocator =
      options.allocator.allocate ? options.allocator : model->allocator;
  auto *context = create<qrt_context>(allocator);
  if (!context)
    return makeStatus(QRT_RESOURCES, "no memory for a context");
  context->allocator = allocator;
  if (qrt_status_t status = context->open(model, options)) {
    destroy(allocator, context);
    return status;
  }
  model->references.fetch_add(1);
  *outContext = context;
  return nullptr;
}

void qrt_context_release(qrt_context_t *context) {
  if (!context)
    return;
  qrt_model_t *model = context->model;
  qrt_allocator_t allocator = context->allocator;
  destroy(allocator, context);
  qrt_model_release(model);
}

qrt_status_t qrt_context_set_input(qrt_context_t *context, uint32_t index,
                                   const qrt_array_t *array) {
  return context->setInput(index, *array, /*lend=*/false);
}

qrt_status_t qrt_context_borrow_input(qrt_context_t *context, uint32_t index,
                                      const qrt_array_t *array) {
  return context->setInput(index, *array, /*lend=*/true);
}

qrt_status_t qrt_context_borrow_output(qrt_context_t *context, uint32_t index,
                                       void *data, size_t bytes) {
  return context->lendOutput(index, data, bytes);
}

qrt_status_t qrt_context_set_weight(qrt_context_t *context, const char *name,
                                    const void *data, size_t bytes) {
  return context->setWeight(name, data, bytes);
}

qrt_status_t qrt_context_output(qrt_context_t *context, uint32_t index,
                                qrt_array_t *array) {
  *array = {};
  if (index >= context->outputs.size())
    return makeStatus(QRT_USAGE, "there is no output %u; the model has %zu",
                      index, context->outputs.size());
  if (!context->finished)
    return makeStatus(QRT_USAGE, "there are no outputs before a run");
  const Tables &tables = context->model->tables;
  uint32_t id = tables.outputs[index].tensor;
  const qrt_tensor_t &tensor = tables.tensors[id];
  const Port &port = context->outputs[index];
  *array = {qrt_dtype_t(tensor.dtype), tensor.rank, port.shape, port.data(),
            context->current->tensorBytes[id]};
  return nullptr;
}

void qrt_context_set_tap(qrt_context_t *context, qrt_tensor_hook_t hook,
                         void *self) {
  context->tap = {hook, self};
}

void qrt_context_set_trace(qrt_context_t *context, qrt_tensor_hook_t hook,
                           void *self) {
  context->trace = {hook, self};
}

void qrt_context_set_profiling(qrt_context_t *context, int enabled) {
  context->profiling = enabled != 0;
}

qrt_status_t qrt_context_profile(const qrt_context_t *context, uint32_t command,
                                 qrt_profile_t *profile) {
  *profile = {};
  if (command >= context->profiles.size())
    return makeStatus(QRT_USAGE, "there is no command %u; the model has %zu",
                      command, context->profiles.size());
  if (!context->current)
    return makeStatus(QRT_USAGE, "there is no profile before a run");
  *profile = context->profiles[command];
  return nullptr;
}

// Memory of a context and of those its commands run.
static void addMemory(const qrt_context &context, qrt_context_stats_t &stats) {
  for (const Buffer *arena : context.arenas)
    stats.arena_bytes += arena->size();
  stats.scratch_bytes += context.scratch.size();
  for (const Port &port : context.inputs)
    stats.io_bytes += port.ownedBytes;
  for (const Port &port : context.outputs)
    stats.io_bytes += port.ownedBytes;
  for (const Call *call : context.calls) {
    if (!call)
      continue;
    for (const Port &port : call->results)
      stats.io_bytes += port.ownedBytes;
    for (const qrt_context *callee : call->programs)
      if (callee)
        addMemory(*callee, stats);
  }
}

void qrt_context_stats(const qrt_context_t *context,
                       qrt_context_stats_t *stats) {
  *stats = {};
  stats->threads = context->threads;
  stats->runs = context->runs;
  addMemory(*context, *stats);
  for (const Plan *plan : context->plans)
    stats->plans += plan != nullptr;
}

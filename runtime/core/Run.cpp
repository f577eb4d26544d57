// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs a context: plan, memory, and the interpreter of the command table.

#include "runtime/core/Context.h"
#include "runtime/cpu/FloatState.h"
#include <atomic>
#include <cinttypes>
#include <ctime>

using namespace qrt;

// Chunks per thread: enough to even out threads of unequal speed.
static constexpr int64_t chunksPerThread = 8;
// Handing a loop to other threads costs 0.1 us while they spin and a few where
// they sleep: with less to do than this, about a microsecond, do it alone.
static constexpr uint64_t leastSharedBytes = 32 << 10;
static constexpr uint64_t leastSharedWork = 100000;

qrt_status_t qrt_context::choosePlan() {
  Plan **slot = &plans[0];
  for (Plan *&plan : plans) {
    if (plan && plan->matches(shapes.data())) {
      current = plan;
      plan->lastUsed = runs;
      return nullptr;
    }
    // An empty slot, or else the one unused for longest.
    if (*slot && (!plan || plan->lastUsed < (*slot)->lastUsed))
      slot = &plan;
  }
  auto *plan = create<Plan>(allocator);
  if (!plan)
    return makeStatus(QRT_RESOURCES, "no memory for a plan");
  if (qrt_status_t status = plan->build(*model, shapes.data(), allocator)) {
    destroy(allocator, plan);
    return status;
  }
  plan->lastUsed = runs;
  destroy(allocator, *slot);
  current = *slot = plan;
  return nullptr;
}

qrt_status_t qrt_context::allocateFor(const Plan &plan) {
  const Tables &tables = model->tables;
  QRT_TRY(arena.reserve(allocator, plan.arenaBytes));
  scratchStride = (plan.scratchBytes + QRT_DATA_ALIGNMENT - 1) /
                  QRT_DATA_ALIGNMENT * QRT_DATA_ALIGNMENT;
  QRT_TRY(scratch.reserve(allocator, scratchStride * threads));
  if (operands.size() != plan.operandCount)
    QRT_TRY(operands.allocate(allocator, plan.operandCount));
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    uint32_t tensor = tables.outputs[i].tensor;
    uint64_t bytes = plan.storageBytes[tables.tensors[tensor].storage];
    plan.shapeOf(tables, tables.tensors[tensor], outputs[i].shape);
    if (!outputs[i].lent)
      QRT_TRY(reserve(outputs[i], bytes));
    else if (outputs[i].lentBytes < bytes)
      return makeStatus(QRT_USAGE,
                        "output '%s' needs %" PRIu64
                        " bytes, but the borrowed memory has %zu",
                        tables.string(tables.outputs[i].name), bytes,
                        outputs[i].lentBytes);
  }
  return nullptr;
}

void *qrt_context::baseOf(uint32_t id) const {
  const qrt_storage_t &storage = model->tables.storages[id];
  switch (storage.kind) {
  case QRT_STORAGE_INPUT:
    return inputs[storage.index].data();
  case QRT_STORAGE_OUTPUT:
    return outputs[storage.index].data();
  case QRT_STORAGE_WEIGHT:
    return weightOverrides[id]
               ? const_cast<void *>(weightOverrides[id])
               : const_cast<char *>(model->weights) + storage.weight_offset;
  default:
    return arena.data() + current->arenaOffsets[id];
  }
}

// Cheap next to any kernel, so it happens every run.
void qrt_context::bind() {
  const Tables &tables = model->tables;
  void **next = operands.data();
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    const qrt_command_t &command = tables.commands[i];
    const uint32_t *ids = tables.list(command.operands);
    for (uint32_t j = 0; j < command.operand_count; ++j)
      *next++ = static_cast<char *>(baseOf(tables.tensors[ids[j]].storage)) +
                current->tensorOffsets[ids[j]];
  }
}

namespace {

struct Launch {
  qrt_kernel_run_t run;
  void *const *operands;
  const int64_t *dims;
  char *scratch;
  uint64_t scratchStride;
};

void runUnits(void *argument, uint32_t thread, int64_t begin, int64_t end) {
  auto *launch = static_cast<Launch *>(argument);
  launch->run(launch->operands, launch->dims, begin, end,
              launch->scratch + thread * launch->scratchStride);
}

// A loop on threads of the caller.
struct SharedLoop {
  const ParallelLoop *loop;
  std::atomic<int64_t> next;
};

void runShared(void *argument, uint32_t thread) {
  auto *shared = static_cast<SharedLoop *>(argument);
  const ParallelLoop &loop = *shared->loop;
  FloatState standard;
  for (;;) {
    int64_t begin = shared->next.fetch_add(loop.grain);
    if (begin >= loop.units)
      return;
    int64_t end =
        loop.units - begin < loop.grain ? loop.units : begin + loop.grain;
    loop.body(loop.argument, thread, begin, end);
  }
}

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

} // namespace

void qrt_context::runExecutor(const ParallelLoop &loop) {
  int64_t chunks = (loop.units - 1) / loop.grain + 1;
  uint32_t tasks = chunks < threads ? uint32_t(chunks) : threads;
  if (tasks == 1)
    return loop.body(loop.argument, 0, 0, loop.units);
  SharedLoop shared{&loop, {0}};
  executor.parallel(executor.self, tasks, runShared, &shared);
}

void qrt_context::launch(const qrt_command_t &command,
                         const CommandPlan &plan) {
  if (plan.units == 0)
    return;
  const qrt_kernel_entry_t &entry =
      model->entryOf(model->tables.kernels[command.kernel]);
  Launch launch = {model->code.at<qrt_kernel_run_t>(entry.run),
                   operands.data() + plan.firstOperand,
                   current->dims.data() + plan.firstDim, scratch.data(),
                   scratchStride};
  int64_t grain = (plan.units - 1) / (threads * chunksPerThread) + 1;
  ParallelLoop loop = {runUnits, &launch, plan.units, grain};
  if (executor.parallel)
    runExecutor(loop);
  else if (plan.bytes < leastSharedBytes && plan.work < leastSharedWork)
    runUnits(&launch, 0, 0, plan.units);
  else
    pool.run(loop);
}

void qrt_context::report(const Hook &hook, uint32_t command, const char *name,
                         uint32_t id, void *data) {
  const qrt_tensor_t &tensor = model->tables.tensors[id];
  int64_t shape[QRT_MAX_RANK] = {};
  current->shapeOf(model->tables, tensor, shape);
  qrt_array_t array = {qrt_dtype_t(tensor.dtype), tensor.rank, shape, data,
                       current->tensorBytes[id]};
  hook.call(hook.self, command, name, &array);
}

void qrt_context::traceCommand(uint32_t index, const qrt_command_t &command) {
  const Tables &tables = model->tables;
  uint32_t first = command.kind == QRT_COMMAND_LAUNCH
                       ? tables.kernels[command.kernel].input_count
                       : 1;
  for (uint32_t j = first; j < command.operand_count; ++j) {
    uint32_t id = tables.list(command.operands)[j];
    report(trace, index, tables.string(tables.tensors[id].name), id,
           operands[current->commands[index].firstOperand + j]);
  }
}

void qrt_context::execute() {
  const Tables &tables = model->tables;
  FloatState standard;
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    const qrt_command_t &command = tables.commands[i];
    const CommandPlan &plan = current->commands[i];
    void **arguments = operands.data() + plan.firstOperand;
    uint64_t start = profiling ? now() : 0;
    if (command.kind == QRT_COMMAND_LAUNCH)
      launch(command, plan);
    else if (command.kind == QRT_COMMAND_COPY)
      std::memmove(arguments[1], arguments[0], plan.bytes / 2);
    else if (tap.call)
      report(tap, i, tables.string(command.name),
             tables.list(command.operands)[0], arguments[0]);
    if (profiling)
      nanoseconds[i] = now() - start;
    if (trace.call)
      traceCommand(i, command);
  }
}

qrt_status_t qrt_context::run() {
  finished = false;
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].isSet)
      return makeStatus(QRT_BAD_INPUT, "input '%s' is not set",
                        model->tables.string(model->tables.inputs[i].name));
  QRT_TRY(model->verifyWeights());
  QRT_TRY(choosePlan());
  QRT_TRY(allocateFor(*current));
  bind();
  execute();
  ++runs;
  finished = true;
  return nullptr;
}

qrt_status_t qrt_context_run(qrt_context_t *context) { return context->run(); }

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
  if (qrt_status_t status = plan->build(*model, *program, shapes.data(), allocator)) {
    destroy(allocator, plan);
    return status;
  }
  plan->lastUsed = runs;
  destroy(allocator, *slot);
  current = *slot = plan;
  return nullptr;
}

// The value behind an ELEMENT or RESULT_DIM, in memory by now; false if there
// is no such element.
bool qrt_context::readSize(const qrt_expr_t &expr, int64_t &value) const {
  const qrt_tensor_t &tensor = tables().tensors[expr.a];
  if (expr.op == QRT_EXPR_RESULT_DIM) {
    const qrt_storage_t &storage = tables().storages[tensor.storage];
    value = calls[storage.first_use]->results[storage.index].shape[expr.b];
    return true;
  }
  size_t size = dtypeSize(tensor.dtype);
  if (expr.b >= current->tensorBytes[expr.a] / size)
    return false;
  const char *at = static_cast<const char *>(addressOf(expr.a)) + expr.b * size;
  auto read = [&](auto zero) {
    std::memcpy(&zero, at, sizeof(zero));
    return int64_t(zero);
  };
  switch (tensor.dtype) {
  case QRT_DTYPE_I8:
    value = read(int8_t());
    break;
  case QRT_DTYPE_U8:
    value = read(uint8_t());
    break;
  case QRT_DTYPE_I16:
    value = read(int16_t());
    break;
  case QRT_DTYPE_U16:
    value = read(uint16_t());
    break;
  case QRT_DTYPE_I32:
    value = read(int32_t());
    break;
  case QRT_DTYPE_U32:
    value = read(uint32_t());
    break;
  case QRT_DTYPE_BOOL:
    value = read(uint8_t()) != 0;
    break;
  default:
    value = read(int64_t());
  }
  return true;
}

// Stages after the first begin with what the run has found out.
qrt_status_t qrt_context::readSizes(uint32_t stage) {
  const Stages &stages = program->stages;
  bool changed = false;
  // Ascending: the sizes of what an ELEMENT reads may be read here too, but
  // stages part there, so that they have been planned.
  for (uint32_t id : stages.reads)
    if (stages.exprs[id] == stage) {
      int64_t value = 0;
      bool valid = readSize(tables().exprs[id], value);
      changed |= current->exprs.set(id, valid ? value : 0, valid);
    }
  QRT_TRY(current->advance(stage, changed));
  // The tables say how large results are; what has come is what there is.
  for (uint32_t i = 0; i < tables().storages.size(); ++i) {
    const qrt_storage_t &storage = tables().storages[i];
    if (storage.kind == QRT_STORAGE_RESULT && stages.storages[i] == stage &&
        current->storageBytes[i] >
            calls[storage.first_use]->resultBytes[storage.index])
      return makeStatus(QRT_BAD_INPUT,
                        "a result of '%s' is smaller than the program expects",
                        tables().string(
                            tables().commands[storage.first_use].name));
  }
  return nullptr;
}

qrt_status_t qrt_context::allocateFor(uint32_t stage) {
  const Plan &plan = *current;
  const Stages &stages = program->stages;
  QRT_TRY(arenas[stage]->reserve(allocator, plan.arenaBytes[stage]));
  scratchStride = (plan.scratchBytes + QRT_DATA_ALIGNMENT - 1) /
                  QRT_DATA_ALIGNMENT * QRT_DATA_ALIGNMENT;
  QRT_TRY(scratch.reserve(allocator, scratchStride * threads));
  if (operands.size() != plan.operandCount)
    QRT_TRY(operands.allocate(allocator, plan.operandCount));
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    uint32_t tensor = tables().outputs[i].tensor;
    uint32_t storage = tables().tensors[tensor].storage;
    if (stages.tensors[tensor] == stage)
      plan.shapeOf(tables(), tables().tensors[tensor], outputs[i].shape);
    if (stages.storages[storage] != stage)
      continue;
    uint64_t bytes = plan.storageBytes[storage];
    if (!outputs[i].lent)
      QRT_TRY(reserve(outputs[i], bytes));
    else if (outputs[i].lentBytes < bytes)
      return makeStatus(QRT_USAGE,
                        "output '%s' needs %" PRIu64
                        " bytes, but the borrowed memory has %zu",
                        tables().string(tables().outputs[i].name), bytes,
                        outputs[i].lentBytes);
  }
  return nullptr;
}

void *qrt_context::baseOf(uint32_t id) const {
  const qrt_storage_t &storage = tables().storages[id];
  switch (storage.kind) {
  case QRT_STORAGE_INPUT:
    return inputs[storage.index].data();
  case QRT_STORAGE_OUTPUT:
    return outputs[storage.index].data();
  case QRT_STORAGE_WEIGHT:
    return weightOverrides[id]
               ? const_cast<void *>(weightOverrides[id])
               : const_cast<char *>(model->weights) + storage.weight_offset;
  case QRT_STORAGE_RESULT:
    return calls[storage.first_use]->results[storage.index].data();
  default:
    return arenas[program->stages.storages[id]]->data() +
           current->arenaOffsets[id];
  }
}

void *qrt_context::addressOf(uint32_t tensor) const {
  return static_cast<char *>(baseOf(tables().tensors[tensor].storage)) +
         current->tensorOffsets[tensor];
}

// Cheap next to any kernel, so it happens every run.
void qrt_context::bind(uint32_t stage) {
  const Stages &stages = program->stages;
  for (uint32_t i = stages.first(stage); i < stages.end(stage); ++i) {
    const qrt_command_t &command = tables().commands[i];
    const uint32_t *ids = tables().list(command.operands);
    void **next = operands.data() + current->commands[i].firstOperand;
    uint32_t bound =
        isCall(command) ? command.input_count : command.operand_count;
    for (uint32_t j = 0; j < bound; ++j)
      next[j] = addressOf(ids[j]);
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
      model->entryOf(tables(), tables().kernels[command.kernel]);
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
    root->pool.run(loop);
}

void qrt_context::report(const Hook &hook, uint32_t command, const char *name,
                         uint32_t id, void *data) {
  const qrt_tensor_t &tensor = tables().tensors[id];
  int64_t shape[QRT_MAX_RANK] = {};
  current->shapeOf(tables(), tensor, shape);
  qrt_array_t array = {qrt_dtype_t(tensor.dtype), tensor.rank, shape, data,
                       current->tensorBytes[id]};
  hook.call(hook.self, command, name, &array);
}

void qrt_context::traceCommand(uint32_t index, const qrt_command_t &command) {
  // The commands that a call ran have shown its results.
  if (isCall(command))
    return;
  for (uint32_t j = tables().inputCountOf(command); j < command.operand_count;
       ++j) {
    uint32_t id = tables().list(command.operands)[j];
    report(root->trace, program->firstCommand + index,
           tables().string(tables().tensors[id].name), id,
           operands[current->commands[index].firstOperand + j]);
  }
}

// Calls are charged for what they do themselves: see execute().
void qrt_context::account(uint32_t index, uint64_t nanoseconds) {
  const CommandPlan &plan = current->commands[index];
  qrt_profile_t &profile = root->profiles[program->firstCommand + index];
  profile.nanoseconds += nanoseconds;
  profile.bytes += plan.bytes;
  profile.work += plan.work;
  profile.units += plan.units;
  root->accounted += nanoseconds;
}

qrt_status_t qrt_context::executeCommand(uint32_t index) {
  const qrt_command_t &command = tables().commands[index];
  const CommandPlan &plan = current->commands[index];
  void **arguments = operands.data() + plan.firstOperand;
  switch (command.kind) {
  case QRT_COMMAND_LAUNCH:
    launch(command, plan);
    return nullptr;
  case QRT_COMMAND_COPY:
    std::memmove(arguments[1], arguments[0], plan.bytes / 2);
    return nullptr;
  case QRT_COMMAND_BRANCH:
    return branch(command, *calls[index], plan);
  case QRT_COMMAND_LOOP:
    return loop(command, *calls[index], plan);
  default:
    if (root->tap.call)
      report(root->tap, program->firstCommand + index,
             tables().string(command.name),
             tables().list(command.operands)[0], arguments[0]);
    return nullptr;
  }
}

qrt_status_t qrt_context::execute(uint32_t stage) {
  FloatState standard;
  const Stages &stages = program->stages;
  for (uint32_t i = stages.first(stage); i < stages.end(stage); ++i) {
    const qrt_command_t &command = tables().commands[i];
    uint64_t start = root->profiling ? now() : 0, before = root->accounted;
    if (qrt_status_t status = executeCommand(i))
      return isCall(command)
                 ? addContext(status, tables().string(command.name))
                 : status;
    if (root->profiling)
      account(i, now() - start - (root->accounted - before));
    if (root->trace.call)
      traceCommand(i, command);
  }
  return nullptr;
}

qrt_status_t qrt_context::run() {
  finished = false;
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].isSet)
      return makeStatus(QRT_BAD_INPUT, "input '%s' is not set",
                        tables().string(tables().inputs[i].name));
  if (root == this) {
    QRT_TRY(model->verifyWeights());
    accounted = 0;
    if (profiling)
      for (qrt_profile_t &profile : profiles)
        profile = {};
  }
  QRT_TRY(choosePlan());
  for (uint32_t stage = 0; stage < program->stages.count(); ++stage) {
    if (stage)
      QRT_TRY(readSizes(stage));
    QRT_TRY(allocateFor(stage));
    bind(stage);
    QRT_TRY(execute(stage));
  }
  ++runs;
  finished = true;
  return nullptr;
}

qrt_status_t qrt_context_run(qrt_context_t *context) {
  context->iterations = 0;
  return context->run();
}

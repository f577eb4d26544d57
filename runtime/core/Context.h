// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One user of a model: inputs, outputs, temporaries, threads.
#ifndef QRT_CORE_CONTEXT_H
#define QRT_CORE_CONTEXT_H

#include "runtime/core/Plan.h"
#include "runtime/cpu/ThreadPool.h"

namespace qrt {

// Memory of an input or output: owned, or lent by the caller.
struct Port {
  void *owned;
  size_t ownedBytes;
  void *lent;
  size_t lentBytes;
  bool isSet;
  int64_t shape[QRT_MAX_RANK];

  void *data() const { return lent ? lent : owned; }
};

struct Hook {
  qrt_tensor_hook_t call;
  void *self;
};

} // namespace qrt

struct qrt_context {
  ~qrt_context();

  qrt_status_t open(qrt_model_t *model, const qrt_context_options_t &options);
  qrt_status_t setInput(uint32_t index, const qrt_array_t &array, bool lend);
  qrt_status_t lendOutput(uint32_t index, void *data, size_t bytes);
  qrt_status_t setWeight(const char *name, const void *data, size_t bytes);
  qrt_status_t run();

  static constexpr uint32_t maxPlans = 16;

  qrt_model_t *model = nullptr;
  qrt_allocator_t allocator = {};
  qrt_executor_t executor = {};
  qrt::ThreadPool pool;
  uint32_t threads = 1;
  qrt::Array<qrt::Port> inputs, outputs;
  qrt::Array<const void *> weightOverrides; // by storage, NULL: none
  qrt::Array<int64_t> shapes;               // of all inputs: the plan's key
  qrt::Plan *plans[maxPlans] = {};
  qrt::Plan *current = nullptr; // of the last run
  qrt::Array<void *> operands;  // of all commands
  qrt::Buffer arena, scratch;
  uint64_t scratchStride = 0;
  qrt::Hook tap = {}, trace = {};
  bool profiling = false;
  bool finished = false;            // outputs hold the results of the last run
  qrt::Array<uint64_t> nanoseconds; // by command, when profiling
  uint64_t runs = 0;

private:
  qrt_status_t reserve(qrt::Port &port, size_t bytes);
  qrt_status_t choosePlan();
  qrt_status_t allocateFor(const qrt::Plan &plan);
  void *baseOf(uint32_t storage) const;
  void bind();
  void execute();
  void launch(const qrt_command_t &command, const qrt::CommandPlan &plan);
  void runExecutor(const qrt::ParallelLoop &loop);
  void report(const qrt::Hook &hook, uint32_t command, const char *name,
              uint32_t tensor, void *data);
  void traceCommand(uint32_t index, const qrt_command_t &command);
};

#endif // QRT_CORE_CONTEXT_H

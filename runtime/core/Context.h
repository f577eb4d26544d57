// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One user of a model: inputs, outputs, temporaries, threads. Every BRANCH or
// LOOP command has contexts of its own for the programs it runs; they borrow
// their inputs from the caller and share its threads.
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

// What a BRANCH or LOOP command keeps between runs.
struct Call {
  ~Call();

  qrt_allocator_t allocator = {};
  // Of a BRANCH: the target's, the other's; of a LOOP: the body's. Created when
  // first run.
  qrt_context *programs[2] = {};
  // One a result: a BRANCH lends the program's outputs, a LOOP owns them.
  Array<Port> results;
  Array<size_t> resultBytes;
};

} // namespace qrt

struct qrt_context {
  ~qrt_context();

  qrt_status_t open(qrt_model_t *model, const qrt_context_options_t &options);
  // A context for `program`, run by a command of `caller`.
  qrt_status_t openCall(qrt_context &caller, const qrt::Program &program);
  qrt_status_t setInput(uint32_t index, const qrt_array_t &array, bool lend);
  qrt_status_t lendOutput(uint32_t index, void *data, size_t bytes);
  qrt_status_t setWeight(const char *name, const void *data, size_t bytes);
  qrt_status_t run();

  static constexpr uint32_t maxPlans = 16;

  qrt_model_t *model = nullptr;
  const qrt::Program *program = nullptr;
  qrt_context *root = this; // the context the user holds
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
  qrt::Array<qrt::Buffer *> arenas; // one a stage
  qrt::Array<qrt::Call *> calls;    // one a command, NULL for others
  qrt::Buffer scratch;
  uint64_t scratchStride = 0;
  qrt::Hook tap = {}, trace = {};
  bool profiling = false;
  bool finished = false;            // outputs hold the results of the last run
  // Root only: of the last run, by command of all programs, when profiling.
  qrt::Array<qrt_profile_t> profiles;
  uint64_t accounted = 0; // the sum of their times
  uint64_t runs = 0;
  // Of the root, for all loops: what is allowed (0: anything), what a run took.
  uint64_t iterationLimit = 0, iterations = 0;

  const qrt::Tables &tables() const { return program->tables; }
  void *outputData(uint32_t index) const { return outputs[index].data(); }

private:
  qrt_status_t reserve(qrt::Port &port, size_t bytes);
  qrt_status_t openPorts();
  qrt_status_t choosePlan();
  qrt_status_t readSizes(uint32_t stage);
  bool readSize(const qrt_expr_t &expr, int64_t &value) const;
  qrt_status_t allocateFor(uint32_t stage);
  void *baseOf(uint32_t storage) const;
  void *addressOf(uint32_t tensor) const;
  void bind(uint32_t stage);
  qrt_status_t execute(uint32_t stage);
  qrt_status_t executeCommand(uint32_t index);
  void account(uint32_t index, uint64_t nanoseconds);
  // Calls.cpp
  qrt_status_t openCallee(qrt_context *&callee, uint32_t number);
  qrt_status_t lendOperand(qrt_context &callee, uint32_t input,
                           uint32_t operand, void *data);
  qrt_status_t branch(const qrt_command_t &command, qrt::Call &call,
                      const qrt::CommandPlan &plan);
  qrt_status_t loop(const qrt_command_t &command, qrt::Call &call,
                    const qrt::CommandPlan &plan);
  qrt_status_t takeCarried(qrt_context &body, qrt::Call &call, uint32_t index);
  qrt_status_t appendScan(qrt_context &body, qrt::Call &call, uint32_t index,
                          uint32_t carried, int64_t iteration);
  qrt_status_t startResults(const qrt_command_t &command, qrt::Call &call,
                            const qrt::CommandPlan &plan);
  qrt_status_t checkResults(const qrt_command_t &command,
                            const qrt::Call &call);
  void launch(const qrt_command_t &command, const qrt::CommandPlan &plan);
  void runExecutor(const qrt::ParallelLoop &loop);
  void report(const qrt::Hook &hook, uint32_t command, const char *name,
              uint32_t tensor, void *data);
  void traceCommand(uint32_t index, const qrt_command_t &command);
  friend struct qrt::Call;
};

#endif // QRT_CORE_CONTEXT_H

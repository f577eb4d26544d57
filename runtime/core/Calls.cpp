// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// BRANCH and LOOP: commands that run sub-programs in contexts of their own.

#include "runtime/core/Context.h"
#include <cinttypes>

using namespace qrt;

Call::~Call() {
  for (Port &port : results)
    if (port.owned)
      allocator.release(allocator.self, port.owned, port.ownedBytes);
  for (qrt_context *context : programs)
    destroy(allocator, context);
}

qrt_status_t qrt_context::openCall(qrt_context &caller,
                                   const Program &newProgram) {
  model = caller.model;
  program = &newProgram;
  root = caller.root;
  allocator = caller.allocator;
  executor = caller.executor;
  threads = caller.threads;
  return openPorts();
}

qrt_status_t qrt_context::openCallee(qrt_context *&callee, uint32_t number) {
  if (callee)
    return nullptr;
  auto *context = create<qrt_context>(allocator);
  if (!context)
    return makeStatus(QRT_RESOURCES, "no memory for a context");
  context->allocator = allocator;
  if (qrt_status_t status = context->openCall(*this, model->program(number))) {
    destroy(allocator, context);
    return status;
  }
  callee = context;
  return nullptr;
}

// Tensor `operand` becomes input `input`, without a copy.
qrt_status_t qrt_context::lendOperand(qrt_context &callee, uint32_t input,
                                      uint32_t operand, void *data) {
  const qrt_tensor_t &tensor = tables().tensors[operand];
  int64_t shape[QRT_MAX_RANK] = {};
  current->shapeOf(tables(), tensor, shape);
  return callee.setInput(input,
                         {qrt_dtype_t(tensor.dtype), tensor.rank, shape, data,
                          current->tensorBytes[operand]},
                         /*lend=*/true);
}

// What the tables say about results against what they have become: kernels
// rely on it.
qrt_status_t qrt_context::checkResults(const qrt_command_t &command,
                                       const Call &call) {
  for (uint32_t j = 0; j < call.results.size(); ++j) {
    const qrt_tensor_t &tensor =
        tables().tensors[tables().list(command.operands)[command.input_count +
                                                         j]];
    const int64_t *shape = call.results[j].shape;
    for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
      const qrt_expr_t &size = tables().exprs[tables().dimsOf(tensor)[axis]];
      bool isRead = size.op == QRT_EXPR_RESULT_DIM &&
                    &tables().tensors[size.a] == &tensor && size.b == axis;
      if (isRead || (size.op == QRT_EXPR_CONST && size.value == shape[axis]))
        continue;
      char text[160];
      describeShape(tensor.dtype, shape, tensor.rank, text, sizeof(text));
      return makeStatus(QRT_BAD_INPUT,
                        "its result %u is %s, which the program does not "
                        "expect",
                        j, text);
    }
  }
  return nullptr;
}

qrt_status_t qrt_context::branch(const qrt_command_t &command, Call &call,
                                 const CommandPlan &plan) {
  bool choice = current->dims[plan.firstDim] != 0;
  qrt_context *&callee = call.programs[choice ? 0 : 1];
  QRT_TRY(openCallee(callee, choice ? command.target : command.other));
  for (uint32_t j = 0; j < command.input_count; ++j)
    QRT_TRY(lendOperand(*callee, j, tables().list(command.operands)[j],
                        operands[plan.firstOperand + j]));
  QRT_TRY(callee->run());
  for (uint32_t j = 0; j < call.results.size(); ++j) {
    Port &result = call.results[j];
    result.lent = callee->outputData(j);
    std::memcpy(result.shape, callee->outputs[j].shape, sizeof(result.shape));
    call.resultBytes[j] =
        callee->current->tensorBytes[callee->tables().outputs[j].tensor];
  }
  return checkResults(command, call);
}

// Before the first iteration: carried values as they come in, nothing stacked.
qrt_status_t qrt_context::startResults(const qrt_command_t &command, Call &call,
                                       const CommandPlan &plan) {
  const uint32_t *ids = tables().list(command.operands);
  for (uint32_t j = 0; j < call.results.size(); ++j) {
    Port &result = call.results[j];
    std::memset(result.shape, 0, sizeof(result.shape));
    call.resultBytes[j] = 0;
    if (j < command.other) {
      const qrt_tensor_t &tensor = tables().tensors[ids[j]];
      size_t bytes = current->tensorBytes[ids[j]];
      current->shapeOf(tables(), tensor, result.shape);
      QRT_TRY(reserve(result, bytes));
      std::memcpy(result.owned, operands[plan.firstOperand + j], bytes);
      call.resultBytes[j] = bytes;
      continue;
    }
    // Without an iteration, sizes that only the body knows are 0.
    const qrt_tensor_t &tensor =
        tables().tensors[ids[command.input_count + j]];
    for (uint32_t axis = 1; axis < tensor.rank; ++axis) {
      const qrt_expr_t &size = tables().exprs[tables().dimsOf(tensor)[axis]];
      result.shape[axis] = size.op == QRT_EXPR_CONST ? size.value : 0;
    }
    QRT_TRY(reserve(result, 0));
  }
  return nullptr;
}

// The body's output becomes the result so far and the next run's input; the
// memory of the input just used is where that run will write.
qrt_status_t qrt_context::takeCarried(qrt_context &body, Call &call,
                                      uint32_t index) {
  Port &from = body.outputs[index + 1], &result = call.results[index];
  void *memory = from.owned;
  size_t bytes = from.ownedBytes;
  from.owned = result.owned;
  from.ownedBytes = result.ownedBytes;
  result.owned = memory;
  result.ownedBytes = bytes;
  std::memcpy(result.shape, from.shape, sizeof(result.shape));
  uint32_t tensor = body.tables().outputs[index + 1].tensor;
  call.resultBytes[index] = body.current->tensorBytes[tensor];
  return nullptr;
}

qrt_status_t qrt_context::appendScan(qrt_context &body, Call &call,
                                     uint32_t index, uint32_t carried,
                                     int64_t iteration) {
  uint32_t output = index + 1;
  const qrt_tensor_t &tensor =
      body.tables().tensors[body.tables().outputs[output].tensor];
  Port &result = call.results[index];
  const int64_t *shape = body.outputs[output].shape;
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    if (iteration == 0)
      result.shape[axis + 1] = shape[axis];
    else if (result.shape[axis + 1] != shape[axis])
      return makeStatus(QRT_BAD_INPUT,
                        "its scan output %u changes its shape between "
                        "iterations",
                        index - carried);
  }
  size_t bytes =
      body.current->tensorBytes[body.tables().outputs[output].tensor];
  size_t used = call.resultBytes[index];
  if (result.ownedBytes < used + bytes) {
    Port grown = {};
    QRT_TRY(reserve(grown, 2 * used + bytes));
    if (used)
      std::memcpy(grown.owned, result.owned, used);
    allocator.release(allocator.self, result.owned, result.ownedBytes);
    result.owned = grown.owned;
    result.ownedBytes = grown.ownedBytes;
  }
  std::memcpy(static_cast<char *>(result.owned) + used,
              body.outputData(output), bytes);
  call.resultBytes[index] = used + bytes;
  result.shape[0] = iteration + 1;
  return nullptr;
}

qrt_status_t qrt_context::loop(const qrt_command_t &command, Call &call,
                               const CommandPlan &plan) {
  int64_t trips = current->dims[plan.firstDim];
  alignas(QRT_DATA_ALIGNMENT) int64_t iteration = 0;
  alignas(QRT_DATA_ALIGNMENT) bool condition =
      current->dims[plan.firstDim + 1] != 0;
  QRT_TRY(openCallee(call.programs[0], command.target));
  qrt_context &body = *call.programs[0];
  QRT_TRY(startResults(command, call, plan));
  const uint32_t *ids = tables().list(command.operands);
  for (uint32_t j = command.other; j < command.input_count; ++j)
    QRT_TRY(lendOperand(body, j + 2, ids[j], operands[plan.firstOperand + j]));
  QRT_TRY(body.setInput(
      0, {QRT_DTYPE_I64, 0, nullptr, &iteration, sizeof(iteration)}, true));
  QRT_TRY(body.setInput(
      1, {QRT_DTYPE_BOOL, 0, nullptr, &condition, sizeof(condition)}, true));
  for (; iteration < trips && condition; ++iteration) {
    if (root->iterationLimit && root->iterations++ == root->iterationLimit)
      return makeStatus(QRT_RESOURCES,
                        "goes on after %" PRIu64
                        " iterations, the limit for all loops of a run",
                        root->iterationLimit);
    for (uint32_t j = 0; j < command.other; ++j) {
      const Port &value = call.results[j];
      const qrt_tensor_t &tensor = tables().tensors[ids[j]];
      QRT_TRY(body.setInput(j + 2,
                            {qrt_dtype_t(tensor.dtype), tensor.rank,
                             value.shape, value.owned, call.resultBytes[j]},
                            /*lend=*/true));
    }
    QRT_TRY(body.run());
    condition = *static_cast<const char *>(body.outputData(0)) != 0;
    for (uint32_t j = 0; j < call.results.size(); ++j)
      QRT_TRY(j < command.other
                  ? takeCarried(body, call, j)
                  : appendScan(body, call, j, command.other, iteration));
  }
  return checkResults(command, call);
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Plan.h"
#include "runtime/core/Arena.h"
#include <cinttypes>

using namespace qrt;

// More than this is a mistake, and a thread count times this cannot overflow.
static constexpr int64_t maxScratch = int64_t(1) << 40;

static qrt_status_t wrongDim(const Tables &tables, uint32_t input,
                             uint32_t axis, const int64_t *shape,
                             int64_t expected) {
  const qrt_port_t &port = tables.inputs[input];
  const qrt_tensor_t &tensor = tables.tensors[port.tensor];
  char text[160];
  describeShape(tensor.dtype, shape, tensor.rank, text, sizeof(text));
  return makeStatus(QRT_BAD_INPUT,
                    "input '%s' is %s, but axis %u must be %" PRId64,
                    tables.string(port.name), text, axis, expected);
}

qrt_status_t qrt::checkInputShape(const Tables &tables, uint32_t input,
                                  const int64_t *shape) {
  const qrt_port_t &port = tables.inputs[input];
  const qrt_tensor_t &tensor = tables.tensors[port.tensor];
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    const qrt_expr_t &size = tables.exprs[tables.dimsOf(tensor)[axis]];
    if (size.op == QRT_EXPR_CONST && size.value != shape[axis])
      return wrongDim(tables, input, axis, shape, size.value);
  }
  for (uint32_t i = 0; i < tables.symbols.size(); ++i) {
    const qrt_symbol_t &symbol = tables.symbols[i];
    if (symbol.input != input)
      continue;
    int64_t actual = shape[symbol.axis];
    if (actual < symbol.min || actual > symbol.max)
      return makeStatus(QRT_BAD_INPUT,
                        "input '%s': axis %u (%s) is %" PRId64
                        ", but must be in %" PRId64 " ... %" PRId64,
                        tables.string(port.name), symbol.axis,
                        tables.string(symbol.name), actual, symbol.min,
                        symbol.max);
  }
  return nullptr;
}

qrt_status_t Plan::checkInputs() const {
  const Tables &tables = program->tables;
  for (uint32_t i = 0; i < tables.inputs.size(); ++i) {
    const int64_t *shape = shapes.data() + size_t(i) * QRT_MAX_RANK;
    QRT_TRY(checkInputShape(tables, i, shape));
    const qrt_tensor_t &tensor = tables.tensors[tables.inputs[i].tensor];
    for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
      int64_t expected;
      if (!exprs.get(tables.dimsOf(tensor)[axis], expected))
        return makeStatus(QRT_BAD_INPUT,
                          "these input shapes are outside the model's range");
      if (expected != shape[axis])
        return wrongDim(tables, i, axis, shape, expected);
    }
  }
  return nullptr;
}

qrt_status_t Plan::sizeStorages(uint32_t stage) {
  const Tables &tables = program->tables;
  for (uint32_t i = 0; i < tables.storages.size(); ++i) {
    if (program->stages.storages[i] != stage)
      continue;
    const qrt_storage_t &storage = tables.storages[i];
    int64_t bytes;
    if (!exprs.get(storage.bytes, bytes) || bytes < 0 ||
        (storage.kind == QRT_STORAGE_WEIGHT &&
         uint64_t(bytes) > storage.weight_size))
      return makeStatus(QRT_BAD_INPUT,
                        "storage %u has no valid size for these input shapes",
                        i);
    storageBytes[i] = uint64_t(bytes);
  }
  return nullptr;
}

qrt_status_t Plan::sizeTensors(uint32_t stage) {
  const Tables &tables = program->tables;
  for (uint32_t i = 0; i < tables.tensors.size(); ++i) {
    if (program->stages.tensors[i] != stage)
      continue;
    const qrt_tensor_t &tensor = tables.tensors[i];
    uint64_t bytes = dtypeSize(tensor.dtype);
    bool valid = true;
    for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
      int64_t size = 0;
      valid = valid && exprs.get(tables.dimsOf(tensor)[axis], size) &&
              size >= 0 &&
              !__builtin_mul_overflow(bytes, uint64_t(size), &bytes);
    }
    int64_t offset = 0;
    if (tensor.offset != QRT_NONE)
      valid = valid && exprs.get(tensor.offset, offset) && offset >= 0 &&
              offset % QRT_DATA_ALIGNMENT == 0;
    uint64_t limit = storageBytes[tensor.storage];
    if (!valid || uint64_t(offset) > limit || bytes > limit - offset)
      return makeStatus(QRT_BAD_INPUT,
                        "tensor '%s' does not fit its memory for these input "
                        "shapes",
                        tables.string(tensor.name));
    tensorBytes[i] = bytes;
    tensorOffsets[i] = uint64_t(offset);
  }
  return nullptr;
}

qrt_status_t Plan::placeTemporaries(uint32_t stage) {
  const Tables &tables = program->tables;
  auto isOurs = [&](uint32_t i) {
    return tables.storages[i].kind == QRT_STORAGE_TEMP &&
           program->stages.storages[i] == stage;
  };
  Array<ArenaRequest> requests;
  uint32_t count = 0;
  for (uint32_t i = 0; i < tables.storages.size(); ++i)
    count += isOurs(i);
  QRT_TRY(requests.allocate(allocator, count));
  count = 0;
  for (uint32_t i = 0; i < tables.storages.size(); ++i) {
    const qrt_storage_t &storage = tables.storages[i];
    if (isOurs(i))
      requests[count++] = {storageBytes[i], storage.first_use, storage.last_use,
                           0};
  }
  QRT_TRY(planArena(requests.data(), count, allocator, arenaBytes[stage]));
  count = 0;
  for (uint32_t i = 0; i < tables.storages.size(); ++i)
    if (isOurs(i))
      arenaOffsets[i] = requests[count++].offset;
  return nullptr;
}

qrt_status_t Plan::planLaunch(const qrt_command_t &command, CommandPlan &out) {
  const Tables &tables = program->tables;
  const char *name = tables.string(command.name);
  const qrt_kernel_entry_t &entry =
      model->entryOf(tables, tables.kernels[command.kernel]);
  const int64_t *arguments = dims.data() + out.firstDim;
  out.units = model->code.at<qrt_kernel_units_t>(entry.units)(arguments);
  int64_t scratch =
      model->code.at<qrt_kernel_scratch_t>(entry.scratch)(arguments);
  if (out.units == -1)
    return makeStatus(QRT_BAD_INPUT,
                      "'%s': the sizes of its operands contradict each other "
                      "for these input shapes",
                      name);
  if (out.units < 0 || scratch < 0 || scratch > maxScratch)
    return makeStatus(QRT_INTERNAL,
                      "'%s' asks for %" PRId64 " units and %" PRId64
                      " bytes of scratch",
                      name, out.units, scratch);
  if (uint64_t(scratch) > scratchBytes)
    scratchBytes = uint64_t(scratch);
  int64_t work = 0;
  out.work = 0;
  if (command.work != QRT_NONE && exprs.get(command.work, work) && work > 0)
    out.work = uint64_t(work);
  return nullptr;
}

qrt_status_t Plan::planCommands(uint32_t stage) {
  const Tables &tables = program->tables;
  for (uint32_t i = program->stages.first(stage); i < program->stages.end(stage);
       ++i) {
    const qrt_command_t &command = tables.commands[i];
    CommandPlan &plan = commands[i];
    const uint32_t *operands = tables.list(command.operands);
    // The results of calls have no size yet.
    uint32_t sized =
        isCall(command) ? command.input_count : command.operand_count;
    plan.bytes = 0;
    for (uint32_t j = 0; j < sized; ++j)
      plan.bytes += tensorBytes[operands[j]];
    for (uint32_t j = 0; j < command.dims_count; ++j) {
      int64_t &value = dims[plan.firstDim + j];
      if (!exprs.get(tables.list(command.dims)[j], value) ||
          (value < 0 && command.kind == QRT_COMMAND_LAUNCH))
        return makeStatus(QRT_BAD_INPUT,
                          "'%s' has no valid dimensions for these input shapes",
                          tables.string(command.name));
    }
    if (command.kind == QRT_COMMAND_LAUNCH)
      QRT_TRY(planLaunch(command, plan));
    if (command.kind == QRT_COMMAND_COPY &&
        tensorBytes[operands[0]] != tensorBytes[operands[1]])
      return makeStatus(QRT_BAD_INPUT, "'%s' copies between unequal sizes",
                        tables.string(command.name));
  }
  return nullptr;
}

// Everything whose length does not depend on sizes.
qrt_status_t Plan::allocateTables() {
  const Tables &tables = program->tables;
  uint64_t dimCount = 0, total = 0;
  QRT_TRY(commands.allocate(allocator, tables.commands.size()));
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    commands[i].firstDim = uint32_t(dimCount);
    commands[i].firstOperand = uint32_t(total);
    dimCount += tables.commands[i].dims_count;
    total += tables.commands[i].operand_count;
    if (dimCount > UINT32_MAX || total > UINT32_MAX)
      return makeStatus(QRT_RESOURCES, "the program is too long");
  }
  operandCount = uint32_t(total);
  QRT_TRY(dims.allocate(allocator, dimCount));
  QRT_TRY(exprs.allocate(tables.exprs.size(), allocator));
  QRT_TRY(storageBytes.allocate(allocator, tables.storages.size()));
  QRT_TRY(tensorBytes.allocate(allocator, tables.tensors.size()));
  QRT_TRY(tensorOffsets.allocate(allocator, tables.tensors.size()));
  QRT_TRY(arenaOffsets.allocate(allocator, tables.storages.size()));
  return arenaBytes.allocate(allocator, program->stages.count());
}

qrt_status_t Plan::planStage(uint32_t stage) {
  exprs.evaluate(program->tables.exprs, shapes.data(),
                 program->stages.exprs.data(), stage);
  if (stage == 0)
    QRT_TRY(checkInputs());
  QRT_TRY(sizeStorages(stage));
  QRT_TRY(sizeTensors(stage));
  QRT_TRY(placeTemporaries(stage));
  return planCommands(stage);
}

qrt_status_t Plan::build(const qrt_model &ofModel, const Program &ofProgram,
                         const int64_t *newShapes,
                         const qrt_allocator_t &newAllocator) {
  model = &ofModel;
  program = &ofProgram;
  allocator = newAllocator;
  QRT_TRY(shapes.allocate(allocator, size_t(program->tables.inputs.size()) *
                                         QRT_MAX_RANK));
  if (shapes.size())
    std::memcpy(shapes.data(), newShapes, shapes.size() * sizeof(int64_t));
  QRT_TRY(allocateTables());
  return advance(0, true);
}

qrt_status_t Plan::advance(uint32_t stage, bool changed) {
  if (!changed && stage < planned)
    return nullptr;
  planned = stage;
  QRT_TRY(planStage(stage));
  planned = stage + 1;
  return nullptr;
}

bool Plan::matches(const int64_t *others) const {
  return shapes.size() == 0 ||
         std::memcmp(shapes.data(), others, shapes.size() * sizeof(int64_t)) ==
             0;
}

void Plan::shapeOf(const Tables &tables, const qrt_tensor_t &tensor,
                   int64_t *shape) const {
  for (uint32_t axis = 0; axis < tensor.rank; ++axis)
    exprs.get(tables.dimsOf(tensor)[axis], shape[axis]);
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Stages.h"

using namespace qrt;

// While stages are computed, the arrays hold times: 0 for what shapes tell, and
// 1 + n for what is known when the first n commands have run.
static constexpr uint32_t never = UINT32_MAX;

static void raise(uint32_t &time, uint32_t other) {
  time = other > time ? other : time;
}

static uint32_t timeOfRead(const Tables &tables, const qrt_expr_t &expr,
                           const uint32_t *lastWriter) {
  const qrt_storage_t &storage = tables.storageOf(expr.a);
  switch (storage.kind) {
  case QRT_STORAGE_RESULT:
    return storage.first_use + 2;
  case QRT_STORAGE_INPUT:
  case QRT_STORAGE_WEIGHT:
    return 1;
  default: {
    uint32_t writer = lastWriter[tables.tensors[expr.a].storage];
    return writer == never ? never : writer + 2;
  }
  }
}

// Tensors that ELEMENT reads have sizes earlier in the list (checkReads), so one
// pass over the expressions, tensors on demand, finds everything.
void Stages::findTimes(const Tables &tables, const uint32_t *lastWriter) {
  auto sizeTime = [&](const qrt_tensor_t &tensor) {
    uint32_t time = exprs[tables.storages[tensor.storage].bytes];
    if (tensor.offset != QRT_NONE)
      raise(time, exprs[tensor.offset]);
    for (uint32_t axis = 0; axis < tensor.rank; ++axis)
      raise(time, exprs[tables.dimsOf(tensor)[axis]]);
    return time;
  };
  for (uint32_t i = 0; i < tables.exprs.size(); ++i) {
    const qrt_expr_t &expr = tables.exprs[i];
    uint32_t time = 0;
    if (expr.op == QRT_EXPR_ELEMENT || expr.op == QRT_EXPR_RESULT_DIM) {
      time = timeOfRead(tables, expr, lastWriter);
      if (expr.op == QRT_EXPR_ELEMENT)
        raise(time, sizeTime(tables.tensors[expr.a]));
    } else if (expr.op != QRT_EXPR_CONST && expr.op != QRT_EXPR_DIM) {
      raise(time, exprs[expr.a]);
      raise(time, exprs[expr.b]);
      if (expr.op == QRT_EXPR_SELECT)
        raise(time, exprs[expr.c]);
    }
    exprs[i] = time;
  }
  for (uint32_t i = 0; i < tables.storages.size(); ++i) {
    const qrt_storage_t &storage = tables.storages[i];
    storages[i] = exprs[storage.bytes];
    if (storage.kind == QRT_STORAGE_RESULT)
      raise(storages[i], storage.first_use + 2);
  }
  for (uint32_t i = 0; i < tables.tensors.size(); ++i) {
    tensors[i] = sizeTime(tables.tensors[i]);
    raise(tensors[i], storages[tables.tensors[i].storage]);
  }
}

qrt_status_t Stages::checkTimes(const Tables &tables) const {
  auto damaged = [](const char *what, uint32_t index, const char *how) {
    return makeStatus(QRT_INTEGRITY, "the TABLES section: %s %u %s", what,
                      index, how);
  };
  for (uint32_t id : reads)
    if (exprs[id] == never)
      return damaged("expression", id, "reads what no command writes");
  for (uint32_t i = 0; i < tables.inputs.size(); ++i)
    if (tensors[tables.inputs[i].tensor] != 0)
      return damaged("input", i, "has a size that only a run would tell");
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    const qrt_command_t &command = tables.commands[i];
    bool known = true;
    for (uint32_t j = 0; j < command.operand_count; ++j) {
      uint32_t time = tensors[tables.list(command.operands)[j]];
      // Sizes of results must be known at once: that is when they are read.
      known = known && (isCall(command) && j >= command.input_count
                            ? time == i + 2
                            : time <= i + 1);
    }
    for (uint32_t j = 0; j < command.dims_count; ++j)
      known = known && exprs[tables.list(command.dims)[j]] <= i + 1;
    if (!known)
      return damaged("command", i, "uses a size before it is known");
  }
  return nullptr;
}

qrt_status_t Stages::numberStages(const Tables &tables,
                                  const qrt_allocator_t &allocator) {
  // stageAt[time], first 1 where a stage begins.
  uint32_t last = tables.commands.size() + 1;
  Array<uint32_t> stageAt;
  QRT_TRY(stageAt.allocate(allocator, size_t(last) + 1));
  uint32_t count = 1;
  auto mark = [&](const Array<uint32_t> &times) {
    for (uint32_t time : times)
      if (time != 0 && !stageAt[time]) {
        stageAt[time] = 1;
        ++count;
      }
  };
  mark(exprs);
  mark(tensors);
  mark(storages);
  QRT_TRY(starts.allocate(allocator, size_t(count) + 1));
  uint32_t next = 1;
  for (uint32_t time = 1; time <= last; ++time)
    if (stageAt[time]) {
      starts[next] = time - 1;
      stageAt[time] = next++;
    }
  starts[count] = tables.commands.size();
  auto number = [&](Array<uint32_t> &times) {
    for (uint32_t &time : times)
      time = stageAt[time];
  };
  number(exprs);
  number(tensors);
  number(storages);
  return nullptr;
}

qrt_status_t Stages::build(const Tables &tables,
                           const qrt_allocator_t &allocator) {
  QRT_TRY(exprs.allocate(allocator, tables.exprs.size()));
  QRT_TRY(tensors.allocate(allocator, tables.tensors.size()));
  QRT_TRY(storages.allocate(allocator, tables.storages.size()));
  Array<uint32_t> lastWriter;
  QRT_TRY(lastWriter.allocate(allocator, tables.storages.size()));
  for (uint32_t &writer : lastWriter)
    writer = never;
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    const qrt_command_t &command = tables.commands[i];
    for (uint32_t j = tables.inputCountOf(command); j < command.operand_count;
         ++j)
      lastWriter[tables.tensors[tables.list(command.operands)[j]].storage] = i;
  }
  uint32_t readCount = 0;
  for (int pass = 0; pass < 2; ++pass) {
    if (pass)
      QRT_TRY(reads.allocate(allocator, readCount));
    readCount = 0;
    for (uint32_t i = 0; i < tables.exprs.size(); ++i) {
      uint32_t op = tables.exprs[i].op;
      if (op != QRT_EXPR_ELEMENT && op != QRT_EXPR_RESULT_DIM)
        continue;
      if (pass)
        reads[readCount] = i;
      ++readCount;
    }
  }
  findTimes(tables, lastWriter.data());
  QRT_TRY(checkTimes(tables));
  return numberStages(tables, allocator);
}

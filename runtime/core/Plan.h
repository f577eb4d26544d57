// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program comes down to for one set of input shapes: values of all
// expressions, arena offsets, dims, units and scratch of every launch. Stage 0
// is built when the shapes are first seen and cached by the context; a later
// stage when a run first reaches it, and again when a size it read has changed.
#ifndef QRT_CORE_PLAN_H
#define QRT_CORE_PLAN_H

#include "runtime/core/Expressions.h"
#include "runtime/core/Model.h"

namespace qrt {

struct CommandPlan {
  int64_t units;  // LAUNCH
  uint64_t bytes; // of all operands
  uint64_t work;  // 0 if unknown
  uint32_t firstDim;
  uint32_t firstOperand; // in a list of all commands' operands
};

class Plan {
public:
  // `shapes`: QRT_MAX_RANK sizes for each input, padded with zeros. Fails when
  // they contradict the model.
  qrt_status_t build(const qrt_model &model, const Program &program,
                     const int64_t *shapes, const qrt_allocator_t &allocator);
  // Plans `stage` anew if `changed` or if an earlier one was. What the stage
  // reads has been set.
  qrt_status_t advance(uint32_t stage, bool changed);

  bool matches(const int64_t *shapes) const;
  // Evaluates the dimensions of a tensor.
  void shapeOf(const Tables &tables, const qrt_tensor_t &tensor,
               int64_t *shape) const;

  Array<int64_t> dims;           // of all launches
  Array<CommandPlan> commands;   // one a command
  Array<uint64_t> tensorBytes;   // one a tensor
  Array<uint64_t> tensorOffsets; // into its storage
  Array<uint64_t> storageBytes;  // one a storage
  Array<uint64_t> arenaOffsets;  // one a storage, for TEMP
  Array<uint64_t> arenaBytes;    // one a stage: temporaries sized by it
  Expressions exprs;
  uint64_t scratchBytes = 0; // the most that any launch wanted, per thread
  uint32_t operandCount = 0; // of all commands
  uint64_t lastUsed = 0;

private:
  qrt_status_t checkInputs() const;
  qrt_status_t allocateTables();
  qrt_status_t planStage(uint32_t stage);
  qrt_status_t sizeStorages(uint32_t stage);
  qrt_status_t sizeTensors(uint32_t stage);
  qrt_status_t placeTemporaries(uint32_t stage);
  qrt_status_t planCommands(uint32_t stage);
  qrt_status_t planLaunch(const qrt_command_t &command, CommandPlan &out);

  qrt_allocator_t allocator = {};
  const qrt_model *model = nullptr;
  const Program *program = nullptr;
  Array<int64_t> shapes;
  uint32_t planned = 0; // stages
};

// Compares the sizes of an input with what the model declares: fixed
// dimensions and ranges of free ones.
qrt_status_t checkInputShape(const Tables &tables, uint32_t input,
                             const int64_t *shape);

} // namespace qrt

#endif // QRT_CORE_PLAN_H

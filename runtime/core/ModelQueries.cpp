// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the C API that answers questions about a model.

#include "runtime/core/Model.h"
#include <cstdio>
#include <cstring>

using namespace qrt;

const char *qrt_version(void) { return QRT_VERSION; }

void qrt_model_info(const qrt_model_t *model, qrt_model_info_t *info) {
  *info = {};
  const Tables &tables = model->tables;
  info->name = tables.modelName;
  info->producer = tables.producer;
  info->isa = model->codeSection ? model->codeSection->name : "";
  if (auto *lineage = model->sections.find(QRT_SECTION_LINEAGE))
    info->lineage = {model->sections.bytesOf(*lineage), lineage->size};
  if (auto *weights = model->sections.find(QRT_SECTION_WEIGHTS))
    info->weight_bytes = weights->size;
  info->file_bytes = model->fileBytes;
  info->code_bytes = model->codeSection ? model->codeSection->size : 0;
  info->input_count = tables.inputs.size();
  info->output_count = tables.outputs.size();
  info->tensor_count = tables.tensors.size();
  info->kernel_count = tables.kernels.size();
  info->command_count = model->commandCount();
  info->isa_count = model->sections.codeCount();
}

const char *qrt_model_isa(const qrt_model_t *model, uint32_t index) {
  const qrt_section_t *section = model->sections.code(index);
  return section ? section->name : nullptr;
}

static void describePort(const Tables &tables, const qrt_port_t &port,
                         qrt_port_info_t *info) {
  *info = {};
  const qrt_tensor_t &tensor = tables.tensors[port.tensor];
  info->name = tables.string(port.name);
  info->dtype = qrt_dtype_t(tensor.dtype);
  info->rank = tensor.rank;
  for (uint32_t axis = 0; axis < tensor.rank; ++axis) {
    const qrt_expr_t &size = tables.exprs[tables.dimsOf(tensor)[axis]];
    info->symbols[axis] = "";
    info->shape[axis] = size.op == QRT_EXPR_CONST ? size.value : -1;
    info->min[axis] = size.op == QRT_EXPR_CONST ? size.value : 0;
    info->max[axis] = size.op == QRT_EXPR_CONST ? size.value : INT64_MAX;
    for (uint32_t i = 0; i < tables.symbols.size(); ++i) {
      const qrt_symbol_t &symbol = tables.symbols[i];
      if (size.op != QRT_EXPR_DIM || symbol.input != size.a ||
          symbol.axis != size.b)
        continue;
      info->symbols[axis] = tables.string(symbol.name);
      info->min[axis] = symbol.min;
      info->max[axis] = symbol.max;
    }
  }
}

qrt_status_t qrt_model_input(const qrt_model_t *model, uint32_t index,
                             qrt_port_info_t *info) {
  if (index >= model->tables.inputs.size())
    return makeStatus(QRT_USAGE, "there is no input %u; the model has %u",
                      index, model->tables.inputs.size());
  describePort(model->tables, model->tables.inputs[index], info);
  return nullptr;
}

qrt_status_t qrt_model_output(const qrt_model_t *model, uint32_t index,
                              qrt_port_info_t *info) {
  if (index >= model->tables.outputs.size())
    return makeStatus(QRT_USAGE, "there is no output %u; the model has %u",
                      index, model->tables.outputs.size());
  describePort(model->tables, model->tables.outputs[index], info);
  return nullptr;
}

static qrt_status_t findPort(const Tables &tables,
                             const Table<qrt_port_t> &ports, const char *what,
                             const char *name, uint32_t *outIndex) {
  char names[320] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < ports.size(); ++i) {
    const char *candidate = tables.string(ports[i].name);
    if (std::strcmp(candidate, name) == 0) {
      *outIndex = i;
      return nullptr;
    }
    if (used < sizeof(names))
      used += std::snprintf(names + used, sizeof(names) - used, "%s'%s'",
                            i ? ", " : "", candidate);
  }
  return makeStatus(QRT_BAD_INPUT, "the model has no %s '%s'; it has %s", what,
                    name, ports.size() ? names : "none");
}

qrt_status_t qrt_model_find_input(const qrt_model_t *model, const char *name,
                                  uint32_t *outIndex) {
  return findPort(model->tables, model->tables.inputs, "input", name, outIndex);
}

qrt_status_t qrt_model_find_output(const qrt_model_t *model, const char *name,
                                   uint32_t *outIndex) {
  return findPort(model->tables, model->tables.outputs, "output", name,
                  outIndex);
}

qrt_status_t qrt_model_command(const qrt_model_t *model, uint32_t index,
                               qrt_command_info_t *info) {
  if (index >= model->commandCount())
    return makeStatus(QRT_USAGE, "there is no command %u; the model has %u",
                      index, model->commandCount());
  uint32_t number = model->programCount() - 1;
  while (index < model->program(number).firstCommand)
    --number;
  const Tables &tables = model->program(number).tables;
  const qrt_command_t &command =
      tables.commands[index - model->program(number).firstCommand];
  *info = {qrt_command_kind_t(command.kind), tables.string(command.name), "",
           ""};
  if (command.kind == QRT_COMMAND_LAUNCH) {
    const qrt_kernel_t &kernel = tables.kernels[command.kernel];
    info->kernel = tables.string(kernel.name);
    info->description = tables.string(kernel.description);
  }
  return nullptr;
}

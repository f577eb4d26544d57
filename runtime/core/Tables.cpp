// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Tables.h"
#include <cinttypes>
#include <cstdio>

using namespace qrt;

namespace {

struct TypeRow {
  const char *name;
  size_t size;
};

constexpr TypeRow types[] = {
    {"?", 0},   {"f32", 4}, {"f16", 2}, {"bf16", 2}, {"f64", 8},
    {"i8", 1},  {"u8", 1},  {"i16", 2}, {"u16", 2},  {"i32", 4},
    {"u32", 4}, {"i64", 8}, {"u64", 8}, {"bool", 1}, {"opaque", 1},
    {"i4", 1},  {"u4", 1},  {"i2", 1},  {"u2", 1},
    {"f8e4m3fn", 1}, {"f8e4m3fnuz", 1}, {"f8e5m2", 1}, {"f8e5m2fnuz", 1},
    {"f8e8m0", 1},   {"f4e2m1", 1},
};

const TypeRow &typeRow(uint32_t dtype) {
  return types[dtype < sizeof(types) / sizeof(types[0]) ? dtype : 0];
}

} // namespace

size_t qrt::dtypeSize(uint32_t dtype) { return typeRow(dtype).size; }

size_t qrt_dtype_size(qrt_dtype_t dtype) { return typeRow(dtype).size; }

const char *qrt_dtype_name(qrt_dtype_t dtype) { return typeRow(dtype).name; }

void qrt::describeShape(uint32_t dtype, const int64_t *shape, uint32_t rank,
                        char *out, size_t size) {
  size_t used = std::snprintf(out, size, "%s[", typeRow(dtype).name);
  for (uint32_t axis = 0; axis < rank && used < size; ++axis) {
    const char *times = axis ? "x" : "";
    used += shape[axis] < 0
                ? std::snprintf(out + used, size - used, "%s?", times)
                : std::snprintf(out + used, size - used, "%s%" PRId64, times,
                                shape[axis]);
  }
  if (used < size)
    std::snprintf(out + used, size - used, "]");
}

namespace qrt {

class TablesChecker {
public:
  TablesChecker(Tables &tables, const char *bytes, size_t size,
                const Sections &sections)
      : tables(tables), bytes(bytes), size(size), sections(sections) {}

  qrt_status_t openAll();
  qrt_status_t checkExprs();
  qrt_status_t checkStorages();
  qrt_status_t checkTensors();
  qrt_status_t checkPorts();
  qrt_status_t checkReads();
  qrt_status_t checkSymbols();
  qrt_status_t checkKernels();
  qrt_status_t checkCommands();

private:
  qrt_status_t damaged(const char *what, uint32_t index, const char *how) {
    return makeStatus(QRT_INTEGRITY, "the TABLES section: %s %u %s", what,
                      index, how);
  }
  bool isString(uint32_t offset) const { return offset < tables.stringBytes; }
  bool isExpr(uint32_t id) const { return id < tables.exprs.size(); }
  bool isExprOrNone(uint32_t id) const { return id == QRT_NONE || isExpr(id); }
  bool isList(uint32_t first, uint32_t count, uint32_t limit) const {
    if (first > tables.idCount || count > tables.idCount - first)
      return false;
    for (uint32_t i = 0; i < count; ++i)
      if (tables.ids[first + i] >= limit)
        return false;
    return true;
  }
  template <typename T>
  qrt_status_t openTable(const char *name, const qrt_table_t &where,
                         Table<T> &out);
  qrt_status_t checkRange(const char *name, const qrt_table_t &where,
                          size_t rowSize, size_t alignment);
  qrt_status_t checkPort(const Table<qrt_port_t> &ports, uint32_t index,
                         qrt_storage_kind_t kind, const char *what);
  qrt_status_t checkEntry(uint32_t index, const qrt_section_t &code);
  qrt_status_t checkLifetimes(uint32_t index, const qrt_command_t &command);
  qrt_status_t checkCall(uint32_t index, const qrt_command_t &command);

  Tables &tables;
  const char *bytes;
  size_t size;
  const Sections &sections;
};

qrt_status_t TablesChecker::checkRange(const char *name,
                                       const qrt_table_t &where, size_t rowSize,
                                       size_t alignment) {
  if (where.offset % 8 == 0 && where.offset <= size &&
      where.stride >= rowSize && where.stride % alignment == 0 &&
      uint64_t(where.count) * where.stride <= size - where.offset)
    return nullptr;
  return makeStatus(QRT_INTEGRITY,
                    "the TABLES section: table '%s' lies outside it or has "
                    "rows of a wrong size",
                    name);
}

template <typename T>
qrt_status_t TablesChecker::openTable(const char *name,
                                      const qrt_table_t &where, Table<T> &out) {
  QRT_TRY(checkRange(name, where, sizeof(T), 8));
  out = Table<T>(bytes + where.offset, where.count, where.stride);
  return nullptr;
}

qrt_status_t TablesChecker::openAll() {
  qrt_tables_t head;
  if (size < sizeof(head))
    return makeStatus(QRT_INTEGRITY, "the TABLES section is truncated");
  std::memcpy(&head, bytes, sizeof(head));
  if (head.version != QRT_FORMAT_VERSION || head.size < sizeof(head))
    return makeStatus(QRT_INTEGRITY,
                      "the TABLES section has version %u, expected %u",
                      head.version, QRT_FORMAT_VERSION);
  QRT_TRY(checkRange("strings", head.strings, 1, 1));
  QRT_TRY(checkRange("ids", head.ids, sizeof(uint32_t), sizeof(uint32_t)));
  if (head.strings.stride != 1 || head.ids.stride != sizeof(uint32_t))
    return makeStatus(QRT_INTEGRITY,
                      "the TABLES section: strings or ids have gaps");
  tables.strings = bytes + head.strings.offset;
  tables.stringBytes = head.strings.count;
  if (!tables.stringBytes || tables.strings[0] ||
      tables.strings[tables.stringBytes - 1])
    return makeStatus(QRT_INTEGRITY,
                      "the TABLES section: strings are not terminated");
  tables.ids = reinterpret_cast<const uint32_t *>(bytes + head.ids.offset);
  tables.idCount = head.ids.count;
  QRT_TRY(openTable("exprs", head.exprs, tables.exprs));
  QRT_TRY(openTable("tensors", head.tensors, tables.tensors));
  QRT_TRY(openTable("storages", head.storages, tables.storages));
  QRT_TRY(openTable("inputs", head.inputs, tables.inputs));
  QRT_TRY(openTable("outputs", head.outputs, tables.outputs));
  QRT_TRY(openTable("symbols", head.symbols, tables.symbols));
  QRT_TRY(openTable("kernels", head.kernels, tables.kernels));
  QRT_TRY(openTable("entries", head.entries, tables.entries));
  QRT_TRY(openTable("commands", head.commands, tables.commands));
  if (head.programs.count) // all zero where there are none
    QRT_TRY(openTable("programs", head.programs, tables.programs));
  if (!isString(head.model_name) || !isString(head.producer))
    return makeStatus(QRT_INTEGRITY,
                      "the TABLES section: the model's name is out of range");
  tables.modelName = tables.string(head.model_name);
  tables.producer = tables.string(head.producer);
  return nullptr;
}

qrt_status_t TablesChecker::checkExprs() {
  for (uint32_t i = 0; i < tables.exprs.size(); ++i) {
    const qrt_expr_t &expr = tables.exprs[i];
    bool valid;
    switch (expr.op) {
    case QRT_EXPR_CONST:
      valid = true;
      break;
    case QRT_EXPR_DIM:
      // The rank is compared in checkPorts, once tensors are known.
      valid = expr.a < tables.inputs.size() && expr.b < QRT_MAX_RANK;
      break;
    case QRT_EXPR_SELECT:
      valid = expr.a < i && expr.b < i && expr.c < i;
      break;
    case QRT_EXPR_ELEMENT:
    case QRT_EXPR_RESULT_DIM:
      valid = expr.a < tables.tensors.size(); // the rest in checkReads
      break;
    default:
      valid = expr.op >= QRT_EXPR_ADD && expr.op <= QRT_EXPR_LE && expr.a < i &&
              expr.b < i;
    }
    if (!valid)
      return damaged("expression", i, "is malformed");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkStorages() {
  const qrt_section_t *weights = sections.find(QRT_SECTION_WEIGHTS);
  uint64_t weightBytes = weights ? weights->size : 0;
  for (uint32_t i = 0; i < tables.storages.size(); ++i) {
    const qrt_storage_t &storage = tables.storages[i];
    if (!isExpr(storage.bytes))
      return damaged("storage", i, "has an unknown size");
    bool valid = false;
    switch (storage.kind) {
    case QRT_STORAGE_INPUT:
      valid = storage.index < tables.inputs.size();
      break;
    case QRT_STORAGE_OUTPUT:
      valid = storage.index < tables.outputs.size();
      break;
    case QRT_STORAGE_WEIGHT:
      valid = storage.weight_offset % QRT_DATA_ALIGNMENT == 0 &&
              storage.weight_offset <= weightBytes &&
              storage.weight_size <= weightBytes - storage.weight_offset;
      break;
    case QRT_STORAGE_TEMP:
      valid = storage.first_use <= storage.last_use;
      break;
    case QRT_STORAGE_RESULT: {
      if (storage.first_use >= tables.commands.size())
        break;
      const qrt_command_t &call = tables.commands[storage.first_use];
      valid = isCall(call) && call.input_count <= call.operand_count &&
              storage.index < call.operand_count - call.input_count;
      break;
    }
    }
    if (!valid)
      return damaged("storage", i, "is malformed");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkTensors() {
  for (uint32_t i = 0; i < tables.tensors.size(); ++i) {
    const qrt_tensor_t &tensor = tables.tensors[i];
    if (!isString(tensor.name) || !dtypeSize(tensor.dtype) ||
        tensor.rank > QRT_MAX_RANK ||
        !isList(tensor.dims, tensor.rank, tables.exprs.size()) ||
        tensor.storage >= tables.storages.size() ||
        !isExprOrNone(tensor.offset))
      return damaged("tensor", i, "is malformed");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkPort(const Table<qrt_port_t> &ports,
                                      uint32_t index, qrt_storage_kind_t kind,
                                      const char *what) {
  const qrt_port_t &port = ports[index];
  if (!isString(port.name) || port.tensor >= tables.tensors.size())
    return damaged(what, index, "is malformed");
  const qrt_storage_t &storage = tables.storageOf(port.tensor);
  if (storage.kind != uint32_t(kind) || storage.index != index ||
      tables.tensors[port.tensor].offset != QRT_NONE)
    return damaged(what, index, "is not backed by its own memory");
  return nullptr;
}

qrt_status_t TablesChecker::checkPorts() {
  for (uint32_t i = 0; i < tables.inputs.size(); ++i)
    QRT_TRY(checkPort(tables.inputs, i, QRT_STORAGE_INPUT, "input"));
  for (uint32_t i = 0; i < tables.outputs.size(); ++i)
    QRT_TRY(checkPort(tables.outputs, i, QRT_STORAGE_OUTPUT, "output"));
  for (uint32_t i = 0; i < tables.exprs.size(); ++i) {
    const qrt_expr_t &expr = tables.exprs[i];
    if (expr.op == QRT_EXPR_DIM &&
        expr.b >= tables.tensors[tables.inputs[expr.a].tensor].rank)
      return damaged("expression", i, "reads an axis that does not exist");
  }
  return nullptr;
}

static bool isInteger(uint32_t dtype) {
  return dtype >= QRT_DTYPE_I8 && dtype <= QRT_DTYPE_BOOL;
}

// Expressions that read tensors: their own sizes must come first, so that
// evaluation in order finds them.
qrt_status_t TablesChecker::checkReads() {
  for (uint32_t i = 0; i < tables.exprs.size(); ++i) {
    const qrt_expr_t &expr = tables.exprs[i];
    if (expr.op != QRT_EXPR_ELEMENT && expr.op != QRT_EXPR_RESULT_DIM)
      continue;
    const qrt_tensor_t &tensor = tables.tensors[expr.a];
    const qrt_storage_t &storage = tables.storages[tensor.storage];
    if (expr.op == QRT_EXPR_RESULT_DIM) {
      if (storage.kind != QRT_STORAGE_RESULT || expr.b >= tensor.rank)
        return damaged("expression", i, "reads the size of no result");
      continue;
    }
    bool earlier = storage.bytes < i &&
                   (tensor.offset == QRT_NONE || tensor.offset < i);
    for (uint32_t axis = 0; axis < tensor.rank; ++axis)
      earlier = earlier && tables.dimsOf(tensor)[axis] < i;
    if (!earlier || !isInteger(tensor.dtype))
      return damaged("expression", i, "reads a tensor it cannot read");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkSymbols() {
  for (uint32_t i = 0; i < tables.symbols.size(); ++i) {
    const qrt_symbol_t &symbol = tables.symbols[i];
    if (!isString(symbol.name) || symbol.input >= tables.inputs.size() ||
        symbol.axis >=
            tables.tensors[tables.inputs[symbol.input].tensor].rank ||
        symbol.min < 0 || symbol.min > symbol.max)
      return damaged("symbol", i, "is malformed");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkEntry(uint32_t index,
                                       const qrt_section_t &code) {
  const qrt_kernel_entry_t &entry = tables.entries[index];
  bool absent = entry.run == QRT_NO_ENTRY && entry.units == QRT_NO_ENTRY &&
                entry.scratch == QRT_NO_ENTRY;
  bool inside = entry.run < code.text_size && entry.units < code.text_size &&
                entry.scratch < code.text_size;
  return absent || inside
             ? nullptr
             : damaged("kernel entry", index, "points outside its code");
}

qrt_status_t TablesChecker::checkKernels() {
  uint32_t isaCount = sections.codeCount();
  for (uint32_t i = 0; i < tables.kernels.size(); ++i) {
    const qrt_kernel_t &kernel = tables.kernels[i];
    if (!isString(kernel.name) || !isString(kernel.description) ||
        kernel.input_count > kernel.operand_count ||
        kernel.first_entry > tables.entries.size() ||
        isaCount > tables.entries.size() - kernel.first_entry)
      return damaged("kernel", i, "is malformed");
    for (uint32_t isa = 0; isa < isaCount; ++isa)
      QRT_TRY(checkEntry(kernel.first_entry + isa, *sections.code(isa)));
  }
  return nullptr;
}

// The arena gives memory of a temporary to others outside its lifetime.
qrt_status_t TablesChecker::checkLifetimes(uint32_t index,
                                           const qrt_command_t &command) {
  for (uint32_t i = 0; i < command.operand_count; ++i) {
    const qrt_storage_t &storage =
        tables.storageOf(tables.list(command.operands)[i]);
    if (storage.kind == QRT_STORAGE_TEMP &&
        (index < storage.first_use || index > storage.last_use))
      return damaged("command", index, "uses memory beyond its lifetime");
  }
  return nullptr;
}

// What can be said without the programs; Model compares with them.
qrt_status_t TablesChecker::checkCall(uint32_t index,
                                      const qrt_command_t &command) {
  bool isLoop = command.kind == QRT_COMMAND_LOOP;
  uint32_t results = command.operand_count - command.input_count;
  if (command.input_count > command.operand_count ||
      command.dims_count != (isLoop ? 2u : 1u) ||
      (isLoop &&
       (command.other > command.input_count || command.other > results)))
    return damaged("command", index, "is malformed");
  for (uint32_t j = 0; j < results; ++j) {
    uint32_t id = tables.list(command.operands)[command.input_count + j];
    const qrt_storage_t &storage = tables.storageOf(id);
    if (storage.kind != QRT_STORAGE_RESULT || storage.first_use != index ||
        storage.index != j || tables.tensors[id].offset != QRT_NONE)
      return damaged("command", index, "has a result without its own storage");
  }
  return nullptr;
}

qrt_status_t TablesChecker::checkCommands() {
  for (uint32_t i = 0; i < tables.commands.size(); ++i) {
    const qrt_command_t &command = tables.commands[i];
    if (!isString(command.name) || !isExprOrNone(command.work) ||
        !isList(command.operands, command.operand_count,
                tables.tensors.size()) ||
        !isList(command.dims, command.dims_count, tables.exprs.size()))
      return damaged("command", i, "is malformed");
    uint32_t inputCount = command.operand_count;
    if (isCall(command)) {
      QRT_TRY(checkCall(i, command));
      inputCount = command.operand_count; // results have no memory to write to
    } else if (command.kind == QRT_COMMAND_LAUNCH) {
      if (command.kernel >= tables.kernels.size())
        return damaged("command", i, "launches an unknown kernel");
      const qrt_kernel_t &kernel = tables.kernels[command.kernel];
      if (kernel.operand_count != command.operand_count ||
          kernel.dims_count != command.dims_count)
        return damaged("command", i, "disagrees with its kernel");
      inputCount = kernel.input_count;
    } else if (command.kind == QRT_COMMAND_COPY && inputCount == 2) {
      inputCount = 1;
    } else if (command.kind != QRT_COMMAND_TAP || inputCount != 1) {
      return damaged("command", i, "is of an unknown kind");
    }
    for (uint32_t j = inputCount; j < command.operand_count; ++j) {
      uint32_t kind = tables.storageOf(tables.list(command.operands)[j]).kind;
      if (kind != QRT_STORAGE_TEMP && kind != QRT_STORAGE_OUTPUT)
        return damaged("command", i, "writes to read-only memory");
    }
    QRT_TRY(checkLifetimes(i, command));
  }
  return nullptr;
}

} // namespace qrt

qrt_status_t Tables::open(const char *bytes, size_t size,
                          const Sections &sections) {
  TablesChecker checker(*this, bytes, size, sections);
  QRT_TRY(checker.openAll());
  QRT_TRY(checker.checkExprs());
  QRT_TRY(checker.checkStorages());
  QRT_TRY(checker.checkTensors());
  QRT_TRY(checker.checkPorts());
  QRT_TRY(checker.checkReads());
  QRT_TRY(checker.checkSymbols());
  QRT_TRY(checker.checkKernels());
  return checker.checkCommands();
}

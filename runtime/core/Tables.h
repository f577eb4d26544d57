// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The TABLES section, checked: after open() succeeds, every id, range and
// string reached through this class is valid, so that nobody checks again.
// What depends on the shapes of inputs is checked by Plan.
#ifndef QRT_CORE_TABLES_H
#define QRT_CORE_TABLES_H

#include "runtime/core/Memory.h"
#include "runtime/core/Sections.h"

namespace qrt {

// Rows of a possibly newer, longer struct.
template <typename T> class Table {
public:
  Table() = default;
  Table(const char *base, uint32_t count, uint32_t stride)
      : base(base), count(count), stride(stride) {}
  uint32_t size() const { return count; }
  const T &operator[](uint32_t index) const {
    return *reinterpret_cast<const T *>(base + size_t(index) * stride);
  }

private:
  const char *base = nullptr;
  uint32_t count = 0, stride = 0;
};

class Tables {
public:
  // `bytes`: 8-byte aligned, unchanged while this object lives.
  qrt_status_t open(const char *bytes, size_t size, const Sections &sections);

  // How many operands of a command are only read, the first ones.
  uint32_t inputCountOf(const qrt_command_t &command) const {
    switch (command.kind) {
    case QRT_COMMAND_LAUNCH:
      return kernels[command.kernel].input_count;
    case QRT_COMMAND_BRANCH:
    case QRT_COMMAND_LOOP:
      return command.input_count;
    default:
      return 1;
    }
  }

  const char *string(uint32_t offset) const { return strings + offset; }
  const uint32_t *list(uint32_t first) const { return ids + first; }
  const uint32_t *dimsOf(const qrt_tensor_t &tensor) const {
    return list(tensor.dims);
  }
  const qrt_storage_t &storageOf(uint32_t tensor) const {
    return storages[tensors[tensor].storage];
  }

  const char *modelName = "";
  const char *producer = "";
  Table<qrt_expr_t> exprs;
  Table<qrt_tensor_t> tensors;
  Table<qrt_storage_t> storages;
  Table<qrt_port_t> inputs, outputs;
  Table<qrt_symbol_t> symbols;
  Table<qrt_kernel_t> kernels;
  Table<qrt_kernel_entry_t> entries;
  Table<qrt_command_t> commands;
  Table<qrt_program_t> programs;

private:
  friend class TablesChecker;
  const char *strings = nullptr;
  const uint32_t *ids = nullptr;
  uint32_t stringBytes = 0, idCount = 0;
};

// True for a command that runs sub-programs.
inline bool isCall(const qrt_command_t &command) {
  return command.kind == QRT_COMMAND_BRANCH || command.kind == QRT_COMMAND_LOOP;
}

// 0 for a number that is no type.
size_t dtypeSize(uint32_t dtype);

// A type name and a shape such as "f32[1x3x224x224]", for messages; -1 prints
// as '?'.
void describeShape(uint32_t dtype, const int64_t *shape, uint32_t rank,
                   char *out, size_t size);

} // namespace qrt

#endif // QRT_CORE_TABLES_H

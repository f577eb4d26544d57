// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An open artifact: what all contexts share, immutable once open.
#ifndef QRT_CORE_MODEL_H
#define QRT_CORE_MODEL_H

#include "runtime/core/Stages.h"
#include "runtime/cpu/CodeMapping.h"
#include <atomic>
#include <pthread.h>

namespace qrt {

// What one command table needs: of the model, or of a sub-program.
struct Program {
  uint32_t number = 0;       // as commands name it
  uint32_t firstCommand = 0; // among the commands of all programs
  Tables tables;
  Stages stages;
};

} // namespace qrt

struct qrt_model {
  ~qrt_model();

  qrt_status_t openFile(const char *path, const qrt_model_options_t &options);
  qrt_status_t open(qrt_span_t bytes, const qrt_model_options_t &options);
  // Hashes the weights unless that has happened.
  qrt_status_t verifyWeights();

  // `number`: checked when the model was opened.
  const qrt::Program &program(uint32_t number) const {
    return number ? *subprograms[number - 1] : main;
  }
  uint32_t programCount() const { return uint32_t(subprograms.size()) + 1; }
  // Of all programs.
  uint32_t commandCount() const {
    const qrt::Program &last = program(programCount() - 1);
    return last.firstCommand + last.tables.commands.size();
  }

  const qrt_kernel_entry_t &entryOf(const qrt::Tables &of,
                                    const qrt_kernel_t &kernel) const {
    return of.entries[kernel.first_entry + isaIndex];
  }

  std::atomic<uint32_t> references{1};
  qrt_allocator_t allocator = {};
  qrt::Sections sections;
  qrt::Program main;
  qrt::Tables &tables = main.tables;
  qrt::CodeMapping code;
  const qrt_section_t *codeSection = nullptr; // NULL: a model without kernels
  uint32_t isaIndex = 0;
  const char *weights = nullptr; // 64-byte aligned
  uint64_t fileBytes = 0;

private:
  qrt_status_t openTables();
  qrt_status_t openCode(const char *wantedIsa);
  qrt_status_t openWeights();
  qrt_status_t verifyAll();
  bool hasAllKernels(uint32_t isa) const;
  qrt_status_t openPrograms(const char *bytes, size_t size);
  qrt_status_t checkCalls() const;

  qrt::Array<qrt::Program *> subprograms;
  qrt::Buffer tableBytes; // private copy: checked once, trusted afterwards
  qrt::Buffer alignedWeights;
  const qrt_section_t *weightSection = nullptr;
  pthread_mutex_t verifyMutex = PTHREAD_MUTEX_INITIALIZER;
  bool verified = false;
  void *mapped = nullptr;
  size_t mappedSize = 0;
};

#endif // QRT_CORE_MODEL_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An open artifact: what all contexts share, immutable once open.
#ifndef QRT_CORE_MODEL_H
#define QRT_CORE_MODEL_H

#include "runtime/core/Tables.h"
#include "runtime/cpu/CodeMapping.h"
#include <atomic>
#include <pthread.h>

struct qrt_model {
  ~qrt_model();

  qrt_status_t openFile(const char *path, const qrt_model_options_t &options);
  qrt_status_t open(qrt_span_t bytes, const qrt_model_options_t &options);
  // Hashes the weights unless that has happened.
  qrt_status_t verifyWeights();

  const qrt_kernel_entry_t &entryOf(const qrt_kernel_t &kernel) const {
    return tables.entries[kernel.first_entry + isaIndex];
  }

  std::atomic<uint32_t> references{1};
  qrt_allocator_t allocator = {};
  qrt::Sections sections;
  qrt::Tables tables;
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

  qrt::Buffer tableBytes; // private copy: checked once, trusted afterwards
  qrt::Buffer alignedWeights;
  const qrt_section_t *weightSection = nullptr;
  pthread_mutex_t verifyMutex = PTHREAD_MUTEX_INITIALIZER;
  bool verified = false;
  void *mapped = nullptr;
  size_t mappedSize = 0;
};

#endif // QRT_CORE_MODEL_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens and runs mutated artifacts whose hashes are made right again, so that
// the mutations reach the checks behind them. Code is trusted, so every byte of
// it becomes a return instruction: what runs is shapes, plans and commands.

#include "qrt/qrt.h"
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

static qrt_hash_t hashOf(const void *data, size_t size) {
  XXH128_hash_t hash = XXH3_128bits(data, size);
  return {hash.low64, hash.high64};
}

static void rehash(char *bytes, size_t size) {
  qrt_header_t header;
  std::memcpy(&header, bytes, sizeof(header));
  header.file_size = size;
  size_t count = header.section_count;
  size_t end = sizeof(header) + count * sizeof(qrt_section_t);
  if (count > QRT_MAX_SECTIONS || end > size)
    return;
  for (size_t i = 0; i < count; ++i) {
    char *at = bytes + sizeof(header) + i * sizeof(qrt_section_t);
    qrt_section_t section;
    std::memcpy(&section, at, sizeof(section));
    if (section.offset > size || section.size > size - section.offset)
      continue;
    if (section.kind == QRT_SECTION_CODE)
      std::memset(bytes + section.offset, 0xc3 /* ret */, section.size);
    section.hash = hashOf(bytes + section.offset, section.size);
    std::memcpy(at, &section, sizeof(section));
  }
  std::memcpy(bytes, &header, sizeof(header));
  char hashed[offsetof(qrt_header_t, hash) +
              QRT_MAX_SECTIONS * sizeof(qrt_section_t)];
  std::memcpy(hashed, bytes, offsetof(qrt_header_t, hash));
  std::memcpy(hashed + offsetof(qrt_header_t, hash), bytes + sizeof(header),
              end - sizeof(header));
  header.hash =
      hashOf(hashed, offsetof(qrt_header_t, hash) + end - sizeof(header));
  std::memcpy(bytes, &header, sizeof(header));
}

static void query(const qrt_model_t *model) {
  qrt_model_info_t info;
  qrt_port_info_t port;
  qrt_command_info_t command;
  uint32_t index;
  qrt_model_info(model, &info);
  for (uint32_t i = 0; i < info.input_count; ++i)
    qrt_status_free(qrt_model_input(model, i, &port));
  for (uint32_t i = 0; i < info.output_count; ++i)
    qrt_status_free(qrt_model_output(model, i, &port));
  for (uint32_t i = 0; i < info.command_count; ++i)
    qrt_status_free(qrt_model_command(model, i, &command));
  qrt_status_free(qrt_model_find_input(model, "no such input", &index));
}

// A machine of little memory: an artifact may ask for as much as it likes, and
// what happens when it gets none is part of the test.
static void *allocate(void *, size_t size, size_t alignment) {
  constexpr size_t most = 64 << 20;
  if (size > most)
    return nullptr;
  return std::aligned_alloc(alignment,
                            (size + alignment - 1) / alignment * alignment);
}
static void release(void *, void *memory, size_t) { std::free(memory); }

// Small sizes where the model leaves them open.
constexpr int64_t largestInput = 1 << 20; // bytes

static bool setInput(const qrt_model_t *model, qrt_context_t *context,
                     uint32_t index, int64_t open,
                     std::vector<std::vector<char>> &buffers) {
  qrt_port_info_t port;
  if (qrt_status_t status = qrt_model_input(model, index, &port)) {
    qrt_status_free(status);
    return false;
  }
  qrt_array_t array = {};
  array.dtype = port.dtype;
  array.rank = port.rank;
  size_t bytes = qrt_dtype_size(port.dtype);
  for (uint32_t axis = 0; axis < port.rank; ++axis) {
    int64_t size = port.shape[axis];
    if (size < 0)
      size = std::min(std::max(open, port.min[axis]), port.max[axis]);
    port.shape[axis] = size;
    if (size < 0 || size > largestInput ||
        (bytes *= size) > size_t(largestInput))
      return false;
  }
  array.shape = port.shape;
  buffers.emplace_back(bytes + 1, char(open));
  array.data = buffers.back().data();
  array.bytes = bytes;
  qrt_status_t status = qrt_context_set_input(context, index, &array);
  qrt_status_free(status);
  return !status;
}

static void run(qrt_model_t *model, int64_t open) {
  qrt_context_options_t options;
  qrt_context_options_init(&options);
  options.threads = 1;
  options.allocator = {nullptr, allocate, release};
  // A loop need not end, and a fuzzer finds that out.
  options.iteration_limit = 1000;
  qrt_context_t *context;
  if (qrt_status_t status = qrt_context_create(model, &options, &context)) {
    qrt_status_free(status);
    return;
  }
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  std::vector<std::vector<char>> buffers;
  bool isSet = true;
  for (uint32_t i = 0; i < info.input_count && isSet; ++i)
    isSet = setInput(model, context, i, open, buffers);
  if (isSet) {
    qrt_status_free(qrt_context_run(context));
    qrt_array_t output;
    for (uint32_t i = 0; i < info.output_count; ++i)
      qrt_status_free(qrt_context_output(context, i, &output));
  }
  qrt_context_release(context);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < sizeof(qrt_header_t))
    return 0;
  auto *bytes = static_cast<char *>(
      std::aligned_alloc(QRT_DATA_ALIGNMENT, (size + 63) / 64 * 64));
  std::memcpy(bytes, data, size);
  rehash(bytes, size);
  qrt_model_t *model;
  qrt_status_t status = qrt_model_open({bytes, size}, nullptr, &model);
  if (!status) {
    query(model);
    for (int64_t open : {1, 3})
      run(model, open);
  }
  qrt_status_free(status);
  qrt_model_release(model);
  std::free(bytes);
  return 0;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory of the runtime: through the caller's allocator, and every allocation
// may fail. (std::vector would throw.)
#ifndef QRT_CORE_MEMORY_H
#define QRT_CORE_MEMORY_H

#include "runtime/core/Status.h"
#include <cstring>
#include <new>
#include <type_traits>

namespace qrt {

// aligned_alloc and free.
qrt_allocator_t defaultAllocator();

// `count` objects of a trivial type, zero-initialized, owned.
template <typename T> class Array {
  static_assert(std::is_trivially_copyable_v<T>);

public:
  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { reset(); }

  // Replaces the contents. Alignment: 64 bytes.
  qrt_status_t allocate(const qrt_allocator_t &from, size_t newCount) {
    reset();
    if (newCount == 0)
      return nullptr;
    size_t bytes;
    if (__builtin_mul_overflow(newCount, sizeof(T), &bytes))
      return makeStatus(QRT_RESOURCES, "allocation of %zu elements overflows",
                        newCount);
    items =
        static_cast<T *>(from.allocate(from.self, bytes, QRT_DATA_ALIGNMENT));
    if (!items)
      return makeStatus(QRT_RESOURCES, "no memory for %zu bytes", bytes);
    std::memset(static_cast<void *>(items), 0, bytes);
    count = newCount;
    allocator = from;
    return nullptr;
  }
  void reset() {
    if (items)
      allocator.release(allocator.self, items, count * sizeof(T));
    items = nullptr;
    count = 0;
  }

  size_t size() const { return count; }
  T *data() { return items; }
  const T *data() const { return items; }
  T &operator[](size_t index) { return items[index]; }
  const T &operator[](size_t index) const { return items[index]; }
  T *begin() { return items; }
  T *end() { return items + count; }
  const T *begin() const { return items; }
  const T *end() const { return items + count; }

private:
  T *items = nullptr;
  size_t count = 0;
  qrt_allocator_t allocator = {};
};

// 64-byte aligned bytes that only ever grow; contents are lost on growth.
class Buffer {
public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { reset(); }

  qrt_status_t reserve(const qrt_allocator_t &from, size_t bytes) {
    if (memory && bytes <= capacity)
      return nullptr;
    reset();
    size_t wanted = bytes ? bytes : 1;
    memory = from.allocate(from.self, wanted, QRT_DATA_ALIGNMENT);
    if (!memory)
      return makeStatus(QRT_RESOURCES, "no memory for %zu bytes", bytes);
    capacity = wanted;
    allocator = from;
    return nullptr;
  }
  void reset() {
    if (memory)
      allocator.release(allocator.self, memory, capacity);
    memory = nullptr;
    capacity = 0;
  }
  char *data() const { return static_cast<char *>(memory); }
  size_t size() const { return capacity; }

private:
  void *memory = nullptr;
  size_t capacity = 0;
  qrt_allocator_t allocator = {};
};

// Constructs one T; NULL without memory.
template <typename T> T *create(const qrt_allocator_t &allocator) {
  void *memory =
      allocator.allocate(allocator.self, sizeof(T), QRT_DATA_ALIGNMENT);
  return memory ? new (memory) T() : nullptr;
}

template <typename T>
void destroy(const qrt_allocator_t &allocator, T *object) {
  if (!object)
    return;
  object->~T();
  allocator.release(allocator.self, object, sizeof(T));
}

inline bool isAligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % QRT_DATA_ALIGNMENT == 0;
}

} // namespace qrt

#endif // QRT_CORE_MEMORY_H

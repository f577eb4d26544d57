// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors outside MLIR: model inputs, outputs and values seen while a compiled
// program runs. Dense row-major, native byte order.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class Type;
}

namespace qopt {

enum class ElementKind : uint8_t {
  F32, F64, F16, BF16, I8, U8, I16, U16, I32, U32, I64, U64, Bool
};

// "float32", as numpy says it.
llvm::StringRef nameOf(ElementKind kind);
// Bytes of one element; Bool takes one.
size_t bytesOf(ElementKind kind);
bool isFloat(ElementKind kind);

// The kind of an MLIR element type (signless integers are signed); false if
// there is none.
bool elementKindOf(mlir::Type type, ElementKind &kind);

// A tensor someone else owns.
struct TensorView {
  ElementKind kind = ElementKind::F32;
  llvm::ArrayRef<int64_t> shape;
  const char *data = nullptr;

  int64_t numElements() const;
  size_t numBytes() const { return size_t(numElements()) * bytesOf(kind); }
  template <typename T> llvm::ArrayRef<T> as() const {
    return {reinterpret_cast<const T *>(data), size_t(numElements())};
  }
  // The elements of a floating-point kind, exactly.
  std::vector<double> toDoubles() const;
};

// A tensor with a name that owns its data.
struct HostTensor {
  std::string name;
  ElementKind kind = ElementKind::F32;
  std::vector<int64_t> shape;
  std::vector<char> data;

  TensorView view() const { return {kind, shape, data.data()}; }
};

// What a model declares of an input; negative sizes are dynamic.
struct InputSpec {
  std::string name;
  ElementKind kind = ElementKind::F32;
  std::vector<int64_t> shape;
};

// "float32[?, 3, 224, 224]".
std::string describe(ElementKind kind, llvm::ArrayRef<int64_t> shape);

} // namespace qopt

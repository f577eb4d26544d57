// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names and sizes of element kinds: one table.
#include "lib/Execution/HostTensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/raw_ostream.h"

namespace qopt {
namespace {

struct KindRow {
  llvm::StringRef name;
  size_t bytes;
  bool isFloat;
};

// In the order of the enum.
constexpr KindRow kinds[] = {
    {"float32", 4, true}, {"float64", 8, true},  {"float16", 2, true},
    {"bfloat16", 2, true}, {"int8", 1, false},   {"uint8", 1, false},
    {"int16", 2, false},  {"uint16", 2, false},  {"int32", 4, false},
    {"uint32", 4, false}, {"int64", 8, false},   {"uint64", 8, false},
    {"bool", 1, false},
};

const KindRow &rowOf(ElementKind kind) { return kinds[size_t(kind)]; }

} // namespace

llvm::StringRef nameOf(ElementKind kind) { return rowOf(kind).name; }
size_t bytesOf(ElementKind kind) { return rowOf(kind).bytes; }
bool isFloat(ElementKind kind) { return rowOf(kind).isFloat; }

std::vector<double> TensorView::toDoubles() const {
  if (kind == ElementKind::F32)
    return {as<float>().begin(), as<float>().end()};
  if (kind == ElementKind::F64)
    return {as<double>().begin(), as<double>().end()};
  const llvm::fltSemantics &semantics = kind == ElementKind::F16
                                            ? llvm::APFloat::IEEEhalf()
                                            : llvm::APFloat::BFloat();
  std::vector<double> values;
  for (uint16_t bits : as<uint16_t>())
    values.push_back(
        llvm::APFloat(semantics, llvm::APInt(16, bits)).convertToDouble());
  return values;
}

bool elementKindOf(mlir::Type type, ElementKind &kind) {
  if (type.isF32() || type.isF64() || type.isF16() || type.isBF16()) {
    kind = type.isF32()   ? ElementKind::F32
           : type.isF64() ? ElementKind::F64
           : type.isF16() ? ElementKind::F16
                          : ElementKind::BF16;
    return true;
  }
  auto integer = mlir::dyn_cast<mlir::IntegerType>(type);
  if (!integer)
    return false;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    kind = ElementKind::Bool;
    return true;
  case 8:
    kind = isUnsigned ? ElementKind::U8 : ElementKind::I8;
    return true;
  case 16:
    kind = isUnsigned ? ElementKind::U16 : ElementKind::I16;
    return true;
  case 32:
    kind = isUnsigned ? ElementKind::U32 : ElementKind::I32;
    return true;
  case 64:
    kind = isUnsigned ? ElementKind::U64 : ElementKind::I64;
    return true;
  default:
    return false;
  }
}

int64_t TensorView::numElements() const {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  return elements;
}

std::string describe(ElementKind kind, llvm::ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << nameOf(kind) << '[';
  for (size_t i = 0; i < shape.size(); ++i) {
    os << (i ? ", " : "");
    if (shape[i] < 0)
      os << '?';
    else
      os << shape[i];
  }
  os << ']';
  return text;
}

} // namespace qopt

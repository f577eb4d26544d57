// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX element types by number.
#include "lib/Import/OnnxTypes.h"
#include "llvm/ADT/STLExtras.h"

namespace qopt::import {
namespace {
struct Row {
  OnnxType type;
  unsigned bits; // 0: no fixed size
  const char *name;
};

constexpr Row rows[] = {
    {OnnxType::Undefined, 0, "undefined"},
    {OnnxType::Float, 32, "float"},
    {OnnxType::UInt8, 8, "uint8"},
    {OnnxType::Int8, 8, "int8"},
    {OnnxType::UInt16, 16, "uint16"},
    {OnnxType::Int16, 16, "int16"},
    {OnnxType::Int32, 32, "int32"},
    {OnnxType::Int64, 64, "int64"},
    {OnnxType::String, 0, "string"},
    {OnnxType::Bool, 8, "bool"},
    {OnnxType::Float16, 16, "float16"},
    {OnnxType::Double, 64, "double"},
    {OnnxType::UInt32, 32, "uint32"},
    {OnnxType::UInt64, 64, "uint64"},
    {OnnxType::Complex64, 64, "complex64"},
    {OnnxType::Complex128, 128, "complex128"},
    {OnnxType::BFloat16, 16, "bfloat16"},
    {OnnxType::Float8E4M3FN, 8, "float8e4m3fn"},
    {OnnxType::Float8E4M3FNUZ, 8, "float8e4m3fnuz"},
    {OnnxType::Float8E5M2, 8, "float8e5m2"},
    {OnnxType::Float8E5M2FNUZ, 8, "float8e5m2fnuz"},
    {OnnxType::UInt4, 4, "uint4"},
    {OnnxType::Int4, 4, "int4"},
    {OnnxType::Float4E2M1, 4, "float4e2m1"},
    {OnnxType::Float8E8M0, 8, "float8e8m0"},
    {OnnxType::UInt2, 2, "uint2"},
    {OnnxType::Int2, 2, "int2"},
};
} // namespace

std::optional<unsigned> bitsOf(OnnxType type) {
  for (const Row &row : rows)
    if (row.type == type && row.bits)
      return row.bits;
  return std::nullopt;
}

bool isKnown(OnnxType type) {
  return type != OnnxType::Undefined && llvm::any_of(rows, [&](const Row &row) {
           return row.type == type;
         });
}

std::string nameOf(OnnxType type) {
  for (const Row &row : rows)
    if (row.type == type)
      return row.name;
  return "type " + std::to_string(static_cast<int32_t>(type));
}

} // namespace qopt::import

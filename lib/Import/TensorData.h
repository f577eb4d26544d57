// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initializers and constant attributes as plain bytes: whichever of its eight
// storage fields a TensorProto uses, the rest of the importer sees one form.
#pragma once

#include "lib/Import/ExternalData.h"
#include "lib/Import/OnnxTypes.h"
#include "llvm/ADT/SmallVector.h"
#include <onnx/onnx_pb.h>

namespace qopt::import {

/// A dense tensor: row-major, little-endian, as ONNX's raw_data, except that
/// elements of 2 and 4 bits take a byte each, sign-extended if signed.
struct TensorData {
  OnnxType type = OnnxType::Undefined;
  llvm::SmallVector<int64_t> shape;
  int64_t elements = 0;
  llvm::StringRef bytes;
  std::shared_ptr<const void> owner; // keeps `bytes` alive
};

/// Checks dims, element type and byte size and returns the bytes, copying only
/// where the storage field is not already dense. `owner` keeps `proto` alive.
/// Errors do not name the tensor: the caller adds who it is.
llvm::Expected<TensorData> readTensor(const onnx::TensorProto &proto,
                                      std::shared_ptr<const void> owner,
                                      ExternalData &external);

/// The number of elements, or BadModel for a negative dimension or overflow.
llvm::Expected<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

/// "2x3x4"; "scalar" for rank 0.
std::string shapeText(llvm::ArrayRef<int64_t> shape);

} // namespace qopt::import

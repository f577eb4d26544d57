// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX keeps elements in raw_data or, wider than they are, in a typed field.
#include "lib/Calibration/OnnxTensorFile.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/MemoryBuffer.h"
#include <onnx/onnx_pb.h>
#include <optional>

using namespace llvm;

namespace qopt {
namespace {

using onnx::TensorProto;

std::optional<ElementKind> kindOf(int32_t type) {
  switch (type) {
  case TensorProto::FLOAT:
    return ElementKind::F32;
  case TensorProto::DOUBLE:
    return ElementKind::F64;
  case TensorProto::FLOAT16:
    return ElementKind::F16;
  case TensorProto::BFLOAT16:
    return ElementKind::BF16;
  case TensorProto::INT8:
    return ElementKind::I8;
  case TensorProto::UINT8:
    return ElementKind::U8;
  case TensorProto::INT16:
    return ElementKind::I16;
  case TensorProto::UINT16:
    return ElementKind::U16;
  case TensorProto::INT32:
    return ElementKind::I32;
  case TensorProto::UINT32:
    return ElementKind::U32;
  case TensorProto::INT64:
    return ElementKind::I64;
  case TensorProto::UINT64:
    return ElementKind::U64;
  case TensorProto::BOOL:
    return ElementKind::Bool;
  default:
    return std::nullopt;
  }
}

// The low bytes of every element of a typed field (little-endian).
template <typename Field>
void appendElements(const Field &field, size_t bytes, std::vector<char> &data) {
  for (auto element : field) {
    const char *raw = reinterpret_cast<const char *>(&element);
    data.insert(data.end(), raw, raw + std::min(bytes, sizeof element));
  }
}

void readElements(const TensorProto &proto, HostTensor &tensor) {
  size_t bytes = bytesOf(tensor.kind);
  if (proto.has_raw_data())
    tensor.data.assign(proto.raw_data().begin(), proto.raw_data().end());
  else if (tensor.kind == ElementKind::F32)
    appendElements(proto.float_data(), bytes, tensor.data);
  else if (tensor.kind == ElementKind::F64)
    appendElements(proto.double_data(), bytes, tensor.data);
  else if (tensor.kind == ElementKind::I64)
    appendElements(proto.int64_data(), bytes, tensor.data);
  else if (tensor.kind == ElementKind::U64 || tensor.kind == ElementKind::U32)
    appendElements(proto.uint64_data(), bytes, tensor.data);
  else
    appendElements(proto.int32_data(), bytes, tensor.data);
}

} // namespace

Expected<HostTensor> parseOnnxTensor(StringRef bytes, StringRef name) {
  TensorProto proto;
  if (bytes.size() > INT32_MAX ||
      !proto.ParseFromArray(bytes.data(), int(bytes.size())))
    return fail(ExitCode::BadModel,
                "{0}: expected a serialized ONNX TensorProto", name);
  std::optional<ElementKind> kind = kindOf(proto.data_type());
  if (!kind)
    return fail(ExitCode::BadModel,
                "{0}: expected numbers or booleans, got ONNX element type {1}",
                name, proto.data_type());
  HostTensor tensor;
  tensor.name = proto.name();
  tensor.kind = *kind;
  size_t expected = bytesOf(*kind);
  for (int64_t size : proto.dims()) {
    if (size < 0 || (size > 0 && expected > (size_t(1) << 40) / size_t(size)))
      return fail(ExitCode::BadModel, "{0}: impossible dimension {1}", name,
                  size);
    expected *= size_t(size);
    tensor.shape.push_back(size);
  }
  readElements(proto, tensor);
  if (tensor.data.size() != expected)
    return fail(ExitCode::BadModel,
                "{0}: expected the {1} bytes of {2}, got {3} bytes", name,
                expected, describe(tensor.kind, tensor.shape),
                tensor.data.size());
  return tensor;
}

Expected<HostTensor> readOnnxTensor(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, false, false);
  if (!buffer)
    return fail(ExitCode::IO, "{0}: {1}", path, buffer.getError().message());
  return parseOnnxTensor((*buffer)->getBuffer(), path);
}

} // namespace qopt

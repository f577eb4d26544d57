// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From TensorProto to bytes.
#include "lib/Import/TensorData.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace llvm;

namespace qopt::import {
namespace {
// Larger than any address space we serve, small enough that bits and offsets
// computed from it never overflow.
constexpr int64_t maxElements = int64_t(1) << 42;
constexpr int maxRank = 16;

template <typename T> StringRef asBytes(const T &field) {
  return {reinterpret_cast<const char *>(field.data()),
          field.size() * sizeof(*field.data())};
}

// Narrow types are stored one element an int32; they become dense here.
template <typename Narrow>
Expected<TensorData>
narrow(TensorData data, const google::protobuf::RepeatedField<int32_t> &field) {
  int64_t least = std::numeric_limits<Narrow>::min();
  int64_t most = data.type == OnnxType::Bool
                     ? 1
                     : int64_t(std::numeric_limits<Narrow>::max());
  for (int32_t value : field)
    if (value < least || value > most)
      return fail(ExitCode::BadModel,
                  "the value {0} is out of the range of {1}, {2} to {3}", value,
                  nameOf(data.type), least, most);
  auto copy = std::make_shared<std::vector<Narrow>>(field.begin(), field.end());
  data.bytes = asBytes(*copy);
  data.owner = copy;
  return data;
}

Error sizeMismatch(const TensorData &data, uint64_t expected, uint64_t found,
                   StringRef unit) {
  return fail(ExitCode::BadModel,
              "shape {0} of {1} needs {2} {3}, but {4} are stored",
              shapeText(data.shape), nameOf(data.type), expected, unit, found);
}

// Compiled code takes a boolean's byte for 0 or 1.
Expected<TensorData> checkBooleans(TensorData data) {
  if (data.type == OnnxType::Bool)
    for (char byte : data.bytes)
      if (byte != 0 && byte != 1)
        return fail(ExitCode::BadModel,
                    "the value {0} is out of the range of bool, 0 to 1",
                    int(uint8_t(byte)));
  return data;
}

Expected<TensorData> readExternal(TensorData data, uint64_t bytes,
                                  const onnx::TensorProto &proto,
                                  ExternalData &external) {
  StringRef location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  StringSet<> seen;
  for (const auto &entry : proto.external_data()) {
    uint64_t number = 0;
    bool isNumber = !StringRef(entry.value()).getAsInteger(10, number);
    if (!seen.insert(entry.key()).second)
      return fail(ExitCode::BadModel,
                  "external data states its {0} twice", entry.key());
    if (entry.key() == "location") {
      location = entry.value();
      continue;
    }
    if (entry.key() != "offset" && entry.key() != "length")
      continue;
    if (!isNumber)
      return fail(ExitCode::BadModel,
                  "external data {0} '{1}' is not a number of bytes",
                  entry.key(), entry.value());
    (entry.key() == "offset" ? offset : length.emplace()) = number;
  }
  if (length && *length != bytes)
    return sizeMismatch(data, bytes, *length, "bytes");
  Expected<FileBytes> file = external.read(location, offset, bytes);
  if (!file)
    return file.takeError();
  data.bytes = file->bytes;
  data.owner = file->owner;
  return checkBooleans(std::move(data));
}

bool hasTypedData(const onnx::TensorProto &proto) {
  return proto.float_data_size() || proto.int32_data_size() ||
         proto.int64_data_size() || proto.double_data_size() ||
         proto.uint64_data_size() || proto.string_data_size();
}

Expected<TensorData> readFields(TensorData data,
                                const onnx::TensorProto &proto) {
  auto checked = [&](uint64_t found,
                     uint64_t perElement = 1) -> Expected<TensorData> {
    if (found != uint64_t(data.elements) * perElement)
      return sizeMismatch(data, data.elements * perElement, found, "values");
    return data;
  };
  auto narrowed = [&](Expected<TensorData> result) -> Expected<TensorData> {
    if (!result)
      return result.takeError();
    data = std::move(*result);
    return checked(proto.int32_data_size());
  };
  switch (data.type) {
  case OnnxType::Float:
    data.bytes = asBytes(proto.float_data());
    return checked(proto.float_data_size());
  case OnnxType::Int32:
    data.bytes = asBytes(proto.int32_data());
    return checked(proto.int32_data_size());
  case OnnxType::Int64:
    data.bytes = asBytes(proto.int64_data());
    return checked(proto.int64_data_size());
  case OnnxType::Double:
    data.bytes = asBytes(proto.double_data());
    return checked(proto.double_data_size());
  case OnnxType::UInt64:
    data.bytes = asBytes(proto.uint64_data());
    return checked(proto.uint64_data_size());
  case OnnxType::UInt32: {
    auto copy = std::make_shared<std::vector<uint32_t>>(
        proto.uint64_data().begin(), proto.uint64_data().end());
    data.bytes = asBytes(*copy);
    data.owner = copy;
    return checked(copy->size());
  }
  case OnnxType::Int8:
    return narrowed(narrow<int8_t>(data, proto.int32_data()));
  case OnnxType::Int16:
    return narrowed(narrow<int16_t>(data, proto.int32_data()));
  case OnnxType::UInt8:
  case OnnxType::Bool:
  case OnnxType::Float8E4M3FN:
  case OnnxType::Float8E4M3FNUZ:
  case OnnxType::Float8E5M2:
  case OnnxType::Float8E5M2FNUZ:
  case OnnxType::Float8E8M0:
    return narrowed(narrow<uint8_t>(data, proto.int32_data()));
  case OnnxType::UInt16:
  case OnnxType::Float16:
  case OnnxType::BFloat16:
    return narrowed(narrow<uint16_t>(data, proto.int32_data()));
  case OnnxType::UInt4:
  case OnnxType::Int4:
  case OnnxType::Float4E2M1:
  case OnnxType::UInt2:
  case OnnxType::Int2: {
    // Packed bytes, one an int32; some writers sign-extend them.
    uint64_t expected = (uint64_t(data.elements) * *bitsOf(data.type) + 7) / 8;
    if (uint64_t(proto.int32_data_size()) != expected)
      return sizeMismatch(data, expected, proto.int32_data_size(), "bytes");
    auto copy = std::make_shared<std::vector<uint8_t>>(
        proto.int32_data().begin(), proto.int32_data().end());
    data.bytes = asBytes(*copy);
    data.owner = copy;
    return data;
  }
  default:
    return fail(ExitCode::Unsupported, "element type {0} is not supported",
                nameOf(data.type));
  }
}
// Elements of 2 and 4 bits get a byte each; signed ones are extended.
TensorData spread(TensorData data) {
  unsigned bits = *bitsOf(data.type);
  if (bits >= 8)
    return data;
  bool isSigned =
      data.type == OnnxType::Int4 || data.type == OnnxType::Int2;
  unsigned perByte = 8 / bits, mask = (1u << bits) - 1, top = 1u << (bits - 1);
  auto bytes = std::make_shared<std::vector<uint8_t>>(data.elements);
  for (int64_t i = 0; i < data.elements; ++i) {
    unsigned packed = uint8_t(data.bytes[i / perByte]);
    unsigned code = packed >> (i % perByte * bits) & mask;
    (*bytes)[i] = isSigned && (code & top) ? uint8_t(code | ~mask)
                                           : uint8_t(code);
  }
  data.bytes = asBytes(*bytes);
  data.owner = bytes;
  return data;
}
} // namespace

std::string shapeText(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  return join(map_range(shape,
                        [](int64_t size) {
                          return size < 0 ? "?" : std::to_string(size);
                        }),
              "x");
}

Expected<int64_t> countElements(ArrayRef<int64_t> shape) {
  if (shape.size() > maxRank)
    return fail(ExitCode::BadModel, "rank {0} is above the limit of {1}",
                shape.size(), maxRank);
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0)
      return fail(ExitCode::BadModel, "dimension {0} is negative", size);
    std::optional<int64_t> product = checkedMul(count, size);
    if (!product || *product > maxElements)
      return fail(ExitCode::BadModel,
                  "the shape {0} has more than 2^42 elements",
                  shapeText(shape));
    count = *product;
  }
  return count;
}

Expected<TensorData> readTensor(const onnx::TensorProto &proto,
                                std::shared_ptr<const void> owner,
                                ExternalData &external) {
  TensorData data;
  data.type = static_cast<OnnxType>(proto.data_type());
  data.shape.assign(proto.dims().begin(), proto.dims().end());
  data.owner = std::move(owner);
  Expected<int64_t> elements = countElements(data.shape);
  if (!elements)
    return elements.takeError();
  data.elements = *elements;
  std::optional<unsigned> bits = bitsOf(data.type);
  if (!isKnown(data.type))
    return fail(ExitCode::BadModel,
                "expected an element type of ONNX, found {0}",
                nameOf(data.type));
  if (!bits || data.type == OnnxType::Complex64 ||
      data.type == OnnxType::Complex128)
    return fail(ExitCode::Unsupported, "element type {0} is not supported",
                nameOf(data.type));
  if (proto.has_segment())
    return fail(ExitCode::Unsupported, "segmented tensors are not supported");
  uint64_t bytes = (uint64_t(data.elements) * *bits + 7) / 8;
  if (proto.data_location() == onnx::TensorProto::EXTERNAL) {
    Expected<TensorData> stored =
        readExternal(std::move(data), bytes, proto, external);
    return stored ? spread(std::move(*stored)) : std::move(stored);
  }
  if (!proto.has_raw_data()) {
    Expected<TensorData> stored = readFields(std::move(data), proto);
    return stored ? spread(std::move(*stored)) : std::move(stored);
  }
  data.bytes = proto.raw_data();
  if (data.bytes.size() != bytes)
    return sizeMismatch(data, bytes, data.bytes.size(), "bytes");
  if (hasTypedData(proto))
    return fail(ExitCode::BadModel, "the tensor holds both raw_data and "
                                    "values of a typed field; expected one");
  Expected<TensorData> checked = checkBooleans(std::move(data));
  return checked ? spread(std::move(*checked)) : std::move(checked);
}

} // namespace qopt::import

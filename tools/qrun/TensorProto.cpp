// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX TensorProto (onnx.proto3), read from the protobuf wire format: a
// sequence of (field << 3 | wire type) and a varint, 8, n or 4 bytes.

#include "TensorFiles.h"
#include <cstring>

using namespace qrun;

namespace {

Failure bad(const std::string &text) { return Failure(ExitBadInput, text); }

struct Field {
  uint32_t number, wire;
  uint64_t value;         // wire types 0, 1, 5
  std::string_view bytes; // wire type 2
};

class WireReader {
public:
  explicit WireReader(std::string_view bytes) : bytes(bytes) {}
  bool atEnd() const { return bytes.empty(); }

  bool varint(uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
      uint8_t byte = uint8_t(bytes[0]);
      bytes.remove_prefix(1);
      value |= uint64_t(byte & 127) << shift;
      if (!(byte & 128))
        return true;
    }
    return false;
  }
  bool fixed(size_t size, uint64_t &value) {
    value = 0;
    if (bytes.size() < size)
      return false;
    std::memcpy(&value, bytes.data(), size);
    bytes.remove_prefix(size);
    return true;
  }
  bool next(Field &field) {
    uint64_t tag, size;
    if (!varint(tag))
      return false;
    field = {uint32_t(tag >> 3), uint32_t(tag & 7), 0, {}};
    switch (field.wire) {
    case 0:
      return varint(field.value);
    case 1:
      return fixed(8, field.value);
    case 5:
      return fixed(4, field.value);
    case 2:
      if (!varint(size) || size > bytes.size())
        return false;
      field.bytes = bytes.substr(0, size);
      bytes.remove_prefix(size);
      return true;
    default:
      return false;
    }
  }

private:
  std::string_view bytes;
};

// A repeated number: packed, or one a field. `fixedSize` 0: varints.
bool readNumbers(const Field &field, size_t fixedSize,
                 std::vector<uint64_t> &out) {
  if (field.wire != 2) {
    out.push_back(field.value);
    return true;
  }
  WireReader reader(field.bytes);
  while (!reader.atEnd()) {
    uint64_t value;
    if (!(fixedSize ? reader.fixed(fixedSize, value) : reader.varint(value)))
      return false;
    out.push_back(value);
  }
  return true;
}

// onnx.TensorProto.DataType, by number.
constexpr qrt_dtype_t noType = qrt_dtype_t(0);
constexpr qrt_dtype_t types[] = {
    noType,        QRT_DTYPE_F32, QRT_DTYPE_U8,  QRT_DTYPE_I8,  QRT_DTYPE_U16,
    QRT_DTYPE_I16, QRT_DTYPE_I32, QRT_DTYPE_I64, noType,        QRT_DTYPE_BOOL,
    QRT_DTYPE_F16, QRT_DTYPE_F64, QRT_DTYPE_U32, QRT_DTYPE_U64, noType,
    noType,        QRT_DTYPE_BF16,
    QRT_DTYPE_F8E4M3FN,    QRT_DTYPE_F8E4M3FNUZ, QRT_DTYPE_F8E5M2,
    QRT_DTYPE_F8E5M2FNUZ,  QRT_DTYPE_U4,         QRT_DTYPE_I4,
    QRT_DTYPE_F4E2M1,      QRT_DTYPE_F8E8M0,     QRT_DTYPE_U2,
    QRT_DTYPE_I2};

struct Parts {
  std::vector<uint64_t> dims, numbers;
  std::string_view raw;
  bool hasRaw = false;
  uint64_t type = 0;
};

Failure readField(const Field &field, Parts &parts, Tensor &tensor) {
  bool good = true;
  switch (field.number) {
  case 1: // dims
    good = readNumbers(field, 0, parts.dims);
    break;
  case 2: // data_type
    parts.type = field.value;
    break;
  case 4: // float_data
    good = readNumbers(field, 4, parts.numbers);
    break;
  case 5:  // int32_data
  case 7:  // int64_data
  case 11: // uint64_data
    good = readNumbers(field, 0, parts.numbers);
    break;
  case 10: // double_data
    good = readNumbers(field, 8, parts.numbers);
    break;
  case 8: // name
    tensor.name = std::string(field.bytes);
    break;
  case 9: // raw_data
    parts.raw = field.bytes;
    parts.hasRaw = field.wire == 2;
    break;
  case 14: // data_location
    if (field.value == 1)
      return bad("TensorProto keeps its data in another file, which is not "
                 "supported here");
    break;
  }
  return good ? Failure() : bad("TensorProto is damaged");
}

// Elements of 2 or 4 bits, several a byte, the first in the low bits; of
// int32_data each number is such a byte.
Failure unpackBits(const Parts &parts, size_t count, Tensor &tensor) {
  unsigned bits = bitsOf(tensor.dtype), perByte = 8 / bits;
  size_t found = parts.hasRaw ? parts.raw.size() : parts.numbers.size();
  size_t wanted = (count + perByte - 1) / perByte;
  if (found != wanted)
    return bad(format("TensorProto has %zu bytes of data, but %s needs %zu",
                      found, tensor.type().c_str(), wanted));
  tensor.data.resize(count);
  for (size_t i = 0; i < count; ++i) {
    unsigned byte = parts.hasRaw ? uint8_t(parts.raw[i / perByte])
                                 : unsigned(parts.numbers[i / perByte]);
    tensor.data[i] =
        extended(tensor.dtype, byte >> (i % perByte * bits));
  }
  return {};
}

} // namespace

Failure qrun::parseTensorProto(std::string_view bytes, Tensor &tensor) {
  WireReader reader(bytes);
  Parts parts;
  while (!reader.atEnd()) {
    Field field;
    if (!reader.next(field))
      return bad("not an ONNX TensorProto, or truncated");
    if (Failure failure = readField(field, parts, tensor))
      return failure;
  }
  tensor.dtype = parts.type < sizeof(types) / sizeof(types[0])
                     ? types[parts.type]
                     : noType;
  if (tensor.dtype == noType)
    return bad(format("TensorProto type %llu is not supported",
                      (unsigned long long)parts.type));
  tensor.shape.assign(parts.dims.begin(), parts.dims.end());
  size_t wanted, size = qrt_dtype_size(tensor.dtype);
  if (!checkedBytes(tensor.dtype, tensor.shape, wanted))
    return bad("TensorProto has a malformed shape");
  if (bitsOf(tensor.dtype) < 8)
    return unpackBits(parts, wanted, tensor);
  size_t found = parts.hasRaw ? parts.raw.size() : parts.numbers.size() * size;
  if (found != wanted)
    return bad(format("TensorProto has %zu bytes of data, but %s needs %zu",
                      found, tensor.type().c_str(), wanted));
  if (parts.hasRaw) {
    tensor.data.assign(parts.raw.begin(), parts.raw.end());
    return {};
  }
  // Little-endian: the low bytes of a number are the element.
  tensor.data.resize(wanted);
  for (size_t i = 0; i < parts.numbers.size(); ++i)
    std::memcpy(tensor.data.data() + i * size, &parts.numbers[i], size);
  return {};
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The .npy header is a Python dictionary literal; numpy writes it in one form:
//   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
#include "lib/Calibration/NumpyFile.h"
#include "lib/Calibration/ZipArchive.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/MemoryBuffer.h"
#include <optional>

using namespace llvm;

namespace qopt {
namespace {

std::optional<ElementKind> kindOfDescr(StringRef descr) {
  // '<' little, '|' not applicable, '=' native; big-endian is refused.
  if (descr.size() < 2 || !StringRef("<|=").contains(descr.front()))
    return std::nullopt;
  static constexpr std::pair<StringLiteral, ElementKind> rows[] = {
      {"f4", ElementKind::F32}, {"f8", ElementKind::F64},
      {"f2", ElementKind::F16}, {"i1", ElementKind::I8},
      {"u1", ElementKind::U8},  {"i2", ElementKind::I16},
      {"u2", ElementKind::U16}, {"i4", ElementKind::I32},
      {"u4", ElementKind::U32}, {"i8", ElementKind::I64},
      {"u8", ElementKind::U64}, {"b1", ElementKind::Bool}};
  for (const auto &[text, kind] : rows)
    if (descr.drop_front() == text)
      return kind;
  return std::nullopt;
}

// The text after 'key': in the header.
StringRef fieldOf(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "':").str());
  return at == StringRef::npos ? "" : header.substr(at + key.size() + 3).ltrim();
}

bool parseShape(StringRef text, std::vector<int64_t> &shape) {
  if (!text.consume_front("("))
    return false;
  text = text.take_until([](char c) { return c == ')'; });
  SmallVector<StringRef> items;
  text.split(items, ',', -1, false);
  for (StringRef item : items) {
    int64_t size = 0;
    if (item.trim().empty())
      continue;
    if (item.trim().getAsInteger(10, size) || size < 0)
      return false;
    shape.push_back(size);
  }
  return true;
}

// Product of the sizes times the element, unless it exceeds `limit`.
bool sizeFits(ArrayRef<int64_t> shape, size_t elementBytes, size_t available) {
  size_t bytes = elementBytes;
  for (int64_t size : shape)
    if (size == 0)
      return available == 0;
  for (int64_t size : shape) {
    if (bytes > available / size_t(size))
      return false;
    bytes *= size_t(size);
  }
  return bytes == available;
}

uint32_t readLittle(StringRef bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i)
    value |= uint32_t(uint8_t(bytes[at + i])) << (8 * i);
  return value;
}

Error badFile(StringRef name, const Twine &what) {
  return makeFailure(ExitCode::BadModel, name + ": " + what);
}

// From Fortran (first axis fastest) to row-major order.
void toRowMajor(HostTensor &tensor) {
  size_t element = bytesOf(tensor.kind), rank = tensor.shape.size();
  std::vector<char> result(tensor.data.size());
  std::vector<int64_t> strides(rank, 1), position(rank, 0);
  for (size_t i = 1; i < rank; ++i)
    strides[i] = strides[i - 1] * tensor.shape[i - 1];
  for (size_t at = 0; at < result.size(); at += element) {
    int64_t source = 0;
    for (size_t i = 0; i < rank; ++i)
      source += position[i] * strides[i];
    std::copy_n(tensor.data.begin() + source * element, element,
                result.begin() + at);
    for (size_t i = rank; i-- > 0;) {
      if (++position[i] < tensor.shape[i])
        break;
      position[i] = 0;
    }
  }
  tensor.data = std::move(result);
}

} // namespace

Expected<HostTensor> parseNpy(StringRef bytes, StringRef name) {
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 12)
    return badFile(name, "expected a .npy file, which begins with \\x93NUMPY");
  unsigned major = uint8_t(bytes[6]);
  if (major < 1 || major > 3)
    return badFile(name, "expected .npy format 1 to 3, got " + Twine(major));
  size_t lengthBytes = major == 1 ? 2 : 4;
  size_t begin = 8 + lengthBytes;
  size_t length = readLittle(bytes, 8, lengthBytes);
  if (length > bytes.size() - begin)
    return badFile(name, "the header says " + Twine(length) +
                             " bytes, the file ends earlier");
  StringRef header = bytes.substr(begin, length);
  StringRef payload = bytes.substr(begin + length);

  HostTensor tensor;
  tensor.name = name.str();
  StringRef descr = fieldOf(header, "descr");
  descr = descr.consume_front("'")
              ? descr.take_until([](char c) { return c == '\''; })
              : descr;
  std::optional<ElementKind> kind = kindOfDescr(descr);
  if (!kind)
    return badFile(name, "expected a little-endian number or bool type, got '" +
                             descr.take_front(32) + "'");
  tensor.kind = *kind;
  if (!parseShape(fieldOf(header, "shape"), tensor.shape))
    return badFile(name, "cannot read the shape in its header");
  if (!sizeFits(tensor.shape, bytesOf(tensor.kind), payload.size()))
    return badFile(name, "expected the data of " +
                             describe(tensor.kind, tensor.shape) + ", got " +
                             Twine(payload.size()) + " bytes");
  tensor.data.assign(payload.begin(), payload.end());
  if (fieldOf(header, "fortran_order").starts_with("True"))
    toRowMajor(tensor);
  return tensor;
}

Expected<std::vector<HostTensor>> parseNpz(StringRef bytes) {
  Expected<std::vector<ZipMember>> members = listZip(bytes);
  if (!members)
    return members.takeError();
  std::vector<HostTensor> tensors;
  for (const ZipMember &member : *members) {
    Expected<std::string> content = extract(bytes, member);
    if (!content)
      return content.takeError();
    StringRef name = member.name;
    name.consume_back(".npy");
    Expected<HostTensor> tensor = parseNpy(*content, name);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(std::move(*tensor));
  }
  return tensors;
}

static Expected<std::unique_ptr<MemoryBuffer>> readFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(ExitCode::IO, "{0}: {1}", path, buffer.getError().message());
  return std::move(*buffer);
}

Expected<HostTensor> readNpy(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  return parseNpy((*buffer)->getBuffer(), path);
}

Expected<std::vector<HostTensor>> readNpz(StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  Expected<std::vector<HostTensor>> tensors = parseNpz((*buffer)->getBuffer());
  if (!tensors)
    return addContext(tensors.takeError(), path);
  return tensors;
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NumPy's array file: magic, version, length, a Python dictionary as text,
// data. (NumPy Enhancement Proposal 1.)

#include "TensorFiles.h"
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace qrun;

namespace {

struct TypeRow {
  const char *code; // without the byte order
  qrt_dtype_t dtype;
};

constexpr TypeRow types[] = {
    {"f4", QRT_DTYPE_F32}, {"f2", QRT_DTYPE_F16}, {"f8", QRT_DTYPE_F64},
    {"i1", QRT_DTYPE_I8},  {"u1", QRT_DTYPE_U8},  {"i2", QRT_DTYPE_I16},
    {"u2", QRT_DTYPE_U16}, {"i4", QRT_DTYPE_I32}, {"u4", QRT_DTYPE_U32},
    {"i8", QRT_DTYPE_I64}, {"u8", QRT_DTYPE_U64}, {"b1", QRT_DTYPE_BOOL},
    {"V2", QRT_DTYPE_BF16},
    // What ml_dtypes' types of one byte are saved as; the input it goes to
    // knows which.
    {"V1", QRT_DTYPE_OPAQUE}};

Failure bad(const std::string &text) { return Failure(ExitBadInput, text); }

// The text after `key`: in a header, with blanks skipped; empty if absent.
std::string_view valueOf(std::string_view header, const char *key) {
  size_t at = header.find(key);
  if (at == std::string_view::npos)
    return {};
  header.remove_prefix(at + std::strlen(key));
  size_t begin = header.find_first_not_of(" :");
  return begin == std::string_view::npos ? std::string_view()
                                         : header.substr(begin);
}

Failure parseType(std::string_view header, qrt_dtype_t &dtype) {
  std::string_view text = valueOf(header, "'descr'");
  size_t end = text.find('\'', 1);
  if (text.empty() || text[0] != '\'' || end == std::string_view::npos)
    return bad("npy header has no simple 'descr'");
  std::string_view code = text.substr(1, end - 1);
  if (code.size() == 3 && code[0] == '>' && code[2] != '1')
    return bad("npy data is big-endian; save it with .astype('<...')");
  for (const TypeRow &row : types)
    if (code.size() == 3 && code.substr(1) == row.code) {
      dtype = row.dtype;
      return {};
    }
  return bad("npy type '" + std::string(code) + "' is not supported");
}

Failure parseShape(std::string_view header, std::vector<int64_t> &shape) {
  std::string_view text = valueOf(header, "'shape'");
  size_t end = text.find(')');
  if (text.empty() || text[0] != '(' || end == std::string_view::npos)
    return bad("npy header has no 'shape'");
  std::string list(text.substr(1, end - 1));
  const char *next = list.c_str();
  for (;;) {
    next += std::strspn(next, " ,L");
    if (!*next)
      return {};
    char *after;
    errno = 0;
    long long size = std::strtoll(next, &after, 10);
    if (after == next || errno || size < 0)
      return bad("npy header has a malformed shape");
    shape.push_back(size);
    next = after;
  }
}

} // namespace

Failure qrun::parseNpy(std::string_view bytes, Tensor &tensor) {
  if (bytes.size() < 10 || std::memcmp(bytes.data(), "\x93NUMPY", 6) != 0)
    return bad("not an npy file (wrong magic)");
  auto byte = [&](size_t at) { return uint32_t(uint8_t(bytes[at])); };
  size_t lengthBytes = byte(6) == 1 ? 2 : 4;
  if (byte(6) < 1 || byte(6) > 3 || bytes.size() < 8 + lengthBytes)
    return bad("npy version is not supported, or the file is truncated");
  size_t length = byte(8) | byte(9) << 8;
  if (lengthBytes == 4)
    length |= byte(10) << 16 | size_t(byte(11)) << 24;
  size_t start = 8 + lengthBytes;
  if (length > bytes.size() - start)
    return bad("npy header is truncated");
  std::string_view header = bytes.substr(start, length);
  std::string_view data = bytes.substr(start + length);

  tensor.shape.clear();
  if (Failure failure = parseType(header, tensor.dtype))
    return failure;
  if (Failure failure = parseShape(header, tensor.shape))
    return failure;
  if (valueOf(header, "'fortran_order'").substr(0, 5) != "False")
    return bad("npy data is in Fortran order; save np.ascontiguousarray(x)");
  size_t wanted;
  if (!checkedBytes(tensor.dtype, tensor.shape, wanted))
    return bad("npy shape is too large");
  if (data.size() != wanted)
    return bad(format("npy has %zu bytes of data, but %s needs %zu",
                      data.size(), tensor.type().c_str(), wanted));
  tensor.data.assign(data.begin(), data.end());
  return {};
}

static std::string npyHeader(const Tensor &tensor) {
  const char *code = "V1";
  for (const TypeRow &row : types)
    if (row.dtype == tensor.dtype)
      code = row.code;
  bool single = qrt_dtype_size(tensor.dtype) == 1;
  std::string text = format("{'descr': '%c%s', 'fortran_order': False, "
                            "'shape': (",
                            single ? '|' : '<', code);
  for (int64_t size : tensor.shape)
    text += format("%lld,", (long long)size);
  text += "), }";
  // Data begins at a multiple of 64.
  text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  text += '\n';
  std::string head = "\x93NUMPY\x01";
  head.push_back('\0');
  head.push_back(char(text.size() & 255));
  head.push_back(char(text.size() >> 8));
  return head + text;
}

Failure qrun::writeNpy(const std::string &path, const Tensor &tensor) {
  std::string header = npyHeader(tensor);
  std::FILE *file = std::fopen(path.c_str(), "wb");
  bool good =
      file &&
      std::fwrite(header.data(), 1, header.size(), file) == header.size() &&
      std::fwrite(tensor.data.data(), 1, tensor.data.size(), file) ==
          tensor.data.size();
  int error = errno;
  if (file && std::fclose(file) != 0 && good) {
    good = false;
    error = errno;
  }
  return good ? Failure()
              : Failure(ExitIO,
                        path + ": cannot write: " + std::strerror(error));
}

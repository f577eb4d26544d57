// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TensorFiles.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

using namespace qrun;

Failure qrun::readFile(const std::string &path, std::vector<char> &bytes) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  auto failed = [&] {
    return Failure(ExitIO, path + ": " + std::strerror(errno));
  };
  if (!file)
    return failed();
  struct stat info;
  Failure failure;
  if (fstat(fileno(file), &info) != 0) {
    failure = failed();
  } else if (!S_ISREG(info.st_mode)) {
    failure = Failure(ExitIO, path + ": not a regular file");
  } else {
    bytes.resize(info.st_size);
    if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size())
      failure = failed();
  }
  std::fclose(file);
  return failure;
}

static bool endsWith(const std::string &text, const char *end) {
  size_t size = std::strlen(end);
  return text.size() >= size &&
         text.compare(text.size() - size, size, end) == 0;
}

Failure qrun::readTensors(const std::string &path,
                          std::vector<Tensor> &tensors) {
  std::vector<char> bytes;
  if (Failure failure = readFile(path, bytes))
    return failure;
  std::string_view view(bytes.data(), bytes.size());
  Failure failure;
  tensors.clear();
  if (endsWith(path, ".npz")) {
    failure = parseNpz(view, tensors);
  } else {
    tensors.emplace_back();
    failure = endsWith(path, ".npy") ? parseNpy(view, tensors[0])
              : endsWith(path, ".pb")
                  ? parseTensorProto(view, tensors[0])
                  : Failure(ExitUsage, "unknown kind of file; expects "
                                       ".npy, .npz or .pb");
  }
  if (failure)
    failure.message = path + ": " + failure.message;
  return failure;
}

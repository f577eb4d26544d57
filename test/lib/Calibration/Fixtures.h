// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files and tensors for the tests of this folder.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

namespace qopt {

class TemporaryFolder {
public:
  TemporaryFolder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("qopt-test", folder));
  }
  ~TemporaryFolder() { llvm::sys::fs::remove_directories(folder); }

  std::string write(llvm::StringRef name, llvm::StringRef content) {
    llvm::SmallString<128> file(folder);
    llvm::sys::path::append(file, name);
    llvm::sys::fs::create_directories(llvm::sys::path::parent_path(file));
    std::error_code code;
    llvm::raw_fd_ostream(file, code) << content;
    EXPECT_FALSE(code);
    return file.str().str();
  }
  llvm::StringRef path() const { return folder; }

private:
  llvm::SmallString<128> folder;
};

// A .npy of format 1, as numpy writes it.
inline std::string npyBytes(llvm::StringRef descr, llvm::StringRef shape,
                            llvm::StringRef data,
                            llvm::StringRef fortran = "False") {
  std::string header = ("{'descr': '" + descr + "', 'fortran_order': " +
                        fortran + ", 'shape': " + shape + ", }\n")
                           .str();
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += char(header.size() & 0xff);
  bytes += char(header.size() >> 8);
  return bytes + header + data.str();
}

inline std::string rawFloats(const std::vector<float> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(float)};
}

inline std::vector<float> floatsOf(const HostTensor &tensor) {
  return tensor.view().as<float>().vec();
}

inline HostTensor makeTensor(std::vector<int64_t> shape,
                             const std::vector<float> &values) {
  HostTensor tensor{"x", ElementKind::F32, std::move(shape), {}};
  std::string raw = rawFloats(values);
  tensor.data.assign(raw.begin(), raw.end());
  return tensor;
}

// The message of an error that must be there.
template <typename T> std::string messageOf(llvm::Expected<T> value) {
  if (value) {
    ADD_FAILURE() << "expected an error";
    return "";
  }
  return llvm::toString(value.takeError());
}

} // namespace qopt

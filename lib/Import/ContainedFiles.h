// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opens files beside a model and nowhere else, whatever the model names and
// whoever changes the folder meanwhile. Folders are entered one by one without
// following links (openat, O_NOFOLLOW), and what is judged is the open file, so
// nothing can be swapped between check and use. docs/loading.md has the rules.
#pragma once

#include "llvm/Support/Error.h"
#include <string>

namespace qopt::import {

/// A file descriptor that closes itself.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd(fd) {}
  Descriptor(Descriptor &&other) : fd(std::exchange(other.fd, -1)) {}
  Descriptor &operator=(Descriptor &&other) {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd; }
  explicit operator bool() const { return fd >= 0; }

private:
  int fd;
};

class ContainedFiles {
public:
  explicit ContainedFiles(llvm::StringRef modelPath);

  /// The regular file `location` beside the model, open for reading. BadModel
  /// when it is absent, lies elsewhere or is no regular file; IO when it cannot
  /// be read.
  llvm::Expected<Descriptor> open(llvm::StringRef location) const;

private:
  llvm::Expected<Descriptor> openIn(const Descriptor &root,
                                    llvm::StringRef location) const;
  llvm::Expected<Descriptor> openFile(const Descriptor &folder,
                                      llvm::StringRef name,
                                      llvm::StringRef location) const;
  llvm::Expected<Descriptor> openLink(const Descriptor &folder,
                                      llvm::StringRef name,
                                      llvm::StringRef location) const;
  llvm::Error outside(llvm::StringRef location) const;

  std::string path;    // of the folder, as the user wrote it
  Descriptor folder;   // where the model is named
  Descriptor linked;   // where the model lies, if its name is a link
};

} // namespace qopt::import

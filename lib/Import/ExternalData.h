// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of files a model names. A model is untrusted: ContainedFiles says
// which files those may be.
#pragma once

#include "lib/Import/ContainedFiles.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <memory>
#include <string>

namespace qopt::import {

/// A piece of a file and what keeps its mapping alive.
struct FileBytes {
  llvm::StringRef bytes;
  std::shared_ptr<const void> owner;
};

class ExternalData {
public:
  explicit ExternalData(llvm::StringRef modelPath) : contained(modelPath) {}

  /// `length` bytes of the file `location` (relative, from the model) from
  /// `offset` on. Files are mapped once. BadModel when the location is not
  /// allowed, absent or too short; IO when it cannot be read.
  llvm::Expected<FileBytes> read(llvm::StringRef location, uint64_t offset,
                                 uint64_t length);

private:
  llvm::Expected<std::shared_ptr<llvm::MemoryBuffer>>
  open(llvm::StringRef location);

  ContainedFiles contained;
  std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>> files;
};

} // namespace qopt::import

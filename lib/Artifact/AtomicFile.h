// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file that appears whole or not at all.
#ifndef QOPT_ARTIFACT_ATOMICFILE_H
#define QOPT_ARTIFACT_ATOMICFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace qopt::artifact {

// Writes a temporary file in the folder of `path`; commit() syncs it to disk
// and renames it. Without commit() (an error, a signal) the temporary file is
// removed and `path` stays as it was.
class AtomicFile {
public:
  static llvm::Expected<AtomicFile> create(llvm::StringRef path);
  AtomicFile(AtomicFile &&other);
  AtomicFile(const AtomicFile &) = delete;
  ~AtomicFile();

  llvm::Error write(llvm::ArrayRef<char> bytes);
  llvm::Error commit();

private:
  AtomicFile(std::string path, std::string temporary, int fd)
      : path(std::move(path)), temporary(std::move(temporary)), fd(fd) {}
  llvm::Error flush();
  llvm::Error failure(const char *action) const;

  std::string path, temporary;
  int fd;
  // Small writes (tables, padding) are gathered.
  std::string pending;
};

} // namespace qopt::artifact

#endif // QOPT_ARTIFACT_ATOMICFILE_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Maps external data files.
#include "lib/Import/ExternalData.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

namespace qopt::import {

Expected<std::shared_ptr<MemoryBuffer>> ExternalData::open(StringRef location) {
  auto found = files.find(location.str());
  if (found != files.end())
    return found->second;
  Expected<Descriptor> file = contained.open(location);
  if (!file)
    return file.takeError();
  sys::fs::file_t native = sys::fs::convertFDToNativeFile(file->get());
  // Large files are mapped, so that only what is used takes memory.
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getOpenFile(
      native, location, /*FileSize=*/-1, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(ExitCode::IO, "cannot read external data '{0}': {1}", location,
                buffer.getError().message());
  return files[location.str()] = std::move(*buffer);
}

Expected<FileBytes> ExternalData::read(StringRef location, uint64_t offset,
                                       uint64_t length) {
  Expected<std::shared_ptr<MemoryBuffer>> file = open(location);
  if (!file)
    return file.takeError();
  StringRef all = (*file)->getBuffer();
  if (offset > all.size() || length > all.size() - offset)
    return fail(ExitCode::BadModel,
                "external data '{0}' is too short: expected {1} bytes from "
                "offset {2}, found {3} bytes in all",
                location, length, offset, all.size());
  return FileBytes{all.substr(offset, length), *file};
}

} // namespace qopt::import

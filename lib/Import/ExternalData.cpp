// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resolves and maps external data files.
#include "lib/Import/ExternalData.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace qopt::import {
namespace {
std::string realPath(StringRef path) {
  SmallString<256> result;
  if (sys::fs::real_path(path, result))
    return "";
  return result.str().str();
}

bool isInside(StringRef path, StringRef folder) {
  if (folder.empty() || !path.consume_front(folder))
    return false;
  return folder == "/" || path.starts_with("/");
}
} // namespace

ExternalData::ExternalData(StringRef modelPath) {
  folder = sys::path::parent_path(modelPath).str();
  if (folder.empty())
    folder = ".";
  realFolder = realPath(folder);
  if (sys::fs::is_symlink_file(modelPath))
    linkFolder = sys::path::parent_path(realPath(modelPath)).str();
}

Expected<std::string> ExternalData::resolve(StringRef location) const {
  if (location.empty() || location.contains('\0'))
    return fail(ExitCode::BadModel, "external data has no file name");
  if (sys::path::is_absolute(location))
    return fail(ExitCode::BadModel,
                "external data '{0}' is an absolute path; expected a path "
                "relative to the model's folder",
                location);
  SmallString<256> candidate(folder);
  sys::path::append(candidate, location);
  std::string real = realPath(candidate);
  if (real.empty() && !linkFolder.empty()) {
    candidate = linkFolder;
    sys::path::append(candidate, location);
    real = realPath(candidate);
  }
  // Judged before existence: a model must not probe for files elsewhere.
  SmallString<256> lexical(location);
  sys::path::remove_dots(lexical, /*remove_dot_dot=*/true);
  bool leaves = lexical == ".." || lexical.starts_with("../");
  bool inside = !real.empty() &&
                (isInside(real, realFolder) || isInside(real, linkFolder));
  if (leaves || (!real.empty() && !inside))
    return fail(ExitCode::BadModel,
                "external data '{0}' lies outside the model's folder '{1}'; "
                "move it beside the model",
                location, folder);
  if (real.empty())
    return fail(ExitCode::BadModel,
                "external data '{0}' is not in the model's folder '{1}'; copy "
                "it there",
                location, folder);
  return real;
}

Expected<std::shared_ptr<MemoryBuffer>> ExternalData::open(StringRef location) {
  auto found = files.find(location.str());
  if (found != files.end())
    return found->second;
  Expected<std::string> path = resolve(location);
  if (!path)
    return path.takeError();
  // Before opening: opening a pipe would wait for its writer.
  sys::fs::file_status status;
  if (sys::fs::status(*path, status) || !sys::fs::is_regular_file(status))
    return fail(ExitCode::BadModel, "external data '{0}' is not a regular file",
                location);
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(
      *path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(ExitCode::IO, "cannot read external data '{0}': {1}", *path,
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

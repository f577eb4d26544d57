// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the location a model states to an open file.
#include "lib/Import/ContainedFiles.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;

namespace qopt::import {
namespace {
constexpr int folderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
// Opening a pipe must not wait for its writer, nor a terminal become ours.
constexpr int fileFlags =
    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Descriptor openFolder(int base, StringRef path, int flags = 0) {
  return Descriptor(openat(base, path.str().c_str(), folderFlags | flags));
}

bool isSameFolder(const Descriptor &a, const Descriptor &b) {
  struct stat first, second;
  return a && b && !fstat(a.get(), &first) && !fstat(b.get(), &second) &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Nothing here, told from errors of other kinds by its message's absence.
Descriptor nothing() { return Descriptor(); }
} // namespace

Descriptor::~Descriptor() {
  if (fd >= 0)
    close(fd);
}

ContainedFiles::ContainedFiles(StringRef modelPath) {
  path = sys::path::parent_path(modelPath).str();
  if (path.empty())
    path = ".";
  folder = openFolder(AT_FDCWD, path);
  SmallString<256> real;
  if (sys::fs::is_symlink_file(modelPath) &&
      !sys::fs::real_path(modelPath, real))
    linked = openFolder(AT_FDCWD, sys::path::parent_path(real));
}

Error ContainedFiles::outside(StringRef location) const {
  return fail(ExitCode::BadModel,
              "external data '{0}' lies outside the model's folder '{1}'; move "
              "it beside the model",
              location, path);
}

// The last component is a link: its target must lie beside it or beside the
// model, and be no link itself.
Expected<Descriptor> ContainedFiles::openLink(const Descriptor &folder,
                                              StringRef name,
                                              StringRef location) const {
  char buffer[PATH_MAX];
  ssize_t length =
      readlinkat(folder.get(), name.str().c_str(), buffer, sizeof(buffer));
  if (length <= 0 || length == sizeof(buffer))
    return outside(location);
  StringRef target(buffer, length), file = sys::path::filename(target);
  StringRef parent = sys::path::parent_path(target);
  // Whatever way the parent is written: what counts is which folder it is.
  Descriptor where =
      openFolder(folder.get(), parent.empty() ? "." : parent);
  if (file == "." || file == ".." || file == "/" ||
      (!isSameFolder(where, folder) && !isSameFolder(where, linked)))
    return outside(location);
  Descriptor opened(openat(where.get(), file.str().c_str(), fileFlags));
  if (!opened && errno == ELOOP)
    return fail(ExitCode::BadModel,
                "external data '{0}' is a link to a link; expected a file or a "
                "link to one",
                location);
  return std::move(opened);
}

Expected<Descriptor> ContainedFiles::openFile(const Descriptor &folder,
                                              StringRef name,
                                              StringRef location) const {
  Expected<Descriptor> file =
      Descriptor(openat(folder.get(), name.str().c_str(), fileFlags));
  if (!*file && errno == ELOOP)
    file = openLink(folder, name, location);
  if (!file)
    return file.takeError();
  int error = errno;
  struct stat status;
  bool isRegular =
      *file && !fstat(file->get(), &status) && S_ISREG(status.st_mode);
  if (isRegular)
    return std::move(*file);
  if (*file || error == ENXIO) // ENXIO: a socket.
    return fail(ExitCode::BadModel, "external data '{0}' is not a regular file",
                location);
  if (error == ENOENT)
    return nothing();
  return fail(ExitCode::IO, "cannot read external data '{0}': {1}", location,
              std::strerror(error));
}

Expected<Descriptor> ContainedFiles::openIn(const Descriptor &root,
                                            StringRef location) const {
  SmallVector<StringRef> parts;
  location.split(parts, '/', -1, /*KeepEmpty=*/false);
  llvm::erase_if(parts, [](StringRef part) { return part == "."; });
  if (parts.empty())
    return fail(ExitCode::BadModel, "external data '{0}' names no file",
                location);
  if (!root)
    return nothing();
  Descriptor folder = openFolder(root.get(), ".");
  for (StringRef part : ArrayRef(parts).drop_back()) {
    Descriptor next = openFolder(folder.get(), part, O_NOFOLLOW);
    if (!next && errno == ENOENT)
      return nothing();
    if (!next)
      return fail(ExitCode::BadModel,
                  "external data '{0}' goes through '{1}', which is no folder "
                  "below the model's; links to folders are not followed",
                  location, part);
    folder = std::move(next);
  }
  return openFile(folder, parts.back(), location);
}

Expected<Descriptor> ContainedFiles::open(StringRef location) const {
  if (location.empty() || location.contains('\0'))
    return fail(ExitCode::BadModel, "external data has no file name");
  if (location.size() >= PATH_MAX)
    return fail(ExitCode::BadModel,
                "external data '{0}...' has a name that is too long",
                location.take_front(64));
  if (sys::path::is_absolute(location))
    return fail(ExitCode::BadModel,
                "external data '{0}' is an absolute path; expected a path "
                "relative to the model's folder",
                location);
  // Judged before existence: a model must not probe for files elsewhere.
  for (StringRef part : llvm::split(location, '/'))
    if (part == "..")
      return outside(location);
  for (const Descriptor *root : {&folder, &linked}) {
    Expected<Descriptor> file = openIn(*root, location);
    if (!file || *file)
      return file;
  }
  return fail(ExitCode::BadModel,
              "external data '{0}' is not in the model's folder '{1}'; copy it "
              "there",
              location, path);
}

} // namespace qopt::import

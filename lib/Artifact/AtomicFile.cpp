// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Artifact/AtomicFile.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace qopt::artifact;

static constexpr size_t gatherLimit = 1 << 16;

Error AtomicFile::failure(const char *action) const {
  return makeFailure(ExitCode::IO,
                     path + ": cannot " + action + ": " + std::strerror(errno));
}

Expected<AtomicFile> AtomicFile::create(StringRef path) {
  SmallString<128> temporary;
  int fd;
  if (std::error_code code = sys::fs::createUniqueFile(
          path + ".%%%%%%%%.tmp", fd, temporary, sys::fs::OF_None,
          sys::fs::all_read | sys::fs::all_write))
    return makeFailure(
        ExitCode::IO,
        path + ": cannot create a file beside it: " + code.message());
  sys::RemoveFileOnSignal(temporary);
  return AtomicFile(path.str(), temporary.str().str(), fd);
}

AtomicFile::AtomicFile(AtomicFile &&other)
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      fd(other.fd), pending(std::move(other.pending)) {
  other.fd = -1;
}

AtomicFile::~AtomicFile() {
  if (fd == -1)
    return;
  ::close(fd);
  ::unlink(temporary.c_str());
  sys::DontRemoveFileOnSignal(temporary);
}

namespace {
// Holds back the signal by which a write beyond `ulimit -f` ends a process: the
// write fails with EFBIG then, as one to a full disk fails with ENOSPC.
class FileSizeSignalBlock {
public:
  FileSizeSignalBlock() {
    sigemptyset(&signals);
    sigaddset(&signals, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
  }
  ~FileSizeSignalBlock() {
    const int error = errno; // of the write, for its message
    const timespec now = {};
    while (sigtimedwait(&signals, nullptr, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
  }

private:
  sigset_t signals, before;
};
} // namespace

static bool writeAll(int fd, ArrayRef<char> bytes) {
  FileSizeSignalBlock block;
  while (!bytes.empty()) {
    // Linux writes at most 2 GiB at once anyway.
    ssize_t count = ::write(fd, bytes.data(),
                            std::min<size_t>(bytes.size(), size_t(1) << 30));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    bytes = bytes.drop_front(count);
  }
  return true;
}

Error AtomicFile::flush() {
  if (!writeAll(fd, pending))
    return failure("write");
  pending.clear();
  return Error::success();
}

Error AtomicFile::write(ArrayRef<char> bytes) {
  if (pending.size() + bytes.size() > gatherLimit)
    if (Error error = flush())
      return error;
  if (bytes.size() <= gatherLimit) {
    pending.append(bytes.begin(), bytes.end());
    return Error::success();
  }
  return writeAll(fd, bytes) ? Error::success() : failure("write");
}

Error AtomicFile::commit() {
  if (Error error = flush())
    return error;
  if (::fsync(fd) != 0)
    return failure("sync");
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failure("rename the finished file");
  sys::DontRemoveFileOnSignal(temporary);
  ::close(fd);
  fd = -1;
  // The rename itself is durable once the folder is; where a folder cannot be
  // synced there is nothing better to do.
  StringRef folder = sys::path::parent_path(path);
  int folderFd = ::open(folder.empty() ? "." : folder.str().c_str(),
                        O_RDONLY | O_DIRECTORY);
  if (folderFd >= 0) {
    ::fsync(folderFd);
    ::close(folderFd);
  }
  return Error::success();
}

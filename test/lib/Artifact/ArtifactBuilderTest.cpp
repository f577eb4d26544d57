// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files from the builder: determinism, deduplication, and writes that fail.

#include "lib/Artifact/ArtifactBuilder.h"
#include "lib/Artifact/AtomicFile.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;
using namespace qopt;
using artifact::ArtifactBuilder;

namespace {

// A folder that vanishes with the test.
class Folder {
public:
  Folder() {
    EXPECT_FALSE(sys::fs::createUniqueDirectory("qopt-artifact-test", path));
  }
  ~Folder() { sys::fs::remove_directories(path); }
  std::string file(StringRef name) const { return (path + "/" + name).str(); }
  size_t entries() const {
    std::error_code code;
    size_t count = 0;
    for (sys::fs::directory_iterator it(path, code), end; it != end;
         it.increment(code))
      ++count;
    return count;
  }

private:
  SmallString<128> path;
};

std::string readAll(const std::string &path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

// An artifact whose bulk is one weight of `bytes` bytes.
void fill(ArtifactBuilder &builder, ArrayRef<char> weight) {
  auto x = builder.addInput("x", QRT_DTYPE_OPAQUE,
                            {builder.constant(weight.size())});
  auto y = builder.addOutput("y", QRT_DTYPE_OPAQUE,
                             {builder.constant(weight.size())});
  builder.addWeight("w", QRT_DTYPE_OPAQUE, {int64_t(weight.size())}, weight);
  builder.copy(x, y, "Identity_0");
}

std::string textOf(Error error, ExitCode *code) {
  std::string text;
  *code = consumeFailure(std::move(error), &text);
  return text;
}

TEST(ArtifactBuilder, givesTheSameBytesToFilesAndMemory) {
  std::vector<char> weight(200000, 'w');
  Folder folder;
  ArtifactBuilder first, second;
  fill(first, weight);
  fill(second, weight);
  std::string path = folder.file("m.qar");
  ASSERT_FALSE(bool(first.writeTo(path)));
  auto memory = second.serialize();
  ASSERT_TRUE(bool(memory));
  EXPECT_EQ(readAll(path),
            StringRef((*memory)->getBufferStart(), (*memory)->getBufferSize()));
  EXPECT_EQ(uintptr_t((*memory)->getBufferStart()) % 64, 0u);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(ArtifactBuilder, storesEqualWeightsOnce) {
  std::vector<char> a(1000, 'a'), again(1000, 'a'), b(1000, 'b');
  ArtifactBuilder builder;
  auto first = builder.addWeight("a", QRT_DTYPE_I8, {1000}, a);
  auto second = builder.addWeight("again", QRT_DTYPE_U8, {10, 100}, again);
  auto third = builder.addWeight("b", QRT_DTYPE_I8, {1000}, b);
  EXPECT_NE(first, second);
  EXPECT_EQ(builder.storageOf(first), builder.storageOf(second));
  EXPECT_NE(builder.storageOf(first), builder.storageOf(third));
}

TEST(ArtifactBuilder, refusesDanglingIds) {
  ExitCode code;
  ArtifactBuilder builder;
  auto x = builder.addInput("x", QRT_DTYPE_F32, {});
  auto kernel = builder.addKernel("k", "", 1, 1, 0);
  builder.launch(kernel, {x}, {}, "Node_7");
  auto memory = builder.serialize();
  ASSERT_FALSE(bool(memory));
  EXPECT_EQ(textOf(memory.takeError(), &code),
            "artifact: command 'Node_7' passes 1 operands and 0 dims to kernel "
            "'k', which takes 2 and 0");
  EXPECT_EQ(code, ExitCode::Internal);

  ArtifactBuilder other;
  other.addTensor("t", QRT_DTYPE_F32, {}, 5);
  memory = other.serialize();
  ASSERT_FALSE(bool(memory));
  consumeError(memory.takeError());
}

TEST(ArtifactBuilder, fullDiskLeavesTheOldFileAlone) {
  Folder folder;
  std::string path = folder.file("m.qar");
  std::vector<char> small(100, 's'), large(4 << 20, 'l');
  ArtifactBuilder old, next;
  fill(old, small);
  fill(next, large);
  ASSERT_FALSE(bool(old.writeTo(path)));
  std::string before = readAll(path);

  // A limit on the size of files stands in for a disk that fills up. Its
  // signal must not end the process.
  rlimit saved, limit;
  getrlimit(RLIMIT_FSIZE, &saved);
  limit = saved;
  limit.rlim_cur = 1 << 20;
  setrlimit(RLIMIT_FSIZE, &limit);
  ExitCode code;
  std::string text = textOf(next.writeTo(path), &code);
  setrlimit(RLIMIT_FSIZE, &saved);

  EXPECT_EQ(code, ExitCode::IO);
  EXPECT_EQ(text, path + ": cannot write: File too large");
  EXPECT_EQ(readAll(path), before);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(ArtifactBuilder, missingFolderIsAnIOError) {
  ArtifactBuilder builder;
  ExitCode code;
  Folder folder;
  textOf(builder.writeTo(folder.file("no/such/m.qar")), &code);
  EXPECT_EQ(code, ExitCode::IO);
}

TEST(AtomicFile, appearsOnlyOnCommit) {
  Folder folder;
  std::string path = folder.file("f");
  {
    auto file = artifact::AtomicFile::create(path);
    ASSERT_TRUE(bool(file));
    ASSERT_FALSE(bool(file->write(StringRef("text"))));
    EXPECT_FALSE(sys::fs::exists(path));
  }
  EXPECT_EQ(folder.entries(), 0u);
  auto file = artifact::AtomicFile::create(path);
  ASSERT_TRUE(bool(file));
  ASSERT_FALSE(bool(file->write(StringRef("text"))));
  ASSERT_FALSE(bool(file->commit()));
  EXPECT_EQ(readAll(path), "text");
  EXPECT_EQ(folder.entries(), 1u);
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The reader accepts sound models, sorts them, and refuses every malformed one
// with the right exit code and a message that names the culprit.
#include "lib/Import/ModelReader.h"
#include "lib/Support/Errors.h"
#include "test/lib/Import/MalformedModels.h"
#include "test/lib/Import/OnnxBuilder.h"
#include <filesystem>
#include <gtest/gtest.h>

namespace fs = std::filesystem;
using namespace qopt;
using namespace qopt::import;
using namespace qopt::test;

namespace {
struct TemporaryFolder {
  TemporaryFolder() {
    char path[] = "/tmp/qopt-import-XXXXXX";
    this->path = mkdtemp(path);
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string path;
};

OnnxBuilder withExternalWeights(const std::string &location) {
  OnnxBuilder builder = OnnxBuilder::product();
  auto &tensor = *builder.graph().mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  auto &where = *tensor.add_external_data();
  where.set_key("location");
  where.set_value(location);
  return builder;
}

std::string messageOf(llvm::Error error) {
  std::string text;
  consumeFailure(std::move(error), &text);
  return text;
}
} // namespace

TEST(ModelReader, ReadsSoundModel) {
  auto model = readModelFromBytes(OnnxBuilder::product().bytes(), "m.onnx");
  ASSERT_TRUE(bool(model)) << messageOf(model.takeError());
  EXPECT_EQ((*model)->getOpset(""), 17);
  EXPECT_EQ((*model)->getOpset("ai.onnx"), 17);
  EXPECT_EQ((*model)->getOpset("com.microsoft"), 0);
  auto weights = (*model)->getTensor((*model)->getGraph().initializer(0));
  ASSERT_TRUE(bool(weights));
  EXPECT_EQ(weights->elements, 8);
  EXPECT_EQ(weights->bytes.size(), 32u);
}

TEST(ModelReader, SortsNodesThatAreOutOfOrder) {
  OnnxBuilder builder;
  builder.input("x", {1});
  builder.node("Relu", {"b"}, {"c"});
  builder.node("Relu", {"a"}, {"b"});
  builder.node("Relu", {"x"}, {"a"});
  builder.output("c", {1});
  auto model = readModelFromBytes(builder.bytes(), "m.onnx");
  ASSERT_TRUE(bool(model)) << messageOf(model.takeError());
  EXPECT_EQ((*model)->getGraph().node(0).name(), "/a");
  EXPECT_EQ((*model)->getGraph().node(1).name(), "/b");
  EXPECT_EQ((*model)->getGraph().node(2).name(), "/c");
}

TEST(ModelReader, AbsentFileAndFolderAreIO) {
  TemporaryFolder folder;
  EXPECT_EQ(consumeFailure(readModel(folder.path + "/no.onnx").takeError()),
            ExitCode::IO);
  EXPECT_EQ(consumeFailure(readModel(folder.path).takeError()), ExitCode::IO);
}

TEST(ModelReader, LimitsAreResources) {
  ReadLimits limits;
  limits.maxBytes = 16;
  auto model =
      readModelFromBytes(OnnxBuilder::product().bytes(), "m.onnx", limits);
  EXPECT_EQ(consumeFailure(model.takeError()), ExitCode::Resources);
}

TEST(ModelReader, MapsExternalDataBesideTheModel) {
  TemporaryFolder folder;
  OnnxBuilder::writeFile(folder.path + "/w.bin", std::string(32, '\7'));
  withExternalWeights("w.bin").write(folder.path + "/m.onnx");
  auto model = readModel(folder.path + "/m.onnx");
  ASSERT_TRUE(bool(model)) << messageOf(model.takeError());
  auto weights = (*model)->getTensor((*model)->getGraph().initializer(0));
  ASSERT_TRUE(bool(weights));
  EXPECT_EQ(weights->bytes, std::string(32, '\7'));
}

// The Hugging Face cache: snapshots/x/* are links into blobs/.
TEST(ModelReader, FollowsLinksWhenTheModelIsOne) {
  TemporaryFolder folder;
  fs::create_directories(folder.path + "/blobs");
  fs::create_directories(folder.path + "/snapshots/x");
  OnnxBuilder::writeFile(folder.path + "/blobs/aa", std::string(32, '\7'));
  withExternalWeights("m.onnx_data").write(folder.path + "/blobs/bb");
  std::string snapshot = folder.path + "/snapshots/x/";
  fs::create_symlink("../../blobs/bb", snapshot + "m.onnx");
  fs::create_symlink("../../blobs/aa", snapshot + "m.onnx_data");
  auto model = readModel(snapshot + "m.onnx");
  EXPECT_TRUE(bool(model)) << messageOf(model.takeError());
}

class Malformed : public testing::TestWithParam<MalformedModel> {};

TEST_P(Malformed, IsRefused) {
  const MalformedModel &malformed = GetParam();
  if (!malformed.byReader)
    GTEST_SKIP() << "found by the importer";
  TemporaryFolder folder;
  auto model = readModel(malformed.write(folder.path));
  ASSERT_FALSE(bool(model));
  std::string text;
  EXPECT_EQ(consumeFailure(model.takeError(), &text), malformed.code) << text;
  for (const std::string &message : malformed.messages)
    EXPECT_NE(text.find(message), std::string::npos)
        << "'" << message << "' not in: " << text;
}

INSTANTIATE_TEST_SUITE_P(All, Malformed, testing::ValuesIn(malformedModels()),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

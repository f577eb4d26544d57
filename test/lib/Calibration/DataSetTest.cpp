// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Data sets in every accepted form, and messages for the rest.
#include "lib/Calibration/DataSet.h"
#include "test/lib/Calibration/Fixtures.h"
#include <cmath>

using namespace qopt;

namespace {

using Shape = std::vector<int64_t>;

InputSpec floatInput(Shape shape, std::string name = "x") {
  return {std::move(name), ElementKind::F32, std::move(shape)};
}

// The shapes of the first input over all batches.
std::vector<Shape> batchShapes(llvm::StringRef path,
                               const std::vector<InputSpec> &inputs,
                               DataSetOptions options = {}) {
  std::vector<Shape> shapes;
  auto set = DataSet::open(path, inputs, options);
  if (!set) {
    ADD_FAILURE() << llvm::toString(set.takeError());
    return shapes;
  }
  std::vector<HostTensor> batch;
  while (true) {
    auto more = set->next(batch);
    if (!more) {
      ADD_FAILURE() << llvm::toString(more.takeError());
      return shapes;
    }
    if (!*more)
      return shapes;
    shapes.push_back(batch.front().shape);
  }
}

std::string errorOf(llvm::StringRef path, const std::vector<InputSpec> &inputs) {
  auto set = DataSet::open(path, inputs);
  if (!set)
    return llvm::toString(set.takeError());
  std::vector<HostTensor> batch;
  return messageOf(set->next(batch));
}

std::string npy(llvm::StringRef shape, size_t elements, float value = 1) {
  return npyBytes("<f4", shape, rawFloats(std::vector<float>(elements, value)));
}

TEST(DataSet, AnArrayThatFitsIsOneBatch) {
  TemporaryFolder folder;
  std::string file = folder.write("a.npy", npy("(2, 3)", 6));
  EXPECT_EQ(batchShapes(file, {floatInput({2, 3})}), std::vector<Shape>({{2, 3}}));
}

TEST(DataSet, StackedBatchesAreCut) {
  TemporaryFolder folder;
  std::string file = folder.write("a.npy", npy("(5, 2, 3)", 30));
  EXPECT_EQ(batchShapes(file, {floatInput({2, 3})}),
            std::vector<Shape>(5, {2, 3}));
  file = folder.write("b.npy", npy("(6, 3)", 18));
  EXPECT_EQ(batchShapes(file, {floatInput({2, 3})}),
            std::vector<Shape>(3, {2, 3}));
}

TEST(DataSet, RowsOfADynamicBatchAreGrouped) {
  TemporaryFolder folder;
  std::string file = folder.write("a.npy", npy("(70, 3)", 210));
  EXPECT_EQ(batchShapes(file, {floatInput({-1, 3})}),
            std::vector<Shape>({{32, 3}, {32, 3}, {6, 3}}));
  EXPECT_EQ(batchShapes(file, {floatInput({-1, 3})}, {10, 2}),
            std::vector<Shape>({{10, 3}, {10, 3}}));
}

TEST(DataSet, AnAxisOfASampleMayBeEmpty) {
  TemporaryFolder folder;
  std::string file = folder.write("a.npy", npy("(40, 0, 3)", 0));
  EXPECT_EQ(batchShapes(file, {floatInput({-1, -1, 3})}),
            std::vector<Shape>({{32, 0, 3}, {8, 0, 3}}));
  EXPECT_NE(errorOf(file, {floatInput({-1, 3})}).find("the array is empty"),
            std::string::npos);
  EXPECT_NE(errorOf(file, {floatInput({-1, 2, 3})}).find("expected float32[?, 2, 3]"),
            std::string::npos);
  std::string none = folder.write("b.npy", npy("(0, 4, 3)", 0));
  EXPECT_NE(errorOf(none, {floatInput({-1, -1, 3})}).find("the array is empty"),
            std::string::npos);
}

TEST(DataSet, AFolderIsReadInTheOrderOfNames) {
  TemporaryFolder folder;
  folder.write("b.npy", npy("(2, 3)", 6));
  folder.write("a.npy", npy("(1, 3)", 3));
  EXPECT_EQ(batchShapes(folder.path(), {floatInput({-1, 3})}),
            std::vector<Shape>({{1, 3}, {2, 3}}));
}

TEST(DataSet, FilesNamedAfterInputs) {
  TemporaryFolder folder;
  folder.write("q.npy", npy("(4, 3)", 12));
  folder.write("p.npy", npy("(4,)", 4));
  folder.write("labels.npy", npyBytes("<i8", "(1,)", "12345678"));
  EXPECT_EQ(batchShapes(folder.path(),
                        {floatInput({-1, 3}, "q"), floatInput({-1}, "p")}),
            std::vector<Shape>({{4, 3}}));
}

TEST(DataSet, OnnxTestDataSets) {
  // A TensorProto: dims 2, data_type FLOAT, name "x", raw_data of two floats.
  std::string proto = "\x08\x02\x10\x01\x42\x01x\x4a\x08" + rawFloats({3, 4});
  TemporaryFolder folder;
  folder.write("test_data_set_0/input_0.pb", proto);
  folder.write("test_data_set_1/input_0.pb", proto);
  EXPECT_EQ(batchShapes(folder.path(), {floatInput({2}, "anything")}),
            std::vector<Shape>({{2}, {2}}));
  folder.write("test_data_set_2/input_0.pb", "\xff\xff\xff");
  auto set = DataSet::open(folder.path(), floatInput({2}));
  std::vector<HostTensor> batch;
  ASSERT_TRUE(llvm::cantFail(set->next(batch)));
  ASSERT_TRUE(llvm::cantFail(set->next(batch)));
  EXPECT_NE(messageOf(set->next(batch)).find("TensorProto"), std::string::npos);
}

TEST(DataSet, ErrorsSayWhatWasExpected) {
  TemporaryFolder folder;
  EXPECT_NE(errorOf("/nowhere/at/all", {floatInput({1})}).find("no such file"),
            std::string::npos);
  EXPECT_NE(errorOf(folder.path(), {floatInput({1})}).find("found none"),
            std::string::npos);
  std::string doubles =
      folder.write("d.npy", npyBytes("<f8", "(1,)", "12345678"));
  EXPECT_NE(errorOf(doubles, {floatInput({1})})
                .find("expected float32, got float64"),
            std::string::npos);
  std::string shape = folder.write("s.npy", npy("(4, 5)", 20));
  EXPECT_NE(errorOf(shape, {floatInput({-1, 3})})
                .find("expected float32[?, 3], got float32[4, 5]"),
            std::string::npos);
  std::string bad = folder.write("n.npy", npy("(2,)", 2, std::nanf("")));
  EXPECT_NE(errorOf(bad, {floatInput({2})}).find("NaN at element 0"),
            std::string::npos);
  std::string text = folder.write("x.txt", "hello");
  EXPECT_NE(errorOf(text, {floatInput({2})}).find(".npz"), std::string::npos);
}

TEST(DataSet, InputsMustAgreeInTheirBatches) {
  TemporaryFolder folder;
  folder.write("p.npy", npy("(4, 2)", 8));
  folder.write("q.npy", npy("(3, 2)", 6));
  EXPECT_NE(errorOf(folder.path(), {floatInput({2}, "p"), floatInput({2}, "q")})
                .find("holds 3 batches, an earlier one 4"),
            std::string::npos);
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole imports: what the IR looks like, what is folded away, what is refused.
#include "lib/Import/Import.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/MLIRContext.h"
#include "test/lib/Import/MalformedModels.h"
#include "test/lib/Import/OnnxBuilder.h"
#include <filesystem>
#include <gtest/gtest.h>

namespace fs = std::filesystem;
using namespace qopt;
using namespace qopt::import;
using namespace qopt::test;

namespace {
class Importer : public testing::Test {
protected:
  Importer() {
    char path[] = "/tmp/qopt-import-XXXXXX";
    folder = mkdtemp(path);
  }
  ~Importer() override { fs::remove_all(folder); }

  /// The module's text, or the error's.
  std::string import(const OnnxBuilder &builder,
                     const ImportOptions &options = {}) {
    builder.write(folder + "/m.onnx");
    mlir::MLIRContext context;
    auto module = importOnnx(context, folder + "/m.onnx", options);
    std::string text;
    if (!module) {
      code = consumeFailure(module.takeError(), &text);
      return text;
    }
    code = ExitCode::Ok;
    llvm::raw_string_ostream os(text);
    (*module)->print(os);
    return text;
  }
  bool has(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
  }

  std::string folder;
  ExitCode code = ExitCode::Ok;
};

/// A graph that computes from x [batch, 4, 6] in one node.
OnnxBuilder oneNode(const std::string &op, int64_t opset = 17) {
  OnnxBuilder builder(opset);
  builder.input("x", {-1, 4, 6});
  builder.node(op, {"x"}, {"y"});
  builder.graph().add_output()->set_name("y");
  return builder;
}
} // namespace

TEST_F(Importer, NamesInputsOutputsAndDimensions) {
  std::string text = import(OnnxBuilder::product());
  EXPECT_TRUE(has(text, "nn.dims = [\"d1\", \"\"], nn.name = \"x\"")) << text;
  EXPECT_TRUE(has(text, "nn.name = \"y\"")) << text;
  EXPECT_TRUE(has(text, "nn.matmul")) << text;
}

TEST_F(Importer, QuestionMarksNameNoDimension) {
  // Paddle writes "?" for every open size; they need not be equal.
  OnnxBuilder b;
  b.input("x", {-1, -1});
  auto &shape = *b.graph().mutable_input(0)->mutable_type()
                     ->mutable_tensor_type()->mutable_shape();
  for (auto &dim : *shape.mutable_dim())
    dim.set_dim_param("?");
  b.node("Relu", {"x"}, {"y"});
  b.graph().add_output()->set_name("y");
  std::string text = import(b);
  EXPECT_TRUE(has(text, "nn.dims = [\"\", \"\"], nn.name = \"x\"")) << text;
}

TEST_F(Importer, ResolvesShapeArithmetic) {
  // Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as PyTorch writes it.
  OnnxBuilder b;
  b.input("x", {-1, -2, 6});
  b.ints("zero", {}, {0});
  b.ints("zeros", {1}, {0});
  b.ints("three", {1}, {3});
  b.ints("rest", {1}, {-1});
  b.node("Shape", {"x"}, {"s"});
  b.node("Gather", {"s", "zero"}, {"n"});
  b.node("Unsqueeze", {"n", "zeros"}, {"n1"});
  OnnxBuilder::attribute(b.node("Concat", {"n1", "rest", "three"}, {"shape"}),
                         "axis", int64_t(0));
  b.node("Reshape", {"x", "shape"}, {"y"});
  b.graph().add_output()->set_name("y");
  std::string text = import(b);
  EXPECT_TRUE(has(text, "arith.muli")) << text; // 2 * sequence
  EXPECT_TRUE(has(text, ", 3] : (tensor<?x?x6xf32>) -> tensor<?x?x3xf32>"))
      << text;
  EXPECT_FALSE(has(text, "from_elements")) << text;
}

TEST_F(Importer, ReshapeKnowsEqualSizesAsEqual) {
  // [b, s, 6] -> [b, s, 2, 3] -> [0, -1, 6]: the -1 is s again.
  OnnxBuilder b;
  b.input("x", {-1, -2, 6});
  b.ints("split", {4}, {0, 0, 2, 3});
  b.ints("merge", {3}, {0, -1, 6});
  b.node("Reshape", {"x", "split"}, {"h"});
  b.node("Reshape", {"h", "merge"}, {"y"});
  b.graph().add_output()->set_name("y");
  std::string text = import(b);
  EXPECT_FALSE(has(text, "arith.div")) << text;
}

TEST_F(Importer, ShapeOptionFixesEveryDimensionOfTheName) {
  OnnxBuilder b;
  b.input("x", {-1, 4});
  b.input("z", {-1, 4});
  b.node("Add", {"x", "z"}, {"y"});
  b.output("y", {-1, 4});
  ImportOptions options;
  options.shapes["x"] = {3, 4};
  std::string text = import(b, options);
  EXPECT_TRUE(has(text, "%arg1: tensor<3x4xf32>")) << text;
  options.shapes = {{"w", {3, 4}}};
  EXPECT_TRUE(has(import(b, options), "x, z"));
  EXPECT_EQ(code, ExitCode::Usage);
  options.shapes = {{"x", {3}}};
  import(b, options);
  EXPECT_EQ(code, ExitCode::Usage);
}

TEST_F(Importer, OldOpsetsMeanTheSame) {
  OnnxBuilder old = oneNode("ReduceSum", 11), now = oneNode("ReduceSum", 13);
  OnnxBuilder::attribute(*old.graph().mutable_node(0), "axes",
                         OnnxBuilder::Shape{-1});
  now.ints("axes", {1}, {-1});
  now.graph().mutable_node(0)->add_input("axes");
  EXPECT_EQ(import(old), import(now));
}

TEST_F(Importer, OldSoftmaxFlattensTrailingAxes) {
  std::string text = import(oneNode("Softmax", 11));
  EXPECT_TRUE(has(text, "nn.softmax %1 : (tensor<?x24xf32>)") ||
              has(text, "(tensor<?x24xf32>) -> tensor<?x24xf32>"))
      << text;
  EXPECT_FALSE(has(import(oneNode("Softmax", 13)), "x24xf32"));
}

TEST_F(Importer, ConvolutionIsChannelsLast) {
  OnnxBuilder b;
  b.input("x", {-1, 3, 8, 8});
  b.floats("w", {5, 3, 3, 3});
  b.floats("c", {5});
  auto &conv = b.node("Conv", {"x", "w", "c"}, {"y"});
  OnnxBuilder::attribute(conv, "pads", OnnxBuilder::Shape{1, 1, 1, 1});
  b.output("y", {-1, 5, 8, 8});
  std::string text = import(b);
  EXPECT_TRUE(has(text, "(tensor<?x8x8x3xf32>, tensor<5x3x3x3xf32>) -> "
                        "tensor<?x8x8x5xf32>"))
      << text;
  EXPECT_EQ(code, ExitCode::Ok);
}

TEST_F(Importer, ReportsEveryUnsupportedNode) {
  OnnxBuilder b = OnnxBuilder::product();
  b.node("Frobnicate", {"x"}, {"u"});
  b.node("Relu", {"u"}, {"skipped"});
  b.node("Twist", {"x"}, {"v"}).set_domain("com.example");
  b.write(folder + "/m.onnx");
  auto report = checkModel(folder + "/m.onnx");
  ASSERT_TRUE(bool(report));
  ASSERT_EQ(report->unsupported.size(), 2u);
  EXPECT_EQ(report->unsupported[0].node, "node '/u' (Frobnicate)");
  EXPECT_EQ(report->unsupported[1].node, "node '/v' (com.example.Twist)");
  EXPECT_EQ(report->parameters, 8u);
  EXPECT_EQ(report->ops.at("MatMul"), 1u);
}

TEST_F(Importer, SlicesOfTablesLimitTheDimension) {
  OnnxBuilder b;
  b.input("x", {-1, -2, 6});
  b.floats("table", {1, 16, 6});
  b.ints("zero", {1}, {0});
  b.ints("one", {1}, {1});
  b.ints("two", {1}, {2});
  b.node("Shape", {"x"}, {"s"});
  b.node("Slice", {"s", "one", "two"}, {"length"});
  b.node("Slice", {"table", "zero", "length", "one"}, {"t"});
  b.node("Add", {"x", "t"}, {"y"});
  b.graph().add_output()->set_name("y");
  std::string text = import(b);
  EXPECT_TRUE(has(text, "nn.max_dims = array<i64: -9223372036854775808, 16, "
                        "-9223372036854775808>"))
      << text;
  EXPECT_FALSE(has(text, "arith.max")) << text;
}

class Refused : public testing::TestWithParam<MalformedModel> {};

TEST_P(Refused, ByImporter) {
  char path[] = "/tmp/qopt-import-XXXXXX";
  std::string folder = mkdtemp(path);
  const MalformedModel &malformed = GetParam();
  mlir::MLIRContext context;
  auto module = importOnnx(context, malformed.write(folder));
  fs::remove_all(folder);
  ASSERT_FALSE(bool(module));
  std::string text;
  EXPECT_EQ(consumeFailure(module.takeError(), &text), malformed.code) << text;
  for (const std::string &message : malformed.messages)
    EXPECT_NE(text.find(message), std::string::npos)
        << "'" << message << "' not in: " << text;
}

INSTANTIATE_TEST_SUITE_P(All, Refused, testing::ValuesIn(malformedModels()),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

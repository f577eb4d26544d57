// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of malformed models.
#include "test/lib/Import/MalformedModels.h"
#include "test/lib/Import/OnnxBuilder.h"
#include <filesystem>

namespace fs = std::filesystem;

namespace qopt::test {
namespace {
using Messages = std::vector<std::string>;

MalformedModel bytes(std::string name, ExitCode code, Messages messages,
                     std::function<std::string()> make) {
  return {name, code, std::move(messages), [=](const std::string &folder) {
            std::string path = folder + "/" + name + ".onnx";
            OnnxBuilder::writeFile(path, make());
            return path;
          }};
}

MalformedModel edited(std::string name, ExitCode code, Messages messages,
                      std::function<void(OnnxBuilder &)> edit,
                      bool byReader = true) {
  MalformedModel model = bytes(std::move(name), code, std::move(messages), [=] {
    OnnxBuilder builder = OnnxBuilder::product();
    edit(builder);
    return builder.bytes();
  });
  model.byReader = byReader;
  return model;
}

// The product with its weights in `location`; `prepare` makes that file.
MalformedModel external(std::string name, Messages messages,
                        std::string location,
                        std::function<void(const std::string &)> prepare,
                        std::string offset = "0") {
  return {name, ExitCode::BadModel, std::move(messages),
          [=](const std::string &folder) {
            std::string own = folder + "/" + name;
            fs::create_directories(own);
            prepare(own);
            OnnxBuilder builder = OnnxBuilder::product();
            auto &tensor = *builder.graph().mutable_initializer(0);
            tensor.clear_raw_data();
            tensor.set_data_location(onnx::TensorProto::EXTERNAL);
            auto &where = *tensor.add_external_data();
            where.set_key("location");
            where.set_value(location);
            auto &from = *tensor.add_external_data();
            from.set_key("offset");
            from.set_value(offset);
            builder.write(own + "/model.onnx");
            return own + "/model.onnx";
          }};
}

void writeWeights(const std::string &path) {
  OnnxBuilder::writeFile(path, std::string(32, '\0'));
}

std::vector<MalformedModel> files() {
  return {
      bytes("empty", ExitCode::BadModel, {"an empty file"},
            [] { return std::string(); }),
      bytes("truncated", ExitCode::BadModel, {"truncated or damaged"},
            [] {
              std::string all = OnnxBuilder::product().bytes();
              return all.substr(0, all.size() * 2 / 3);
            }),
      bytes("garbage", ExitCode::BadModel, {"expected an ONNX model"},
            [] {
              std::string noise(4096, '\0');
              uint32_t state = 12345;
              for (char &c : noise)
                c = char((state = state * 1664525 + 1013904223) >> 24);
              return noise;
            }),
      bytes("checkpoint", ExitCode::BadModel, {"ZIP archive", "PyTorch"},
            [] { return std::string("PK\x03\x04") + std::string(64, '\1'); }),
      bytes("text", ExitCode::BadModel, {"a text file"},
            [] { return std::string("weights: see the other file\n"); }),
      bytes("lfs-pointer", ExitCode::BadModel, {"Git LFS pointer"},
            [] {
              return std::string("version https://git-lfs.github.com/spec/v1"
                                 "\noid sha256:0\nsize 1\n");
            }),
  };
}

std::vector<MalformedModel> graphs() {
  return {
      edited("no-graph", ExitCode::BadModel, {"without a graph"},
             [](OnnxBuilder &b) { b.model.clear_graph(); }),
      edited("no-outputs", ExitCode::BadModel, {"a graph with outputs"},
             [](OnnxBuilder &b) { b.graph().clear_output(); }),
      edited("opset-too-new", ExitCode::Unsupported, {"opset", "found 99"},
             [](OnnxBuilder &b) {
               b.model.mutable_opset_import(0)->set_version(99);
             }),
      edited("cycle", ExitCode::BadModel,
             {"cycle", "'/a' (Add)", "'/b' (Relu)"},
             [](OnnxBuilder &b) {
               b.node("Add", {"y", "b"}, {"a"});
               b.node("Relu", {"a"}, {"b"});
             }),
      edited("missing-initializer", ExitCode::BadModel,
             {"node '/y' (MatMul) reads 'w'"},
             [](OnnxBuilder &b) { b.graph().clear_initializer(); }),
      edited("undefined-output", ExitCode::BadModel, {"graph output 'z'"},
             [](OnnxBuilder &b) { b.output("z", {1}); }),
      edited("duplicate-value", ExitCode::BadModel,
             {"node '/y' (Relu) defines 'y'"},
             [](OnnxBuilder &b) { b.node("Relu", {"x"}, {"y"}); }),
      edited("duplicate-initializer", ExitCode::BadModel,
             {"two initializers are named 'w'"},
             [](OnnxBuilder &b) { b.floats("w", {1}); }),
      edited("nested-undefined", ExitCode::BadModel, {"'/i' (If)", "'lost'"},
             [](OnnxBuilder &b) {
               auto &node = b.node("If", {"x"}, {"i"});
               auto &branch = *node.add_attribute();
               branch.set_name("then_branch");
               branch.set_type(onnx::AttributeProto::GRAPH);
               auto &inner = *branch.mutable_g();
               auto &relu = *inner.add_node();
               relu.set_op_type("Relu");
               relu.add_input("lost");
               relu.add_output("found");
               inner.add_output()->set_name("found");
             }),
  };
}

std::vector<MalformedModel> tensors() {
  auto weights = [](OnnxBuilder &b) -> onnx::TensorProto & {
    return *b.graph().mutable_initializer(0);
  };
  return {
      edited("initializer-too-short", ExitCode::BadModel,
             {"initializer 'w'", "needs 32 bytes", "28 are stored"},
             [=](OnnxBuilder &b) {
               weights(b).set_raw_data(std::string(28, '\0'));
             }),
      edited("negative-dimension", ExitCode::BadModel,
             {"initializer 'w'", "-4 is negative"},
             [=](OnnxBuilder &b) { weights(b).set_dims(0, -4); }),
      edited("huge-dimensions", ExitCode::BadModel, {"initializer 'w'", "2^42"},
             [=](OnnxBuilder &b) {
               weights(b).set_dims(0, int64_t(1) << 62);
               weights(b).set_dims(1, int64_t(1) << 62);
             }),
      edited("unknown-element-type", ExitCode::BadModel,
             {"initializer 'w'", "type 77"},
             [=](OnnxBuilder &b) { weights(b).set_data_type(77); }),
  };
}

std::vector<MalformedModel> externals() {
  return {
      external("external-absent", {"'w'", "weights.bin", "is not in"},
               "weights.bin", [](const std::string &) {}),
      external(
          "external-too-short",
          {"'w'", "too short", "expected 32 bytes from offset 8"},
          "weights.bin",
          [](const std::string &f) { writeWeights(f + "/weights.bin"); }, "8"),
      external(
          "external-outside", {"'w'", "outside the model's folder"},
          "../outside.bin",
          [](const std::string &f) { writeWeights(f + "/../outside.bin"); }),
      external("external-absolute", {"'w'", "absolute path"}, "/etc/passwd",
               [](const std::string &) {}),
      external("external-link-outside", {"'w'", "outside the model's folder"},
               "weights.bin",
               [](const std::string &f) {
                 writeWeights(f + "/../outside.bin");
                 fs::remove(f + "/weights.bin");
                 fs::create_symlink("../outside.bin", f + "/weights.bin");
               }),
      external("external-folder", {"'w'", "not a regular file"}, "weights.bin",
               [](const std::string &f) {
                 fs::create_directories(f + "/weights.bin");
               }),
      external(
          "external-bad-offset", {"'w'", "not a number"}, "weights.bin",
          [](const std::string &f) { writeWeights(f + "/weights.bin"); }, "-8"),
  };
}

std::vector<MalformedModel> meanings() {
  return {
      edited(
          "unknown-ops", ExitCode::Unsupported,
          {"'/u' (Frobnicate)", "'/v' (com.example.Twist)"},
          [](OnnxBuilder &b) {
            b.node("Frobnicate", {"x"}, {"u"});
            b.node("Twist", {"u"}, {"v"}).set_domain("com.example");
          },
          /*byReader=*/false),
      edited(
          "contradicting-shapes", ExitCode::BadModel, {"'/y' (MatMul)"},
          [](OnnxBuilder &b) {
            b.graph().clear_initializer();
            b.floats("w", {5, 2});
          },
          /*byReader=*/false),
      edited(
          "contradicting-output", ExitCode::BadModel, {"output 'y'", "7"},
          [](OnnxBuilder &b) {
            b.graph().clear_output();
            b.output("y", {-1, 7});
          },
          /*byReader=*/false),
  };
}
} // namespace

const std::vector<MalformedModel> &malformedModels() {
  static const std::vector<MalformedModel> all = [] {
    std::vector<MalformedModel> all;
    for (auto part : {files(), graphs(), tensors(), externals(), meanings()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return all;
}

} // namespace qopt::test

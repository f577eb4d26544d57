// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds small ONNX models for tests.
//
//   OnnxBuilder b;
//   b.input("x", {-1, 4});                      // -1: a dynamic dimension
//   b.floats("w", {4, 2}, values);
//   b.node("MatMul", {"x", "w"}, {"y"});
//   b.output("y", {-1, 2});
//   std::string bytes = b.bytes();
#pragma once

#include <fstream>
#include <initializer_list>
#include <numeric>
#include <onnx/onnx_pb.h>
#include <string>
#include <vector>

namespace qopt::test {

class OnnxBuilder {
public:
  using Names = std::vector<std::string>;
  using Shape = std::vector<int64_t>;

  explicit OnnxBuilder(int64_t opset = 17) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    model.mutable_graph()->set_name("test");
  }

  onnx::GraphProto &graph() { return *model.mutable_graph(); }

  void input(const std::string &name, const Shape &shape,
             int32_t type = onnx::TensorProto::FLOAT) {
    describe(*graph().add_input(), name, shape, type);
  }
  void output(const std::string &name, const Shape &shape,
              int32_t type = onnx::TensorProto::FLOAT) {
    describe(*graph().add_output(), name, shape, type);
  }
  /// A node named after its first output.
  onnx::NodeProto &node(const std::string &op, const Names &inputs,
                        const Names &outputs) {
    onnx::NodeProto &node = *graph().add_node();
    node.set_op_type(op);
    node.set_name("/" + outputs.front());
    for (const std::string &name : inputs)
      node.add_input(name);
    for (const std::string &name : outputs)
      node.add_output(name);
    return node;
  }
  onnx::TensorProto &floats(const std::string &name, const Shape &shape,
                            std::vector<float> values = {}) {
    onnx::TensorProto &tensor = initializer(name, shape);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    if (values.empty()) {
      values.resize(std::accumulate(shape.begin(), shape.end(), int64_t(1),
                                    std::multiplies<>()));
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = 0.25f * float(i % 7) - 0.5f;
    }
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return tensor;
  }
  onnx::TensorProto &ints(const std::string &name, const Shape &shape,
                          const std::vector<int64_t> &values) {
    onnx::TensorProto &tensor = initializer(name, shape);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.mutable_int64_data()->Add(values.begin(), values.end());
    return tensor;
  }
  static void attribute(onnx::NodeProto &node, const std::string &name,
                        int64_t value) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void attribute(onnx::NodeProto &node, const std::string &name,
                        float value) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::FLOAT);
    attribute.set_f(value);
  }
  static void attribute(onnx::NodeProto &node, const std::string &name,
                        const Shape &values) {
    onnx::AttributeProto &attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    attribute.mutable_ints()->Add(values.begin(), values.end());
  }

  std::string bytes() const { return model.SerializeAsString(); }
  void write(const std::string &path) const { writeFile(path, bytes()); }
  static void writeFile(const std::string &path, const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  /// y = x @ w, the smallest model worth breaking.
  static OnnxBuilder product() {
    OnnxBuilder builder;
    builder.input("x", {-1, 4});
    builder.floats("w", {4, 2});
    builder.node("MatMul", {"x", "w"}, {"y"});
    builder.output("y", {-1, 2});
    return builder;
  }

  onnx::ModelProto model;

private:
  onnx::TensorProto &initializer(const std::string &name, const Shape &shape) {
    onnx::TensorProto &tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.mutable_dims()->Add(shape.begin(), shape.end());
    return tensor;
  }
  static void describe(onnx::ValueInfoProto &info, const std::string &name,
                       const Shape &shape, int32_t type) {
    info.set_name(name);
    auto &tensor = *info.mutable_type()->mutable_tensor_type();
    tensor.set_elem_type(type);
    auto &dims = *tensor.mutable_shape();
    for (int64_t size : shape) {
      auto &dim = *dims.add_dim();
      if (size < 0)
        dim.set_dim_param("d" + std::to_string(-size));
      else
        dim.set_dim_value(size);
    }
  }
};

} // namespace qopt::test

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lib/Export/GraphWriter.h"
#include "dialects/NN/Constants.h"

using namespace mlir;

namespace qopt::onnx_export {

int32_t elementNumber(Type element) {
  using Proto = onnx::TensorProto;
  if (element.isF32())
    return Proto::FLOAT;
  if (element.isF64())
    return Proto::DOUBLE;
  if (element.isF16())
    return Proto::FLOAT16;
  if (element.isBF16())
    return Proto::BFLOAT16;
  bool isUnsigned = element.isUnsignedInteger();
  if (element.isInteger(1))
    return Proto::BOOL;
  if (element.isInteger(8))
    return isUnsigned ? Proto::UINT8 : Proto::INT8;
  if (element.isInteger(16))
    return isUnsigned ? Proto::UINT16 : Proto::INT16;
  if (element.isInteger(32))
    return isUnsigned ? Proto::UINT32 : Proto::INT32;
  if (element.isInteger(64) || element.isIndex())
    return isUnsigned ? Proto::UINT64 : Proto::INT64;
  std::string text;
  llvm::raw_string_ostream(text) << element;
  throw ExportFailure{"element type " + text + " cannot be exported"};
}

std::string GraphWriter::fresh(StringRef wanted) {
  int &count = used[wanted];
  std::string name = wanted.str();
  if (count++)
    name += "_" + std::to_string(count - 1);
  return count == 1 ? name : fresh(name);
}

std::string GraphWriter::node(StringRef op, Names inputs,
                              ArrayRef<Attribute> attributes,
                              StringRef domain) {
  onnx::NodeProto &node = *graph.add_node();
  node.set_op_type(op.str());
  node.set_domain(domain.str());
  std::string stem = origin.empty() ? op.str() : origin + "/" + op.str();
  node.set_name(fresh(stem));
  for (const std::string &input : inputs)
    node.add_input(input);
  for (const Attribute &attribute : attributes) {
    onnx::AttributeProto &proto = *node.add_attribute();
    proto.set_name(attribute.name.str());
    if (auto *integer = std::get_if<int64_t>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::INT);
      proto.set_i(*integer);
    } else if (auto *real = std::get_if<float>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::FLOAT);
      proto.set_f(*real);
    } else if (auto *text = std::get_if<std::string>(&attribute.value)) {
      proto.set_type(onnx::AttributeProto::STRING);
      proto.set_s(*text);
    } else {
      proto.set_type(onnx::AttributeProto::INTS);
      for (int64_t value : std::get<std::vector<int64_t>>(attribute.value))
        proto.add_ints(value);
    }
  }
  std::string output = fresh(stem + "_output");
  node.add_output(output);
  return output;
}

std::string GraphWriter::constant(StringRef wanted, int32_t type,
                                  ArrayRef<int64_t> shape, StringRef bytes) {
  std::string key;
  if (bytes.size() <= 1024) {
    key = std::to_string(type) + ":";
    for (int64_t size : shape)
      key += std::to_string(size) + ",";
    key += bytes;
    if (auto found = known.find(key); found != known.end())
      return found->second;
  }
  onnx::TensorProto &tensor = *graph.add_initializer();
  std::string name = fresh(wanted);
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (int64_t size : shape)
    tensor.add_dims(size);
  tensor.set_raw_data(bytes.str());
  if (!key.empty())
    known[key] = name;
  return name;
}

std::string GraphWriter::integers(ArrayRef<int64_t> values) {
  return constant("sizes", onnx::TensorProto::INT64, {int64_t(values.size())},
                  std::vector<int64_t>(values.begin(), values.end()));
}

std::string GraphWriter::integer(int64_t value) {
  return constant("size", onnx::TensorProto::INT64, {},
                  std::vector<int64_t>{value});
}

std::string GraphWriter::real(float value) {
  return constant("number", onnx::TensorProto::FLOAT, {},
                  std::vector<float>{value});
}

std::string GraphWriter::constant(Value value, StringRef wanted) {
  auto view = nn::ConstantView::of(value);
  if (!view)
    throw ExportFailure{"a constant without data cannot be exported"};
  std::string bytes;
  int64_t copies = view->isSplat() ? view->numElements() : 1;
  for (int64_t copy = 0; copy < copies; ++copy)
    bytes.append(view->bytes().begin(), view->bytes().end());
  return constant(wanted, elementNumber(view->type().getElementType()),
                  view->type().getShape(), bytes);
}

onnx::ValueInfoProto GraphWriter::valueInfo(StringRef name, Type type,
                                            ArrayAttr dims) {
  auto tensor = cast<RankedTensorType>(type);
  onnx::ValueInfoProto info;
  info.set_name(name.str());
  auto &proto = *info.mutable_type()->mutable_tensor_type();
  proto.set_elem_type(elementNumber(tensor.getElementType()));
  proto.mutable_shape();
  for (auto [axis, size] : llvm::enumerate(tensor.getShape())) {
    auto &dim = *proto.mutable_shape()->add_dim();
    if (!ShapedType::isDynamic(size))
      dim.set_dim_value(size);
    else if (dims && axis < dims.size())
      dim.set_dim_param(cast<StringAttr>(dims[axis]).getValue().str());
  }
  return info;
}

void GraphWriter::rename(StringRef from, StringRef to) {
  for (onnx::NodeProto &node : *graph.mutable_node()) {
    for (std::string &name : *node.mutable_input())
      if (name == from)
        name = to.str();
    for (std::string &name : *node.mutable_output())
      if (name == from)
        name = to.str();
  }
}

} // namespace qopt::onnx_export

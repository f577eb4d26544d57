// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner graphs, written and applied.
#include "lib/Import/InnerGraphs.h"
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {

std::string GraphWriter::node(StringRef op,
                              std::initializer_list<StringRef> inputs) {
  onnx::NodeProto &node = *graph.add_node();
  std::string output = graph.name() + "_" + std::to_string(graph.node_size());
  node.set_op_type(op.str());
  for (StringRef name : inputs)
    node.add_input(name.str());
  node.add_output(output);
  return output;
}

SmallVector<Value> scan(NodeImport &node, ArrayRef<Value> states,
                        ArrayRef<Value> scanned,
                        const onnx::GraphProto &graph) {
  onnx::NodeProto proto;
  proto.set_op_type("Scan");
  proto.set_name(node.getProto().name());
  onnx::AttributeProto &count = *proto.add_attribute();
  count.set_name("num_scan_inputs");
  count.set_type(onnx::AttributeProto::INT);
  count.set_i(scanned.size());
  onnx::AttributeProto &body = *proto.add_attribute();
  body.set_name("body");
  body.set_type(onnx::AttributeProto::GRAPH);
  *body.mutable_g() = graph;
  for (const auto &output : graph.output())
    proto.add_output(output.name());
  NodeImport inner(node.importer(), proto, 0, std::max<int64_t>(node.opset(), 9));
  SmallVector<Value> inputs(states);
  llvm::append_range(inputs, scanned);
  inner.setInputs(inputs);
  findImporter("", "Scan")->function(inner);
  SmallVector<Value> results;
  for (auto &result : inner.results)
    results.push_back(result->tensor);
  return results;
}

Value applyGraph(NodeImport &node, StringRef name, Value x) {
  const onnx::AttributeProto *attribute = node.attribute(name);
  if (!attribute || !attribute->has_g())
    node.bad("expected a graph in the attribute '" + name + "'");
  const onnx::GraphProto &graph = attribute->g();
  if (graph.input_size() != 1 || graph.output_size() != 1)
    node.bad("expected a graph of one input and one output in the attribute '" +
             name + "', found " + Twine(graph.input_size()) + " and " +
             Twine(graph.output_size()));
  auto check = [&](llvm::Error error) {
    if (!error)
      return;
    std::string message;
    ExitCode code = consumeFailure(std::move(error), &message);
    node.fail(code, message);
  };
  node.importer().define(graph.input(0).name(), x);
  check(node.importer().importInline(graph));
  GraphValue *value = node.importer().find(graph.output(0).name());
  if (!value || value->isPoison)
    node.unsupported("the output of its graph '" + name +
                     "' comes from a node that is not supported");
  llvm::Expected<Value> result =
      node.importer().materialize(*value, node.loc());
  check(result ? llvm::Error::success() : result.takeError());
  auto found = node.typeOf(*result), expected = node.typeOf(x);
  if (found.getElementType() != expected.getElementType() ||
      failed(verifyCompatibleShape(found, expected)))
    node.bad("expected the graph '" + name + "' to keep its input's type and "
             "shape " + shapeText(expected.getShape()) + ", found " +
             shapeText(found.getShape()));
  return *result;
}

} // namespace qopt::import

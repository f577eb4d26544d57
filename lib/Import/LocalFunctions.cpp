// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lib/Import/LocalFunctions.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringMap.h"
#include <google/protobuf/unknown_field_set.h>

using namespace llvm;

namespace qopt::import {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

std::string keyOf(StringRef domain, StringRef name) {
  return (domain == "ai.onnx" ? "" : domain.str()) + "\n" + name.str();
}

/// One call: names of the function in the caller's terms.
class Renaming {
public:
  Renaming(const onnx::FunctionProto &function, const onnx::NodeProto &call,
           std::string prefix)
      : prefix(std::move(prefix)) {
    for (int i = 0; i < function.input_size(); ++i)
      names[function.input(i)] = i < call.input_size() ? call.input(i) : "";
    for (int i = 0; i < function.output_size(); ++i)
      if (i < call.output_size() && !call.output(i).empty())
        names.try_emplace(function.output(i), call.output(i));
    readDefaults(function);
    for (const auto &attribute : defaults)
      attributes[attribute.name()] = &attribute;
    for (const auto &attribute : call.attribute())
      attributes[attribute.name()] = &attribute;
  }

  std::string operator()(StringRef name) const {
    if (name.empty())
      return "";
    auto known = names.find(name);
    return known == names.end() ? prefix + name.str() : known->second;
  }

  void apply(onnx::NodeProto &node) const {
    if (!node.name().empty())
      node.set_name(prefix + node.name());
    for (std::string &name : *node.mutable_input())
      name = (*this)(name);
    for (std::string &name : *node.mutable_output())
      name = (*this)(name);
    auto *list = node.mutable_attribute();
    for (int i = list->size(); i-- > 0;) {
      if (list->Get(i).ref_attr_name().empty()) {
        if (list->Get(i).has_g())
          apply(*list->Mutable(i)->mutable_g());
        for (auto &graph : *list->Mutable(i)->mutable_graphs())
          apply(graph);
        continue;
      }
      auto given = attributes.find(list->Get(i).ref_attr_name());
      if (given == attributes.end()) {
        list->DeleteSubrange(i, 1); // left to the op's default
        continue;
      }
      std::string name = list->Get(i).name();
      *list->Mutable(i) = *given->second;
      list->Mutable(i)->set_name(name);
    }
  }

private:
  /// Attributes with a default are a field that the onnx library this is built
  /// with may not know yet.
  void readDefaults(const onnx::FunctionProto &function) {
    constexpr int attributeProto = 11; // onnx.in.proto, IR version 9
    const auto &unknown =
        function.GetReflection()->GetUnknownFields(function);
    for (int i = 0; i < unknown.field_count(); ++i) {
      const auto &field = unknown.field(i);
      if (field.number() != attributeProto ||
          field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
        continue;
      onnx::AttributeProto attribute;
      if (attribute.ParseFromString(field.length_delimited()))
        defaults.push_back(std::move(attribute));
    }
  }

  void apply(onnx::GraphProto &graph) const {
    for (auto &value : *graph.mutable_input())
      value.set_name((*this)(value.name()));
    for (auto &value : *graph.mutable_output())
      value.set_name((*this)(value.name()));
    for (auto &tensor : *graph.mutable_initializer())
      tensor.set_name((*this)(tensor.name()));
    for (auto &node : *graph.mutable_node())
      apply(node);
  }

  std::string prefix;
  StringMap<std::string> names;
  std::vector<onnx::AttributeProto> defaults;
  StringMap<const onnx::AttributeProto *> attributes;
};

class Expansion {
public:
  Expansion(const onnx::ModelProto &model, const ReadLimits &limits)
      : limits(limits) {
    for (const auto &function : model.functions())
      functions[keyOf(function.domain(), function.name())] = &function;
    for (const auto &opset : model.opset_import())
      opsets[opset.domain() == "ai.onnx" ? "" : opset.domain()] =
          opset.version();
  }

  /// `depth`: of calls and graphs around these nodes.
  Error expand(Nodes &nodes, unsigned depth) {
    if (depth > limits.maxNesting)
      return fail(ExitCode::BadModel,
                  "functions or graphs are nested deeper than {0}, or a "
                  "function calls itself",
                  limits.maxNesting);
    Nodes result;
    for (auto &node : nodes) {
      if (++count > limits.maxNodes)
        return fail(ExitCode::Resources,
                    "with its functions expanded the model has more than {0} "
                    "nodes",
                    limits.maxNodes);
      for (auto &attribute : *node.mutable_attribute()) {
        if (attribute.has_g())
          if (Error error =
                  expand(*attribute.mutable_g()->mutable_node(), depth + 1))
            return error;
        for (auto &graph : *attribute.mutable_graphs())
          if (Error error = expand(*graph.mutable_node(), depth + 1))
            return error;
      }
      auto found = functions.find(keyOf(node.domain(), node.op_type()));
      if (found == functions.end()) {
        *result.Add() = std::move(node);
        continue;
      }
      if (Error error = call(*found->second, node, depth, result))
        return error;
    }
    nodes.Swap(&result);
    return Error::success();
  }

private:
  Error call(const onnx::FunctionProto &function, const onnx::NodeProto &node,
             unsigned depth, Nodes &result) {
    for (const auto &opset : function.opset_import()) {
      auto known = opsets.find(opset.domain() == "ai.onnx" ? "" : opset.domain());
      if (known != opsets.end() && known->second != opset.version())
        return fail(ExitCode::Unsupported,
                    "function '{0}' is written in opset {1} of domain '{2}', "
                    "the model in opset {3}; convert them to one",
                    function.name(), opset.version(), opset.domain(),
                    known->second);
    }
    std::string prefix =
        (node.name().empty() ? node.op_type() : node.name()) + "#" +
        std::to_string(calls++) + "/";
    Renaming renaming(function, node, prefix);
    Nodes body(function.node());
    for (auto &inner : body)
      renaming.apply(inner);
    // An output that is an input has its name already.
    for (int i = 0; i < function.output_size(); ++i)
      if (i < node.output_size() && !node.output(i).empty() &&
          renaming(function.output(i)) != node.output(i)) {
        onnx::NodeProto *identity = body.Add();
        identity->set_op_type("Identity");
        identity->add_input(renaming(function.output(i)));
        identity->add_output(node.output(i));
      }
    if (Error error = expand(body, depth + 1))
      return error;
    for (auto &inner : body)
      *result.Add() = std::move(inner);
    return Error::success();
  }

  const ReadLimits &limits;
  StringMap<const onnx::FunctionProto *> functions;
  StringMap<int64_t> opsets;
  uint64_t count = 0, calls = 0;
};
} // namespace

Error expandLocalFunctions(onnx::ModelProto &model, const ReadLimits &limits) {
  if (model.functions_size() == 0)
    return Error::success();
  return Expansion(model, limits)
      .expand(*model.mutable_graph()->mutable_node(), 0);
}

} // namespace qopt::import

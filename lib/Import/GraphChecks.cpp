// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, order and tensors of an ONNX graph.
#include "lib/Import/GraphChecks.h"
#include "lib/Import/ModelReader.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include <queue>

using namespace llvm;

namespace qopt::import {
namespace {

class GraphCheck {
public:
  GraphCheck(const ReadLimits &limits, TensorCheck checkTensor)
      : limits(limits), checkTensor(checkTensor) {}

  Error check(onnx::GraphProto &graph, const GraphCheck *outer, unsigned depth);

private:
  // Where a name of this graph comes from: a node's index or the graph itself.
  static constexpr int fromGraph = -1;

  Error define(StringRef name, int producer, const Twine &what);
  Error defineAll(const onnx::GraphProto &graph);
  Error checkInitializers(const onnx::GraphProto &graph);
  Error checkNode(onnx::NodeProto &node, int index, unsigned depth);
  Error sortNodes(onnx::GraphProto &graph);
  std::string describeCycle(const onnx::GraphProto &graph,
                            ArrayRef<int> missing) const;
  bool isDefined(StringRef name) const {
    return producers.contains(name) || (outer && outer->isDefined(name));
  }

  const ReadLimits &limits;
  TensorCheck checkTensor;
  const GraphCheck *outer = nullptr;
  StringMap<int> producers;
  // The nodes of this graph that each node needs, captures included.
  std::vector<SmallVector<int>> needs;
};

// Calls `visit` for every name a node reads, those its inner graphs capture
// from outside included.
void forEachRead(const onnx::NodeProto &node,
                 function_ref<void(StringRef)> visit) {
  for (const std::string &name : node.input())
    if (!name.empty())
      visit(name);
  auto visitGraph = [&](const onnx::GraphProto &graph) {
    StringSet<> local;
    for (const auto &input : graph.input())
      local.insert(input.name());
    for (const auto &tensor : graph.initializer())
      local.insert(tensor.name());
    for (const auto &inner : graph.node())
      for (const std::string &name : inner.output())
        local.insert(name);
    auto visitOuter = [&](StringRef name) {
      if (!local.contains(name))
        visit(name);
    };
    for (const auto &inner : graph.node())
      forEachRead(inner, visitOuter);
    for (const auto &output : graph.output())
      visitOuter(output.name());
  };
  for (const auto &attribute : node.attribute()) {
    if (attribute.has_g())
      visitGraph(attribute.g());
    for (const auto &graph : attribute.graphs())
      visitGraph(graph);
  }
}

// Names end up in messages, reports and artifacts.
Error checkName(StringRef name, const ReadLimits &limits) {
  if (name.size() > limits.maxNameLength)
    return fail(ExitCode::Resources,
                "a name has {0} characters, more than the limit of {1}: "
                "'{2}...'",
                name.size(), limits.maxNameLength, name.take_front(64));
  if (!json::isUTF8(name))
    return fail(ExitCode::BadModel, "the name '{0}' is no valid UTF-8",
                json::fixUTF8(name));
  return Error::success();
}

Error GraphCheck::define(StringRef name, int producer, const Twine &what) {
  if (Error error = checkName(name, limits))
    return error;
  if (producers.try_emplace(name, producer).second)
    return Error::success();
  return makeFailure(ExitCode::BadModel,
                     what + " defines '" + name +
                         "', which is already defined; names must be unique");
}

Error GraphCheck::checkInitializers(const onnx::GraphProto &graph) {
  StringSet<> seen;
  for (const auto &tensor : graph.initializer()) {
    if (tensor.name().empty())
      return fail(ExitCode::BadModel, "an initializer has no name");
    if (Error error = checkName(tensor.name(), limits))
      return error;
    if (!seen.insert(tensor.name()).second)
      return fail(ExitCode::BadModel, "two initializers are named '{0}'",
                  tensor.name());
    if (Error error = checkTensor(tensor))
      return addContext(std::move(error),
                        "initializer '" + tensor.name() + "'");
    // An input of the same name only declares that it may be overridden.
    producers.try_emplace(tensor.name(), fromGraph);
  }
  if (graph.sparse_initializer_size())
    return fail(ExitCode::Unsupported,
                "sparse initializer '{0}': sparse tensors are not supported",
                graph.sparse_initializer(0).values().name());
  return Error::success();
}

Error GraphCheck::defineAll(const onnx::GraphProto &graph) {
  for (const auto &input : graph.input()) {
    if (input.name().empty())
      return fail(ExitCode::BadModel, "a graph input has no name");
    if (Error error = define(input.name(), fromGraph, "graph input"))
      return error;
  }
  if (Error error = checkInitializers(graph))
    return error;
  for (auto [index, node] : enumerate(graph.node()))
    for (const std::string &name : node.output())
      if (!name.empty())
        if (Error error = define(name, index, Twine(describeNode(node, index))))
          return error;
  return Error::success();
}

Error GraphCheck::checkNode(onnx::NodeProto &node, int index, unsigned depth) {
  auto inContext = [&](Error error, const Twine &attribute) {
    return addContext(std::move(error),
                      describeNode(node, index) + ": " + attribute);
  };
  for (StringRef name : {node.name(), node.op_type(), node.domain()})
    if (Error error = checkName(name, limits))
      return error;
  if (node.op_type().empty())
    return fail(ExitCode::BadModel, "node #{0} '{1}' has no op type", index,
                node.name());
  for (auto &attribute : *node.mutable_attribute()) {
    std::string name = "attribute '" + attribute.name() + "'";
    if (attribute.has_t())
      if (Error error = checkTensor(attribute.t()))
        return inContext(std::move(error), name);
    for (const auto &tensor : attribute.tensors())
      if (Error error = checkTensor(tensor))
        return inContext(std::move(error), name);
    auto checkGraph = [&](onnx::GraphProto &graph) {
      GraphCheck inner(limits, checkTensor);
      return inner.check(graph, this, depth + 1);
    };
    if (attribute.has_g())
      if (Error error = checkGraph(*attribute.mutable_g()))
        return inContext(std::move(error), name);
    for (auto &graph : *attribute.mutable_graphs())
      if (Error error = checkGraph(graph))
        return inContext(std::move(error), name);
  }
  return Error::success();
}

Error GraphCheck::check(onnx::GraphProto &graph, const GraphCheck *enclosing,
                        unsigned depth) {
  outer = enclosing;
  if (depth > limits.maxNesting)
    return fail(ExitCode::Resources,
                "graphs are nested deeper than the limit of {0}",
                limits.maxNesting);
  if (uint64_t(graph.node_size()) > limits.maxNodes)
    return fail(ExitCode::Resources,
                "the graph has {0} nodes, more than the limit of {1}",
                graph.node_size(), limits.maxNodes);
  if (Error error = defineAll(graph))
    return error;

  Error undefined = Error::success();
  needs.resize(graph.node_size());
  for (auto [index, node] : enumerate(graph.node())) {
    forEachRead(node, [&, index = int(index), &node = node](StringRef name) {
      auto found = producers.find(name);
      if (found != producers.end()) {
        if (found->second != fromGraph)
          needs[index].push_back(found->second);
        return;
      }
      if (!isDefined(name))
        undefined = joinErrors(
            std::move(undefined),
            fail(ExitCode::BadModel,
                 "{0} reads '{1}', which no node, initializer or graph input "
                 "defines",
                 describeNode(node, index), name));
    });
  }
  StringSet<> outputs;
  for (const auto &output : graph.output()) {
    // A loop may return one value twice; a caller asks for outputs by name.
    if (!outputs.insert(output.name()).second && !outer)
      undefined = joinErrors(std::move(undefined),
                             fail(ExitCode::BadModel,
                                  "graph output '{0}' is listed twice",
                                  output.name()));
    if (!isDefined(output.name()))
      undefined = joinErrors(
          std::move(undefined),
          fail(ExitCode::BadModel,
               "graph output '{0}' is defined by no node, initializer or graph "
               "input",
               output.name()));
  }
  if (undefined)
    return undefined;
  if (graph.output_size() == 0)
    return fail(ExitCode::BadModel, "expected a graph with outputs, found "
                                    "none");
  for (auto [index, node] : enumerate(*graph.mutable_node()))
    if (Error error = checkNode(node, index, depth))
      return error;
  return sortNodes(graph);
}

std::string GraphCheck::describeCycle(const onnx::GraphProto &graph,
                                      ArrayRef<int> missing) const {
  // Every node left over waits for another: walking back must come round.
  int node = llvm::find_if(missing, [](int count) { return count > 0; }) -
             missing.begin();
  std::vector<int> path;
  std::vector<int> position(needs.size(), -1);
  while (position[node] < 0) {
    position[node] = path.size();
    path.push_back(node);
    node = *llvm::find_if(needs[node],
                          [&](int other) { return missing[other] > 0; });
  }
  ArrayRef<int> cycle = ArrayRef(path).drop_front(position[node]);
  std::string text;
  for (auto [count, index] : enumerate(llvm::reverse(cycle))) {
    if (count == 8)
      return text + "... (" + std::to_string(cycle.size()) + " nodes)";
    text += describeNode(graph.node(index), index) + " -> ";
  }
  return text + describeNode(graph.node(cycle.back()), cycle.back());
}

Error GraphCheck::sortNodes(onnx::GraphProto &graph) {
  int count = graph.node_size();
  std::vector<SmallVector<int>> users(count);
  std::vector<int> missing(count, 0);
  for (int node = 0; node < count; ++node)
    for (int needed : needs[node]) {
      users[needed].push_back(node);
      ++missing[node];
    }
  // Lowest index first keeps a sorted graph as it is.
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int node = 0; node < count; ++node)
    if (missing[node] == 0)
      ready.push(node);
  std::vector<int> order;
  while (!ready.empty()) {
    int node = ready.top();
    ready.pop();
    order.push_back(node);
    for (int user : users[node])
      if (--missing[user] == 0)
        ready.push(user);
  }
  if (int(order.size()) != count)
    return fail(ExitCode::BadModel, "the graph has a cycle: {0}",
                describeCycle(graph, missing));
  if (llvm::is_sorted(order))
    return Error::success();
  google::protobuf::RepeatedPtrField<onnx::NodeProto> sorted;
  sorted.Reserve(count);
  for (int node : order)
    sorted.Add(std::move(*graph.mutable_node(node)));
  graph.mutable_node()->Swap(&sorted);
  return Error::success();
}
} // namespace

Error checkAndSortGraph(onnx::GraphProto &graph, const ReadLimits &limits,
                        TensorCheck checkTensor) {
  return GraphCheck(limits, checkTensor).check(graph, nullptr, 0);
}

} // namespace qopt::import

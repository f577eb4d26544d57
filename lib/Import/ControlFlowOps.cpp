// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// If, Loop and Scan. Their graphs become functions, called by exec.branch and
// exec.loop; an If whose condition is known is replaced by its branch.
#include "dialects/Exec/ExecOps.h"
#include "lib/Import/InnerGraphs.h"
#include "lib/Import/OpTable.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace qopt::import {
namespace {

const onnx::GraphProto &graphOf(NodeImport &node, StringRef name) {
  const auto *attribute = node.attribute(name);
  if (!attribute || !attribute->has_g())
    node.bad("expected a graph in the attribute '" + name + "'");
  return attribute->g();
}

// An error of the graph importer as a failure of this node.
void check(NodeImport &node, llvm::Error error) {
  if (!error)
    return;
  std::string message;
  ExitCode code = consumeFailure(std::move(error), &message);
  node.fail(code, message);
}

void setResults(NodeImport &node, ValueRange results) {
  for (auto [i, value] : llvm::enumerate(results))
    node.result(value, i);
}

// Same element types and ranks; sizes that differ become dynamic.
SmallVector<Type> joinTypes(NodeImport &node, TypeRange a, TypeRange b,
                            const Twine &what) {
  SmallVector<Type> joined;
  for (auto [left, right] : llvm::zip_equal(a, b)) {
    auto x = cast<RankedTensorType>(left), y = cast<RankedTensorType>(right);
    if (x.getElementType() != y.getElementType())
      node.bad(what + " differ in their element types");
    if (x.getRank() != y.getRank())
      node.unsupported(what + " differ in rank (" + Twine(x.getRank()) +
                       " and " + Twine(y.getRank()) +
                       "); where the condition is one on sizes, fix these "
                       "with --shape, where it is one on an input's value, fix "
                       "that with --freeze");
    SmallVector<int64_t> shape(x.getShape());
    for (auto [size, other] : llvm::zip_equal(shape, y.getShape()))
      if (size != other)
        size = ShapedType::kDynamic;
    joined.push_back(RankedTensorType::get(shape, x.getElementType()));
  }
  return joined;
}

//===-- If ----------------------------------------------------------------===//

void inlineBranch(NodeImport &node, const onnx::GraphProto &graph) {
  check(node, node.importer().importInline(graph));
  if (size_t(graph.output_size()) < node.numOutputs())
    node.bad("expected a branch with " + Twine(node.numOutputs()) +
             " outputs, found " + Twine(graph.output_size()));
  for (size_t i = 0; i < node.numOutputs(); ++i) {
    GraphValue *value = node.importer().find(graph.output(i).name());
    if (value->isPoison)
      node.unsupported("its output comes from a node that is not supported");
    node.results[i] = std::make_unique<GraphValue>(*value);
  }
}

// What an If asks of a size: is it 1?
struct OneTest {
  Scalar size;
  bool thenIsOne; // The then branch is taken where it is.
};

// Through selections of 1 or 0: Equal, and any number of Not.
std::optional<OneTest> oneTestOf(Scalar condition) {
  OneTest test{condition, true};
  for (;;) {
    auto select = test.size.isIndex()
                      ? test.size.value.getDefiningOp<arith::SelectOp>()
                      : arith::SelectOp();
    auto compare =
        select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : nullptr;
    if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq ||
        !matchPattern(select.getTrueValue(), m_One()) ||
        !matchPattern(select.getFalseValue(), m_Zero()))
      return std::nullopt;
    Value size = compare.getLhs(), other = compare.getRhs();
    APInt number;
    if (matchPattern(size, m_ConstantInt(&number)))
      std::swap(size, other);
    if (!matchPattern(other, m_ConstantInt(&number)))
      return std::nullopt;
    test.size = Scalar::ofIndex(size, true);
    if (number.isOne())
      return test;
    if (!number.isZero())
      return std::nullopt;
    test.thenIsOne = !test.thenIsOne;
  }
}

// Whether all that `graph` does is to squeeze an axis of this size away.
bool squeezes(NodeImport &node, const onnx::GraphProto &graph,
              const Scalar &size) {
  const onnx::NodeProto *squeeze = nullptr;
  for (const onnx::NodeProto &inner : graph.node()) {
    if (inner.op_type() == "Constant" || inner.op_type() == "Identity")
      continue;
    if (inner.op_type() != "Squeeze" || squeeze)
      return false;
    squeeze = &inner;
  }
  if (!squeeze || squeeze->input().empty())
    return false;
  GraphValue *x = node.importer().find(squeeze->input(0));
  return x && x->tensor && llvm::is_contained(node.dims(x->tensor), size);
}

// Exporters write "squeeze if the size is 1, else leave" where the size is open
// to them. Both ranks cannot be: it is the squeezed one, and the reshape that
// this becomes stops a run where the size is another one.
bool inlineSqueeze(NodeImport &node, Scalar condition,
                   const onnx::GraphProto &thenGraph,
                   const onnx::GraphProto &elseGraph) {
  std::optional<OneTest> test = oneTestOf(condition);
  if (!test)
    return false;
  const onnx::GraphProto &graph = test->thenIsOne ? thenGraph : elseGraph;
  if (!squeezes(node, graph, test->size))
    return false;
  inlineBranch(node, graph);
  Value result = node.results.front()->tensor;
  return result && !llvm::is_contained(node.dims(result), test->size);
}

bool differInRank(TypeRange a, TypeRange b) {
  return llvm::any_of(llvm::zip(a, b), [](auto pair) {
    return cast<RankedTensorType>(std::get<0>(pair)).getRank() !=
           cast<RankedTensorType>(std::get<1>(pair)).getRank();
  });
}

void importIf(NodeImport &node) {
  const onnx::GraphProto &thenGraph = graphOf(node, "then_branch");
  const onnx::GraphProto &elseGraph = graphOf(node, "else_branch");
  if (std::optional<double> known = node.constantReal(0))
    return inlineBranch(node, *known != 0 ? thenGraph : elseGraph);
  Scalar condition = node.scalarInput(0, "cond");
  if (thenGraph.output_size() != elseGraph.output_size() ||
      size_t(thenGraph.output_size()) < node.numOutputs())
    node.bad("expected branches with as many outputs as the node");
  Body thenBody, elseBody;
  auto bindNothing = [](GraphImporter &) {};
  check(node, node.importer().importBody(thenGraph, "then_branch", {},
                                         bindNothing, thenBody));
  // Both take what either captures.
  elseBody.captured = thenBody.captured;
  check(node, node.importer().importBody(elseGraph, "else_branch", {},
                                         bindNothing, elseBody));
  TypeRange thenTypes = thenBody.function.getResultTypes(),
            elseTypes = elseBody.function.getResultTypes();
  if (differInRank(thenTypes, elseTypes) &&
      inlineSqueeze(node, condition, thenGraph, elseGraph)) {
    thenBody.function.erase();
    elseBody.function.erase();
    return;
  }
  Block &block = thenBody.function.front();
  for (Value value : ArrayRef<Value>(elseBody.captured)
                         .drop_front(thenBody.captured.size()))
    block.addArgument(value.getType(), value.getLoc());
  thenBody.function.setType(node.builder().getFunctionType(
      block.getArgumentTypes(), thenBody.function.getResultTypes()));
  SmallVector<Type> types =
      joinTypes(node, thenTypes, elseTypes, "the branches' outputs");
  auto branch = exec::BranchOp::create(
      node.builder(), node.loc(), types, node.math().materialize(condition),
      thenBody.function.getSymName(), elseBody.function.getSymName(),
      elseBody.captured);
  setResults(node, branch.getOutputs());
}

//===-- Loop --------------------------------------------------------------===//

struct LoopPlan {
  const onnx::GraphProto *graph;
  Scalar trips, condition;
  SmallVector<Value> carried;
  // Gives names to the arguments: number of the run, condition, carried.
  llvm::function_ref<void(GraphImporter &)> bind;
  bool givesCondition = true; // as output 0; otherwise every run is followed
};

// A function whose carried results are of its arguments' types: sizes that
// change from run to run are found by trying.
Body importLoopBody(NodeImport &node, LoopPlan &plan,
                    SmallVector<Type> &carriedTypes) {
  OpBuilder &builder = node.builder();
  Type flag = RankedTensorType::get({}, builder.getI1Type());
  for (;;) {
    Body body;
    SmallVector<Type> types{RankedTensorType::get({}, builder.getI64Type()),
                            flag};
    llvm::append_range(types, carriedTypes);
    check(node, node.importer().importBody(*plan.graph, "body", types,
                                           plan.bind, body));
    func::FuncOp function = body.function;
    Operation *ret = function.front().getTerminator();
    if (!plan.givesCondition) {
      OpBuilder at(ret);
      Value always = arith::ConstantOp::create(
          at, node.loc(),
          DenseElementsAttr::get(cast<RankedTensorType>(flag), true));
      ret->insertOperands(0, always);
      function.setType(builder.getFunctionType(function.getArgumentTypes(),
                                               ret->getOperandTypes()));
    }
    ArrayRef<Type> results = function.getResultTypes();
    if (results.size() < carriedTypes.size() + 1 || results[0] != flag)
      node.bad("expected a body that gives a boolean scalar and " +
               Twine(carriedTypes.size()) + " carried values");
    SmallVector<Type> joined =
        joinTypes(node, carriedTypes,
                  TypeRange(results.slice(1, carriedTypes.size())),
                  "a carried value and what the body makes of it");
    if (joined == carriedTypes)
      return body;
    carriedTypes = joined;
    function.erase();
  }
}

SmallVector<Value> importLoopPlan(NodeImport &node, LoopPlan &plan) {
  SmallVector<Type> types(ValueRange(plan.carried).getTypes());
  Body body = importLoopBody(node, plan, types);
  ArrayRef<Type> given = body.function.getResultTypes();
  for (Type stacked : given.drop_front(1 + types.size())) {
    auto type = cast<RankedTensorType>(stacked);
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin(), ShapedType::kDynamic);
    types.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  auto loop = exec::LoopOp::create(
      node.builder(), node.loc(), types, node.math().materialize(plan.trips),
      node.math().materialize(plan.condition), body.function.getSymName(),
      plan.carried, body.captured);
  return SmallVector<Value>(loop.getOutputs());
}

void importLoop(NodeImport &node) {
  const onnx::GraphProto &graph = graphOf(node, "body");
  LoopPlan plan;
  plan.graph = &graph;
  plan.trips = node.hasInput(0)
                   ? node.scalarInput(0, "M")
                   : Scalar::ofInt(std::numeric_limits<int64_t>::max());
  plan.condition =
      node.hasInput(1) ? node.scalarInput(1, "cond") : Scalar::ofInt(1);
  for (size_t i = 2; i < node.numInputs(); ++i)
    plan.carried.push_back(node.input(i));
  if (size_t(graph.input_size()) != plan.carried.size() + 2)
    node.bad("expected a body with " + Twine(plan.carried.size() + 2) +
             " inputs, found " + Twine(graph.input_size()));
  auto bind = [&](GraphImporter &body) {
    for (auto [i, input] : llvm::enumerate(graph.input()))
      body.define(input.name(), body.argument(i));
  };
  plan.bind = bind;
  setResults(node, importLoopPlan(node, plan));
}

//===-- Scan --------------------------------------------------------------===//

constexpr StringLiteral scanOfItem = "__qopt_scan_of_item";

// x in the opposite order along `axis`.
Value reversed(NodeImport &node, Value x, int64_t axis) {
  Scalars sizes = node.dims(x), offsets(sizes.size(), Scalar::ofInt(0));
  SmallVector<int64_t> strides(sizes.size(), 1);
  strides[axis] = -1;
  offsets[axis] = node.math().sub(sizes[axis], Scalar::ofInt(1));
  return node.slice(x, offsets, sizes, strides);
}

struct ScanInput {
  Value tensor;
  int64_t axis;
  bool isReversed;
};

// In the body: what the run takes of a scanned tensor.
Value elementOfScan(GraphImporter &body, NodeImport &node,
                    const ScanInput &input) {
  NodeImport inner(body, node.getProto(), 0, node.opset());
  Value whole = body.capture(input.tensor, input.tensor.getLoc());
  Scalar number = inner.element(body.argument(0), 0, /*nonNegative=*/true);
  Scalars sizes = body.dims(whole), offsets(sizes.size(), Scalar::ofInt(0));
  if (input.isReversed)
    number = body.getMath().sub(
        body.getMath().sub(sizes[input.axis], Scalar::ofInt(1)), number);
  offsets[input.axis] = number;
  sizes[input.axis] = Scalar::ofInt(1);
  Value part = inner.slice(whole, offsets, sizes);
  sizes.erase(sizes.begin() + input.axis);
  return inner.reshape(part, sizes);
}

void importScanOfItem(NodeImport &node);

// Scan of opset 8 does for each item of a batch what later ones do: a scan of
// the items, whose body is the scan of one.
void importBatchedScan(NodeImport &node) {
  if (node.hasInput(0))
    node.unsupported("sequence_lens of Scan in opset 8 is not supported; "
                     "convert the model to opset 9 or later");
  GraphWriter item("scan_item");
  onnx::NodeProto &inner = *item.graph.add_node();
  inner = node.getProto();
  // A note that the schema lets pass.
  inner.add_attribute()->set_name(scanOfItem.str());
  inner.mutable_attribute()->rbegin()->set_i(1);
  SmallVector<Value> inputs;
  for (size_t i = 1; i < node.numInputs(); ++i) {
    inputs.push_back(node.input(i));
    inner.set_input(i, "scan_item_input_" + std::to_string(i));
    item.input(inner.input(i));
  }
  for (int i = 0; i < inner.output_size(); ++i) {
    inner.set_output(i, "scan_item_output_" + std::to_string(i));
    item.output(inner.output(i));
  }
  setResults(node, scan(node, {}, inputs, item.graph));
}

void importScan(NodeImport &node) {
  if (node.opset() >= 9)
    return importScanOfItem(node);
  if (!node.hasAttribute(scanOfItem))
    return importBatchedScan(node);
  SmallVector<Value> inputs;
  for (size_t i = 1; i < node.numInputs(); ++i)
    inputs.push_back(node.input(i));
  node.setInputs(inputs);
  importScanOfItem(node);
}

void importScanOfItem(NodeImport &node) {
  const onnx::GraphProto &graph = graphOf(node, "body");
  int64_t scanned = node.integer("num_scan_inputs", 0);
  int64_t states = int64_t(node.numInputs()) - scanned;
  if (scanned < 1 || states < 0 ||
      size_t(graph.input_size()) != node.numInputs())
    node.bad("expected 'num_scan_inputs' and the body's inputs to fit the "
             "node's inputs");
  int64_t stacked = graph.output_size() - states;
  if (stacked < 0)
    node.bad("expected a body that gives " + Twine(states) + " states");
  auto listed = [&](StringRef name, int64_t count) {
    SmallVector<int64_t> list =
        node.integers(name, SmallVector<int64_t>(count, 0));
    if (int64_t(list.size()) != count)
      node.bad("expected " + Twine(count) + " numbers in '" + name + "'");
    return list;
  };
  SmallVector<int64_t> axes = listed("scan_input_axes", scanned),
                       backward = listed(node.opset() < 9
                                             ? "directions"
                                             : "scan_input_directions",
                                         scanned),
                       outputAxes = listed("scan_output_axes", stacked),
                       outputBackward =
                           listed("scan_output_directions", stacked);
  LoopPlan plan;
  plan.graph = &graph;
  plan.condition = Scalar::ofInt(1);
  plan.givesCondition = false;
  for (int64_t i = 0; i < states; ++i)
    plan.carried.push_back(node.input(i));
  SmallVector<ScanInput> inputs;
  for (int64_t i = 0; i < scanned; ++i) {
    Value x = node.input(states + i);
    inputs.push_back({x, node.axis(axes[i], node.rank(x)), backward[i] != 0});
  }
  plan.trips = node.dims(inputs.front().tensor)[inputs.front().axis];
  auto bind = [&](GraphImporter &body) {
    for (int64_t i = 0; i < states; ++i)
      body.define(graph.input(i).name(), body.argument(i + 2));
    for (int64_t i = 0; i < scanned; ++i)
      body.define(graph.input(states + i).name(),
                  elementOfScan(body, node, inputs[i]));
  };
  plan.bind = bind;
  SmallVector<Value> results = importLoopPlan(node, plan);
  for (int64_t i = 0; i < stacked; ++i) {
    Value &result = results[states + i];
    if (outputBackward[i])
      result = reversed(node, result, 0);
    int64_t axis = node.axis(outputAxes[i], node.rank(result));
    SmallVector<int64_t> perm;
    for (int64_t from = 1; from < node.rank(result); ++from)
      perm.push_back(from);
    perm.insert(perm.begin() + axis, 0);
    result = node.transpose(result, perm);
  }
  setResults(node, results);
}

constexpr OpEntry rows[] = {
    {"If", 1, 1, importIf},
    {"Loop", 0, anyNumber, importLoop},
    {"Scan", 0, anyNumber, importScan},
};
} // namespace

ArrayRef<OpEntry> controlFlowOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner graphs of If, Loop and Scan as functions of their own: each phase then
// treats them like @main. What a graph captures becomes an argument; constants
// are cloned, which costs nothing.
#include "lib/Import/GraphImporter.h"
#include "lib/Support/Errors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace qopt::import {

GraphImporter::GraphImporter(GraphImporter &outer)
    : context(outer.context), model(outer.model), options(outer.options),
      builder(&outer.context), math(builder), outer(&outer) {}

void GraphImporter::define(StringRef name, Value tensor) {
  auto value = std::make_unique<GraphValue>();
  value->tensor = tensor;
  value->name = name.str();
  values[name] = std::move(value);
}

GraphValue *GraphImporter::find(StringRef name) {
  auto found = values.find(name);
  if (found != values.end())
    return found->second.get();
  GraphValue *there = outer ? outer->find(name) : nullptr;
  if (!there)
    return nullptr;
  auto own = std::make_unique<GraphValue>();
  own->name = name.str();
  own->isPoison = there->isPoison;
  own->constant = there->constant;
  if (there->known && there->known->isConstant())
    own->known = there->known;
  if (!own->constant && !own->known && !own->isPoison) {
    Location loc = NameLoc::get(builder.getStringAttr(name));
    Expected<Value> value = outer->materialize(*there, loc);
    if (value)
      own->tensor = capture(*value, loc);
    else // Whoever reads it in the outer graph says why.
      own->isPoison = (llvm::consumeError(value.takeError()), true);
  }
  return (values[name] = std::move(own)).get();
}

Value GraphImporter::capture(Value value, Location loc) {
  Value &argument = captures[value];
  if (argument)
    return argument;
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    return argument = builder.clone(*constant)->getResult(0);
  body->captured.push_back(value);
  return argument = block().addArgument(value.getType(), loc);
}

Error GraphImporter::importInline(const onnx::GraphProto &graph) {
  addInitializers(graph);
  for (auto [index, node] : llvm::enumerate(graph.node()))
    if (Error error = importNode(node, index))
      return error;
  return Error::success();
}

Error GraphImporter::importBody(const onnx::GraphProto &graph, StringRef role,
                                ArrayRef<Type> types,
                                llvm::function_ref<void(GraphImporter &)> bind,
                                Body &body) {
  GraphImporter inner(*this);
  inner.body = &body;
  auto module = block().getParentOp()->getParentOfType<ModuleOp>();
  Location loc = NameLoc::get(builder.getStringAttr(
      graph.name().empty() ? role : StringRef(graph.name())));
  unsigned number = std::distance(module.begin(), module.end());
  std::string name = role.str() + "_" + std::to_string(number);
  while (module.lookupSymbol(name))
    name = role.str() + "_" + std::to_string(++number);
  OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
  body.function = func::FuncOp::create(atEnd, loc, name,
                                       builder.getFunctionType(types, {}));
  body.function.setPrivate();
  inner.builder.setInsertionPointToStart(body.function.addEntryBlock());
  SmallVector<Value> earlier = std::move(body.captured);
  body.captured.clear();
  for (Value value : earlier)
    inner.capture(value, value.getLoc());
  bind(inner);
  if (Error error = inner.importInline(graph))
    return error;
  if (!inner.unsupported.empty())
    return makeFailure(ExitCode::Unsupported,
                       "in its graph '" + role.str() + "', " +
                           inner.describeUnsupported());
  return inner.finishBody(graph, body);
}

Error GraphImporter::finishBody(const onnx::GraphProto &graph, Body &body) {
  SmallVector<Value> results;
  for (const auto &output : graph.output()) {
    Location loc = NameLoc::get(builder.getStringAttr(output.name()));
    GraphValue *value = find(output.name());
    if (!value || value->isPoison)
      return fail(ExitCode::Unsupported,
                  "its output '{0}' comes from a node that is not supported",
                  output.name());
    Expected<Value> tensor = materialize(*value, loc);
    if (!tensor)
      return tensor.takeError();
    results.push_back(*tensor);
  }
  func::ReturnOp::create(builder, body.function.getLoc(), results);
  body.function.setType(builder.getFunctionType(
      block().getArgumentTypes(), ValueRange(results).getTypes()));
  nameCapturedSizes(body);
  return Error::success();
}

// Sizes that are one value outside are one inside: equal names say so to the
// phases that follow.
void GraphImporter::nameCapturedSizes(Body &body) {
  llvm::DenseMap<Value, unsigned> numbers;
  unsigned first = block().getNumArguments() - body.captured.size();
  for (auto [i, value] : llvm::enumerate(body.captured)) {
    SmallVector<Attribute> names;
    for (const Scalar &size : outer->dims(value))
      names.push_back(builder.getStringAttr(
          size.isInt()
              ? ""
              : "captured" +
                    std::to_string(
                        numbers.try_emplace(size.value, numbers.size())
                            .first->second)));
    body.function.setArgAttr(first + i, "nn.dims", builder.getArrayAttr(names));
  }
}

} // namespace qopt::import

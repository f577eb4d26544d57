// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants, shapes as numbers, and nodes that do nothing at inference.
#include "lib/Import/OpTable.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

Scalars dimsOf(NodeImport &node) {
  if (const SmallTensor *x = node.known(0)) {
    Scalars sizes;
    for (int64_t size : x->shape)
      sizes.push_back(Scalar::ofInt(size));
    return sizes;
  }
  return node.dims(node.input(0));
}

void importShape(NodeImport &node) {
  Scalars sizes = dimsOf(node);
  int64_t rank = sizes.size();
  auto bound = [&](StringRef name, int64_t otherwise) {
    int64_t value = node.integer(name, otherwise);
    return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank);
  };
  int64_t start = bound("start", 0), end = std::max(bound("end", rank), start);
  node.result(
      SmallTensor::vector(ArrayRef<Scalar>(sizes).slice(start, end - start)));
}

void importSize(NodeImport &node) {
  node.result(SmallTensor::scalar(node.math().product(dimsOf(node))));
}

void importConstant(NodeImport &node) {
  int values = 0;
  for (StringRef name :
       {"value", "sparse_value", "value_float", "value_floats", "value_int",
        "value_ints", "value_string", "value_strings"})
    values += node.hasAttribute(name);
  if (values != 1)
    node.bad("expected one value in the attributes, found " + Twine(values));
  if (const auto *value = node.attribute("value")) {
    node.results[0] = std::make_unique<GraphValue>();
    node.results[0]->constant = &value->t();
    return;
  }
  auto integers = [&](ArrayRef<int64_t> values) {
    Scalars elements;
    for (int64_t value : values)
      elements.push_back(Scalar::ofInt(value));
    return elements;
  };
  auto reals = [&](ArrayRef<double> values) {
    Scalars elements;
    for (double value : values)
      elements.push_back(Scalar::ofFloat(value));
    return elements;
  };
  if (node.hasAttribute("value_int"))
    return node.result(
        SmallTensor::scalar(Scalar::ofInt(node.integer("value_int", 0))));
  if (node.hasAttribute("value_ints"))
    return node.result(
        SmallTensor::vector(integers(node.integers("value_ints"))));
  if (node.hasAttribute("value_float"))
    return node.result(SmallTensor::scalar(
        Scalar::ofFloat(node.real("value_float", 0)), OnnxType::Float));
  if (node.hasAttribute("value_floats"))
    return node.result(SmallTensor::vector(reals(node.reals("value_floats")),
                                           OnnxType::Float));
  node.unsupported("only constants of numbers are supported");
}

void importConstantOfShape(NodeImport &node) {
  Scalars sizes = node.numbers(0, "shape");
  SmallTensor value = SmallTensor::scalar(Scalar::ofFloat(0), OnnxType::Float);
  Value fill;
  if (const auto *attribute = node.attribute("value")) {
    auto own = std::make_unique<GraphValue>();
    own->constant = &attribute->t();
    own->name = "value";
    auto data = node.importer().getModel().getTensor(attribute->t());
    if (!data)
      node.bad(llvm::toString(data.takeError()));
    if (data->elements != 1)
      node.bad("expected 'value' to have one element");
    if (auto small = SmallTensor::of(*data)) {
      value = *small;
    } else {
      auto tensor = node.importer().materialize(*own, node.loc());
      if (!tensor)
        node.unsupported(llvm::toString(tensor.takeError()));
      fill = *tensor;
    }
  }
  value.shape.clear();
  int64_t count = 1;
  for (const Scalar &size : sizes) {
    if (size.isInt() && size.integer < 0)
      node.bad("expected sizes of 0 or more, found " + Twine(size.integer));
    bool small = size.isInt() && size.integer <= SmallTensor::maxElements;
    count = small && count >= 0 ? count * size.integer : -1;
    if (count > SmallTensor::maxElements)
      count = -1;
  }
  if (!fill && count >= 0) {
    Scalar element = value.elements.front();
    value.elements.assign(count, element);
    for (const Scalar &size : sizes)
      value.shape.push_back(size.integer);
    return node.result(std::move(value));
  }
  if (!fill) {
    Type element = node.importer().elementType(value.type);
    fill =
        node.constant(value.elements.front().asDouble(), {}, element, "fill");
  } else {
    fill = node.reshape(fill, {});
  }
  node.result(node.broadcastTo(fill, sizes));
}

// start + i * delta, as many as fit below the limit: the number is computed
// with indices where these are integers, and by the data path otherwise.
void importComputedRange(NodeImport &node) {
  IndexMath &math = node.math();
  Value start = node.input(0), delta = node.input(2);
  Scalar count, zero = Scalar::ofInt(0);
  if (node.isFloat(start)) {
    Value steps = node.create<nn::CeilOp>(node.create<nn::DivOp>(
        {node.create<nn::SubOp>({node.input(1), start}), delta}));
    count = node.element(node.cast(steps, node.builder().getI64Type()), 0);
  } else {
    Scalar from = node.scalarInput(0, "start"),
           to = node.scalarInput(1, "limit"), by = node.scalarInput(2, "delta");
    Scalar distance = math.sub(to, from), one = Scalar::ofInt(1);
    Scalar up = math.div(math.sub(math.add(distance, by), one), by);
    Scalar down = math.div(math.add(math.add(distance, by), one), by);
    count = math.ifLess(by, zero, down, up);
  }
  Value numbers = node.iota(math.max(count, zero));
  Value steps = node.create<nn::MulOp>(
      {node.cast(numbers, node.elementOf(start)), delta});
  node.result(node.create<nn::AddOp>({steps, start}));
}

void importRange(NodeImport &node) {
  const SmallTensor *start = node.known(0), *limit = node.known(1),
                    *delta = node.known(2);
  if (!start || !limit || !delta || !start->isConstant() ||
      !limit->isConstant() || !delta->isConstant())
    return importComputedRange(node);
  if (start->elements.size() != 1 || limit->elements.size() != 1 ||
      delta->elements.size() != 1)
    node.bad("expected three scalars");
  double from = start->elements[0].asDouble(),
         to = limit->elements[0].asDouble(),
         step = delta->elements[0].asDouble();
  if (step == 0)
    node.bad("expected a delta other than 0");
  double count = std::max(0.0, std::ceil((to - from) / step));
  if (count > 1 << 24)
    node.unsupported("a range of more than 2^24 elements is not supported");
  if (count <= SmallTensor::maxElements) {
    Scalars elements;
    for (int64_t i = 0; i < int64_t(count); ++i)
      elements.push_back(start->isFloat()
                             ? Scalar::ofFloat(from + i * step)
                             : Scalar::ofInt(start->elements[0].integer +
                                             i * delta->elements[0].integer));
    return node.result(SmallTensor::vector(elements, start->type));
  }
  SmallVector<double> values;
  for (int64_t i = 0; i < int64_t(count); ++i)
    values.push_back(from + i * step);
  node.result(node.constant(values, int64_t(count),
                            node.importer().elementType(start->type), "range"));
}

void importIdentity(NodeImport &node) { node.forward(0); }

// In training mode nothing is dropped at the ratio 0 alone.
void checkEvaluated(NodeImport &node) {
  if (!node.hasInput(2))
    return;
  std::optional<double> training = node.constantReal(2), ratio = 0.5;
  if (node.hasInput(1))
    ratio = node.constantReal(1);
  if (training == 0.0 || ratio == 0.0)
    return;
  if (!training || !ratio)
    node.unsupported("training_mode or ratio depends on the input data; "
                     "expected constants");
  node.unsupported("training mode draws random numbers, which is not "
                   "supported; export the model in evaluation mode");
}

void importDropout(NodeImport &node) {
  checkEvaluated(node);
  node.forward(0);
  if (!node.wantsOutput(1))
    return;
  // Nothing is dropped.
  Value kept = node.constant(1.0, {}, node.builder().getI1Type(), "mask");
  node.result(node.broadcastTo(kept, node.dims(node.input(0))), 1);
}

constexpr OpEntry rows[] = {
    {"Constant", 0, 0, importConstant},
    {"ConstantOfShape", 1, 1, importConstantOfShape},
    {"Dropout", 1, 3, importDropout},
    {"Identity", 1, 1, importIdentity},
    {"Range", 3, 3, importRange},
    {"Shape", 1, 1, importShape},
    {"Size", 1, 1, importSize},
};
} // namespace

ArrayRef<OpEntry> shapeOps() { return rows; }

} // namespace qopt::import

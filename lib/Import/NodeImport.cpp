// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs, attributes and results of one node.
#include "lib/Import/NodeImport.h"
#include "dialects/NN/Constants.h"
#include "lib/Numerics/ElementArithmetic.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;

namespace qopt::import {
namespace {
Location locationOf(GraphImporter &graph, const onnx::NodeProto &node,
                    int index) {
  MLIRContext *context = graph.getBuilder().getContext();
  std::string name = node.name();
  if (name.empty())
    name = node.op_type() + "_" + std::to_string(index);
  return NameLoc::get(StringAttr::get(context, name));
}
} // namespace

NodeImport::NodeImport(GraphImporter &graph, const onnx::NodeProto &node,
                       int index, int64_t opset)
    : graph(graph), proto(node), opType(node.op_type()), version(opset),
      location(locationOf(graph, node, index)) {
  for (const auto &attribute : node.attribute())
    attributes[attribute.name()] = &attribute;
  outputs.assign(node.output().begin(), node.output().end());
  results.resize(outputs.size());
}

void NodeImport::fail(ExitCode code, const Twine &message) {
  throw ImportFailure{code, message.str()};
}

//===-- Attributes --------------------------------------------------------===//

int64_t NodeImport::integer(StringRef name, int64_t otherwise) {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return otherwise;
  if (found->type() != onnx::AttributeProto::INT && !found->has_i())
    bad("expected attribute '" + name + "' to be an integer");
  return found->i();
}

double NodeImport::real(StringRef name, double otherwise) {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return otherwise;
  if (found->type() != onnx::AttributeProto::FLOAT && !found->has_f())
    bad("expected attribute '" + name + "' to be a float");
  return found->f();
}

std::string NodeImport::text(StringRef name, StringRef otherwise) {
  const onnx::AttributeProto *found = attribute(name);
  return found ? found->s() : otherwise.str();
}

SmallVector<int64_t> NodeImport::integers(StringRef name,
                                          ArrayRef<int64_t> otherwise) {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return SmallVector<int64_t>(otherwise);
  return {found->ints().begin(), found->ints().end()};
}

SmallVector<double> NodeImport::reals(StringRef name) {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return {};
  return {found->floats().begin(), found->floats().end()};
}

void NodeImport::setInteger(StringRef name, int64_t value) {
  auto own = std::make_unique<onnx::AttributeProto>();
  own->set_name(name.str());
  own->set_type(onnx::AttributeProto::INT);
  own->set_i(value);
  attributes[name] = own.get();
  ownAttributes.push_back(std::move(own));
}

void NodeImport::setText(StringRef name, StringRef value) {
  auto own = std::make_unique<onnx::AttributeProto>();
  own->set_name(name.str());
  own->set_type(onnx::AttributeProto::STRING);
  own->set_s(value.str());
  attributes[name] = own.get();
  ownAttributes.push_back(std::move(own));
}

//===-- Inputs ------------------------------------------------------------===//

bool NodeImport::hasPoison() const {
  return llvm::any_of(
      inputs, [](GraphValue *value) { return value && value->isPoison; });
}

Value NodeImport::input(size_t i) {
  if (!hasInput(i))
    bad("expected an input #" + Twine(i));
  Expected<Value> tensor = graph.materialize(*inputs[i], location);
  if (tensor)
    return *tensor;
  std::string message;
  ExitCode code = consumeFailure(tensor.takeError(), &message);
  fail(code, message);
}

const SmallTensor *NodeImport::known(size_t i) {
  if (!hasInput(i))
    return nullptr;
  GraphValue &value = *inputs[i];
  if (!value.known && value.constant) {
    Expected<TensorData> data = graph.getModel().getTensor(*value.constant);
    if (data)
      value.known = SmallTensor::of(*data);
    else
      llvm::consumeError(data.takeError());
  }
  return value.known ? &*value.known : nullptr;
}

Scalars NodeImport::numbers(size_t i, StringRef what) {
  if (!hasInput(i))
    bad("expected an input #" + Twine(i) + ", " + what);
  const SmallTensor *tensor = known(i);
  if (!tensor) {
    Value x = input(i);
    auto type = typeOf(x);
    if (type.getRank() > 1 || !isa<IntegerType>(type.getElementType()))
      bad("expected " + what + " to be a vector of integers");
    if (!type.hasStaticShape() ||
        type.getNumElements() > SmallTensor::maxElements)
      unsupported(what + " ('" + inputs[i]->name +
                  "') has a number of elements that depends on the input data "
                  "or is too large");
    Scalars elements;
    for (int64_t position = 0; position < type.getNumElements(); ++position)
      elements.push_back(element(x, position));
    return elements;
  }
  if (tensor->rank() > 1 || tensor->isFloat())
    bad("expected " + what + " to be a vector of integers");
  return tensor->elements;
}

Scalar NodeImport::element(Value tensor, int64_t position, bool nonNegative) {
  IntegerType integer = dyn_cast<IntegerType>(elementOf(tensor));
  if (!integer)
    bad("expected a tensor of integers");
  bool isBool = integer.getWidth() == 1;
  if (!isBool && !(integer.isSignless() && integer.getWidth() >= 32))
    tensor = cast(tensor, builder().getI64Type());
  SmallVector<Value> at;
  if (rank(tensor) > 0) {
    int64_t rest = position;
    ArrayRef<int64_t> shape = typeOf(tensor).getShape();
    at.resize(shape.size());
    for (size_t axis = shape.size(); axis-- > 0;) {
      int64_t size = axis ? std::max<int64_t>(shape[axis], 1) : rest + 1;
      at[axis] = math().materialize(Scalar::ofInt(rest % size));
      rest /= size;
    }
  }
  Value read = math()
                   .intern(mlir::tensor::ExtractOp::create(builder(), location,
                                                           tensor, at),
                           false)
                   .value;
  Type index = builder().getIndexType();
  Value number =
      isBool ? arith::IndexCastUIOp::create(builder(), location, index, read)
                   .getResult()
             : arith::IndexCastOp::create(builder(), location, index, read)
                   .getResult();
  return math().intern(number, nonNegative || isBool);
}

Scalar NodeImport::scalarInput(size_t i, StringRef what, bool nonNegative) {
  if (const SmallTensor *tensor = known(i)) {
    if (tensor->elements.size() != 1 || tensor->isFloat())
      bad("expected " + what + " to be one integer");
    return tensor->elements.front();
  }
  Value x = input(i);
  for (const Scalar &size : dims(x))
    if (size.isInt() && !size.isInt(1))
      bad("expected " + what + " to have one element");
  return element(x, 0, nonNegative);
}

SmallVector<int64_t> NodeImport::constantIntegers(size_t i, StringRef what) {
  SmallVector<int64_t> result;
  for (const Scalar &element : numbers(i, what)) {
    if (!element.isInt())
      unsupported(what + " ('" + inputs[i]->name +
                  "') depends on the input data or on a dynamic dimension; "
                  "expected a constant, or fix the dimension with --shape");
    result.push_back(element.integer);
  }
  return result;
}

std::optional<double> NodeImport::constantReal(size_t i) {
  if (const SmallTensor *tensor = known(i)) {
    if (tensor->elements.size() == 1 && tensor->isConstant())
      return tensor->elements.front().asDouble();
    return std::nullopt;
  }
  auto values = constantReals(input(i));
  if (!values || values->size() != 1)
    return std::nullopt;
  return values->front();
}

std::optional<std::vector<double>> NodeImport::constantReals(Value tensor) {
  auto view = nn::ConstantView::of(tensor);
  return view ? view->values<double>() : std::nullopt;
}

void NodeImport::setInput(size_t i, SmallTensor value) {
  auto own = std::make_unique<GraphValue>();
  own->known = std::move(value);
  own->name = "constant";
  if (inputs.size() <= i)
    inputs.resize(i + 1, nullptr);
  inputs[i] = own.get();
  ownInputs.push_back(std::move(own));
}

void NodeImport::setInput(size_t i, Value tensor) {
  auto own = std::make_unique<GraphValue>();
  own->tensor = tensor;
  inputs[i] = own.get();
  ownInputs.push_back(std::move(own));
}

void NodeImport::setInputs(ArrayRef<Value> tensors) {
  inputs.assign(tensors.size(), nullptr);
  for (auto [i, tensor] : llvm::enumerate(tensors))
    setInput(i, tensor);
}

void NodeImport::moveInput(size_t from, size_t to) {
  if (from >= inputs.size())
    return;
  inputs.resize(std::max(inputs.size(), to + 1), nullptr);
  inputs[to] = std::exchange(inputs[from], nullptr);
}

//===-- Outputs -----------------------------------------------------------===//

void NodeImport::result(Value tensor, size_t i) {
  if (!wantsOutput(i))
    return;
  results[i] = std::make_unique<GraphValue>();
  results[i]->tensor = tensor;
}

void NodeImport::result(SmallTensor known, size_t i) {
  if (!wantsOutput(i))
    return;
  results[i] = std::make_unique<GraphValue>();
  results[i]->known = std::move(known);
}

Value NodeImport::takeResult() {
  Expected<Value> tensor = graph.materialize(*results[0], location);
  results[0] = nullptr;
  if (tensor)
    return *tensor;
  std::string message;
  ExitCode code = consumeFailure(tensor.takeError(), &message);
  fail(code, message);
}

void NodeImport::forward(size_t i) {
  results[0] = std::make_unique<GraphValue>(*inputs[i]);
}

std::optional<int64_t> NodeImport::declaredRank(size_t i) {
  const onnx::GraphProto &in = graph.getModel().getGraph();
  for (const auto *list : {&in.output(), &in.value_info()})
    for (const onnx::ValueInfoProto &value : *list)
      if (wantsOutput(i) && value.name() == outputs[i] &&
          value.type().has_tensor_type() &&
          value.type().tensor_type().has_shape())
        return value.type().tensor_type().shape().dim_size();
  return std::nullopt;
}

void NodeImport::rejectOutput(size_t i, StringRef name) {
  if (wantsOutput(i))
    unsupported("its output '" + name + "' is used, which is not supported");
}

//===-- Making ops --------------------------------------------------------===//

namespace {
// Ops whose kernels know f32 alone, or whose constants have its precision.
bool needsFloat32(StringRef name) {
  static constexpr StringLiteral names[] = {
      "nn.attention",  "nn.avg_pool",   "nn.gelu",       "nn.gelu_tanh",
      "nn.hard_swish", "nn.layer_norm", "nn.recurrence", "nn.rms_norm",
      "nn.softmax"};
  return llvm::is_contained(names, name);
}

} // namespace

Value NodeImport::createNamed(StringRef name, ValueRange operands,
                              ArrayRef<NamedAttribute> attrs) {
  MLIRContext *context = builder().getContext();
  if (!operands.empty() && isa<RankedTensorType>(operands[0].getType()) &&
      elementOf(operands[0]).isF64() && needsFloat32(name))
    unsupported("this op on float64 is not supported; convert the model to "
                "float32");
  // Created with a placeholder type: the properties that type inference reads
  // exist only once the op does.
  OperationState state(location, name, operands, NoneType::get(context), attrs);
  Operation *op = builder().create(state);
  std::string message;
  SmallVector<Type> types;
  bool inferred;
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    inferred = succeeded(cast<InferTypeOpInterface>(op).inferReturnTypes(
        context, location, op->getOperands(), op->getAttrDictionary(),
        op->getPropertiesStorage(), op->getRegions(), types));
  }
  if (!inferred) {
    op->erase();
    std::string shapes;
    for (Value operand : operands)
      if (isa<RankedTensorType>(operand.getType()))
        shapes += (shapes.empty() ? "" : ", ") +
                  shapeText(typeOf(operand).getShape());
    bad("the shapes of its inputs contradict each other (" + shapes +
        "): " + message);
  }
  SmallVector<int64_t> fixed;
  for (int64_t size : cast<RankedTensorType>(types.front()).getShape())
    if (!ShapedType::isDynamic(size))
      fixed.push_back(size);
  if (Error error = countElements(fixed).takeError()) {
    op->erase();
    bad("its result is impossible: " + llvm::toString(std::move(error)));
  }
  op->getResult(0).setType(types.front());
  graph.dims(op->getResult(0));
  return op->getResult(0);
}

Value NodeImport::cast(Value x, Type to) {
  if (elementOf(x) == to)
    return x;
  return create<nn::CastOp>(x, {attr("to", TypeAttr::get(to))});
}

Value NodeImport::transpose(Value x, ArrayRef<int64_t> perm) {
  bool identity = llvm::all_of(llvm::enumerate(perm), [](auto entry) {
    return int64_t(entry.index()) == entry.value();
  });
  if (identity && int64_t(perm.size()) == rank(x))
    return x;
  return create<nn::TransposeOp>(x, {attr("perm", perm)});
}

namespace {
// The dynamic operands and the static list of a mixed list of sizes.
void splitMixed(ArrayRef<Scalar> sizes, SmallVectorImpl<Value> &dynamic,
                SmallVectorImpl<int64_t> &fixed) {
  for (const Scalar &size : sizes) {
    fixed.push_back(size.isInt() ? size.integer : ShapedType::kDynamic);
    if (!size.isInt())
      dynamic.push_back(size.value);
  }
}
} // namespace

Value NodeImport::reshape(Value x, ArrayRef<Scalar> sizes) {
  if (ArrayRef<Scalar>(dims(x)) == sizes)
    return x;
  for (const Scalar &size : sizes)
    if (size.isInt() && size.integer < 0)
      bad("expected sizes of 0 or more, found " + Twine(size.integer));
  SmallVector<Value> operands{x};
  SmallVector<int64_t> fixed;
  splitMixed(sizes, operands, fixed);
  auto ratio = math().quotient(dims(x), sizes);
  bool empty = llvm::any_of(sizes, [](Scalar s) { return s.isInt(0); });
  if (!empty && (!ratio || (ratio->isInt() && !ratio->isInt(1))))
    bad("cannot reshape " + shapeText(typeOf(x).getShape()) + " to " +
        shapeText(fixed) + ": the number of elements differs");
  return create<nn::ReshapeOp>(operands, {attr("static_sizes", fixed)});
}

Value NodeImport::broadcastTo(Value x, ArrayRef<Scalar> sizes) {
  if (ArrayRef<Scalar>(dims(x)) == sizes)
    return x;
  SmallVector<Value> operands{x};
  SmallVector<int64_t> fixed;
  splitMixed(sizes, operands, fixed);
  return create<nn::BroadcastToOp>(operands, {attr("static_sizes", fixed)});
}

Value NodeImport::slice(Value x, ArrayRef<Scalar> offsets,
                        ArrayRef<Scalar> sizes, ArrayRef<int64_t> strides) {
  SmallVector<int64_t> steps(strides);
  steps.resize(offsets.size(), 1);
  bool whole =
      ArrayRef<Scalar>(dims(x)) == sizes &&
      llvm::all_of(offsets, [](const Scalar &s) { return s.isInt(0); }) &&
      llvm::all_of(steps, [](int64_t step) { return step == 1; });
  if (whole)
    return x;
  SmallVector<Value> operands{x};
  SmallVector<int64_t> fixedOffsets, fixedSizes;
  splitMixed(offsets, operands, fixedOffsets);
  int32_t numOffsets = operands.size() - 1;
  splitMixed(sizes, operands, fixedSizes);
  int32_t numSizes = operands.size() - 1 - numOffsets;
  return create<nn::SliceOp>(
      operands, {attr("static_offsets", fixedOffsets),
                 attr("static_sizes", fixedSizes), attr("strides", steps),
                 attr("operandSegmentSizes", builder().getDenseI32ArrayAttr(
                                                 {1, numOffsets, numSizes}))});
}

Value NodeImport::concat(ArrayRef<Value> parts, int64_t axis) {
  if (parts.size() == 1)
    return parts.front();
  return create<nn::ConcatOp>(
      parts, {attr("axis", builder().getI64IntegerAttr(axis))});
}

Value NodeImport::iota(const Scalar &size) {
  SmallVector<Value> operands;
  SmallVector<int64_t> fixed;
  splitMixed(size, operands, fixed);
  return create<nn::IotaOp>(operands, {attr("static_sizes", fixed)});
}

Value NodeImport::withSizes(Value x, int64_t first, ArrayRef<int64_t> sizes) {
  Scalars known = dims(x);
  for (auto [i, size] : llvm::enumerate(sizes)) {
    Scalar &of = known[first + i];
    if (of.isInt() && of.integer != size)
      bad("expected axis " + Twine(first + i) + " to have size " + Twine(size) +
          ", found the shape " + shapeText(typeOf(x).getShape()));
    of = Scalar::ofInt(size);
  }
  return reshape(x, known);
}

Value NodeImport::splat(double value, Value like, ArrayRef<int64_t> shape) {
  Type element = elementOf(like);
  auto type = RankedTensorType::get(shape, element);
  Attribute number = isa<FloatType>(element)
                         ? Attribute(builder().getFloatAttr(element, value))
                         : builder().getIntegerAttr(
                               element, numerics::truncated<int64_t>(value));
  return arith::ConstantOp::create(builder(), location,
                                   DenseElementsAttr::get(type, number));
}

void NodeImport::limitConstant(ArrayRef<int64_t> sizes) {
  constexpr int64_t limit = 1 << 22;
  int64_t count = 1;
  for (int64_t size : sizes)
    count = std::min(count, limit + 1) * std::min(size, limit + 1);
  if (count > limit)
    unsupported("it needs a constant of shape " + shapeText(sizes) +
                ", which has more than 2^22 elements");
}

Value NodeImport::constant(ArrayRef<double> values, ArrayRef<int64_t> shape,
                           Type element, StringRef name) {
  auto type = RankedTensorType::get(shape, element);
  if (element.isF32()) {
    std::vector<float> floats(values.begin(), values.end());
    return nn::createConstant(builder(), location, type, floats, name);
  }
  if (element.isInteger(64)) {
    std::vector<int64_t> integers(values.begin(), values.end());
    return arith::ConstantOp::create(
        builder(), location,
        DenseElementsAttr::get(type, ArrayRef<int64_t>(integers)));
  }
  SmallVector<Attribute> numbers;
  for (double value : values)
    numbers.push_back(isa<FloatType>(element)
                          ? Attribute(builder().getFloatAttr(element, value))
                          : builder().getIntegerAttr(element, int64_t(value)));
  return arith::ConstantOp::create(builder(), location,
                                   DenseElementsAttr::get(type, numbers));
}

int64_t NodeImport::axis(int64_t axis, int64_t rank) {
  // A scalar has none.
  if (axis < -rank || axis >= rank)
    bad("expected an axis from " + Twine(-rank) + " to " + Twine(rank - 1) +
        ", found " + Twine(axis));
  return axis < 0 ? axis + rank : axis;
}

} // namespace qopt::import

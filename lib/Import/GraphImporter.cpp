// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arguments, nodes and results of a graph.
#include "lib/Import/GraphImporter.h"
#include "dialects/Exec/ExecDialect.h"
#include "dialects/LowBit/LowBitDialect.h"
#include "dialects/NN/Constants.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/OpsetAdapters.h"
#include "lib/Import/SchemaChecks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;

namespace qopt::import {

GraphImporter::GraphImporter(MLIRContext &context, const Model &model,
                             const ImportOptions &options)
    : context(context), model(model), options(options), builder(&context),
      math(builder) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect,
                      tensor::TensorDialect, nn::NNDialect,
                      lowbit::LowBitDialect, exec::ExecDialect>();
}

Type GraphImporter::elementType(OnnxType type) {
  switch (type) {
  case OnnxType::Float:
    return builder.getF32Type();
  case OnnxType::Double:
    return builder.getF64Type();
  case OnnxType::Float16:
    return builder.getF16Type();
  case OnnxType::BFloat16:
    return builder.getBF16Type();
  case OnnxType::Int64:
    return builder.getI64Type();
  case OnnxType::Int32:
    return builder.getI32Type();
  case OnnxType::Int16:
    return builder.getIntegerType(16);
  case OnnxType::Int8:
    return builder.getI8Type();
  case OnnxType::UInt64:
    return builder.getIntegerType(64, /*isSigned=*/false);
  case OnnxType::UInt32:
    return builder.getIntegerType(32, /*isSigned=*/false);
  case OnnxType::UInt16:
    return builder.getIntegerType(16, /*isSigned=*/false);
  case OnnxType::UInt8:
    return builder.getIntegerType(8, /*isSigned=*/false);
  case OnnxType::Bool:
    return builder.getI1Type();
  case OnnxType::Int4:
    return builder.getIntegerType(4);
  case OnnxType::UInt4:
    return builder.getIntegerType(4, /*isSigned=*/false);
  case OnnxType::Int2:
    return builder.getIntegerType(2);
  case OnnxType::UInt2:
    return builder.getIntegerType(2, /*isSigned=*/false);
  case OnnxType::Float8E4M3FN:
    return Float8E4M3FNType::get(&context);
  case OnnxType::Float8E4M3FNUZ:
    return Float8E4M3FNUZType::get(&context);
  case OnnxType::Float8E5M2:
    return Float8E5M2Type::get(&context);
  case OnnxType::Float8E5M2FNUZ:
    return Float8E5M2FNUZType::get(&context);
  case OnnxType::Float8E8M0:
    return Float8E8M0FNUType::get(&context);
  case OnnxType::Float4E2M1:
    return Float4E2M1FNType::get(&context);
  default:
    return {};
  }
}

//===-- Forms of a value --------------------------------------------------===//

namespace {
/// The name of an open size. Paddle writes "?" for every size it does not know,
/// equal or not: those have no name.
StringRef symbolOf(const onnx::TensorShapeProto::Dimension &dim) {
  return dim.dim_param() == "?" ? StringRef() : StringRef(dim.dim_param());
}
} // namespace

Expected<Value> GraphImporter::materialize(GraphValue &value, Location loc) {
  if (value.tensor)
    return value.tensor;
  if (value.constant) {
    Expected<Value> tensor =
        materializeConstant(*value.constant, loc, value.name);
    if (!tensor)
      return tensor.takeError();
    return value.tensor = *tensor;
  }
  return value.tensor = materializeKnown(*value.known, loc, value.name);
}

Expected<Value>
GraphImporter::materializeConstant(const onnx::TensorProto &proto, Location loc,
                                   StringRef name) {
  Expected<TensorData> data = model.getTensor(proto);
  if (!data)
    return data.takeError();
  Type element = elementType(data->type);
  if (!element)
    return fail(ExitCode::Unsupported,
                "the constant '{0}' has element type {1}, which is not "
                "supported",
                name, nameOf(data->type));
  auto type = RankedTensorType::get(data->shape, element);
  ArrayRef<char> bytes(data->bytes.data(), data->bytes.size());
  constexpr int64_t smallest = 64; // what createConstant keeps inline
  unsigned alignment = nn::elementBytes(element);
  bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
  if (data->elements == 0)
    return arith::ConstantOp::create(
               builder, loc,
               DenseElementsAttr::get(type, ArrayRef<Attribute>()))
        .getResult();
  if (data->elements <= smallest || element.isInteger(1) || !aligned)
    return nn::createConstant(builder, loc, type, bytes, name);
  // The blob keeps the model (or the mapped file) alive instead of copying.
  AsmResourceBlob blob(
      bytes, alignment, [owner = data->owner](void *, size_t, size_t) {},
      /*dataIsMutable=*/false);
  auto attribute = DenseResourceElementsAttr::get(type, name, std::move(blob));
  return arith::ConstantOp::create(builder, loc, attribute).getResult();
}

Value GraphImporter::materializeKnown(const SmallTensor &known, Location loc,
                                      StringRef name) {
  Type element = elementType(known.type);
  auto type = RankedTensorType::get(known.shape, element);
  if (known.isConstant()) {
    SmallVector<Attribute> elements;
    for (const Scalar &scalar : known.elements)
      elements.push_back(
          known.isFloat()
              ? Attribute(builder.getFloatAttr(element, scalar.asDouble()))
              : builder.getIntegerAttr(element, scalar.integer));
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, elements));
  }
  SmallVector<Value> sizes;
  SmallVector<int64_t> fixed;
  for (const Scalar &scalar : known.elements) {
    fixed.push_back(scalar.isInt() ? scalar.integer : ShapedType::kDynamic);
    if (!scalar.isInt())
      sizes.push_back(scalar.value);
  }
  auto flat = RankedTensorType::get({int64_t(fixed.size())},
                                    builder.getI64Type());
  Value result = nn::SizesOp::create(builder, loc, flat, sizes,
                                     builder.getDenseI64ArrayAttr(fixed));
  if (element != flat.getElementType()) {
    auto cast = RankedTensorType::get(flat.getShape(), element);
    result = nn::CastOp::create(builder, loc, cast, result,
                                TypeAttr::get(element));
  }
  if (known.rank() == 1)
    return result;
  return nn::ReshapeOp::create(builder, loc, type, result, ValueRange(),
                               builder.getDenseI64ArrayAttr(known.shape));
}

//===-- Dimensions --------------------------------------------------------===//

const Scalars &GraphImporter::dims(Value tensor) {
  auto found = knownDims.find(tensor);
  if (found != knownDims.end())
    return found->second;
  Scalars computed = computeDims(tensor);
  return knownDims[tensor] = std::move(computed);
}

Scalars GraphImporter::computeDims(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Scalars result;
  for (int64_t size : type.getShape())
    result.push_back(Scalar::ofInt(size));
  if (type.hasStaticShape())
    return result;
  auto op = tensor.getDefiningOp<ReifyRankedShapedTypeOpInterface>();
  Operation *last = &builder.getBlock()->back();
  ReifiedRankedShapedTypeDims shapes;
  if (!op || failed(op.reifyResultShapes(builder, shapes))) {
    for (auto [axis, size] : llvm::enumerate(type.getShape()))
      if (ShapedType::isDynamic(size))
        result[axis] = Scalar::ofIndex(
            tensor::DimOp::create(builder, tensor.getLoc(), tensor, axis),
            true);
    return result;
  }
  // The new index arithmetic starts from the dimensions of the operands, which
  // are known already: replace those and share what repeats.
  llvm::DenseMap<Value, Scalar> replaced;
  for (Operation *next = last->getNextNode(); next;) {
    Operation *current = next;
    next = next->getNextNode();
    // Constants must come before their first use.
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(current);
    for (OpOperand &operand : current->getOpOperands())
      if (auto it = replaced.find(operand.get()); it != replaced.end())
        operand.set(math.materialize(it->second));
    if (current->getNumResults() != 1 ||
        !current->getResult(0).getType().isIndex())
      continue;
    Value value = current->getResult(0);
    if (auto dim = dyn_cast<tensor::DimOp>(current)) {
      if (auto axis = dim.getConstantIndex()) {
        replaced[value] = dims(dim.getSource())[*axis];
        continue;
      }
    }
    SmallVector<OpFoldResult> folded;
    if (succeeded(current->fold(folded)) && folded.size() == 1) {
      if (auto constant =
              dyn_cast_if_present<IntegerAttr>(dyn_cast<Attribute>(folded[0])))
        replaced[value] = Scalar::ofInt(constant.getInt());
      else if (auto other = dyn_cast<Value>(folded[0]))
        replaced[value] = math.intern(other, true);
      continue;
    }
    Scalar interned = math.intern(value, true);
    if (!(interned.isIndex() && interned.value == value))
      replaced[value] = interned;
  }
  for (auto [axis, size] : llvm::enumerate(shapes.front())) {
    if (auto constant = getConstantIntValue(size)) {
      result[axis] = Scalar::ofInt(*constant);
      continue;
    }
    Value value = cast<Value>(size);
    auto it = replaced.find(value);
    result[axis] =
        it != replaced.end() ? it->second : Scalar::ofIndex(value, true);
  }
  return result;
}

bool GraphImporter::limitDimension(const Scalar &size, int64_t limit) {
  auto dim = size.isIndex() ? size.value.getDefiningOp<tensor::DimOp>()
                            : tensor::DimOp();
  // Only @main's arguments come with limits.
  if (outer || !dim || !isa<BlockArgument>(dim.getSource()))
    return false;
  auto [entry, isNew] = dimLimits.insert({size.value, limit});
  if (!isNew)
    entry->second = std::min(entry->second, limit);
  return true;
}

//===-- Arguments ---------------------------------------------------------===//

Error GraphImporter::applyShapeOptions() {
  for (const auto &[name, sizes] : options.shapes) {
    const onnx::ValueInfoProto *found = nullptr;
    std::string names;
    for (const auto &input : model.getGraph().input()) {
      names += (names.empty() ? "" : ", ") + input.name();
      if (input.name() == name)
        found = &input;
    }
    if (!found)
      return fail(ExitCode::Usage,
                  "--shape names '{0}', but the model's inputs are: {1}", name,
                  names);
    const auto &type = found->type().tensor_type();
    if (!type.has_shape())
      continue;
    if (size_t(type.shape().dim_size()) != sizes.size())
      return fail(ExitCode::Usage,
                  "--shape gives '{0}' {1} dimensions, but the model declares "
                  "{2}",
                  name, sizes.size(), type.shape().dim_size());
    for (auto [dim, size] : llvm::zip_equal(type.shape().dim(), sizes)) {
      if (size < 0 || symbolOf(dim).empty())
        continue;
      auto [entry, isNew] = symbolSizes.try_emplace(symbolOf(dim), size);
      if (!isNew && entry->second != size)
        return fail(ExitCode::Usage,
                    "--shape gives the dimension '{0}' two sizes, {1} and {2}",
                    dim.dim_param(), entry->second, size);
    }
  }
  return Error::success();
}

Expected<RankedTensorType>
GraphImporter::argumentType(const onnx::ValueInfoProto &input,
                            ArrayAttr &dimNames) {
  if (input.type().value_case() == onnx::TypeProto::VALUE_NOT_SET)
    return fail(ExitCode::BadModel, "graph input '{0}' has no type",
                input.name());
  if (!input.type().has_tensor_type())
    return fail(ExitCode::Unsupported,
                "graph input '{0}' is no tensor; sequences, maps and optional "
                "values are not supported",
                input.name());
  const auto &proto = input.type().tensor_type();
  Type element = elementType(static_cast<OnnxType>(proto.elem_type()));
  if (!isKnown(static_cast<OnnxType>(proto.elem_type())))
    return fail(ExitCode::BadModel,
                "expected graph input '{0}' to have an element type of ONNX, "
                "found {1}",
                input.name(), nameOf(static_cast<OnnxType>(proto.elem_type())));
  if (!element)
    return fail(
        ExitCode::Unsupported,
        "graph input '{0}' has element type {1}, which is not supported",
        input.name(), nameOf(static_cast<OnnxType>(proto.elem_type())));
  auto given = options.shapes.find(input.name());
  if (!proto.has_shape() && given == options.shapes.end())
    return fail(ExitCode::BadModel,
                "graph input '{0}' has no shape; give it one with --shape "
                "{0}=...",
                input.name());
  SmallVector<int64_t> shape;
  SmallVector<Attribute> names;
  for (const auto &dim : proto.shape().dim()) {
    int64_t size = dim.has_dim_value() ? dim.dim_value() : -1;
    // Some writers mean an open size by -1.
    if (size < -1)
      return fail(ExitCode::BadModel,
                  "graph input '{0}' has a dimension of size {1}",
                  input.name(), size);
    StringRef name = symbolOf(dim);
    auto symbol = symbolSizes.find(name);
    if (!name.empty() && symbol != symbolSizes.end())
      size = symbol->second;
    names.push_back(builder.getStringAttr(name));
    shape.push_back(size < 0 ? ShapedType::kDynamic : size);
  }
  if (given != options.shapes.end()) {
    names.resize(given->second.size(), builder.getStringAttr(""));
    shape.resize(given->second.size(), ShapedType::kDynamic);
    for (auto [size, override] : llvm::zip_equal(shape, given->second))
      if (override >= 0)
        size = override;
  }
  SmallVector<int64_t> fixed(shape);
  llvm::replace(fixed, ShapedType::kDynamic, int64_t(1));
  if (Error error = countElements(fixed).takeError())
    return addContext(std::move(error), "graph input '" + input.name() + "'");
  dimNames = builder.getArrayAttr(names);
  return RankedTensorType::get(shape, element);
}

void GraphImporter::addInitializers(const onnx::GraphProto &graph) {
  for (const auto &tensor : graph.initializer()) {
    auto value = std::make_unique<GraphValue>();
    value->constant = &tensor;
    value->name = tensor.name();
    values[tensor.name()] = std::move(value);
  }
}

Error GraphImporter::createArguments(func::FuncOp function) {
  addInitializers(model.getGraph());
  if (Error error = applyShapeOptions())
    return error;
  if (Error error = checkFrozenNames())
    return error;
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  SmallVector<std::pair<std::string, ArrayAttr>> arguments;
  for (const auto &input : model.getGraph().input()) {
    if (values.contains(input.name()))
      continue; // An initializer with this name: its value.
    ArrayAttr names;
    Expected<RankedTensorType> type = argumentType(input, names);
    if (!type)
      return type.takeError();
    if (options.frozen.contains(input.name())) {
      Expected<SmallTensor> known = frozenValue(input, *type);
      if (!known)
        return known.takeError();
      auto value = std::make_unique<GraphValue>();
      value->known = std::move(*known);
      value->name = input.name();
      values[input.name()] = std::move(value);
      continue;
    }
    types.push_back(*type);
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("nn.name", builder.getStringAttr(input.name())),
         builder.getNamedAttr("nn.dims", names)}));
    arguments.push_back({input.name(), names});
  }
  function.setType(builder.getFunctionType(types, {}));
  Block *block = function.addEntryBlock();
  function.setAllArgAttrs(attributes);
  builder.setInsertionPointToStart(block);
  for (auto [argument, info] :
       llvm::zip_equal(block->getArguments(), arguments)) {
    auto value = std::make_unique<GraphValue>();
    value->tensor = argument;
    value->name = info.first;
    values[info.first] = std::move(value);
    argument.setLoc(NameLoc::get(builder.getStringAttr(info.first)));
    Scalars sizes;
    auto shape = cast<RankedTensorType>(argument.getType()).getShape();
    for (auto [axis, size] : llvm::enumerate(shape)) {
      if (!ShapedType::isDynamic(size)) {
        sizes.push_back(Scalar::ofInt(size));
        continue;
      }
      StringRef name = cast<StringAttr>(info.second[axis]).getValue();
      auto symbol = name.empty() ? symbols.end() : symbols.find(name);
      if (symbol == symbols.end()) {
        Value index = math.materialize(Scalar::ofInt(axis));
        Scalar dim = Scalar::ofIndex(
            tensor::DimOp::create(builder, argument.getLoc(), argument, index),
            true);
        sizes.push_back(dim);
        if (!name.empty())
          symbols[name] = dim;
      } else {
        sizes.push_back(symbol->second);
      }
    }
    knownDims[argument] = sizes;
  }
  return Error::success();
}

//===-- Nodes -------------------------------------------------------------===//

// Undefined where we do not know.
OnnxType GraphImporter::typeOf(const GraphValue &value) {
  if (value.isPoison)
    return OnnxType::Undefined;
  if (value.constant)
    return static_cast<OnnxType>(value.constant->data_type());
  if (value.known)
    return value.known->type;
  if (!value.tensor)
    return OnnxType::Undefined;
  Type element = getElementTypeOrSelf(value.tensor.getType());
  for (int type = int(OnnxType::Float); type <= int(OnnxType::Int2); ++type)
    if (elementType(OnnxType(type)) == element)
      return OnnxType(type);
  return OnnxType::Undefined;
}

Error GraphImporter::checkSchema(const onnx::NodeProto &proto) {
  int64_t opset = model.getOpset(proto.domain());
  if (Error error = checkAttributes(proto, opset))
    return error;
  SmallVector<OnnxType> types;
  for (const std::string &name : proto.input()) {
    auto found = values.find(name);
    types.push_back(name.empty() || found == values.end()
                        ? OnnxType::Undefined
                        : typeOf(*found->second));
  }
  return checkInputTypes(proto, opset, types);
}

Error GraphImporter::importNode(const onnx::NodeProto &proto, int index) {
  NodeImport node(*this, proto, index, model.getOpset(proto.domain()));
  for (const std::string &name : proto.input())
    node.addInput(name.empty() ? nullptr : find(name));
  auto finish = [&](bool poisoned) {
    for (auto [i, name] : llvm::enumerate(proto.output())) {
      std::unique_ptr<GraphValue> &value = node.results[i];
      if (name.empty())
        continue;
      if (!value)
        value = std::make_unique<GraphValue>();
      value->isPoison = poisoned;
      value->name = name;
      values[name] = std::move(value);
    }
    return Error::success();
  };
  auto reject = [&](std::string reason) {
    unsupported.push_back({describeNode(proto, index), std::move(reason)});
    return finish(true);
  };
  if (Error error = checkSchema(proto))
    return addContext(std::move(error), describeNode(proto, index));
  const OpEntry *entry = findImporter(proto.domain(), proto.op_type());
  if (!entry)
    return reject("this op is not supported");
  if (node.hasPoison())
    return finish(true);
  try {
    adaptToNewestOpset(node);
    if (node.numInputs() > entry->maxInputs)
      node.bad("expected at most " + Twine(entry->maxInputs) +
               " inputs, found " + Twine(node.numInputs()));
    for (unsigned i = 0; i < entry->minInputs; ++i)
      if (!node.hasInput(i))
        node.bad("expected at least " + Twine(entry->minInputs) +
                 " inputs, found " + Twine(node.numInputs()));
    if (proto.output_size() == 0)
      node.bad("expected an output, found none");
    entry->function(node);
  } catch (const ImportFailure &failure) {
    if (failure.code == ExitCode::Unsupported)
      return reject(failure.message);
    return fail(failure.code, "{0}: {1}", describeNode(proto, index),
                failure.message);
  }
  for (auto [i, name] : llvm::enumerate(proto.output()))
    if (!name.empty() && !node.results[i])
      return reject("its output '" + name + "' is not supported");
  return finish(false);
}

//===-- Results -----------------------------------------------------------===//

namespace {
// What a graph output declares against what it computes.
Error checkDeclared(const onnx::ValueInfoProto &output, Type element,
                    RankedTensorType type, bool checkShape) {
  const auto &declared = output.type().tensor_type();
  auto onnxType = static_cast<OnnxType>(declared.elem_type());
  if (element && element != type.getElementType())
    return fail(ExitCode::BadModel,
                "graph output '{0}' is declared as {1}, but the graph computes "
                "another element type",
                output.name(), nameOf(onnxType));
  if (!declared.has_shape() || !checkShape)
    return Error::success();
  SmallVector<int64_t> shape;
  for (const auto &dim : declared.shape().dim())
    shape.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  bool fits = int64_t(shape.size()) == type.getRank();
  if (fits)
    for (auto [wanted, found] : llvm::zip_equal(shape, type.getShape()))
      fits &= wanted < 0 || ShapedType::isDynamic(found) || wanted == found;
  if (!fits)
    return fail(ExitCode::BadModel,
                "graph output '{0}' is declared with the shape {1}, but the "
                "graph computes {2}",
                output.name(), shapeText(shape), shapeText(type.getShape()));
  return Error::success();
}
} // namespace

Error GraphImporter::createResults(func::FuncOp function) {
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> attributes;
  for (const auto &output : model.getGraph().output()) {
    GraphValue &value = *find(output.name());
    Location loc = NameLoc::get(builder.getStringAttr(output.name()));
    Expected<Value> tensor = materialize(value, loc);
    if (!tensor)
      return tensor.takeError();
    auto type = cast<RankedTensorType>(tensor->getType());
    Type declared = elementType(
        static_cast<OnnxType>(output.type().tensor_type().elem_type()));
    if (Error error =
            checkDeclared(output, declared, type, options.shapes.empty()))
      return error;
    SmallVector<Attribute> names;
    const auto &shape = output.type().tensor_type().shape();
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      names.push_back(builder.getStringAttr(
          axis < shape.dim_size() ? symbolOf(shape.dim(axis)) : ""));
    results.push_back(*tensor);
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("nn.name", builder.getStringAttr(output.name())),
         builder.getNamedAttr("nn.dims", builder.getArrayAttr(names))}));
  }
  func::ReturnOp::create(builder, function.getLoc(), results);
  SmallVector<Type> types(ValueRange(results).getTypes());
  function.setType(builder.getFunctionType(function.getArgumentTypes(), types));
  function.setAllResultAttrs(attributes);
  return Error::success();
}

std::string GraphImporter::describeUnsupported() const {
  std::string text = std::to_string(unsupported.size()) +
                     (unsupported.size() == 1 ? " node is" : " nodes are") +
                     " not supported:";
  for (const CheckReport::Problem &problem : unsupported)
    text += "\n  " + problem.node + ": " + problem.reason;
  return text;
}

namespace {
// Index arithmetic that nothing came to need.
void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}
} // namespace

Expected<OwningOpRef<ModuleOp>> GraphImporter::run() {
  const onnx::GraphProto &graph = model.getGraph();
  Location loc = NameLoc::get(builder.getStringAttr(model.getPath()));
  OwningOpRef<ModuleOp> module(ModuleOp::create(loc));
  builder.setInsertionPointToStart(module->getBody());
  auto function = func::FuncOp::create(builder, loc, "main",
                                       builder.getFunctionType({}, {}));
  if (Error error = createArguments(function))
    return error;
  if (options.progress)
    options.progress->start("import", graph.node_size());
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    if (Error error = importNode(node, index))
      return error;
    if (options.progress)
      options.progress->advance();
  }
  if (!unsupported.empty())
    return makeFailure(ExitCode::Unsupported, describeUnsupported());
  if (Error error = createResults(function))
    return error;
  for (auto [dim, limit] : dimLimits) {
    auto op = dim.getDefiningOp<tensor::DimOp>();
    auto argument = cast<BlockArgument>(op.getSource());
    auto type = cast<RankedTensorType>(argument.getType());
    SmallVector<int64_t> limits(type.getRank(), ShapedType::kDynamic);
    if (auto known = function.getArgAttrOfType<DenseI64ArrayAttr>(
            argument.getArgNumber(), "nn.max_dims"))
      limits.assign(known.asArrayRef().begin(), known.asArrayRef().end());
    limits[*op.getConstantIndex()] = limit;
    function.setArgAttr(argument.getArgNumber(), "nn.max_dims",
                        builder.getDenseI64ArrayAttr(limits));
  }
  for (auto each : module->getOps<func::FuncOp>())
    eraseDead(each.front());
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty()) {
      llvm::raw_string_ostream os(message);
      os << diagnostic.getLocation() << ": " << diagnostic.str();
    }
    return success();
  });
  if (failed(verify(*module)))
    return fail(ExitCode::BadModel, "the imported model does not verify: {0}",
                message);
  return module;
}

//===-- Entry points ------------------------------------------------------===//

Expected<OwningOpRef<ModuleOp>> importOnnx(MLIRContext &context, StringRef path,
                                           const ImportOptions &options) {
  Expected<std::shared_ptr<Model>> model = readModel(path);
  if (!model)
    return model.takeError();
  auto module = GraphImporter(context, **model, options).run();
  if (!module)
    return addContext(module.takeError(), path);
  return module;
}

} // namespace qopt::import

// Sizes of every tensor of a function in terms of its arguments.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Analysis/TensorSizes.h"
#include "dialects/Exec/ExecOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;
using namespace qopt;

FailureOr<TensorSizes> TensorSizes::compute(func::FuncOp func) {
  TensorSizes table;
  Block &block = func.getBody().front();
  table.entry = &block;
  OpBuilder builder = OpBuilder::atBlockBegin(&block);
  std::map<std::string, OpFoldResult> symbols;
  for (BlockArgument arg : block.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type)
      continue;
    auto names =
        func.getArgAttrOfType<ArrayAttr>(arg.getArgNumber(), kDimSymbolsAttr);
    SmallVector<OpFoldResult> &dims = table.sizes[arg];
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      if (!type.isDynamicDim(axis)) {
        dims.push_back(builder.getIndexAttr(type.getDimSize(axis)));
        continue;
      }
      std::string name;
      if (names && axis < int64_t(names.size()))
        name = cast<StringAttr>(names[axis]).str();
      auto known = symbols.find(name);
      if (!name.empty() && known != symbols.end()) {
        dims.push_back(known->second);
        continue;
      }
      OpFoldResult size =
          tensor::DimOp::create(builder, func.getLoc(), arg, axis).getResult();
      dims.push_back(size);
      if (!name.empty())
        symbols[name] = size;
    }
  }
  // The dims just made are the canonical ones; the walk starts behind them.
  SmallVector<Operation *> ops;
  for (Operation &op : llvm::make_range(builder.getInsertionPoint(),
                                        block.end()))
    ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(table.visit(op)))
      return failure();
  return table;
}

OpFoldResult TensorSizes::resolve(OpFoldResult size) {
  auto value = dyn_cast<Value>(size);
  if (!value)
    return size;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return IntegerAttr::get(IndexType::get(value.getContext()), *constant);
  auto dim = value.getDefiningOp<tensor::DimOp>();
  if (!dim)
    return size;
  std::optional<int64_t> axis = dim.getConstantIndex();
  auto known = sizes.find(dim.getSource());
  if (!axis || known == sizes.end())
    return size;
  return known->second[*axis];
}

LogicalResult TensorSizes::visit(Operation *op) {
  // Index arithmetic: one value for equal expressions, none for intermediate
  // tensor.dim.
  bool isIndexOp = op->getNumResults() == 1 &&
                   op->getResult(0).getType().isIndex() && isPure(op);
  if (isIndexOp) {
    Value result = op->getResult(0);
    OpFoldResult resolved = resolve(result);
    // max(n, n) of a broadcast and its like.
    SmallVector<OpFoldResult> folded;
    if (resolved == OpFoldResult(result) && !isa<arith::ConstantOp>(op) &&
        succeeded(op->fold(folded)) && folded.size() == 1)
      resolved = resolve(folded.front());
    if (auto value = dyn_cast<Value>(resolved)) {
      if (value != result) {
        result.replaceAllUsesWith(value);
        op->erase();
        return success();
      }
    } else if (!isa<arith::ConstantOp>(op)) {
      OpBuilder builder(op);
      result.replaceAllUsesWith(arith::ConstantIndexOp::create(
          builder, op->getLoc(), cast<IntegerAttr>(cast<Attribute>(resolved)).getInt()));
      op->erase();
      return success();
    }
    std::string key = op->getName().getStringRef().str();
    llvm::raw_string_ostream(key) << op->getAttrDictionary();
    std::vector<void *> operands;
    for (Value operand : op->getOperands())
      operands.push_back(operand.getAsOpaquePointer());
    auto [entry, isNew] = interned.try_emplace({key, operands}, result);
    if (!isNew) {
      result.replaceAllUsesWith(entry->second);
      op->erase();
    }
    return success();
  }

  bool hasTensors = llvm::any_of(op->getResultTypes(), [](Type type) {
    return isa<RankedTensorType>(type);
  });
  if (!hasTensors)
    return success();
  bool isDynamic = llvm::any_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  });
  OpBuilder builder(op);
  if (!isDynamic) {
    for (Value result : op->getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        continue;
      SmallVector<OpFoldResult> dims;
      for (int64_t size : type.getShape())
        dims.push_back(builder.getIndexAttr(size));
      sizes[result] = std::move(dims);
    }
    return success();
  }
  if (isa<exec::BranchOp, exec::LoopOp>(op)) {
    // Known once it has run: tensor.dim of a result is as far back as it goes.
    builder.setInsertionPointAfter(op);
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<OpFoldResult> dims;
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        if (type.isDynamicDim(axis))
          dims.push_back(
              tensor::DimOp::create(builder, op->getLoc(), result, axis)
                  .getResult());
        else
          dims.push_back(builder.getIndexAttr(type.getDimSize(axis)));
      sizes[result] = std::move(dims);
    }
    return success();
  }
  auto reifiable = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
  ReifiedRankedShapedTypeDims shapes;
  Operation *before = op->getPrevNode();
  if (!reifiable || failed(reifiable.reifyResultShapes(builder, shapes)))
    return op->emitError("cannot compute the dynamic sizes of its results");
  // Visit what reification created, then look the sizes up again: interning
  // may have replaced them.
  SmallVector<Operation *> created;
  for (Operation *it = before ? before->getNextNode() : &op->getBlock()->front();
       it != op; it = it->getNextNode())
    created.push_back(it);
  // Keep track of the results through replacement with a throw-away user.
  SmallVector<Value> flat;
  for (auto &shape : shapes)
    for (OpFoldResult size : shape)
      if (auto value = dyn_cast<Value>(size))
        flat.push_back(value);
  OperationState state(op->getLoc(), "builtin.unrealized_conversion_cast");
  state.addOperands(flat);
  state.addTypes({builder.getIndexType()});
  Operation *anchor = builder.create(state);
  for (Operation *it : created)
    if (failed(visit(it)))
      return failure();
  size_t next = 0;
  for (auto [result, shape] : llvm::zip_equal(op->getResults(), shapes)) {
    SmallVector<OpFoldResult> dims;
    for (OpFoldResult size : shape)
      dims.push_back(isa<Value>(size) ? resolve(anchor->getOperand(next++))
                                      : size);
    sizes[result] = std::move(dims);
  }
  anchor->erase();
  return success();
}

ArrayRef<OpFoldResult> TensorSizes::of(Value tensor) const {
  auto known = sizes.find(tensor);
  return known == sizes.end() ? ArrayRef<OpFoldResult>() : known->second;
}

SmallVector<Value> TensorSizes::dynamicSizes(Value tensor) const {
  SmallVector<Value> values;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (auto [axis, size] : llvm::enumerate(of(tensor))) {
    if (!type.isDynamicDim(axis))
      continue;
    if (auto value = dyn_cast<Value>(size)) {
      values.push_back(value);
      continue;
    }
    // The type says dynamic although the size is known: make a constant where
    // every user sees it.
    OpBuilder builder = OpBuilder::atBlockBegin(entry);
    values.push_back(arith::ConstantIndexOp::create(
        builder, tensor.getLoc(),
        cast<IntegerAttr>(cast<Attribute>(size)).getInt()));
  }
  return values;
}

bool TensorSizes::haveSameShape(Value a, Value b) const {
  ArrayRef<OpFoldResult> left = of(a), right = of(b);
  auto type = dyn_cast<RankedTensorType>(a.getType());
  auto other = dyn_cast<RankedTensorType>(b.getType());
  if (!type || !other || type.getRank() != other.getRank() ||
      left.size() != right.size() || int64_t(left.size()) != type.getRank())
    return false;
  return llvm::equal(left, right);
}

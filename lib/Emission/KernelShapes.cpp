// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reifies result shapes in the body, then replays their index arithmetic in
// whichever function is being emitted.

#include "lib/Emission/KernelShapes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt::emission;

unsigned qopt::emission::numTensorInputs(Block &body) {
  return llvm::count_if(body.getArgumentTypes(),
                        [](Type type) { return isa<RankedTensorType>(type); });
}

KernelShapes::KernelShapes(Block &body) : body(body) {
  SmallVector<Operation *> original;
  for (Operation &op : body)
    original.push_back(&op);
  for (auto [index, value] :
       llvm::enumerate(body.getTerminator()->getOperands()))
    outputs.try_emplace(value, numTensorInputs(body) + index);
  for (Operation *op : original) {
    auto shaped = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
    bool mustCompute = llvm::any_of(op->getResults(), [&](Value result) {
      auto tensor = dyn_cast<RankedTensorType>(result.getType());
      return tensor && !tensor.hasStaticShape() && !outputs.contains(result);
    });
    if (!mustCompute)
      continue;
    OpBuilder builder(op);
    ReifiedRankedShapedTypeDims dims;
    if (!shaped || failed(shaped.reifyResultShapes(builder, dims))) {
      op->emitError("expects an op whose result shape can be computed");
      isValid = false;
      return;
    }
    for (auto [result, shape] : llvm::zip(op->getResults(), dims))
      reified[result] = shape;
  }
  llvm::DenseSet<Operation *> known(original.begin(), original.end());
  for (Operation &op : body)
    if (!known.contains(&op))
      added.push_back(&op);
}

KernelShapes::~KernelShapes() {
  for (Operation *op : llvm::reverse(added))
    op->erase();
}

Value KernelShapes::dim(KernelBuilder &kb, Value tensor, unsigned axis) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(axis))
    return kb.i64(type.getDimSize(axis));
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return kb.dim(argument.getArgNumber(), axis);
  if (auto output = outputs.find(tensor); output != outputs.end())
    return kb.dim(output->second, axis);
  OpFoldResult size = reified.lookup(tensor)[axis];
  if (auto attribute = dyn_cast<Attribute>(size))
    return kb.i64(cast<IntegerAttr>(attribute).getInt());
  return evaluate(kb, cast<Value>(size));
}

SmallVector<Value> KernelShapes::dims(KernelBuilder &kb, Value tensor) {
  SmallVector<Value> sizes;
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  for (int64_t axis = 0; axis < rank; ++axis)
    sizes.push_back(dim(kb, tensor, axis));
  return sizes;
}

Value KernelShapes::numElements(KernelBuilder &kb, Value tensor) {
  Value product = kb.i64(1);
  for (Value size : dims(kb, tensor))
    product = kb.mul(product, size);
  return product;
}

Value KernelShapes::evaluate(KernelBuilder &kb, Value index) {
  if (Operation *op = index.getDefiningOp())
    return evaluateOp(kb, op);
  auto argument = cast<BlockArgument>(index);
  return kb.indexInput(argument.getArgNumber() - numTensorInputs(body));
}

Value KernelShapes::evaluateOp(KernelBuilder &kb, Operation *op) {
  if (auto constant = KernelBuilder::constantOf(op->getResult(0)))
    return kb.i64(*constant);
  if (auto dimOp = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> axis = dimOp.getConstantIndex();
    return axis ? dim(kb, dimOp.getSource(), *axis) : Value();
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return loadScalar(kb, extract);
  SmallVector<Value> x;
  for (Value operand : op->getOperands()) {
    x.push_back(evaluate(kb, operand));
    if (!x.back())
      return {};
  }
  // Sizes are not negative, so signed and unsigned division agree.
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](arith::AddIOp) { return kb.add(x[0], x[1]); })
      .Case([&](arith::SubIOp) { return kb.sub(x[0], x[1]); })
      .Case([&](arith::MulIOp) { return kb.mul(x[0], x[1]); })
      .Case<arith::DivSIOp, arith::FloorDivSIOp>([&](auto) {
        // Toward minus infinity, for positive divisors.
        Value quotient =
            kb.builder().createOrFold<arith::DivSIOp>(kb.loc(), x[0], x[1]);
        Value exact = kb.mul(quotient, x[1]);
        Value above = kb.cmp(arith::CmpIPredicate::slt, x[0], exact);
        return kb.select(above, kb.sub(quotient, 1), quotient);
      })
      .Case([&](arith::DivUIOp) { return kb.div(x[0], x[1]); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
          [&](auto) { return kb.ceilDiv(x[0], x[1]); })
      .Case<arith::RemSIOp, arith::RemUIOp>(
          [&](auto) { return kb.rem(x[0], x[1]); })
      .Case([&](arith::MaxSIOp) { return kb.max(x[0], x[1]); })
      .Case([&](arith::MinSIOp) { return kb.min(x[0], x[1]); })
      .Case([&](arith::SelectOp) { return kb.select(x[0], x[1], x[2]); })
      .Case([&](arith::CmpIOp compare) {
        return kb.cmp(compare.getPredicate(), x[0], x[1]);
      })
      .Case<arith::IndexCastOp>([&](auto) {
        if (x[0].getType() == kb.i64Type)
          return x[0];
        return Value(kb.create<arith::ExtSIOp>(kb.i64Type, x[0]));
      })
      .Default([](Operation *) { return Value(); });
}

Value KernelShapes::loadScalar(KernelBuilder &kb, Operation *op) {
  auto extract = cast<tensor::ExtractOp>(op);
  auto argument = dyn_cast<BlockArgument>(extract.getTensor());
  if (!argument || argument.getOwner() != &body)
    return {};
  Value position = kb.i64(0);
  for (auto [axis, index] : llvm::enumerate(extract.getIndices())) {
    Value at = evaluate(kb, index);
    if (!at)
      return {};
    position = kb.add(kb.mul(position, dim(kb, argument, axis)), at);
  }
  return kb.load(extract.getType(), kb.ptr(argument.getArgNumber()), position);
}

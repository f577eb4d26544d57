// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The functions, operands and arithmetic of KernelBuilder; its memory accesses
// and control flow are in KernelBuilderMemory.cpp and KernelBuilderFlow.cpp.

#include "lib/Emission/KernelBuilder.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace qopt::emission {

void loadKernelDialects(MLIRContext &context) {
  context.loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                      func::FuncDialect, LLVM::LLVMDialect, math::MathDialect,
                      scf::SCFDialect, vector::VectorDialect>();
}

Type storageType(Type element) {
  MLIRContext *context = element.getContext();
  if (element.isIndex())
    return IntegerType::get(context, 64);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(context, std::max(8u, integer.getWidth()));
  // Floats of 8 bits and less are codes, one a byte. bf16 is one of two bytes:
  // LLVM would call a library to move single ones.
  if (element.getIntOrFloatBitWidth() <= 8)
    return IntegerType::get(context, 8);
  if (element.isBF16())
    return IntegerType::get(context, 16);
  return element;
}

Type laneType(Type element) {
  return element.isInteger(1) ? element : storageType(element);
}

int64_t storageBytes(Type element) {
  return storageType(element).getIntOrFloatBitWidth() / 8;
}

VectorType laneVectorType(Type element) {
  return VectorType::get({KernelBuilder::lanes}, laneType(element));
}

KernelBuilder::KernelBuilder(ModuleOp module, StringRef name,
                             ArrayRef<RankedTensorType> operands,
                             const TargetIsa &isa, Location loc,
                             unsigned indexInputs)
    : moduleOp(module), kernelName(name), operands(operands),
      indexInputs(indexInputs), target(isa),
      location(loc), b(module.getContext()) {
  i1Type = b.getI1Type();
  i8Type = b.getI8Type();
  i32Type = b.getI32Type();
  i64Type = b.getI64Type();
  f16Type = b.getF16Type();
  f32Type = b.getF32Type();
  ptrType = LLVM::LLVMPointerType::get(b.getContext());
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

func::FuncOp KernelBuilder::beginFunction(StringRef suffix,
                                          ArrayRef<Type> inputs,
                                          ArrayRef<Type> results,
                                          Value *dimsArgument) {
  b.setInsertionPointToEnd(moduleOp.getBody());
  auto function = create<func::FuncOp>(kernelName + suffix.str(),
                                       b.getFunctionType(inputs, results));
  functions.push_back(function);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  *dimsArgument = entry->getArgument(inputs.size() == 1 ? 0 : 1);
  currentPtrs.clear();
  loadDims(*dimsArgument);
  return function;
}

void KernelBuilder::loadDims(Value dimsArgument) {
  currentDims.clear();
  int64_t position = 0;
  for (RankedTensorType type : operands) {
    SmallVector<Value> &dims = currentDims.emplace_back();
    for (int64_t size : type.getShape())
      dims.push_back(ShapedType::isDynamic(size)
                         ? load(i64Type, dimsArgument, i64(position++))
                         : i64(size));
  }
  currentIndices.clear();
  for (unsigned i = 0; i < indexInputs; ++i)
    currentIndices.push_back(load(i64Type, dimsArgument, i64(position++)));
}

void KernelBuilder::defineUnits(llvm::function_ref<Value()> body) {
  Value dims;
  beginFunction("_units", {ptrType}, {i64Type}, &dims);
  Value units = body();
  if (Value good = precondition ? precondition() : Value())
    units = select(good, units, i64(-1));
  create<func::ReturnOp>(units);
}

void KernelBuilder::defineScratch(ScratchSizes sizes) {
  Value dims;
  beginFunction("_scratch", {ptrType}, {i64Type}, &dims);
  Value total = i64(0);
  for (Value size : sizes())
    total = add(total, alignUp(size, 64));
  create<func::ReturnOp>(total);
}

void KernelBuilder::defineNoScratch() {
  defineScratch([] { return SmallVector<Value>(); });
}

SmallVector<Value> KernelBuilder::carveScratch(Value scratch,
                                               ScratchSizes sizes) {
  SmallVector<Value> buffers;
  Value offset = i64(0);
  for (Value size : sizes()) {
    buffers.push_back(byteAddress(scratch, offset));
    offset = add(offset, alignUp(size, 64));
  }
  return buffers;
}

void KernelBuilder::defineRun(
    llvm::function_ref<void(Value, Value, Value)> body) {
  Value dims;
  func::FuncOp function = beginFunction(
      "", {ptrType, ptrType, i64Type, i64Type, ptrType}, {}, &dims);
  for (size_t i = 0; i < operands.size(); ++i)
    currentPtrs.push_back(
        loadRaw(ptrType, address(function.getArgument(0), i64Type, i64(i)), 8));
  body(function.getArgument(2), function.getArgument(3),
       function.getArgument(4));
  create<func::ReturnOp>();
}

void KernelBuilder::defineRunPerUnit(
    llvm::function_ref<void(Value, Value)> body) {
  defineRun([&](Value begin, Value end, Value scratch) {
    forLoop(begin, end, i64(1), [&](Value unit) { body(unit, scratch); });
  });
}

void KernelBuilder::discard() {
  for (func::FuncOp function : functions)
    function.erase();
  functions.clear();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Type KernelBuilder::elementType(unsigned operand) const {
  return operands[operand].getElementType();
}

Value KernelBuilder::ptr(unsigned operand) { return currentPtrs[operand]; }

Value KernelBuilder::indexInput(unsigned number) {
  return currentIndices[number];
}

Value KernelBuilder::dim(unsigned operand, unsigned axis) {
  return currentDims[operand][axis];
}

Value KernelBuilder::dimProduct(unsigned operand, unsigned from, unsigned to) {
  Value product = i64(1);
  for (unsigned axis = from; axis < to; ++axis)
    product = mul(product, dim(operand, axis));
  return product;
}

Value KernelBuilder::dimProduct(unsigned operand) {
  return dimProduct(operand, 0, operands[operand].getRank());
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value KernelBuilder::i64(int64_t value) {
  return create<arith::ConstantOp>(b.getI64IntegerAttr(value));
}
Value KernelBuilder::i32(int32_t value) {
  return create<arith::ConstantOp>(b.getI32IntegerAttr(value));
}
Value KernelBuilder::i8(int value) {
  return create<arith::ConstantOp>(
      b.getI8IntegerAttr(static_cast<int8_t>(value)));
}
Value KernelBuilder::i1(bool value) {
  return create<arith::ConstantOp>(b.getBoolAttr(value));
}
Value KernelBuilder::f32(float value) {
  return create<arith::ConstantOp>(b.getF32FloatAttr(value));
}
Value KernelBuilder::splat(Value scalar) {
  return create<vector::BroadcastOp>(vectorType(scalar.getType()), scalar);
}
Value KernelBuilder::splatF32(float value) {
  return create<arith::ConstantOp>(
      DenseElementsAttr::get(vectorType(f32Type), value));
}
Value KernelBuilder::splatI32(int32_t value) {
  return create<arith::ConstantOp>(
      DenseElementsAttr::get(vectorType(i32Type), value));
}

Value KernelBuilder::constantLike(Type type, double value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr scalar = isa<FloatType>(element)
                         ? cast<TypedAttr>(b.getFloatAttr(element, value))
                         : cast<TypedAttr>(b.getIntegerAttr(
                               element, static_cast<int64_t>(value)));
  if (auto vector = dyn_cast<VectorType>(type))
    return create<arith::ConstantOp>(
        DenseElementsAttr::get(vector, Attribute(scalar)));
  return create<arith::ConstantOp>(scalar);
}

std::optional<int64_t> KernelBuilder::constantOf(Value value) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)))
    return std::nullopt;
  return constant.getSExtValue();
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::add(Value a, Value c) {
  return b.createOrFold<arith::AddIOp>(location, a, c);
}
Value KernelBuilder::sub(Value a, Value c) {
  return b.createOrFold<arith::SubIOp>(location, a, c);
}
Value KernelBuilder::mul(Value a, Value c) {
  return b.createOrFold<arith::MulIOp>(location, a, c);
}
Value KernelBuilder::div(Value a, Value c) {
  return b.createOrFold<arith::DivUIOp>(location, a, c);
}
Value KernelBuilder::rem(Value a, Value c) {
  return b.createOrFold<arith::RemUIOp>(location, a, c);
}
Value KernelBuilder::ceilDiv(Value a, Value c) {
  return div(add(a, sub(c, i64(1))), c);
}
Value KernelBuilder::alignUp(Value a, int64_t alignment) {
  return mul(ceilDiv(a, alignment), alignment);
}
Value KernelBuilder::min(Value a, Value c) {
  return b.createOrFold<arith::MinSIOp>(location, a, c);
}
Value KernelBuilder::max(Value a, Value c) {
  return b.createOrFold<arith::MaxSIOp>(location, a, c);
}
Value KernelBuilder::cmp(arith::CmpIPredicate predicate, Value a, Value c) {
  return b.createOrFold<arith::CmpIOp>(location, predicate, a, c);
}
Value KernelBuilder::select(Value condition, Value a, Value c) {
  return b.createOrFold<arith::SelectOp>(location, condition, a, c);
}
Value KernelBuilder::addf(Value a, Value c) {
  return create<arith::AddFOp>(a, c);
}
Value KernelBuilder::subf(Value a, Value c) {
  return create<arith::SubFOp>(a, c);
}
Value KernelBuilder::mulf(Value a, Value c) {
  return create<arith::MulFOp>(a, c);
}
Value KernelBuilder::divf(Value a, Value c) {
  return create<arith::DivFOp>(a, c);
}
Value KernelBuilder::fma(Value x, Value y, Value z) {
  return create<math::FmaOp>(x, y, z);
}
Value KernelBuilder::roundEven(Value a) { return create<math::RoundEvenOp>(a); }

} // namespace qopt::emission

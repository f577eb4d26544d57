// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private LLVM globals and splats for constants of kernel bodies.

#include "lib/Emission/ConstantEmitter.h"
#include "dialects/NN/Constants.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

/// The bytes of all elements, splats repeated.
static std::vector<char> denseBytes(const nn::ConstantView &view) {
  std::vector<char> bytes;
  int64_t copies = view.isSplat() ? view.numElements() : 1;
  bytes.reserve(view.bytes().size() * copies);
  for (int64_t i = 0; i < copies; ++i)
    bytes.insert(bytes.end(), view.bytes().begin(), view.bytes().end());
  return bytes;
}

Value qopt::emission::emitConstantPointer(KernelBuilder &kb, Value constant) {
  std::optional<nn::ConstantView> view = nn::ConstantView::of(constant);
  if (!view)
    return {};
  std::vector<char> bytes = denseBytes(*view);
  std::string name;
  unsigned number = 0;
  do
    name = (kb.name() + "_constant_" + Twine(number++)).str();
  while (kb.module().lookupSymbol(name));

  OpBuilder &b = kb.builder();
  Type type = LLVM::LLVMArrayType::get(kb.i8Type, bytes.size());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(kb.module().getBody());
    kb.create<LLVM::GlobalOp>(
        type, /*isConstant=*/true, LLVM::Linkage::Private, name,
        b.getStringAttr(StringRef(bytes.data(), bytes.size())),
        /*alignment=*/64);
  }
  return kb.create<LLVM::AddressOfOp>(kb.ptrType, name);
}

Value qopt::emission::emitConstantSplat(KernelBuilder &kb, Value constant,
                                        Width width) {
  std::optional<nn::ConstantView> view = nn::ConstantView::of(constant);
  if (!view || (!view->isSplat() && view->numElements() != 1))
    return {};
  Type element = getElementTypeOrSelf(constant.getType());
  Type type = computeType(element, width);
  if (isCodedFloat(element)) {
    uint16_t code = 0;
    std::memcpy(&code, view->bytes().data(), nn::elementBytes(element));
    return broadcastLane(kb, kb.i32(code), width);
  }
  if (isa<FloatType>(element)) {
    if (auto values = view->values<double>())
      return kb.constantLike(type, values->front());
    return {};
  }
  auto values = view->values<int64_t>();
  if (!values)
    return {};
  Value scalar = kb.create<arith::ConstantOp>(
      kb.builder().getIntegerAttr(computeType(element), values->front()));
  return broadcastLane(kb, scalar, width);
}

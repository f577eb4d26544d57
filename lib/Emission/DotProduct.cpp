// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/DotProduct.h"

using namespace mlir;

namespace qopt::emission {

DotProduct::DotProduct(KernelBuilder &kb) : kb(kb) {
  int64_t lanes = kb.isa().vectorBits / 32;
  bytes = VectorType::get({lanes * 4}, kb.i8Type);
  shorts = VectorType::get({lanes * 2}, kb.builder().getI16Type());
  words = VectorType::get({lanes}, kb.i32Type);
}

static Value intrinsic(KernelBuilder &kb, StringRef name, Type result,
                       ArrayRef<Value> arguments) {
  return kb
      .create<LLVM::CallIntrinsicOp>(
          result, kb.builder().getStringAttr(name), ValueRange(arguments))
      .getResult(0);
}

static Value bitcast(KernelBuilder &kb, Type type, Value value) {
  if (value.getType() == type)
    return value;
  return kb.create<LLVM::BitcastOp>(type, value);
}

Value DotProduct::vnni(Value sum, Value unsignedWords, Value signedWords) {
  return intrinsic(kb, "llvm.x86.avx512.vpdpbusd.512", words,
                   {sum, bitcast(kb, bytes, unsignedWords),
                    bitcast(kb, bytes, signedWords)});
}

Value DotProduct::maddUnsignedBytes(Value u8Words, Value s8Words) {
  return intrinsic(kb, "llvm.x86.avx2.pmadd.ub.sw", shorts,
                   {bitcast(kb, bytes, u8Words), bitcast(kb, bytes, s8Words)});
}

Value DotProduct::maddWords(Value a, Value b) {
  return intrinsic(kb, "llvm.x86.avx2.pmadd.wd", words,
                   {bitcast(kb, shorts, a), bitcast(kb, shorts, b)});
}

// Shifts of the i16 lanes.
Value DotProduct::shift(Value a, int64_t amount, bool left, bool isSigned) {
  Value value = bitcast(kb, shorts, a), by = kb.constantLike(shorts, amount);
  if (left)
    return kb.create<arith::ShLIOp>(value, by);
  if (isSigned)
    return kb.create<arith::ShRSIOp>(value, by);
  return kb.create<arith::ShRUIOp>(value, by);
}

void DotProduct::beginPanels(ArrayRef<Value> registers) {
  panels.assign(registers.begin(), registers.end());
  evenPanels.clear();
  oddPanels.clear();
  if (kb.isa().hasVnni)
    return;
  for (Value panel : panels) {
    evenPanels.push_back(
        shift(shift(panel, 8, /*left=*/true, true), 8, false, true));
    oddPanels.push_back(shift(panel, 8, false, true));
  }
}

void DotProduct::beginRow(Value broadcast, bool isSigned) {
  row = broadcast;
  if (kb.isa().hasVnni)
    return;
  if (isSigned)
    evenRow = shift(shift(row, 8, /*left=*/true, true), 8, false, true);
  else
    evenRow = kb.create<arith::AndIOp>(bitcast(kb, shorts, row),
                                       kb.constantLike(shorts, 255));
  oddRow = shift(row, 8, false, isSigned);
}

Value DotProduct::accumulate(Value sum, int64_t i) {
  if (kb.isa().hasVnni)
    return vnni(sum, row, panels[i]);
  Value even = maddWords(evenRow, evenPanels[i]);
  Value odd = maddWords(oddRow, oddPanels[i]);
  return kb.create<arith::AddIOp>(sum, kb.create<arith::AddIOp>(even, odd));
}

} // namespace qopt::emission

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/SizeChecks.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/KernelShapes.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

class SizeChecks {
public:
  SizeChecks(KernelBuilder &kb, Block &body)
      : kb(kb), body(body), shapes(body) {}

  Value emit() {
    for (Operation &op : body)
      if (op.hasTrait<nn::Pointwise>() || isa<nn::BroadcastToOp>(op))
        checkBroadcast(&op, /*trailing=*/0);
      else if (auto product = dyn_cast<nn::MatMulOp>(op))
        checkProduct(product);
      else if (auto concat = dyn_cast<nn::ConcatOp>(op))
        checkConcat(concat);
      else if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
        checkReshape(reshape);
    return all;
  }

private:
  static RankedTensorType typeOf(Value tensor) {
    return dyn_cast<RankedTensorType>(tensor.getType());
  }

  /// Sizes are equal, or the first is 1 and \p mayRepeat.
  void expect(Value a, int64_t aAxis, Value b, int64_t bAxis, bool mayRepeat) {
    int64_t known = typeOf(a).getDimSize(aAxis);
    if ((mayRepeat && known == 1) ||
        (!ShapedType::isDynamic(known) && known == typeOf(b).getDimSize(bAxis)))
      return;
    Value size = shapes.dim(kb, a, aAxis), other = shapes.dim(kb, b, bAxis);
    if (!size || !other || size == other)
      return;
    Value good = kb.cmp(arith::CmpIPredicate::eq, size, other);
    if (mayRepeat)
      good = kb.create<arith::OrIOp>(
          good, kb.cmp(arith::CmpIPredicate::eq, size, kb.i64(1)));
    add(good);
  }

  void add(Value good) {
    all = all ? Value(kb.create<arith::AndIOp>(all, good)) : good;
  }

  /// Operands against the result, aligned at the last axis but |trailing|.
  void checkBroadcast(Operation *op, int64_t trailing) {
    Value result = op->getResult(0);
    int64_t rank = typeOf(result).getRank();
    for (Value operand : op->getOperands()) {
      if (!typeOf(operand))
        continue;
      int64_t own = typeOf(operand).getRank();
      for (int64_t axis = 0; axis + trailing < own; ++axis)
        if (rank - own + axis >= 0)
          expect(operand, axis, result, rank - own + axis, /*mayRepeat=*/true);
    }
  }

  void checkProduct(nn::MatMulOp op) {
    Value lhs = op.getLhs(), rhs = op.getRhs();
    int64_t left = typeOf(lhs).getRank(), right = typeOf(rhs).getRank();
    if (left < 2 || right < 2)
      return;
    expect(lhs, left - 1, rhs, right - 2, /*mayRepeat=*/false);
    checkBroadcast(op, /*trailing=*/2);
  }

  void checkConcat(nn::ConcatOp op) {
    for (Value part : op->getOperands())
      for (int64_t axis = 0; axis < typeOf(part).getRank(); ++axis)
        if (axis != int64_t(op.getAxis()))
          expect(part, axis, op.getResult(), axis, /*mayRepeat=*/false);
  }

  void checkReshape(nn::ReshapeOp op) {
    if (typeOf(op.getX()).hasStaticShape() && op.getType().hasStaticShape())
      return;
    Value from = elements(op.getX()), to = elements(op.getResult());
    if (from && to && from != to)
      add(kb.cmp(arith::CmpIPredicate::eq, from, to));
  }

  /// Null where a size is not told.
  Value elements(Value tensor) {
    Value product = kb.i64(1);
    for (Value size : shapes.dims(kb, tensor)) {
      if (!size)
        return {};
      product = kb.mul(product, size);
    }
    return product;
  }

  KernelBuilder &kb;
  Block &body;
  KernelShapes shapes;
  Value all;
};

} // namespace

Value qopt::emission::emitSizeChecks(KernelBuilder &kb, Block &body) {
  return SizeChecks(kb, body).emit();
}

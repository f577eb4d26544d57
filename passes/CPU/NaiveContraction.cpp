// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive matmul, conv and block_matmul. Floats accumulate ascending k by fused
// multiply-add from 0, integers exactly in i32.

#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

Value multiplyAdd(NaiveBuilder &nb, Value a, Value b, Value sum) {
  if (isa<FloatType>(sum.getType()))
    return nb.kb.fma(a, b, sum);
  return nb.kb.add(sum, nb.kb.mul(a, b));
}

Value zeroOf(NaiveBuilder &nb, Value tensor) {
  return nb.kb.constantLike(nb.laneType(tensor), 0);
}

/// The operand's element [leading.., row, column] for result indices that
/// start with the result's leading axes.
Value readMatrix(NaiveBuilder &nb, Value tensor, ArrayRef<Value> leading,
                 Value row, Value column) {
  SmallVector<Value> indices(leading);
  indices.append({row, column});
  return nb.readBroadcast(tensor, indices);
}

void emitMatMul(NaiveBuilder &nb, nn::MatMulOp op) {
  Value result = op.getResult();
  Value k = nb.dim(op.getLhs(), nb.rank(op.getLhs()) - 1);
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    ArrayRef<Value> leading = at.drop_back(2);
    Value row = at[at.size() - 2], column = at.back();
    Value sum =
        nb.accumulate(k, zeroOf(nb, result), [&](ArrayRef<Value> i, Value sum) {
          return multiplyAdd(
              nb, readMatrix(nb, op.getLhs(), leading, row, i[0]),
              readMatrix(nb, op.getRhs(), leading, i[0], column), sum);
        });
    nb.write(result, at, sum);
  });
}

void emitConv(NaiveBuilder &nb, nn::ConvOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX(), filter = op.getFilter(), result = op.getResult();
  Value perGroup = nb.dim(filter, 3);
  Value outputsPerGroup = kb.div(nb.dim(filter, 0), op.getGroups());
  // Signed: the attribute's accessor is not.
  Value padding =
      kb.constantLike(nb.laneType(x), int64_t(op.getPadValue()));
  Value taps[] = {nb.dim(filter, 1), nb.dim(filter, 2), perGroup};
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    Value firstChannel = kb.mul(kb.div(at[3], outputsPerGroup), perGroup);
    auto inputIndex = [&](int64_t axis, Value tap) {
      Value start = kb.sub(kb.mul(at[1 + axis], op.getStrides()[axis]),
                           op.getPads()[axis]);
      return kb.add(start, kb.mul(tap, op.getDilations()[axis]));
    };
    auto isInside = [&](Value index, int64_t axis) -> Value {
      // Unsigned, so that negative indices are outside too.
      return kb.cmp(arith::CmpIPredicate::ult, index, nb.dim(x, axis));
    };
    Value sum = nb.accumulate(
        taps, zeroOf(nb, result), [&](ArrayRef<Value> tap, Value sum) {
          Value y = inputIndex(0, tap[0]), column = inputIndex(1, tap[1]);
          Value inside =
              kb.create<arith::AndIOp>(isInside(y, 1), isInside(column, 2));
          Value channel = kb.add(firstChannel, tap[2]);
          Value element = kb.ifThenElse(
              inside, padding.getType(),
              [&] {
                return SmallVector<Value>{
                    nb.read(x, {at[0], y, column, channel})};
              },
              [&] { return SmallVector<Value>{padding}; })[0];
          Value weight = nb.read(filter, {at[3], tap[0], tap[1], tap[2]});
          return multiplyAdd(nb, element, weight, sum);
        });
    nb.write(result, at, sum);
  });
}

void emitBlockMatMul(NaiveBuilder &nb, lowbit::BlockMatMulOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value result = op.getResult(), lhs = op.getLhs();
  Value block = kb.i64(op.getBlock());
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    ArrayRef<Value> leading = at.drop_back(2);
    Value row = at[at.size() - 2], column = at.back();
    Value blocks = nb.dim(op.getScales(), 0);
    Value sum =
        nb.accumulate(blocks, kb.f32(0), [&](ArrayRef<Value> g, Value partial) {
          Value inner = nb.accumulate(
              block, kb.i32(0), [&](ArrayRef<Value> i, Value sum) {
                Value k = kb.add(kb.mul(g[0], block), i[0]);
                Value code = nb.read(op.getCodes(), {k, column});
                return multiplyAdd(nb, readMatrix(nb, lhs, leading, row, k),
                                   kb.sub(code, kb.i32(8)), sum);
              });
          Value scale = nb.toF32(nb.read(op.getScales(), {g[0], column}));
          Value asFloat = kb.create<arith::SIToFPOp>(kb.f32Type, inner);
          return kb.fma(asFloat, scale, partial);
        });
    nb.write(result, at, sum);
  });
}

} // namespace

LogicalResult qopt::naive::emitNaiveContraction(NaiveBuilder &nb,
                                                Operation *op) {
  if (auto matmul = dyn_cast<nn::MatMulOp>(op))
    return emitMatMul(nb, matmul), success();
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return emitConv(nb, conv), success();
  if (auto blocks = dyn_cast<lowbit::BlockMatMulOp>(op))
    return emitBlockMatMul(nb, blocks), success();
  return failure();
}

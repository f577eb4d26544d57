// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive softmax, layer_norm, rms_norm and quantize_rows.

#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/PointwiseLowBit.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// One row of a tensor: its elements, and results at the same place.
struct Row {
  NaiveBuilder &nb;
  ArrayRef<Value> leading;
  Value size;

  SmallVector<Value> at(Value index) const {
    SmallVector<Value> indices(leading);
    indices.push_back(index);
    return indices;
  }
  Value sum(llvm::function_ref<Value(Value)> element) const {
    return nb.reduceRow(
        size, nb.kb.f32(0), [&](Value a, Value b) { return nb.kb.addf(a, b); },
        element);
  }
  void forEach(llvm::function_ref<void(Value)> body) const {
    nb.kb.forLoop(nb.kb.i64(0), size, nb.kb.i64(1), body);
  }
  /// 1 / n.
  Value reciprocalSize() const {
    Value n = nb.kb.create<arith::SIToFPOp>(nb.kb.f32Type, size);
    return nb.kb.divf(nb.kb.f32(1), n);
  }
};

void forRows(NaiveBuilder &nb, Value tensor,
             llvm::function_ref<void(const Row &)> body) {
  SmallVector<Value> sizes = nb.dims(tensor);
  Value size = sizes.pop_back_val();
  nb.forIndices(sizes,
                [&](ArrayRef<Value> leading) { body(Row{nb, leading, size}); });
}

/// 1 / sqrt(mean square + epsilon).
Value inverseDeviation(const Row &row, Value meanSquare, APFloat epsilon) {
  emission::KernelBuilder &kb = row.nb.kb;
  Value shifted = kb.addf(meanSquare, kb.f32(epsilon.convertToFloat()));
  return kb.divf(kb.f32(1), kb.create<math::SqrtOp>(shifted));
}

void emitSoftmax(NaiveBuilder &nb, nn::SoftmaxOp op) {
  emission::KernelBuilder &kb = nb.kb;
  emission::MathEmitter math(kb.builder(), kb.loc());
  Value x = op.getX(), result = op.getResult();
  forRows(nb, x, [&](const Row &row) {
    Value lowest = kb.f32(-std::numeric_limits<float>::infinity());
    Value maximum = nb.reduceRow(
        row.size, lowest,
        [&](Value a, Value b) { return emission::emitMax(kb, kb.f32Type, a, b); },
        [&](Value i) { return nb.read(x, row.at(i)); });
    Value total = row.sum([&](Value i) {
      Value e = math.exp(kb.subf(nb.read(x, row.at(i)), maximum));
      nb.write(result, row.at(i), e);
      return e;
    });
    Value scale = kb.divf(kb.f32(1), total);
    row.forEach([&](Value i) {
      nb.write(result, row.at(i), kb.mulf(nb.read(result, row.at(i)), scale));
    });
  });
}

void emitLayerNorm(NaiveBuilder &nb, nn::LayerNormOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  forRows(nb, x, [&](const Row &row) {
    auto element = [&](Value i) { return nb.read(x, row.at(i)); };
    Value mean = kb.mulf(row.sum(element), row.reciprocalSize());
    auto centred = [&](Value i) { return kb.subf(element(i), mean); };
    Value squares = row.sum([&](Value i) {
      Value d = centred(i);
      return kb.mulf(d, d);
    });
    Value scale = inverseDeviation(row, kb.mulf(squares, row.reciprocalSize()),
                                   op.getEpsilon());
    row.forEach([&](Value i) {
      Value y = kb.mulf(kb.mulf(centred(i), scale), nb.read(op.getGain(), i));
      if (op.getBias())
        y = kb.addf(y, nb.read(op.getBias(), i));
      nb.write(op.getResult(), row.at(i), y);
    });
  });
}

void emitRMSNorm(NaiveBuilder &nb, nn::RMSNormOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  forRows(nb, x, [&](const Row &row) {
    auto element = [&](Value i) { return nb.read(x, row.at(i)); };
    Value squares = row.sum([&](Value i) {
      Value e = element(i);
      return kb.mulf(e, e);
    });
    Value scale = inverseDeviation(row, kb.mulf(squares, row.reciprocalSize()),
                                   op.getEpsilon());
    row.forEach([&](Value i) {
      Value y = kb.mulf(kb.mulf(element(i), scale), nb.read(op.getGain(), i));
      nb.write(op.getResult(), row.at(i), y);
    });
  });
}

void emitQuantizeRows(NaiveBuilder &nb, lowbit::QuantizeRowsOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  bool isUnsigned = nb.elementType(op.getCodes()).isUnsignedInteger();
  int32_t zero = isUnsigned ? 128 : 0;
  forRows(nb, x, [&](const Row &row) {
    // A maximum has no order; NaN loses every comparison.
    Value largest = nb.accumulate(
        row.size, kb.f32(0), [&](ArrayRef<Value> i, Value largest) -> Value {
          Value a = kb.create<math::AbsFOp>(nb.read(x, row.at(i[0])));
          Value above =
              kb.create<arith::CmpFOp>(arith::CmpFPredicate::OGT, a, largest);
          return kb.create<arith::SelectOp>(above, a, largest);
        });
    Value isZero =
        kb.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, largest, kb.f32(0));
    Value scale =
        kb.select(isZero, kb.f32(1), kb.mulf(largest, kb.f32(1.0f / 127.0f)));
    Value inverse = kb.select(isZero, kb.f32(0), kb.divf(kb.f32(127), largest));
    nb.write(op.getScales(), row.at(kb.i64(0)), scale);
    row.forEach([&](Value i) {
      Value scaled = kb.mulf(nb.read(x, row.at(i)), inverse);
      nb.write(op.getCodes(), row.at(i),
               emission::emitEncode(kb, scaled, kb.i32(zero),
                                    {zero - 127, zero + 127}));
    });
  });
}

} // namespace

LogicalResult qopt::naive::emitNaiveRows(NaiveBuilder &nb, Operation *op) {
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    return emitSoftmax(nb, softmax), success();
  if (auto norm = dyn_cast<nn::LayerNormOp>(op))
    return emitLayerNorm(nb, norm), success();
  if (auto norm = dyn_cast<nn::RMSNormOp>(op))
    return emitRMSNorm(nb, norm), success();
  if (auto quantize = dyn_cast<lowbit::QuantizeRowsOp>(op))
    return emitQuantizeRows(nb, quantize), success();
  return failure();
}

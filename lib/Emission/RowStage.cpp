// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The stages of softmax, layer_norm, rms_norm and quantize_rows.

#include "lib/Emission/RowStage.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/PointwiseLowBit.h"
#include "lib/Emission/RowReduction.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

Value qopt::emission::loadBuffered(KernelBuilder &kb, Value buffer,
                                   Value column) {
  return kb.loadVector(kb.f32Type, buffer, column);
}

void qopt::emission::storeBuffered(KernelBuilder &kb, Value lanes, Value buffer,
                                   Value column) {
  kb.storeVector(kb.f32Type, lanes, buffer, column);
}

namespace {

Value joinSum(KernelBuilder &kb, Value partials) {
  return joinPartials(kb, partials,
                      [&](Value a, Value b) { return kb.addf(a, b); });
}

/// Another pass over the buffers: partials of step(row, x), from zeros.
SmallVector<Value>
sumAgain(KernelBuilder &kb, const RowGroup &rows, ArrayRef<Value> buffers,
         llvm::function_ref<Value(unsigned row, Value x, Value column)> step) {
  SmallVector<Value> zeros(rows.size, kb.splatF32(0));
  return kb.forVectors(rows.columns, zeros,
                       [&](Value column, LiveLanes live, ValueRange carried) {
                         SmallVector<Value> next;
                         for (unsigned row = 0; row < rows.size; ++row) {
                           Value x = loadBuffered(kb, buffers[row], column);
                           Value term = maskDead(kb, step(row, x, column), live,
                                                 kb.splatF32(0));
                           next.push_back(kb.addf(carried[row], term));
                         }
                         return next;
                       });
}

Value reciprocalSize(KernelBuilder &kb, const RowGroup &rows) {
  Value n = kb.create<arith::SIToFPOp>(kb.f32Type, rows.columns);
  return kb.divf(kb.f32(1), n);
}

/// 1 / sqrt(sum * (1/n) + epsilon).
Value inverseDeviation(KernelBuilder &kb, const RowGroup &rows, Value sum,
                       const APFloat &epsilon) {
  Value mean = kb.mulf(sum, reciprocalSize(kb, rows));
  Value shifted = kb.addf(mean, kb.f32(epsilon.convertToFloat()));
  return kb.divf(kb.f32(1), kb.create<math::SqrtOp>(shifted));
}

class SoftmaxStage : public RowStage {
public:
  using RowStage::RowStage;
  explicit SoftmaxStage(nn::SoftmaxOp op) : RowStage(op) {}

  Value neutral(KernelBuilder &kb) override {
    return kb.splatF32(-std::numeric_limits<float>::infinity());
  }
  Value step(KernelBuilder &kb, Value partials, Value x) override {
    return emitMax(kb, kb.f32Type, partials, x);
  }
  SmallVector<Statistics> finish(KernelBuilder &kb, const RowGroup &rows,
                                 ArrayRef<Value> partials,
                                 ArrayRef<Value> buffers) override {
    SmallVector<Value> maxima;
    for (Value partial : partials)
      maxima.push_back(kb.splat(joinPartials(
          kb, partial, [&](Value a, Value b) {
            return emitMax(kb, kb.f32Type, a, b);
          })));
    MathEmitter math(kb.builder(), kb.loc());
    SmallVector<Value> sums =
        sumAgain(kb, rows, buffers, [&](unsigned row, Value x, Value column) {
          Value e = math.exp(kb.subf(x, maxima[row]));
          storeBuffered(kb, e, buffers[row], column);
          return e;
        });
    SmallVector<Statistics> results;
    for (Value sum : sums) {
      Value scale = kb.divf(kb.f32(1), joinSum(kb, sum));
      results.push_back({{kb.splat(scale)}, {}});
    }
    return results;
  }
  Value result(KernelBuilder &kb, const Statistics &statistics, Value buffered,
               Value, LiveLanes) override {
    return kb.mulf(buffered, statistics.values[0]);
  }
};

/// A vector as long as the row: gain or bias.
class RowVector {
public:
  bool begin(KernelBuilder &kb, Value tensor) {
    value = tensor;
    while (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
      value = reshape.getX();
    Operation *op = value.getDefiningOp();
    if (op && !op->hasTrait<OpTrait::ConstantLike>())
      return false;
    pointer = leafPointer(kb, Leaf{value, value, {}});
    return bool(pointer);
  }
  Value load(KernelBuilder &kb, Value column, LiveLanes live) const {
    return loadLane(kb, kb.f32Type, pointer, column, Width::vector, live);
  }

private:
  Value value, pointer;
};

class LayerNormStage : public RowStage {
public:
  explicit LayerNormStage(nn::LayerNormOp op) : RowStage(op), norm(op) {}

  bool begin(KernelBuilder &kb) override {
    return gain.begin(kb, norm.getGain()) &&
           (!norm.getBias() || bias.begin(kb, norm.getBias()));
  }
  Value neutral(KernelBuilder &kb) override { return kb.splatF32(0); }
  Value step(KernelBuilder &kb, Value partials, Value x) override {
    return kb.addf(partials, x);
  }
  SmallVector<Statistics> finish(KernelBuilder &kb, const RowGroup &rows,
                                 ArrayRef<Value> partials,
                                 ArrayRef<Value> buffers) override {
    SmallVector<Value> means;
    for (Value partial : partials)
      means.push_back(
          kb.splat(kb.mulf(joinSum(kb, partial), reciprocalSize(kb, rows))));
    SmallVector<Value> squares =
        sumAgain(kb, rows, buffers, [&](unsigned row, Value x, Value) {
          Value d = kb.subf(x, means[row]);
          return kb.mulf(d, d);
        });
    SmallVector<Statistics> results;
    for (auto [mean, square] : llvm::zip(means, squares)) {
      Value scale =
          inverseDeviation(kb, rows, joinSum(kb, square), norm.getEpsilon());
      results.push_back({{mean, kb.splat(scale)}, {}});
    }
    return results;
  }
  Value result(KernelBuilder &kb, const Statistics &statistics, Value buffered,
               Value column, LiveLanes live) override {
    Value d = kb.subf(buffered, statistics.values[0]);
    Value y =
        kb.mulf(kb.mulf(d, statistics.values[1]), gain.load(kb, column, live));
    return norm.getBias() ? kb.addf(y, bias.load(kb, column, live)) : y;
  }

private:
  nn::LayerNormOp norm;
  RowVector gain, bias;
};

class RMSNormStage : public RowStage {
public:
  explicit RMSNormStage(nn::RMSNormOp op) : RowStage(op), norm(op) {}

  bool begin(KernelBuilder &kb) override {
    return gain.begin(kb, norm.getGain());
  }
  Value neutral(KernelBuilder &kb) override { return kb.splatF32(0); }
  Value step(KernelBuilder &kb, Value partials, Value x) override {
    return kb.addf(partials, kb.mulf(x, x));
  }
  SmallVector<Statistics> finish(KernelBuilder &kb, const RowGroup &rows,
                                 ArrayRef<Value> partials,
                                 ArrayRef<Value>) override {
    SmallVector<Statistics> results;
    for (Value partial : partials) {
      Value scale =
          inverseDeviation(kb, rows, joinSum(kb, partial), norm.getEpsilon());
      results.push_back({{kb.splat(scale)}, {}});
    }
    return results;
  }
  Value result(KernelBuilder &kb, const Statistics &statistics, Value buffered,
               Value column, LiveLanes live) override {
    return kb.mulf(kb.mulf(buffered, statistics.values[0]),
                   gain.load(kb, column, live));
  }

private:
  nn::RMSNormOp norm;
  RowVector gain;
};

class QuantizeRowsStage : public RowStage {
public:
  explicit QuantizeRowsStage(lowbit::QuantizeRowsOp op) : RowStage(op) {
    Type element = getElementTypeOrSelf(op.getCodes().getType());
    zero = element.isUnsignedInteger() ? 128 : 0;
  }

  Value neutral(KernelBuilder &kb) override { return kb.splatF32(0); }
  Value step(KernelBuilder &kb, Value partials, Value x) override {
    return larger(kb, partials, kb.create<math::AbsFOp>(x));
  }
  SmallVector<Statistics> finish(KernelBuilder &kb, const RowGroup &,
                                 ArrayRef<Value> partials,
                                 ArrayRef<Value>) override {
    SmallVector<Statistics> results;
    for (Value partial : partials) {
      Value a = joinPartials(
          kb, partial, [&](Value a, Value b) { return larger(kb, a, b); });
      Value isZero =
          kb.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, a, kb.f32(0));
      Value scale =
          kb.select(isZero, kb.f32(1), kb.mulf(a, kb.f32(1.0f / 127.0f)));
      Value inverse = kb.select(isZero, kb.f32(0), kb.divf(kb.f32(127), a));
      results.push_back({{kb.splat(inverse)}, scale});
    }
    return results;
  }
  Value result(KernelBuilder &kb, const Statistics &statistics, Value buffered,
               Value, LiveLanes) override {
    return emitEncode(kb, kb.mulf(buffered, statistics.values[0]),
                      kb.splatI32(zero), {zero - 127, zero + 127});
  }

private:
  /// NaN in b loses.
  static Value larger(KernelBuilder &kb, Value a, Value b) {
    Value above = kb.create<arith::CmpFOp>(arith::CmpFPredicate::OGT, b, a);
    return kb.create<arith::SelectOp>(above, b, a);
  }
  int32_t zero;
};

} // namespace

std::unique_ptr<RowStage> RowStage::create(Operation *op) {
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    return std::make_unique<SoftmaxStage>(softmax);
  if (auto norm = dyn_cast<nn::LayerNormOp>(op))
    return std::make_unique<LayerNormStage>(norm);
  if (auto norm = dyn_cast<nn::RMSNormOp>(op))
    return std::make_unique<RMSNormStage>(norm);
  if (auto quantize = dyn_cast<lowbit::QuantizeRowsOp>(op))
    return std::make_unique<QuantizeRowsStage>(quantize);
  return nullptr;
}

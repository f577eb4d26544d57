// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cells' formulas, see nn.recurrence. Activations are those of ONNX's RNN,
// GRU and LSTM.

#include "lib/Emission/RecurrentCell.h"
#include "lib/Emission/MathEmitter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

/// f32 lanes with comparisons.
struct ActivationBuilder {
  KernelBuilder &kb;
  MathEmitter math;
  Value x;

  Value constant(float value) { return kb.constantLike(x.getType(), value); }
  Value less(Value a, Value b) {
    return kb.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, a, b);
  }
  Value select(Value c, Value a, Value b) {
    return kb.create<arith::SelectOp>(c, a, b);
  }
  Value absolute() { return kb.create<math::AbsFOp>(x); }
  Value relu() { return select(less(x, constant(0)), constant(0), x); }
  Value line(float slope, float offset) {
    return kb.addf(kb.mulf(constant(slope), x), constant(offset));
  }
  Value hardSigmoid(float slope, float offset) {
    Value y = line(slope, offset);
    y = select(less(y, constant(0)), constant(0), y);
    return select(less(constant(1), y), constant(1), y);
  }
  Value elu(float alpha) {
    Value grown = kb.mulf(constant(alpha),
                          kb.subf(math.exp(x), constant(1)));
    return select(less(x, constant(0)), grown, x);
  }
  Value softplus() {
    Value e = math.exp(kb.create<arith::NegFOp>(absolute()));
    return kb.addf(relu(), math.log(kb.addf(constant(1), e)));
  }
};

} // namespace

Value RecurrentCell::activate(unsigned number, Value x) {
  auto name = cast<StringAttr>(op.getActivations()[number]);
  float alpha = op.getAlphas()[number], beta = op.getBetas()[number];
  ActivationBuilder b{kb, MathEmitter(kb.builder(), kb.loc()), x};
  switch (*nn::symbolizeRecurrentActivation(name.getValue())) {
  case nn::RecurrentActivation::sigmoid:
    return b.math.sigmoid(x);
  case nn::RecurrentActivation::tanh:
    return b.math.tanh(x);
  case nn::RecurrentActivation::relu:
    return b.relu();
  case nn::RecurrentActivation::leaky_relu:
    return b.select(b.less(x, b.constant(0)), kb.mulf(b.constant(alpha), x), x);
  case nn::RecurrentActivation::thresholded_relu:
    return b.select(b.less(x, b.constant(alpha)), b.constant(0), x);
  case nn::RecurrentActivation::scaled_tanh:
    return kb.mulf(b.constant(alpha),
                   b.math.tanh(kb.mulf(b.constant(beta), x)));
  case nn::RecurrentActivation::hard_sigmoid:
    return b.hardSigmoid(alpha, beta);
  case nn::RecurrentActivation::elu:
    return b.elu(alpha);
  case nn::RecurrentActivation::softsign:
    return kb.divf(x, kb.addf(b.constant(1), b.absolute()));
  case nn::RecurrentActivation::softplus:
    return b.softplus();
  case nn::RecurrentActivation::affine:
    return b.line(alpha, beta);
  }
  return {};
}

Value RecurrentCell::clip(Value x) {
  float bound = op.getClip().convertToFloat();
  if (!(bound > 0))
    return x;
  auto clamp = [&](arith::CmpFPredicate beyond, float edge) {
    Value limit = kb.constantLike(x.getType(), edge);
    x = kb.create<arith::SelectOp>(kb.create<arith::CmpFOp>(beyond, x, limit),
                                   limit, x);
  };
  clamp(arith::CmpFPredicate::OLT, -bound);
  clamp(arith::CmpFPredicate::OGT, bound);
  return x;
}

Value RecurrentCell::gru(Value z, Value candidate, Value h) {
  Value n = activate(1, clip(candidate));
  return kb.addf(kb.mulf(kb.subf(one(z), z), n), kb.mulf(z, h));
}

RecurrentCell::State RecurrentCell::lstm(ArrayRef<Value> sums, Value c,
                                         ArrayRef<Value> peepholes) {
  auto seen = [&](unsigned gate, Value state) {
    Value sum = sums[gate];
    if (!peepholes.empty())
      sum = kb.addf(sum, kb.mulf(peepholes[gate], state));
    return activate(0, clip(sum));
  };
  Value i = seen(0, c);
  Value f = op.getInputForget() ? kb.subf(one(i), i) : seen(2, c);
  Value g = activate(1, clip(sums[3]));
  Value next = kb.addf(kb.mulf(f, c), kb.mulf(i, g));
  Value o = seen(1, next);
  return {kb.mulf(o, activate(2, next)), next};
}

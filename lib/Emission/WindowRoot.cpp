// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps of each kind of window.

#include "lib/Emission/WindowRoot.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/Reduction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

template <class Op> void readGeometry(WindowRoot &root, Op op) {
  root.op = op;
  root.input = op.getX();
  for (int i : {0, 1}) {
    root.stride[i] = op.getStrides()[i];
    root.dilation[i] = op.getDilations()[i];
    root.padLow[i] = op.getPads()[i];
  }
}

template <class Op> WindowRoot pool(Op op, WindowRoot::Kind kind) {
  WindowRoot root{};
  root.kind = kind;
  readGeometry(root, op);
  root.kernel[0] = op.getKernel()[0];
  root.kernel[1] = op.getKernel()[1];
  return root;
}

} // namespace

std::optional<WindowRoot> WindowRoot::of(Operation *op) {
  if (auto maximum = dyn_cast<nn::MaxPoolOp>(op))
    return pool(maximum, Kind::maximum);
  if (auto average = dyn_cast<nn::AvgPoolOp>(op)) {
    WindowRoot root = pool(average, Kind::average);
    root.countsPadding = average.getCountIncludePad();
    return root;
  }
  auto conv = dyn_cast<nn::ConvOp>(op);
  if (!conv)
    return std::nullopt;
  auto filter = cast<RankedTensorType>(conv.getFilter().getType());
  if (!filter.hasStaticShape() || filter.getDimSize(3) != 1 ||
      filter.getDimSize(0) != int64_t(conv.getGroups()))
    return std::nullopt;
  WindowRoot root{};
  root.kind = Kind::depthwise;
  readGeometry(root, conv);
  root.filter = conv.getFilter();
  root.kernel[0] = filter.getDimSize(1);
  root.kernel[1] = filter.getDimSize(2);
  root.padValue = conv.getPadValue();
  return root;
}

Type WindowRoot::inputElement() const {
  return getElementTypeOrSelf(input.getType());
}

bool WindowRoot::isInteger() const { return isa<IntegerType>(inputElement()); }

Value WindowRoot::start(KernelBuilder &kb) const {
  if (kind == Kind::maximum)
    return lowestLane(kb, inputElement(), Width::vector);
  return kb.constantLike(computeType(inputElement(), Width::vector), 0);
}

Value WindowRoot::padding(KernelBuilder &kb) const {
  if (kind == Kind::maximum)
    return lowestLane(kb, inputElement());
  return kb.constantLike(computeType(inputElement()), padValue);
}

Value WindowRoot::step(KernelBuilder &kb, Value accumulated, Value x,
                       Value weight) const {
  if (kind == Kind::maximum)
    return emitMax(kb, accumulated, x);
  if (kind == Kind::average)
    return kb.addf(accumulated, x);
  if (!isInteger())
    return kb.fma(x, weight, accumulated);
  Value product = kb.create<arith::MulIOp>(x, weight);
  return kb.create<arith::AddIOp>(accumulated, product);
}

Value WindowRoot::finish(KernelBuilder &kb, Value accumulated,
                         Value count) const {
  if (kind != Kind::average)
    return accumulated;
  Value divisor = kb.create<arith::SIToFPOp>(kb.f32Type, count);
  return kb.divf(accumulated, kb.splat(divisor));
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The steps of each kind of window.

#include "lib/Emission/WindowRoot.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/Reduction.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

Value callIntrinsic(KernelBuilder &kb, StringRef name, Type result,
                    ValueRange arguments) {
  return kb
      .create<LLVM::CallIntrinsicOp>(result, kb.builder().getStringAttr(name),
                                     arguments)
      .getResult(0);
}

/// sum + u8 bytes of x times s8 bytes of w, 4 a lane.
Value addBytes(KernelBuilder &kb, Value sum, Value x, Value w) {
  auto bytes = VectorType::get({64}, kb.i8Type);
  return callIntrinsic(kb, "llvm.x86.avx512.vpdpbusd.512", sum.getType(),
                       {sum, kb.create<vector::BitCastOp>(bytes, x),
                        kb.create<vector::BitCastOp>(bytes, w)});
}

/// sum + s16 halves of x times those of w, 2 a lane.
Value addHalfwords(KernelBuilder &kb, Value sum, Value x, Value w) {
  auto halves = VectorType::get({32}, kb.builder().getI16Type());
  Value a = kb.create<vector::BitCastOp>(halves, x);
  Value b = kb.create<vector::BitCastOp>(halves, w);
  if (kb.isa().hasVnni)
    return callIntrinsic(kb, "llvm.x86.avx512.vpdpwssd.512", sum.getType(),
                         {sum, a, b});
  auto words = VectorType::get({8}, kb.i32Type);
  Value products =
      kb.create<arith::ConstantOp>(kb.builder().getZeroAttr(sum.getType()));
  for (int64_t part : {0, 1}) {
    auto slice = [&](Value v) {
      SmallVector<int64_t> lanes;
      for (int64_t lane = 0; lane < 16; ++lane)
        lanes.push_back(part * 16 + lane);
      return kb.create<vector::ShuffleOp>(v, v, lanes);
    };
    Value product = callIntrinsic(kb, "llvm.x86.avx2.pmadd.wd", words,
                                  {slice(a), slice(b)});
    products = kb.create<vector::InsertStridedSliceOp>(
        product, products, ArrayRef<int64_t>{part * 8}, ArrayRef<int64_t>{1});
  }
  return kb.create<arith::AddIOp>(sum, products);
}

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

int64_t WindowRoot::rowsTogether(KernelBuilder &kb) const {
  if (kind != Kind::depthwise || !isInteger())
    return 1;
  bool bytes = kb.isa().hasVnni && inputElement().isUnsignedInteger();
  return std::min<int64_t>(bytes ? 4 : 2, kernel[0]);
}

int64_t WindowRoot::rowGroups(KernelBuilder &kb) const {
  return (kernel[0] + rowsTogether(kb) - 1) / rowsTogether(kb);
}

Value WindowRoot::combine(KernelBuilder &kb, ArrayRef<Value> taps,
                          bool areWeights) const {
  if (rowsTogether(kb) == 1)
    return taps[0];
  bool bytes = rowsTogether(kb) > 2;
  bool isSigned = areWeights || !inputElement().isUnsignedInteger();
  Type type = taps[0].getType();
  Value result;
  for (auto [i, tap] : llvm::enumerate(taps)) {
    Value part = tap;
    if (isSigned) // keep the sign to the part
      part = kb.create<arith::AndIOp>(
          part, kb.constantLike(type, bytes ? 0xff : 0xffff));
    if (i > 0)
      part = kb.create<arith::ShLIOp>(
          part, kb.constantLike(type, (bytes ? 8 : 16) * int64_t(i)));
    result = result ? Value(kb.create<arith::OrIOp>(result, part)) : part;
  }
  return result;
}

Value WindowRoot::step(KernelBuilder &kb, Value accumulated, Value x,
                       Value weight) const {
  if (kind == Kind::maximum)
    return emitMax(kb, inputElement(), accumulated, x);
  if (kind == Kind::average)
    return kb.addf(accumulated, x);
  if (!isInteger())
    return kb.fma(x, weight, accumulated);
  if (rowsTogether(kb) > 2)
    return addBytes(kb, accumulated, x, weight);
  if (rowsTogether(kb) == 2)
    return addHalfwords(kb, accumulated, x, weight);
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

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers are drawn one after another; each keeps the shape it was given, so any
// may follow any.
#include "RandomNetworks.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cmath>
#include <random>

using namespace mlir;

namespace qopt {
namespace {

class Generator {
public:
  Generator(MLIRContext *context, unsigned seed)
      : builder(context), loc(builder.getUnknownLoc()), random(seed) {}

  OwningOpRef<ModuleOp> generate() {
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    builder.setInsertionPointToEnd(module->getBody());
    bool images = chance(3);
    Type input = images ? tensorType({1, 4, 4, pick({2, 3})})
                        : tensorType({1, pick({3, 5}), pick({4, 6})});
    function = func::FuncOp::create(builder, loc, "main",
                                    builder.getFunctionType({input}, {}));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Value x = function.getArgument(0);
    images ? imageNetwork(x) : tokenNetwork(x);
    func::ReturnOp::create(builder, loc, outputs);
    SmallVector<Type> types;
    for (Value output : outputs)
      types.push_back(output.getType());
    function.setFunctionType(builder.getFunctionType({input}, types));
    return module;
  }

private:
  //===-- Dice ------------------------------------------------------------===//

  // True once in `n`.
  bool chance(unsigned n) { return random() % n == 0; }
  int64_t pick(std::initializer_list<int64_t> choices) {
    return *(choices.begin() + random() % choices.size());
  }
  double normal() { return std::normal_distribution<double>()(random); }

  //===-- Constants -------------------------------------------------------===//

  RankedTensorType tensorType(ArrayRef<int64_t> shape) {
    return RankedTensorType::get(shape, builder.getF64Type());
  }
  Value constant(ArrayRef<int64_t> shape, std::vector<double> data) {
    return nn::createConstant(builder, loc, tensorType(shape), data);
  }
  Value normals(ArrayRef<int64_t> shape, double deviation) {
    std::vector<double> data(tensorType(shape).getNumElements());
    for (double &x : data)
      x = normal() * deviation;
    return constant(shape, data);
  }
  Value weight(int64_t in, int64_t out) {
    return normals({in, out}, 1 / std::sqrt(double(in)));
  }
  Value filter(int64_t out, int64_t kernel, int64_t in) {
    return normals({out, kernel, kernel, in},
                   1 / std::sqrt(double(in * kernel * kernel)));
  }
  // Numbers around 1, at times all equal, negative or 0.
  Value gain(int64_t size) {
    std::vector<double> data(size, 1.5);
    if (!chance(4))
      for (double &x : data)
        x = std::exp(normal() / 2);
    if (chance(6))
      data[0] = -data[0];
    if (chance(10))
      data[0] = 0;
    return constant({size}, data);
  }
  int64_t sizeOf(Value x, int64_t axis) {
    return cast<RankedTensorType>(x.getType()).getDimSize(axis);
  }
  int64_t lastSize(Value x) {
    return cast<RankedTensorType>(x.getType()).getShape().back();
  }

  //===-- Ops -------------------------------------------------------------===//

  template <typename Op, typename... Arguments> Value make(Arguments... args) {
    return Op::create(builder, loc, args...);
  }
  Value reshape(Value x, ArrayRef<int64_t> shape) {
    return make<nn::ReshapeOp>(x, ValueRange(), shape);
  }
  Value transpose(Value x, ArrayRef<int64_t> perm) {
    return make<nn::TransposeOp>(x, perm);
  }
  Value slice(Value x, int64_t axis, int64_t begin, int64_t size) {
    auto shape = cast<RankedTensorType>(x.getType()).getShape();
    SmallVector<int64_t> offsets(shape.size(), 0), sizes(shape),
        strides(shape.size(), 1);
    offsets[axis] = begin, sizes[axis] = size;
    return make<nn::SliceOp>(x, ValueRange(), ValueRange(), offsets, sizes,
                             strides);
  }
  Value concat(ArrayRef<Value> inputs, int64_t axis) {
    return make<nn::ConcatOp>(ValueRange(inputs), axis);
  }
  Value add(Value a, Value b) {
    return chance(2) ? make<nn::AddOp>(a, b) : make<nn::AddOp>(b, a);
  }

  // A matrix, at times with a bias, at times a constant used before.
  Value linear(Value x, int64_t out) {
    int64_t in = lastSize(x);
    Value matrix;
    for (Value known : matrices)
      if (sizeOf(known, 0) == in && sizeOf(known, 1) == out && chance(6))
        matrix = known;
    if (!matrix)
      matrices.push_back(matrix = weight(in, out));
    Value y = make<nn::MatMulOp>(x, matrix);
    if (chance(2))
      y = add(y, normals({out}, 0.5));
    return y;
  }

  Value activation(Value x) {
    FloatAttr low = builder.getF32FloatAttr(chance(3) ? -0.75f : 0.0f);
    switch (random() % 12) {
    case 0:
    case 1:
      return make<nn::ReluOp>(x);
    case 2:
      return make<nn::GeluOp>(x);
    case 3:
      return make<nn::SiluOp>(x);
    case 4:
      return make<nn::LeakyReluOp>(x, builder.getF32FloatAttr(0.125f));
    case 5:
      return make<nn::ClipOp>(x, low, builder.getF32FloatAttr(1.0f));
    case 6:
      return make<nn::TanhOp>(x);
    case 7:
      return make<nn::AbsOp>(x);
    case 8:
      return make<nn::MaxOp>(x, normals({lastSize(x)}, 0.3));
    case 9:
      return make<nn::MinOp>(x, constant({}, {0.4}));
    case 10:
      return make<nn::NegOp>(x);
    default:
      return x;
    }
  }

  // What may stand between two layers without being one.
  Value detail(Value x) {
    int64_t n = lastSize(x);
    switch (random() % 12) {
    case 0:
      return make<nn::MulOp>(x, gain(n));
    case 1: {
      std::vector<double> data(n);
      for (double &d : data)
        d = std::exp(normal() / 2);
      return make<nn::DivOp>(x, constant({n}, data));
    }
    case 2:
      return make<nn::MulOp>(constant({}, {0.7}), x);
    case 3:
      return make<nn::AddOp>(x, constant({1}, {0.3}));
    case 4:
      return make<nn::SubOp>(normals({n}, 0.3), x);
    case 5: { // Channels choose apart.
      Value where = make<nn::LessOp>(x, constant({}, {0.1}));
      return make<nn::SelectOp>(where, x, constant({}, {0.5}));
    }
    case 6: { // All channels of a row choose alike.
      int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
      Value where =
          make<nn::LessOp>(slice(x, rank - 1, 0, 1), constant({}, {0.1}));
      return make<nn::SelectOp>(where, x, make<nn::NegOp>(x));
    }
    case 7:
      return chance(2) ? make<nn::SoftmaxOp>(x) : x;
    case 8: { // Cut apart and put together, at times the other way round.
      int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
      int64_t border = 1 + random() % (n - 1);
      Value a = slice(x, rank - 1, 0, border);
      Value b = slice(x, rank - 1, border, n - border);
      return chance(2) ? concat({a, b}, rank - 1) : concat({b, a}, rank - 1);
    }
    default:
      return x;
    }
  }

  Value norm(Value x) {
    int64_t n = lastSize(x);
    FloatAttr epsilon = builder.getF32FloatAttr(1e-5f);
    if (chance(2))
      return make<nn::RMSNormOp>(x, gain(n), epsilon);
    return make<nn::LayerNormOp>(
        x, gain(n), chance(2) ? normals({n}, 0.5) : Value(), epsilon);
  }

  //===-- Tokens [1, S, C] ------------------------------------------------===//

  Value feedForward(Value x) {
    int64_t n = lastSize(x), hidden = pick({6, 8, 12});
    switch (random() % 4) {
    case 0: { // Gated; the gate may be linear.
      Value gate = activation(linear(x, hidden)), up = linear(x, hidden);
      Value product =
          chance(2) ? make<nn::MulOp>(gate, up) : make<nn::MulOp>(up, gate);
      return linear(product, n);
    }
    case 1: { // Gate and up from one product.
      Value both = linear(x, 2 * hidden);
      Value gate = slice(both, 2, 0, hidden),
            up = slice(both, 2, hidden, hidden);
      return linear(make<nn::MulOp>(make<nn::SiluOp>(gate), up), n);
    }
    default:
      return linear(detail(activation(linear(x, hidden))), n);
    }
  }

  // [1, S, H * D] -> [1, H, S, D].
  Value splitHeads(Value x, int64_t heads) {
    int64_t size = lastSize(x) / heads;
    return transpose(reshape(x, {1, sizeOf(x, 1), heads, size}), {0, 2, 1, 3});
  }

  // x cos + rotate(x) sin, for x [1, H, S, D].
  Value rotary(Value x, Value cos, Value sin) {
    int64_t half = lastSize(x) / 2;
    Value a = slice(x, 3, 0, half), b = slice(x, 3, half, half);
    Value turned = concat({make<nn::NegOp>(b), a}, 3);
    return make<nn::AddOp>(make<nn::MulOp>(x, cos),
                           make<nn::MulOp>(turned, sin));
  }

  Value repeatHeads(Value x, int64_t times) {
    int64_t heads = sizeOf(x, 1), length = sizeOf(x, 2), size = sizeOf(x, 3);
    if (times == 1)
      return x;
    Value y = reshape(x, {1, heads, 1, length, size});
    y = make<nn::BroadcastToOp>(
        y, ValueRange(), ArrayRef<int64_t>{1, heads, times, length, size});
    return reshape(y, {1, heads * times, length, size});
  }

  // Heads [1, H, S, D] of q in groups of `times`, with keys and values that are
  // computed or constants, as those of a learned prompt, each of one group.
  Value groupedAttention(Value x, Value q, Value k, Value v, int64_t times) {
    int64_t heads = sizeOf(k, 1), length = sizeOf(x, 1), size = lastSize(q);
    SmallVector<int64_t> shared{1, heads, 1, length, size};
    q = reshape(q, {1, heads, times, length, size});
    k = chance(2) ? normals(shared, 1) : reshape(k, shared);
    v = chance(2) ? normals(shared, 1) : reshape(v, shared);
    Value o = make<nn::AttentionOp>(q, k, v, Value(),
                                    builder.getF32FloatAttr(0.5f));
    o = transpose(o, {0, 3, 1, 2, 4});
    return linear(reshape(o, {1, length, heads * times * size}), lastSize(x));
  }

  Value attention(Value x) {
    int64_t shared = pick({1, 2}), times = pick({1, 1, 2, 3});
    int64_t heads = shared * times, size = pick({2, 4}), length = sizeOf(x, 1);
    Value q, k, v;
    switch (times == 1 ? random() % 3 : 2) {
    case 0: { // Fused, cut by slices.
      Value all = linear(x, 3 * heads * size);
      q = splitHeads(slice(all, 2, 0, heads * size), heads);
      k = splitHeads(slice(all, 2, heads * size, heads * size), heads);
      v = splitHeads(slice(all, 2, 2 * heads * size, heads * size), heads);
      break;
    }
    case 1: { // Fused, cut by a reshape.
      Value all =
          reshape(linear(x, 3 * heads * size), {1, length, 3, heads, size});
      all = transpose(all, {2, 0, 3, 1, 4});
      auto part = [&](int64_t i) {
        return reshape(slice(all, 0, i, 1), {1, heads, length, size});
      };
      q = part(0), k = part(1), v = part(2);
      break;
    }
    default:
      q = splitHeads(linear(x, heads * size), heads);
      k = splitHeads(linear(x, shared * size), shared);
      v = splitHeads(linear(x, shared * size), shared);
    }
    if (chance(12))
      v = k;
    if (chance(4))
      q = norm(q), k = norm(k);
    if (chance(3)) {
      Value angle = make<nn::MatMulOp>(normals({length, 1}, 1),
                                       normals({1, size / 2}, 1));
      Value angles = concat({angle, angle}, 1);
      Value cos = make<nn::CosOp>(angles), sin = make<nn::SinOp>(angles);
      q = rotary(q, cos, sin), k = rotary(k, cos, sin);
    }
    if (times > 1 && chance(3))
      return groupedAttention(x, q, k, v, times);
    k = repeatHeads(k, times), v = repeatHeads(v, times);
    Value o;
    if (chance(2)) {
      Value mask = chance(2) ? normals({1, 1, length, length}, 1) : Value();
      o = make<nn::AttentionOp>(q, k, v, mask, builder.getF32FloatAttr(0.5f));
    } else {
      Value scores = make<nn::MatMulOp>(q, transpose(k, {0, 1, 3, 2}));
      scores = make<nn::MulOp>(scores, constant({}, {0.5}));
      o = make<nn::MatMulOp>(make<nn::SoftmaxOp>(scores), v);
    }
    o = reshape(transpose(o, {0, 2, 1, 3}), {1, length, heads * size});
    return linear(o, lastSize(x));
  }

  Value layer(Value x) {
    if (chance(10)) // A linear layer over positions.
      return linear(make<nn::CumSumOp>(x, int64_t(1), false, chance(2)),
                    lastSize(x));
    return chance(2) ? attention(x) : feedForward(x);
  }

  void tokenNetwork(Value x) {
    int64_t n = pick({4, 6, 8});
    Value table;
    if (chance(2)) {
      table = normals({7, n}, 1);
      std::vector<int64_t> ids;
      for (int64_t i = 0; i < sizeOf(x, 1); ++i)
        ids.push_back(random() % 7);
      auto type =
          RankedTensorType::get({1, sizeOf(x, 1)}, builder.getI64Type());
      Value looked = make<nn::GatherOp>(
          table, nn::createConstant(builder, loc, type, ids));
      x = add(linear(x, n), looked);
    } else {
      x = linear(x, n);
    }
    if (chance(2))
      x = add(x, normals({1, sizeOf(x, 1), n}, 0.5));
    if (chance(3))
      x = concat({normals({1, 1, n}, 1), x}, 1);
    if (chance(4))
      x = norm(x);
    bool before = chance(2), residual = !chance(5);
    for (unsigned i = 0, layers = 1 + random() % 3; i < layers; ++i) {
      Value y = layer(before ? norm(x) : x);
      y = residual ? add(x, y) : y;
      x = before ? y : norm(y);
      if (chance(4))
        x = detail(x);
      if (chance(12)) // Someone else looks at the stream.
        outputs.push_back(chance(2) ? x : linear(x, 3));
    }
    if (before)
      x = norm(x);
    if (chance(3))
      x = make<nn::ReduceMeanOp>(x, ArrayRef<int64_t>{1}, false);
    outputs.push_back(table && chance(2)
                          ? make<nn::MatMulOp>(x, transpose(table, {1, 0}))
                          : linear(x, 3));
  }

  //===-- Images [1, H, W, C] ---------------------------------------------===//

  Value conv(Value x, Value filter, int64_t pad, int64_t groups = 1) {
    SmallVector<int64_t> one{1, 1}, pads(4, pad);
    return make<nn::ConvOp>(x, filter, ArrayRef<int64_t>(one),
                            ArrayRef<int64_t>(pads), ArrayRef<int64_t>(one),
                            groups, int64_t(0));
  }

  Value squeeze(Value x) {
    int64_t n = lastSize(x);
    Value y = make<nn::ReduceMeanOp>(x, ArrayRef<int64_t>{1, 2}, true);
    y = make<nn::ReluOp>(conv(y, filter(2, 1, n), 0));
    return make<nn::MulOp>(x, make<nn::SigmoidOp>(conv(y, filter(n, 1, 2), 0)));
  }

  Value shuffle(Value x) {
    int64_t n = lastSize(x), h = sizeOf(x, 1), w = sizeOf(x, 2);
    Value y = transpose(reshape(x, {1, h, w, 2, n / 2}), {0, 1, 2, 4, 3});
    return reshape(y, {1, h, w, n});
  }

  Value imageLayer(Value x) {
    int64_t n = lastSize(x);
    SmallVector<int64_t> two{2, 2}, one{1, 1}, none(4, 0), ones(4, 1);
    switch (random() % 8) {
    case 0:
      return conv(x, filter(n, 3, 1), 1, n); // Depthwise.
    case 1:
      return conv(x, filter(n, 3, n / 2), 1, 2);
    case 2:
      return squeeze(x);
    case 3: { // Branches.
      Value a = conv(x, filter(n / 2, 1, n), 0),
            b = conv(x, filter(n / 2, 3, n), 1);
      return concat({activation(a), b}, 3);
    }
    case 4:
      return shuffle(x);
    case 5: {
      SmallVector<int64_t> three{3, 3};
      if (chance(2))
        return make<nn::MaxPoolOp>(
            x, ArrayRef<int64_t>(three), ArrayRef<int64_t>(one),
            ArrayRef<int64_t>(ones), ArrayRef<int64_t>(one));
      return make<nn::AvgPoolOp>(
          x, ArrayRef<int64_t>(three), ArrayRef<int64_t>(one),
          ArrayRef<int64_t>(ones), ArrayRef<int64_t>(one), false);
    }
    case 6: { // Padding that is or is not 0.
      SmallVector<int64_t> sides{0, 1, 1, 0};
      Value y = make<nn::PadOp>(x, ArrayRef<int64_t>(sides),
                                ArrayRef<int64_t>(sides), nn::PadMode::constant,
                                llvm::APFloat(chance(2) ? 0.0f : 0.5f));
      return conv(y, filter(n, 3, n), 0);
    }
    default:
      return conv(x, filter(n, pick({1}), n), 0);
    }
  }

  void imageNetwork(Value x) {
    int64_t n = pick({4, 8});
    x = conv(x, filter(n, 3, lastSize(x)), 1);
    for (unsigned i = 0, layers = 2 + random() % 4; i < layers; ++i) {
      Value y = imageLayer(x);
      if (chance(2))
        y = add(y, normals({n}, 0.5));
      y = detail(activation(y));
      x = chance(3) ? add(x, y) : y;
    }
    if (chance(2))
      x = make<nn::ReduceMeanOp>(x, ArrayRef<int64_t>{1, 2}, false);
    else if (chance(2))
      x = make<nn::ReduceMaxOp>(x, ArrayRef<int64_t>{1, 2}, false);
    else
      x = reshape(x, {1, 16 * n});
    outputs.push_back(linear(x, 3));
  }

  OpBuilder builder;
  Location loc;
  std::mt19937 random;
  func::FuncOp function;
  SmallVector<Value> outputs;
  std::vector<Value> matrices;
};

} // namespace

OwningOpRef<ModuleOp> randomNetwork(MLIRContext *context, unsigned seed) {
  return Generator(context, seed).generate();
}

} // namespace qopt

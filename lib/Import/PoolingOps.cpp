// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pools over windows and over all of space. The dialect pools two axes; windows
// are separable, so that more axes, and what its ops do not count or compute,
// go one axis at a time over slices.
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

Window readPool(NodeImport &node, Value &x,
                std::optional<double> padding = std::nullopt) {
  if (!node.hasAttribute("kernel_shape"))
    node.bad("expected the attribute 'kernel_shape', found none");
  Window window =
      readWindow(node, x, node.integers("kernel_shape"), padding);
  if (node.integer("ceil_mode", 0))
    applyCeilMode(node, x, window);
  return window;
}

// The last two spatial axes of a window.
Window lastTwo(const Window &window) {
  auto tail = [](ArrayRef<int64_t> list) {
    return SmallVector<int64_t>(list.take_back(2));
  };
  ArrayRef<int64_t> pads(window.pads);
  Window result;
  result.kernel = tail(window.kernel);
  result.strides = tail(window.strides);
  result.dilations = tail(window.dilations);
  result.pads = tail(pads.drop_back(window.rank()));
  llvm::append_range(result.pads, pads.take_back(2));
  return result;
}

// pool(x of rank 4) for x [N, S.., H, W, C]: the axes before H join the batch.
Value poolImages(NodeImport &node, Value x,
                 llvm::function_ref<Value(Value)> pool) {
  Scalars sizes = node.dims(x);
  if (sizes.size() == 4)
    return pool(x);
  ArrayRef<Scalar> all(sizes);
  Scalars images{node.math().product(all.drop_back(3))};
  llvm::append_range(images, all.take_back(3));
  Value y = pool(node.reshape(x, images));
  Scalars result(all.drop_back(3));
  result.append(node.dims(y).begin() + 1, node.dims(y).end());
  return node.reshape(y, result);
}

Value maxPool(NodeImport &node, Value x, const Window &window) {
  double lowest = lowestNumber(node, x);
  for (int64_t i = 0; i + 2 < window.rank(); ++i)
    x = reduceWindow<nn::MaxOp>(node, x, i + 1, window.axis(i), lowest);
  return poolImages(node, x, [&](Value images) {
    return node.create<nn::MaxPoolOp>(images,
                                      lastTwo(window).attributes(node, true));
  });
}

// A maximum and where it was found.
struct Maximum {
  Value value, position; // position -1: in the padding
};

// Along one axis; the first of equal ones, as scanning row-major finds it. The
// window starts with what padding holds, which any element beats.
Maximum maximumAlong(NodeImport &node, const Maximum &x, int64_t axis,
                     const AxisWindow &window, double lowest) {
  Maximum best;
  auto values = windowSlices(node, x.value, axis, window, lowest);
  auto positions = windowSlices(node, x.position, axis, window, -1);
  Value none = node.splat(0, x.position);
  for (auto [value, position] : llvm::zip_equal(values, positions)) {
    if (!best.value) {
      best = {value, position};
      continue;
    }
    Value better = node.create<nn::OrOp>(
        {node.create<nn::GreaterOp>({value, best.value}),
         node.create<nn::LessOp>({best.position, none})});
    best = {node.create<nn::SelectOp>({better, value, best.value}),
            node.create<nn::SelectOp>({better, position, best.position})};
  }
  return best;
}

// Indices count the elements of the whole tensor; storage_order = 1 counts the
// spatial axes of a channel the other way round, the first the fastest.
void maxPoolWithIndices(NodeImport &node, Value x, const Window &window) {
  IndexMath &math = node.math();
  int64_t axes = node.rank(x) - 2, skip = window.isOneDimensional;
  Scalars sizes = node.dims(x);
  ArrayRef<Scalar> space = ArrayRef<Scalar>(sizes).drop_front(2);
  bool columnMajor = node.integer("storage_order", 0);
  Value position;
  for (int64_t i = 0; i < axes; ++i) {
    Scalar stride = math.product(columnMajor ? space.take_front(i)
                                             : space.drop_front(i + 1));
    Value at = scaledPositions(node, sizes[i + 2], stride, axes - 1 - i);
    position = position ? node.create<nn::AddOp>({position, at}) : at;
  }
  double lowest = lowestNumber(node, x);
  Maximum best{x, position};
  for (int64_t i = 0; i < axes; ++i)
    // Positions lack the leading axes until the first selection.
    best = maximumAlong(node,
                        {best.value, node.broadcastTo(best.position,
                                                      node.dims(best.value))},
                        i + 2, window.axis(i + skip), lowest);
  Scalar volume = math.product(space);
  Value channel = scaledPositions(node, sizes[1], volume, axes);
  Value image =
      scaledPositions(node, sizes[0], math.mul(sizes[1], volume), axes + 1);
  Value indices = node.create<nn::AddOp>(
      {node.create<nn::AddOp>({best.position, channel}), image});
  node.result(best.value);
  node.result(indices, 1);
}

void importMaxPool(NodeImport &node) {
  Value x = node.input(0);
  if (node.wantsOutput(1))
    return maxPoolWithIndices(node, x, readPool(node, x));
  Window window = readPool(node, x, lowestNumber(node, x));
  Value y = maxPool(node, toChannelsLast(node, x), window);
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

// The sum over windows of x [N, S.., C], one axis after the other.
Value sumPool(NodeImport &node, Value x, const Window &window) {
  for (int64_t i = 0; i < window.rank(); ++i)
    x = reduceWindow<nn::AddOp>(node, x, i + 1, window.axis(i), 0);
  return x;
}

// The number of elements a window counts along one axis, for each output, as a
// tensor that broadcasts over [N, S.., C]: the sum of a window over ones.
Value countAlong(NodeImport &node, Value x, const Window &window, int64_t i,
                 bool countsPadding) {
  AxisWindow axis = window.axis(i);
  int64_t size = node.typeOf(x).getDimSize(i + 1);
  if (!ShapedType::isDynamic(size)) {
    int64_t before = countsPadding ? axis.low : 0;
    int64_t after = countsPadding ? axis.high - window.ceilPads[i] : 0;
    node.limitConstant({size + axis.low + axis.high, axis.kernel});
    SmallVector<double> counts;
    for (int64_t o = 0; o * axis.stride + axis.span() <=
                        axis.low + size + axis.high;
         ++o) {
      counts.push_back(0);
      for (int64_t tap = 0; tap < axis.kernel; ++tap) {
        int64_t at = o * axis.stride + tap * axis.dilation - axis.low;
        counts.back() += at >= -before && at < size + after;
      }
    }
    SmallVector<int64_t> shape(node.rank(x), 1);
    shape[i + 1] = counts.size();
    return node.constant(counts, shape, node.elementOf(x), "counts");
  }
  Scalars ones(node.rank(x), Scalar::ofInt(1));
  ones[i + 1] = node.dims(x)[i + 1];
  Value count = node.broadcastTo(
      node.splat(1, x, SmallVector<int64_t>(node.rank(x), 1)), ones);
  if (countsPadding) { // The padding that ceil_mode adds never counts.
    int64_t proper = axis.high - window.ceilPads[i];
    count = padAxis(node, count, i + 1, axis.low, proper, 1);
    axis.low = 0;
    axis.high = window.ceilPads[i];
  }
  return reduceWindow<nn::AddOp>(node, count, i + 1, axis, 0);
}

Value averagePool(NodeImport &node, Value x, const Window &window,
                  bool countsPadding) {
  bool extends =
      llvm::any_of(window.ceilPads, [](int64_t pad) { return pad > 0; });
  if (window.rank() == 2 && !node.elementOf(x).isF64() &&
      !(countsPadding && extends)) {
    SmallVector<NamedAttribute> attributes = window.attributes(node, true);
    attributes.push_back(node.attr(
        "count_include_pad", node.builder().getBoolAttr(countsPadding)));
    return node.create<nn::AvgPoolOp>(x, attributes);
  }
  Type element = node.elementOf(x);
  bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  if (narrow)
    x = node.cast(x, node.builder().getF32Type());
  Value count;
  for (int64_t i = 0; i < window.rank(); ++i) {
    Value along = countAlong(node, x, window, i, countsPadding);
    count = count ? node.create<nn::MulOp>({count, along}) : along;
  }
  return node.cast(
      node.create<nn::DivOp>({sumPool(node, x, window), count}), element);
}

void importAveragePool(NodeImport &node) {
  Value x = node.input(0), whole = x;
  Window window = readPool(node, x, 0.0);
  bool countsPadding = node.integer("count_include_pad", 0);
  // Padding found at run time is part of x: what it takes from an average is
  // what it takes from that of ones.
  bool corrects = x != whole && !countsPadding;
  auto average = [&](Value of) {
    return averagePool(node, toChannelsLast(node, of), window,
                       countsPadding || corrects);
  };
  Value y = average(x);
  if (corrects) {
    Scalars sizes = node.dims(whole);
    sizes[0] = sizes[1] = Scalar::ofInt(1);
    Value ones = node.broadcastTo(
        node.splat(1, x, SmallVector<int64_t>(node.rank(x), 1)), sizes);
    readPool(node, ones, 0.0);
    y = node.create<nn::DivOp>({y, average(ones)});
  }
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

template <typename OpTy> void importGlobalPool(NodeImport &node) {
  Value x = node.input(0);
  if (node.rank(x) < 2)
    node.bad("expected a tensor of rank 2 or more, found " +
             shapeText(node.typeOf(x).getShape()));
  SmallVector<int64_t> axes;
  for (int64_t axis = 2; axis < node.rank(x); ++axis)
    axes.push_back(axis);
  if (axes.empty())
    return node.forward(0);
  node.result(node.reduce<OpTy>(x, axes));
}

//===-- Norms of windows --------------------------------------------------===//

// |x|^p, and its inverse for a sum of such.
Value absolutePower(NodeImport &node, Value x, int64_t p) {
  if (p == 2)
    return node.create<nn::MulOp>({x, x});
  Value size = node.create<nn::AbsOp>(x);
  return p == 1 ? size : node.create<nn::PowOp>({size, node.splat(p, x)});
}

Value root(NodeImport &node, Value x, int64_t p) {
  if (p == 2)
    return node.create<nn::SqrtOp>(x);
  return p == 1 ? x : node.create<nn::PowOp>({x, node.splat(1.0 / p, x)});
}

int64_t readPower(NodeImport &node) {
  int64_t p = node.integer("p", 2);
  if (p < 1)
    node.bad("expected p to be 1 or more, found " + Twine(p));
  return p;
}

void importLpPool(NodeImport &node) {
  Value x = node.input(0);
  Window window = readPool(node, x, 0.0);
  int64_t p = readPower(node);
  Value powers = absolutePower(node, toChannelsLast(node, x), p);
  Value y = root(node, sumPool(node, powers, window), p);
  node.result(toChannelsFirst(node, y, window.isOneDimensional));
}

void importGlobalLpPool(NodeImport &node) {
  Value x = node.input(0);
  int64_t p = readPower(node);
  if (node.rank(x) < 3)
    node.bad("expected a tensor of rank 3 or more, found " +
             shapeText(node.typeOf(x).getShape()));
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(2, node.rank(x)));
  Value sum = node.reduce<nn::ReduceSumOp>(absolutePower(node, x, p), axes);
  node.result(root(node, sum, p));
}

void importLpNormalization(NodeImport &node) {
  Value x = node.input(0);
  int64_t axis = node.axis(node.integer("axis", -1), node.rank(x));
  int64_t p = readPower(node);
  Value sum = node.reduce<nn::ReduceSumOp>(absolutePower(node, x, p), {axis});
  Value norm = root(node, sum, p), zero = node.splat(0, x);
  // What has no length stays 0.
  Value isZero = node.create<nn::EqualOp>({norm, zero});
  norm = node.create<nn::SelectOp>({isZero, node.splat(1, x), norm});
  node.result(node.create<nn::DivOp>({x, norm}));
}

//===-- Unpooling ---------------------------------------------------------===//

// Elements go where their indices say in a tensor of zeros.
void importMaxUnpool(NodeImport &node) {
  Value x = node.input(0), indices = node.input(1);
  IndexMath &math = node.math();
  Scalars sizes = node.dims(x);
  if (node.rank(x) < 3)
    node.bad("expected a tensor of rank 3 or more, found " +
             shapeText(node.typeOf(x).getShape()));
  if (!node.hasAttribute("kernel_shape"))
    node.bad("expected the attribute 'kernel_shape', found none");
  size_t count = sizes.size() - 2;
  SmallVector<int64_t> kernel = spatialList(node, "kernel_shape", count, 1);
  SmallVector<int64_t> strides = spatialList(node, "strides", count, 1);
  SmallVector<int64_t> pads = spatialList(node, "pads", 2 * count, 0);
  Scalars natural = sizes;
  for (size_t i = 0; i < count; ++i)
    natural[i + 2] = math.add(
        math.mul(math.sub(sizes[i + 2], Scalar::ofInt(1)),
                 Scalar::ofInt(strides[i])),
        Scalar::ofInt(kernel[i] - pads[i] - pads[i + count]));
  Scalars wanted = natural;
  if (node.hasInput(2))
    wanted = node.numbers(2, "output_shape");
  if (wanted.size() != sizes.size())
    node.bad("expected an output_shape of " + Twine(sizes.size()) +
             " sizes, found " + Twine(wanted.size()));
  Type i64 = node.builder().getI64Type();
  indices = node.cast(indices, i64);
  // Indices count the elements of the natural output; a larger one has the same
  // elements at other places.
  if (!(wanted == natural)) {
    Value rest = indices, moved;
    for (size_t axis = sizes.size(); axis-- > 0;) {
      Value size = scalarTensor(node, natural[axis]);
      Value above = node.create<nn::DivOp>({rest, size});
      Value at = node.create<nn::SubOp>(
          {rest, node.create<nn::MulOp>({above, size})});
      Value stride = scalarTensor(
          node, math.product(ArrayRef<Scalar>(wanted).drop_front(axis + 1)));
      at = node.create<nn::MulOp>({at, stride});
      moved = moved ? node.create<nn::AddOp>({moved, at}) : at;
      rest = above;
    }
    indices = moved;
  }
  Scalars all{math.product(wanted)}, given{math.product(sizes)};
  Value zeros = node.broadcastTo(node.splat(0, x, {1}), all);
  Value flat = node.create<nn::ScatterOp>(
      {zeros, node.reshape(indices, given), node.reshape(x, given)});
  node.result(node.reshape(flat, wanted));
}

constexpr OpEntry rows[] = {
    {"AveragePool", 1, 1, importAveragePool},
    {"GlobalAveragePool", 1, 1, importGlobalPool<nn::ReduceMeanOp>},
    {"GlobalLpPool", 1, 1, importGlobalLpPool},
    {"GlobalMaxPool", 1, 1, importGlobalPool<nn::ReduceMaxOp>},
    {"LpNormalization", 1, 1, importLpNormalization},
    {"LpPool", 1, 1, importLpPool},
    {"MaxPool", 1, 1, importMaxPool},
    {"MaxUnpool", 2, 3, importMaxUnpool},
};
} // namespace

ArrayRef<OpEntry> poolingOps() { return rows; }

} // namespace qopt::import

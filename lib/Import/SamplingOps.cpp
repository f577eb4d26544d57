// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GridSample, AffineGrid, RoiAlign and DeformConv: pixels between pixels.
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"
#include "lib/Import/Sampling.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

// [N, C, S..] as rows of channels: [N * S.., C].
Value pixelRows(NodeImport &node, Value x) {
  Value last = toChannelsLast(node, x);
  Scalars sizes = node.dims(last);
  return node.reshape(
      last, {node.math().product(ArrayRef<Scalar>(sizes).drop_back()),
             sizes.back()});
}

// Whether a dimension is, or may turn out to be, `wanted`.
bool mayBe(int64_t size, int64_t wanted) {
  return ShapedType::isDynamic(size) || size == wanted;
}

// The type in which places are computed.
Type placeType(NodeImport &node, Value x) {
  return node.elementOf(x).isF64() ? Type(node.builder().getF64Type())
                                   : node.builder().getF32Type();
}

//===-- GridSample --------------------------------------------------------===//

enum class Outside { zeros, border, reflection };

class GridSampler {
public:
  explicit GridSampler(NodeImport &node) : node(node), a{node} {
    mode = node.text("mode", "linear");
    if (mode == "bilinear")
      mode = "linear";
    if (mode == "bicubic")
      mode = "cubic";
    if (mode != "linear" && mode != "nearest" && mode != "cubic")
      node.bad("mode '" + mode + "' is unknown");
    std::string padding = node.text("padding_mode", "zeros");
    if (padding == "border")
      outside = Outside::border;
    else if (padding == "reflection")
      outside = Outside::reflection;
    else if (padding != "zeros")
      node.bad("padding_mode '" + padding + "' is unknown");
    alignsCorners = node.integer("align_corners", 0);
  }

  bool interpolates() const { return mode != "nearest"; }

  /// The neighbours along an axis of `size` of places in [-1, 1].
  SmallVector<Neighbour> neighbours(Value grid, const Scalar &size) {
    Type element = node.elementOf(grid);
    length = a.size(size, element);
    last = a.sub(length, 1.0);
    low = node.splat(alignsCorners ? 0 : -0.5, length);
    high = alignsCorners ? last : a.sub(length, 0.5);
    Value at = a.add(grid, 1.0);
    at = alignsCorners ? a.mul(at, a.mul(last, 0.5))
                       : a.mul(a.sub(a.mul(at, length), 1.0), 0.5);
    if (!interpolates())
      at = node.create<nn::RoundOp>(at);
    at = foldPlace(at);
    if (!interpolates())
      return {neighbour(at, {})};
    Value floor = a.floor(at), fraction = a.sub(at, floor);
    if (mode == "linear")
      return {neighbour(floor, a.sub(node.splat(1, fraction), fraction)),
              neighbour(a.add(floor, 1.0), fraction)};
    SmallVector<Neighbour> result;
    for (double step : {-1.0, 0.0, 1.0, 2.0})
      result.push_back(neighbour(a.add(floor, step),
                                 cubicWeight(a.abs(a.sub(fraction, step)),
                                             step == 0 || step == 1)));
    return result;
  }

private:
  // Mirrored at `low` and `high` until it lies between them.
  Value reflect(Value at) {
    Value range = a.max(a.sub(high, low), 1e-6); // One pixel has no range.
    Value from = a.sub(at, low), period = a.mul(range, 2.0);
    Value rest = a.sub(from, a.mul(a.floor(a.div(from, period)), period));
    return a.add(low, a.sub(range, a.abs(a.sub(rest, range))));
  }
  Value foldPlace(Value at) {
    if (outside == Outside::zeros)
      return at;
    Value folded = outside == Outside::reflection
                       ? reflect(at)
                       : a.max(a.min(at, last), 0.0);
    Value isInside =
        a.both(node.create<nn::GreaterEqualOp>({at, low}),
               node.create<nn::LessEqualOp>({at, high}));
    return a.select(isInside, at, folded);
  }
  Neighbour neighbour(Value at, Value weight) {
    Value inside;
    if (outside == Outside::zeros)
      inside = a.both(node.create<nn::GreaterEqualOp>({at, node.splat(0, at)}),
                      node.create<nn::LessEqualOp>({at, last}));
    else if (outside == Outside::reflection)
      at = reflect(at);
    Value index = a.max(a.min(at, last), 0.0);
    return {node.cast(index, node.builder().getI64Type()), weight, inside};
  }
  // Keys' cubic kernel with a = -0.75 at distance d, within 1 or from 1 to 2.
  Value cubicWeight(Value d, bool isNear) {
    constexpr double c = -0.75;
    if (isNear)
      return a.add(a.mul(a.mul(a.sub(a.mul(d, c + 2), c + 3), d), d), 1.0);
    Value y = a.add(a.mul(d, c), -5 * c);
    return a.add(a.mul(a.add(a.mul(y, d), 8 * c), d), -4 * c);
  }

  NodeImport &node;
  Arithmetic a;
  std::string mode;
  Outside outside = Outside::zeros;
  bool alignsCorners;
  Value length, last, low, high;
};

void importGridSample(NodeImport &node) {
  Value x = node.input(0), grid = node.input(1);
  GridSampler sampler(node);
  int64_t axes = node.rank(x) - 2;
  if (axes < 1 || node.rank(grid) != axes + 2 ||
      !mayBe(node.typeOf(grid).getShape().back(), axes))
    node.bad("expected an input [N, C, ..] and a grid [N, .., " + Twine(axes) +
             "], found " + shapeText(node.typeOf(x).getShape()) + " and " +
             shapeText(node.typeOf(grid).getShape()));
  IndexMath &math = node.math();
  Scalars sizes = node.dims(x), places = node.dims(grid);
  ArrayRef<Scalar> space = ArrayRef<Scalar>(sizes).drop_front(2);
  // [N, P]: all places of an image in one axis.
  Scalar count = math.product(ArrayRef<Scalar>(places).slice(1, axes));
  grid = node.cast(grid, placeType(node, x));
  SmallVector<SmallVector<Neighbour>> neighbours;
  for (int64_t i = 0; i < axes; ++i) {
    // The last component of a place belongs to the first spatial axis.
    Scalars offsets(axes + 2, Scalar::ofInt(0)), part = places;
    offsets.back() = Scalar::ofInt(axes - 1 - i);
    part.back() = Scalar::ofInt(1);
    Value along = node.reshape(node.slice(grid, offsets, part),
                               {places[0], count});
    neighbours.push_back(sampler.neighbours(along, space[i]));
  }
  Type element = node.elementOf(x);
  if (sampler.interpolates())
    x = node.cast(x, placeType(node, x));
  Value base = scaledPositions(node, sizes[0], math.product(space), 1);
  Value y = sampleRows(node, pixelRows(node, x), base, neighbours, space);
  y = node.cast(y, element);
  Scalars result = places;
  result.back() = sizes[1];
  y = node.reshape(y, result);
  node.result(toChannelsFirst(node, y, /*isOneDimensional=*/false));
}

//===-- AffineGrid --------------------------------------------------------===//

void importAffineGrid(NodeImport &node) {
  Value theta = node.input(0);
  SmallVector<int64_t> sizes = node.constantIntegers(1, "size");
  int64_t axes = int64_t(sizes.size()) - 2;
  if ((axes != 2 && axes != 3) || node.rank(theta) != 3 ||
      !mayBe(node.typeOf(theta).getDimSize(1), axes) ||
      !mayBe(node.typeOf(theta).getDimSize(2), axes + 1))
    node.bad("expected theta [N, 2, 3] and four sizes, or theta [N, 3, 4] and "
             "five, found " +
             shapeText(node.typeOf(theta).getShape()) + " and " +
             Twine(sizes.size()) + " sizes");
  bool alignsCorners = node.integer("align_corners", 0);
  // Rows (x, y, [z,] 1) of all places, the last axis the fastest.
  SmallVector<double> values;
  node.limitConstant(ArrayRef<int64_t>(sizes).drop_front(2));
  int64_t count = 1;
  for (int64_t size : ArrayRef<int64_t>(sizes).drop_front(2))
    count *= std::max<int64_t>(size, 0);
  for (int64_t place = 0; place < count; ++place) {
    int64_t rest = place;
    for (int64_t axis = axes + 1; axis >= 2; --axis) {
      double n = sizes[axis], i = rest % sizes[axis];
      rest /= sizes[axis];
      values.push_back(alignsCorners ? (n == 1 ? -1 : 2 * i / (n - 1) - 1)
                                     : (2 * i + 1) / n - 1);
    }
    values.push_back(1);
  }
  Value places =
      node.constant(values, {count, axes + 1}, node.elementOf(theta), "grid");
  Value grid = node.create<nn::MatMulOp>(
      {places, node.transpose(theta, {0, 2, 1})});
  Scalars result{node.dims(theta)[0]};
  for (int64_t size : ArrayRef<int64_t>(sizes).drop_front(2))
    result.push_back(Scalar::ofInt(size));
  result.push_back(Scalar::ofInt(axes));
  node.result(node.reshape(grid, result));
}

//===-- RoiAlign ----------------------------------------------------------===//

// The samples of all regions along one axis: [R, bins * samples].
SmallVector<Neighbour> regionNeighbours(NodeImport &node, Value start,
                                        Value length, int64_t bins,
                                        int64_t samples, const Scalar &size) {
  Arithmetic a{node};
  node.limitConstant({bins, samples});
  SmallVector<double> parts; // of a region's length
  for (int64_t bin = 0; bin < bins; ++bin)
    for (int64_t sample = 0; sample < samples; ++sample)
      parts.push_back((bin + (sample + 0.5) / samples) / bins);
  Type element = node.elementOf(start);
  Value at = a.add(start, a.mul(length, node.constant(
                                            parts, {1, bins * samples},
                                            element, "samples")));
  // A sample more than a pixel outside is 0; nearer ones move to the border.
  Value extent = a.size(size, element), last = a.sub(extent, 1.0);
  Value inside =
      a.both(node.create<nn::GreaterEqualOp>({at, node.splat(-1, at)}),
             node.create<nn::LessEqualOp>({at, extent}));
  at = a.max(a.min(at, last), 0.0);
  SmallVector<Neighbour> result = linearNeighbours(node, at, size);
  for (Neighbour &neighbour : result)
    neighbour.inside = inside; // At the border the outer weight is 0.
  return result;
}

void importRoiAlign(NodeImport &node) {
  Arithmetic a{node};
  IndexMath &math = node.math();
  Value x = node.input(0), regions = node.input(1), images = node.input(2);
  std::string mode = node.text("mode", "avg"),
              transform = node.text("coordinate_transformation_mode",
                                    "half_pixel");
  int64_t height = node.integer("output_height", 1),
          width = node.integer("output_width", 1),
          samples = node.integer("sampling_ratio", 0);
  if (mode != "avg" && mode != "max")
    node.bad("mode '" + mode + "' is unknown");
  if (transform != "half_pixel" && transform != "output_half_pixel")
    node.bad("coordinate_transformation_mode '" + transform + "' is unknown");
  if (node.rank(x) != 4 || node.rank(regions) != 2 ||
      !mayBe(node.typeOf(regions).getDimSize(1), 4) || node.rank(images) != 1)
    node.bad("expected an image of rank 4, regions [R, 4] and batch indices "
             "[R]");
  if (height < 1 || width < 1 || samples < 0 || samples > 1 << 16)
    node.bad("expected positive output sizes and a sampling_ratio from 0 to "
             "65536");
  if (samples == 0)
    node.unsupported("sampling_ratio = 0 takes as many samples as the size of "
                     "each region says, which is not supported; export the "
                     "model with a fixed sampling_ratio");
  Scalars sizes = node.dims(x);
  Scalar count = node.dims(regions)[0];
  Type element = node.elementOf(x), place = placeType(node, x);
  regions = node.cast(regions, place);
  double scale = node.real("spatial_scale", 1);
  double offset = transform == "half_pixel" ? 0.5 : 0;
  auto corner = [&](int64_t i) {
    Value part = node.slice(regions, {Scalar::ofInt(0), Scalar::ofInt(i)},
                            {count, Scalar::ofInt(1)});
    return a.sub(a.mul(part, scale), offset);
  };
  SmallVector<SmallVector<Neighbour>> axes;
  for (int64_t i : {0, 1}) { // y, x
    Value start = corner(1 - i), length = a.sub(corner(3 - i), start);
    if (offset == 0)
      length = a.max(length, 1.0);
    int64_t bins = i == 0 ? height : width;
    axes.push_back(regionNeighbours(node, start, length, bins, samples,
                                    sizes[i + 2]));
    // [R, bins * samples] to [R, .., 1] or [R, 1, ..].
    Scalars shape{count, Scalar::ofInt(1), Scalar::ofInt(1)};
    shape[i + 1] = Scalar::ofInt(bins * samples);
    for (Neighbour &neighbour : axes.back())
      for (Value *part :
           {&neighbour.index, &neighbour.weight, &neighbour.inside})
        *part = node.reshape(*part, shape);
  }
  Value image = node.cast(images, node.builder().getI64Type());
  Value base = a.mul(node.reshape(image, {count, Scalar::ofInt(1),
                                          Scalar::ofInt(1)}),
                     scalarTensor(node, math.mul(sizes[2], sizes[3])));
  Value rows = pixelRows(node, node.cast(x, place));
  ArrayRef<Scalar> space = ArrayRef<Scalar>(sizes).drop_front(2);
  Value y = mode == "avg" ? sampleRows<nn::AddOp>(node, rows, base, axes, space)
                          : sampleRows<nn::MaxOp>(node, rows, base, axes, space);
  y = node.reshape(y, {count, Scalar::ofInt(height), Scalar::ofInt(samples),
                       Scalar::ofInt(width), Scalar::ofInt(samples), sizes[1]});
  y = mode == "avg" ? node.reduce<nn::ReduceMeanOp>(y, {2, 4}, false)
                    : node.reduce<nn::ReduceMaxOp>(y, {2, 4}, false);
  node.result(toChannelsFirst(node, node.cast(y, element), false));
}

//===-- DeformConv --------------------------------------------------------===//

// Each tap of each output reads where an offset moves it: samples become the
// columns of a matrix product.
class DeformableConvolution {
public:
  DeformableConvolution(NodeImport &node)
      : node(node), math(node.math()), a{node}, x(node.input(0)),
        filter(node.input(1)), offsets(node.input(2)) {
    auto shape = node.typeOf(filter).getShape();
    if (node.rank(x) != 4 || shape.size() != 4 || node.rank(offsets) != 4)
      node.bad("expected input, filter and offsets of rank 4");
    if (!node.typeOf(filter).hasStaticShape())
      node.unsupported("a filter of dynamic shape is not supported");
    window = readWindow(node, x, shape.drop_front(2));
    taps = shape[2] * shape[3];
    node.limitConstant({taps});
    groups = node.integer("group", 1);
    parts = node.integer("offset_group", 1);
    outputs = shape[0];
    int64_t channels = shape[1] * groups;
    if (groups < 1 || parts < 1 || outputs % groups || channels % parts)
      node.bad("expected groups that divide the channels");
    sizes = node.dims(x);
    Scalars given = node.dims(offsets);
    if (!mayBe(node.typeOf(offsets).getDimSize(1), parts * taps * 2))
      node.bad("expected " + Twine(parts * taps * 2) + " offset channels");
    batch = sizes[0];
    height = given[2];
    width = given[3];
  }

  Value run() {
    Scalar one = Scalar::ofInt(1), part = Scalar::ofInt(parts),
           tap = Scalar::ofInt(taps);
    // Places are [N, OH, OW, taps, parts].
    Value moved = node.reshape(
        offsets, {batch, part, tap, Scalar::ofInt(2), height, width});
    moved = node.transpose(moved, {3, 0, 4, 5, 2, 1});
    SmallVector<SmallVector<Neighbour>> axes{
        along(moved, 0, height, 3), along(moved, 1, width, 2)};
    Scalar volume = math.mul(sizes[2], sizes[3]);
    Scalar stride = math.mul(volume, part);
    Value base = a.add(scaledPositions(node, batch, stride, 4),
                       scaledPositions(node, part, volume, 0));
    // Rows: [N, parts, H, W, channels of a part].
    auto each = math.quotient(sizes[1], part);
    if (!each)
      node.bad("expected offset_group to divide the channels");
    Value rows = node.reshape(x, {batch, part, *each, sizes[2], sizes[3]});
    rows = node.reshape(node.transpose(rows, {0, 1, 3, 4, 2}),
                        {math.mul(batch, stride), *each});
    Value columns = sampleRows(node, rows, base, axes,
                               ArrayRef<Scalar>(sizes).drop_front(2));
    if (node.hasInput(4)) {
      Value mask =
          node.reshape(node.input(4), {batch, part, tap, height, width});
      mask = node.transpose(mask, {0, 3, 4, 2, 1});
      columns = a.mul(columns, node.reshape(mask, {batch, height, width, tap,
                                                   part, one}));
    }
    return contract(columns);
  }

private:
  // The neighbours on one axis of a tap moved by its offset.
  SmallVector<Neighbour> along(Value moved, int64_t i, const Scalar &count,
                               int64_t trailing) {
    Type element = node.elementOf(moved);
    Scalars begin(6, Scalar::ofInt(0)), shape = node.dims(moved);
    begin[0] = Scalar::ofInt(i);
    shape[0] = Scalar::ofInt(1);
    Value at = node.slice(moved, begin, shape);
    at = node.reshape(at, ArrayRef<Scalar>(shape).drop_front());
    AxisWindow axis = window.axis(i);
    Value start = scaledPositions(node, count, Scalar::ofInt(axis.stride),
                                  trailing);
    SmallVector<double> steps;
    for (int64_t tap = 0; tap < taps; ++tap) {
      int64_t index = i == 0 ? tap / window.kernel[1] : tap % window.kernel[1];
      steps.push_back(index * axis.dilation - axis.low);
    }
    at = a.add(at, node.cast(start, element));
    at = a.add(at, node.constant(steps, {taps, 1}, element, "taps"));
    return linearNeighbours(node, at, sizes[i + 2]);
  }

  // [N, OH, OW, taps, parts, C'] by the filter [O, C / groups, KH, KW].
  Value contract(Value columns) {
    int64_t inputs = node.typeOf(filter).getDimSize(1);
    Scalar group = Scalar::ofInt(groups), tap = Scalar::ofInt(taps),
           channel = Scalar::ofInt(inputs),
           each = Scalar::ofInt(outputs / groups),
           depth = Scalar::ofInt(taps * inputs);
    Scalar places = math.product({batch, height, width});
    columns = node.reshape(columns, {places, tap, group, channel});
    columns = node.reshape(node.transpose(columns, {2, 0, 1, 3}),
                           {group, places, depth});
    Value matrix = node.reshape(filter, {group, each, channel, tap});
    matrix = node.reshape(node.transpose(matrix, {0, 3, 2, 1}),
                          {group, depth, each});
    Value y = node.create<nn::MatMulOp>({columns, matrix});
    y = node.reshape(node.transpose(y, {1, 0, 2}),
                     {batch, height, width, Scalar::ofInt(outputs)});
    if (node.hasInput(3))
      y = a.add(y, node.input(3));
    return toChannelsFirst(node, y, false);
  }

  NodeImport &node;
  IndexMath &math;
  Arithmetic a;
  Value x, filter, offsets;
  Window window;
  int64_t taps, groups, parts, outputs;
  Scalars sizes;
  Scalar batch, height, width;
};

void importDeformConv(NodeImport &node) {
  node.result(DeformableConvolution(node).run());
}

constexpr OpEntry rows[] = {
    {"AffineGrid", 2, 2, importAffineGrid},
    {"DeformConv", 3, 5, importDeformConv},
    {"GridSample", 2, 2, importGridSample},
    {"RoiAlign", 3, 3, importRoiAlign},
};
} // namespace

ArrayRef<OpEntry> samplingOps() { return rows; }

} // namespace qopt::import

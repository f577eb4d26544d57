// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resizing by arithmetic on positions.
#include "lib/Import/DynamicResize.h"
#include "lib/Import/Positions.h"
#include "lib/Import/Sampling.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

class DynamicResizer {
public:
  DynamicResizer(NodeImport &node, Value x, const DynamicAxis &axis)
      : node(node), a{node}, x(x), axis(axis),
        f32(node.builder().getF32Type()),
        mode(node.text("mode", "nearest")),
        coordinates(node.text("coordinate_transformation_mode", "half_pixel")),
        rounding(node.text("nearest_mode", "round_prefer_floor")) {
    if (node.integer("antialias", 0))
      refuse("antialias = 1");
    if (coordinates == "tf_crop_and_resize")
      refuse("coordinate_transformation_mode '" + coordinates + "'");
    from = a.size(node.dims(x)[axis.axis], f32);
    to = a.size(axis.to, f32);
  }

  Value run() {
    Value at = places();
    if (mode == "nearest")
      return take(rounded(at));
    Value low = a.floor(at), fraction = a.sub(at, low);
    SmallVector<Tap> taps;
    if (mode == "linear")
      taps = {{low, a.sub(node.splat(1, fraction), fraction)},
              {a.add(low, 1.0), fraction}};
    else
      for (double step : {-1.0, 0.0, 1.0, 2.0})
        taps.push_back({a.add(low, step),
                        cubicWeight(a.abs(a.sub(fraction, step)),
                                    step == 0 || step == 1)});
    if (node.integer("exclude_outside", 0))
      excludeOutside(taps);
    Value sum;
    for (const Tap &tap : taps) {
      Value part = weighted(tap.at, tap.weight);
      sum = sum ? a.add(sum, part) : part;
    }
    return sum;
  }

private:
  // An input's place and its share, for each output: [to].
  struct Tap {
    Value at, weight;
  };

  [[noreturn]] void refuse(const Twine &what) {
    node.unsupported(what + " needs fixed sizes; give them with --shape");
  }

  // Where each output stands among the inputs: [to].
  Value places() {
    Value o = positions(node, axis.to, 0, f32);
    Value scale = axis.scale ? node.constant({*axis.scale}, {}, f32, "scale")
                             : a.div(to, from);
    if (coordinates == "asymmetric")
      return a.div(o, scale);
    if (coordinates == "align_corners") {
      Value steps = a.max(a.sub(to, 1.0), 1.0);
      return a.div(a.mul(o, a.sub(from, 1.0)), steps);
    }
    Value at = a.div(a.add(o, 0.5), scale);
    if (coordinates == "tf_half_pixel_for_nn") // Of opset 11 only.
      return at;
    at = a.sub(at, 0.5);
    if (coordinates == "half_pixel_symmetric") { // The centre stays the centre.
      Value centre = a.mul(from, 0.5);
      return a.add(at, a.sub(centre, a.div(a.mul(to, 0.5), scale)));
    }
    if (coordinates == "pytorch_half_pixel")
      at = a.select(a.less(to, 1.5), node.splat(0, at), at);
    return at;
  }

  Value rounded(Value at) {
    if (rounding == "floor")
      return a.floor(at);
    if (rounding == "ceil")
      return node.create<nn::CeilOp>(at);
    if (rounding == "round_prefer_ceil")
      return a.floor(a.add(at, 0.5));
    return node.create<nn::CeilOp>(a.sub(at, 0.5));
  }

  // Keys, "Cubic convolution interpolation for digital image processing", 1981.
  Value cubicWeight(Value d, bool isNear) {
    double c = node.real("cubic_coeff_a", -0.75);
    if (isNear)
      return a.add(a.mul(a.mul(a.sub(a.mul(d, c + 2), c + 3), d), d), 1.0);
    Value y = a.sub(a.mul(d, c), 5 * c);
    return a.sub(a.mul(a.add(a.mul(y, d), 8 * c), d), 4 * c);
  }

  // Taps outside count for nothing; the others share their weight.
  void excludeOutside(MutableArrayRef<Tap> taps) {
    Value sum, none = node.splat(0, from), last = a.sub(from, 1.0);
    for (Tap &tap : taps) {
      tap.weight = a.select(a.less(tap.at, 0.0), none, tap.weight);
      tap.weight = a.select(a.less(last, tap.at), none, tap.weight);
      sum = sum ? a.add(sum, tap.weight) : tap.weight;
    }
    for (Tap &tap : taps)
      tap.weight = a.div(tap.weight, sum);
  }

  Value take(Value at) {
    Value inside = a.max(a.min(at, a.sub(from, 1.0)), 0.0);
    Value index = node.cast(inside, node.builder().getI64Type());
    return node.create<nn::GatherOp>(
        {x, index},
        {node.attr("axis", node.builder().getI64IntegerAttr(axis.axis))});
  }

  Value weighted(Value at, Value weight) {
    Scalars shape(node.rank(x) - axis.axis, Scalar::ofInt(1));
    shape.front() = axis.to;
    weight = node.reshape(node.cast(weight, node.elementOf(x)), shape);
    return a.mul(take(at), weight);
  }

  NodeImport &node;
  Arithmetic a;
  Value x;
  const DynamicAxis &axis;
  Type f32;
  std::string mode, coordinates, rounding;
  Value from, to;
};
} // namespace

Value resizeDynamic(NodeImport &node, Value x, const DynamicAxis &axis) {
  return DynamicResizer(node, x, axis).run();
}

std::optional<Scalar> scaledSize(NodeImport &node, const Scalar &size,
                                 double scale) {
  for (int64_t below = 1; below <= 64; ++below) {
    double above = scale * double(below);
    if (above < 1 || above > 1 << 16 || std::fabs(above - std::round(above)) >
                                            1e-6 * above)
      continue;
    IndexMath &math = node.math();
    return math.div(math.mul(size, Scalar::ofInt(std::llround(above))),
                    Scalar::ofInt(below));
  }
  return std::nullopt;
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Resizing. By whole factors to the nearest neighbour every element is repeated,
// for any size; everything else is a sum of a few gathered neighbours along each
// axis, whose positions and weights are constants where sizes are known.
#include "lib/Import/DynamicResize.h"
#include "lib/Import/OpTable.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

// Whether "nearest" under these modes takes element i / factor for output i.
bool repeatsElements(NodeImport &node, int64_t factor) {
  std::string coordinates =
      node.text("coordinate_transformation_mode", "half_pixel");
  std::string rounding = node.text("nearest_mode", "round_prefer_floor");
  bool rounds = rounding.rfind("round_", 0) == 0;
  if (coordinates == "half_pixel" || coordinates == "pytorch_half_pixel" ||
      coordinates == "half_pixel_symmetric")
    return rounds;
  if (coordinates == "asymmetric")
    return rounding == "floor" ||
           (rounding == "round_prefer_floor" && factor == 2);
  return false;
}

// The whole factor of each axis, from scales or from sizes, if it has one.
std::optional<SmallVector<int64_t>>
readFactors(NodeImport &node, Value x, size_t scalesInput, size_t sizesInput) {
  SmallVector<int64_t> factors;
  const SmallTensor *scales = node.known(scalesInput);
  if (scales && !scales->elements.empty()) {
    for (const Scalar &scale : scales->elements) {
      if (scale.isIndex() || scale.asDouble() < 1 ||
          scale.asDouble() != std::floor(scale.asDouble()) ||
          scale.asDouble() > 1 << 16)
        return std::nullopt;
      factors.push_back(int64_t(scale.asDouble()));
    }
  } else if (node.hasInput(sizesInput)) {
    Scalars sizes = node.numbers(sizesInput, "sizes"), dims = node.dims(x);
    if (sizes.size() != dims.size())
      node.bad("expected one size an axis");
    for (auto [size, dim] : llvm::zip_equal(sizes, dims)) {
      auto factor =
          size == dim ? Scalar::ofInt(1) : node.math().quotient(size, dim);
      if (!factor || !factor->isInt() || factor->integer < 1)
        return std::nullopt;
      factors.push_back(factor->integer);
    }
  } else {
    return std::nullopt;
  }
  if (int64_t(factors.size()) != node.rank(x))
    node.bad("expected " + Twine(node.rank(x)) + " factors, found " +
             Twine(factors.size()));
  return factors;
}

void repeat(NodeImport &node, Value x, SmallVector<int64_t> factors) {
  // Images are channels last: the transposes around meet those of convolutions.
  bool isImage = node.rank(x) == 4 && factors[0] == 1 && factors[1] == 1;
  if (isImage) {
    x = node.transpose(x, {0, 2, 3, 1});
    factors = {1, factors[2], factors[3], 1};
  }
  Scalars apart, grown, merged, dims = node.dims(x);
  for (auto [size, factor] : llvm::zip_equal(dims, factors)) {
    apart.push_back(size);
    grown.push_back(size);
    merged.push_back(node.math().mul(size, Scalar::ofInt(factor)));
    if (factor == 1)
      continue;
    apart.push_back(Scalar::ofInt(1));
    grown.push_back(Scalar::ofInt(factor));
  }
  Value y = node.broadcastTo(node.reshape(x, apart), grown);
  y = node.reshape(y, merged);
  node.result(isImage ? node.transpose(y, {0, 3, 1, 2}) : y);
}

// An axis on its way from one size to another, or a part of it.
struct AxisResize {
  int64_t from, to;
  double scale;
  double start = 0, end = 1; // of tf_crop_and_resize
  std::optional<DynamicAxis> dynamic = std::nullopt; // in place of the above
};

// What output positions of one axis are made of: position o is the sum over
// taps t of weights[t][o] * input[indices[t][o]].
struct Taps {
  std::vector<std::vector<double>> indices, weights;
  std::vector<double> inside; // 1 or 0: what lies outside is extrapolated
};

class TapMaker {
public:
  explicit TapMaker(NodeImport &node)
      : mode(node.text("mode", "nearest")),
        coordinates(node.text("coordinate_transformation_mode", "half_pixel")),
        rounding(node.text("nearest_mode", "round_prefer_floor")),
        cubic(node.real("cubic_coeff_a", -0.75)),
        excludesOutside(node.integer("exclude_outside", 0)),
        antialiases(node.integer("antialias", 0)) {
    if (mode != "nearest" && mode != "linear" && mode != "cubic")
      node.bad("mode '" + mode + "' is unknown");
    static constexpr StringLiteral known[] = {
        "half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
        "align_corners", "asymmetric",           "tf_half_pixel_for_nn",
        "tf_crop_and_resize"};
    if (!llvm::is_contained(known, StringRef(coordinates)))
      node.bad("coordinate_transformation_mode '" + coordinates +
               "' is unknown");
  }

  /// Neighbours of an output; Unsupported when they are too many to write out.
  int64_t countTaps(NodeImport &node, const AxisResize &axis) const {
    constexpr double most = 1024;
    double reach = kernelReach() * widening(axis);
    if (reach > most)
      node.unsupported("shrinking by more than " + Twine(int64_t(most)) +
                       " with antialias = 1 is not supported");
    return mode == "nearest" ? 1 : 2 * int64_t(std::ceil(reach));
  }

  Taps make(const AxisResize &axis) const {
    int64_t reach = int64_t(std::ceil(kernelReach() * widening(axis)));
    bool normalizes = mode != "nearest" &&
                      (excludesOutside || widening(axis) > 1);
    int64_t count = mode == "nearest" ? 1 : 2 * reach;
    Taps taps;
    taps.indices.assign(count, std::vector<double>(axis.to));
    taps.weights = taps.indices;
    for (int64_t o = 0; o < axis.to; ++o) {
      double at = coordinate(axis, o), sum = 0;
      double first =
          mode == "nearest" ? nearest(at) : std::floor(at) - reach + 1;
      taps.inside.push_back(coordinates != "tf_crop_and_resize" ||
                            (at >= 0 && at <= axis.from - 1));
      for (int64_t t = 0; t < count; ++t) {
        double index = first + t;
        double inside = std::clamp<double>(index, 0, axis.from - 1);
        double weight = weightOf((at - index) / widening(axis));
        if (normalizes && excludesOutside && inside != index)
          weight = 0;
        taps.indices[t][o] = inside;
        taps.weights[t][o] = weight;
        sum += weight;
      }
      if (normalizes)
        for (std::vector<double> &weights : taps.weights)
          weights[o] /= sum;
    }
    return taps;
  }

private:
  double kernelReach() const {
    return mode == "nearest" ? 0 : mode == "linear" ? 1 : 2;
  }
  // Shrinking without aliases widens the kernel to see every input.
  double widening(const AxisResize &axis) const {
    return antialiases ? std::max(1 / axis.scale, 1.0) : 1;
  }

  double coordinate(const AxisResize &axis, double o) const {
    if (coordinates == "asymmetric")
      return o / axis.scale;
    if (coordinates == "tf_crop_and_resize") {
      double last = double(axis.from - 1), part = axis.end - axis.start;
      return axis.to == 1 ? 0.5 * (axis.start + axis.end) * last
                          : axis.start * last + o * part * last / (axis.to - 1);
    }
    if (coordinates == "tf_half_pixel_for_nn") // Of opset 11 only.
      return (o + 0.5) / axis.scale;
    if (coordinates == "align_corners")
      return axis.to == 1 ? 0 : o * (axis.from - 1) / (axis.to - 1);
    if (coordinates == "pytorch_half_pixel" && axis.to == 1)
      return 0;
    double shift = 0;
    if (coordinates == "half_pixel_symmetric") // The centre stays the centre.
      shift = axis.from / 2.0 * (1 - axis.to / (axis.from * axis.scale));
    return shift + (o + 0.5) / axis.scale - 0.5;
  }

  double nearest(double at) const {
    if (rounding == "floor")
      return std::floor(at);
    if (rounding == "ceil")
      return std::ceil(at);
    if (rounding == "round_prefer_ceil")
      return std::floor(at + 0.5);
    return std::ceil(at - 0.5);
  }

  // Of a neighbour at this distance. Cubic: Keys, "Cubic convolution
  // interpolation for digital image processing", 1981.
  double weightOf(double distance) const {
    double d = std::fabs(distance), a = cubic;
    if (mode == "nearest")
      return 1;
    if (mode == "linear")
      return std::max(1 - d, 0.0);
    if (d >= 2)
      return 0;
    if (d <= 1)
      return ((a + 2) * d - (a + 3)) * d * d + 1;
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }

  std::string mode, coordinates, rounding;
  double cubic;
  bool excludesOutside, antialiases;
};

Value applyTaps(NodeImport &node, Value x, int64_t axis, const Taps &taps) {
  int64_t count = taps.indices.front().size();
  SmallVector<int64_t> shape(node.rank(x) - axis, 1);
  shape.front() = count;
  Value sum;
  for (auto [indices, weights] : llvm::zip_equal(taps.indices, taps.weights)) {
    Value at = node.constant(indices, {count}, node.builder().getI64Type(),
                             "positions");
    Value part = node.create<nn::GatherOp>(
        {x, at}, {node.attr("axis", node.builder().getI64IntegerAttr(axis))});
    if (taps.indices.size() == 1)
      return part;
    part = node.create<nn::MulOp>(
        {part, node.constant(weights, shape, node.elementOf(x), "weights")});
    sum = sum ? node.create<nn::AddOp>({sum, part}) : part;
  }
  return sum;
}

// The axes that resizing is about, in the order of scales and sizes.
SmallVector<int64_t> resizedAxes(NodeImport &node, int64_t rank) {
  SmallVector<int64_t> axes;
  if (!node.hasAttribute("axes"))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (int64_t axis : node.integers("axes"))
    axes.push_back(node.axis(axis, rank));
  return axes;
}

// The part of each axis that tf_crop_and_resize takes: all starts, then all
// ends.
void readRegion(NodeImport &node, ArrayRef<int64_t> axes,
                MutableArrayRef<AxisResize> result) {
  if (node.text("coordinate_transformation_mode", "") != "tf_crop_and_resize")
    return;
  const SmallTensor *region = node.known(1);
  if (!node.hasInput(1))
    node.bad("expected the input 'roi' for tf_crop_and_resize, found none");
  if (!region || !region->isConstant())
    node.unsupported("a region of interest that depends on the input data is "
                     "not supported");
  if (region->elements.size() != 2 * axes.size())
    node.bad("expected " + Twine(2 * axes.size()) + " numbers in roi, found " +
             Twine(region->elements.size()));
  for (auto [i, axis] : llvm::enumerate(axes)) {
    result[axis].start = region->elements[i].asDouble();
    result[axis].end = region->elements[i + axes.size()].asDouble();
  }
}

// One scale for all axes so that none is larger, or smaller, than asked for.
void keepAspectRatio(NodeImport &node, ArrayRef<int64_t> axes,
                     ArrayRef<Scalar> sizes,
                     MutableArrayRef<AxisResize> result) {
  std::string policy = node.text("keep_aspect_ratio_policy", "stretch");
  bool smaller = policy == "not_larger";
  if (!smaller && policy != "not_smaller")
    node.bad("keep_aspect_ratio_policy '" + policy + "' is unknown");
  std::optional<double> scale;
  for (auto [axis, size] : llvm::zip_equal(axes, sizes)) {
    if (result[axis].from < 1 || !size.isInt())
      node.unsupported("keep_aspect_ratio_policy needs fixed sizes; give them "
                       "with --shape");
    double own = size.asDouble() / double(result[axis].from);
    scale = !scale ? own : smaller ? std::min(*scale, own)
                                   : std::max(*scale, own);
  }
  for (int64_t axis : axes) {
    result[axis].scale = *scale;
    result[axis].to = std::llround(*scale * double(result[axis].from));
  }
}

// An axis whose new or old size is an index value.
void readDynamic(NodeImport &node, int64_t axis, const Scalar &size,
                 const Scalar &number, bool isScale, AxisResize &resize) {
  resize.dynamic = DynamicAxis{axis, number, std::nullopt};
  if (!isScale)
    return;
  if (number.isIndex())
    node.unsupported("scales that depend on sizes are not supported; use "
                     "sizes");
  auto scaled = scaledSize(node, size, number.asDouble());
  if (!scaled)
    node.unsupported("axis " + Twine(axis) + " has a dynamic size and a scale "
                     "that is no fraction of small numbers; fix its size with "
                     "--shape");
  resize.dynamic->to = *scaled;
  resize.dynamic->scale = number.asDouble();
}

// The new sizes of all axes.
SmallVector<AxisResize> readSizes(NodeImport &node, Value x,
                                  size_t scalesInput, size_t sizesInput) {
  SmallVector<AxisResize> result;
  for (const Scalar &size : node.dims(x))
    result.push_back({size.isInt() ? size.integer : -1,
                      size.isInt() ? size.integer : -1, 1});
  SmallVector<int64_t> axes = resizedAxes(node, node.rank(x));
  const SmallTensor *scales = node.known(scalesInput);
  bool hasScales = scales && !scales->elements.empty();
  if (!hasScales && !node.hasInput(sizesInput))
    node.unsupported("a scale that depends on the input data is not supported");
  Scalars sizes;
  if (!hasScales)
    sizes = node.numbers(sizesInput, "sizes");
  for (const Scalar &size : sizes)
    if (size.isIndex() && !size.nonNegative)
      node.unsupported("its sizes depend on the input data; expected constants "
                       "or sizes of inputs");
  ArrayRef<Scalar> given = hasScales ? scales->elements : sizes;
  if (given.size() != axes.size())
    node.bad("expected " + Twine(axes.size()) + " scales or sizes, found " +
             Twine(given.size()));
  readRegion(node, axes, result);
  if (!hasScales &&
      node.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    return keepAspectRatio(node, axes, sizes, result), result;
  for (auto [axis, number] : llvm::zip_equal(axes, given)) {
    AxisResize &resize = result[axis];
    bool isSame = hasScales ? !number.isIndex() && number.asDouble() == 1
                            : number == node.dims(x)[axis];
    if (isSame)
      continue;
    if (resize.from < 0 || number.isIndex()) {
      readDynamic(node, axis, node.dims(x)[axis], number, hasScales, resize);
      continue;
    }
    double part = resize.end - resize.start;
    resize.scale = hasScales ? number.asDouble()
                             : number.asDouble() / double(resize.from);
    double scaled = std::floor(resize.from * part * resize.scale);
    if (!(scaled >= 0 && scaled <= double(int64_t(1) << 40)))
      node.bad("expected a scale of more than 0 and less than 2^40, found " +
               Twine(std::to_string(resize.scale)));
    resize.to = hasScales ? int64_t(scaled) : number.integer;
    if (resize.from == 0 || !(resize.scale > 0) || resize.to < 1)
      node.bad("expected sizes of 1 or more, found axis " + Twine(axis) +
               " to go from " + Twine(resize.from) + " to " +
               Twine(resize.to));
  }
  return result;
}

// Where a place on the axis lies outside the input, the number meant for that.
Value extrapolate(NodeImport &node, Value x, int64_t axis, const Taps &taps) {
  if (!llvm::is_contained(taps.inside, 0))
    return x;
  SmallVector<int64_t> shape(node.rank(x) - axis, 1);
  shape.front() = taps.inside.size();
  Value inside = node.constant(taps.inside, shape,
                               node.builder().getI1Type(), "inside");
  Value other = node.splat(node.real("extrapolation_value", 0), x);
  return node.create<nn::SelectOp>({inside, x, other});
}

void interpolate(NodeImport &node, size_t scalesInput, size_t sizesInput) {
  Value x = node.input(0);
  SmallVector<AxisResize> sizes =
      readSizes(node, x, scalesInput, sizesInput);
  TapMaker maker(node);
  auto changes = [&](int64_t axis) {
    const AxisResize &size = sizes[axis];
    return size.dynamic || size.to != size.from || size.scale != 1 ||
           size.start != 0 || size.end != 1;
  };
  bool isImage = node.rank(x) == 4 && !changes(0) && !changes(1);
  if (isImage) {
    x = node.transpose(x, {0, 2, 3, 1});
    sizes = {sizes[0], sizes[2], sizes[3], sizes[1]};
  }
  Type element = node.elementOf(x);
  if (!isa<FloatType>(element) && node.text("mode", "nearest") != "nearest")
    x = node.cast(x, node.builder().getF32Type());
  SmallVector<std::pair<int64_t, Taps>> done;
  // Last axes first: the order in which the reference sums.
  for (int64_t axis = node.rank(x) - 1; axis >= 0; --axis)
    if (changes(axis) && !sizes[axis].dynamic)
      node.limitConstant({maker.countTaps(node, sizes[axis]), sizes[axis].to});
  for (int64_t axis = node.rank(x) - 1; axis >= 0; --axis) {
    if (!changes(axis))
      continue;
    if (sizes[axis].dynamic) {
      DynamicAxis dynamic = *sizes[axis].dynamic;
      dynamic.axis = axis;
      x = resizeDynamic(node, x, dynamic);
      continue;
    }
    done.push_back({axis, maker.make(sizes[axis])});
    x = applyTaps(node, x, axis, done.back().second);
  }
  for (auto &[axis, taps] : done)
    x = extrapolate(node, x, axis, taps);
  x = node.cast(x, element);
  node.result(isImage ? node.transpose(x, {0, 3, 1, 2}) : x);
}

void resize(NodeImport &node, size_t scalesInput, size_t sizesInput) {
  Value x = node.input(0);
  const SmallTensor *scales = node.known(scalesInput);
  bool hasScales = node.hasInput(scalesInput) &&
                   !(scales && scales->elements.empty());
  if (hasScales == node.hasInput(sizesInput))
    node.bad(hasScales ? "expected scales or sizes, found both"
                       : "expected scales or sizes, found neither");
  if (node.text("mode", "nearest") == "nearest" && !node.hasAttribute("axes") &&
      node.text("keep_aspect_ratio_policy", "stretch") == "stretch") {
    auto factors = readFactors(node, x, scalesInput, sizesInput);
    if (factors && llvm::all_of(*factors, [&](int64_t factor) {
          return factor == 1 || repeatsElements(node, factor);
        }))
      return repeat(node, x, *factors);
  }
  interpolate(node, scalesInput, sizesInput);
}

void importResize(NodeImport &node) { resize(node, 2, 3); }

void importUpsample(NodeImport &node) {
  node.setText("coordinate_transformation_mode", "asymmetric");
  node.setText("nearest_mode", "floor");
  resize(node, 1, 4);
}

constexpr OpEntry rows[] = {
    {"Resize", 1, 4, importResize},
    {"Upsample", 1, 2, importUpsample},
};
} // namespace

ArrayRef<OpEntry> resizeOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors enlarged or cut at their borders, and overlapping blocks put back
// into one image.
#include "lib/Import/OpTable.h"
#include "lib/Import/WindowSlices.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

//===-- Pad ---------------------------------------------------------------===//

struct Padding {
  SmallVector<int64_t> low, high; // an axis; negative ones cut
  nn::PadMode mode;

  bool isNothing() const {
    return llvm::all_of(low, [](int64_t n) { return n == 0; }) &&
           llvm::all_of(high, [](int64_t n) { return n == 0; });
  }
};

SmallVector<int64_t> readPaddedAxes(NodeImport &node, int64_t rank) {
  SmallVector<int64_t> axes;
  if (node.hasInput(3))
    for (int64_t axis : node.constantIntegers(3, "axes"))
      axes.push_back(node.axis(axis, rank));
  else
    llvm::append_range(axes, llvm::seq<int64_t>(0, rank));
  return axes;
}

Padding readPadding(NodeImport &node, int64_t rank, ArrayRef<Scalar> pads,
                    ArrayRef<int64_t> axes) {
  Padding result{SmallVector<int64_t>(rank, 0), SmallVector<int64_t>(rank, 0),
                 nn::PadMode::constant};
  for (auto [i, axis] : llvm::enumerate(axes)) {
    result.low[axis] = pads[i].integer;
    result.high[axis] = pads[i + axes.size()].integer;
  }
  std::string mode = node.text("mode", "constant");
  std::optional<nn::PadMode> kind = nn::symbolizePadMode(mode);
  if (!kind)
    node.bad("mode '" + mode + "' is unknown");
  result.mode = *kind;
  return result;
}

// Paddings known at run time only: blocks of the value joined on each axis.
void padByBlocks(NodeImport &node, ArrayRef<Scalar> pads,
                 ArrayRef<int64_t> axes) {
  Value x = node.input(0);
  if (node.text("mode", "constant") != "constant")
    node.unsupported("the size of its padding depends on the input data; in "
                     "modes other than 'constant' expected constants");
  Value fill = node.hasInput(2) ? node.reshape(node.input(2), {})
                                : node.splat(0, x);
  for (auto [i, axis] : llvm::enumerate(axes))
    x = padAxisBy(node, x, axis, pads[i], pads[i + axes.size()], fill);
  node.result(x);
}

// Negative padding, done and taken out of `padding`.
Value cutBorders(NodeImport &node, Value x, Padding &padding) {
  IndexMath &math = node.math();
  for (int64_t axis = 0; axis < node.rank(x); ++axis) {
    int64_t low = std::max<int64_t>(-padding.low[axis], 0);
    int64_t high = std::max<int64_t>(-padding.high[axis], 0);
    if (low == 0 && high == 0)
      continue;
    Scalar size = math.sub(node.dims(x)[axis], Scalar::ofInt(low + high));
    if (size.isInt() && size.integer < 0)
      node.bad("its padding leaves nothing of axis " + Twine(axis));
    if (!size.isInt())
      size = math.max(size, Scalar::ofInt(0));
    x = sliceAxis(node, x, axis, Scalar::ofInt(low), size);
    padding.low[axis] = std::max<int64_t>(padding.low[axis], 0);
    padding.high[axis] = std::max<int64_t>(padding.high[axis], 0);
  }
  return x;
}

Value padWith(NodeImport &node, Value x, const Padding &padding, double value) {
  if (padding.isNothing())
    return x;
  return node.create<nn::PadOp>(
      x,
      {node.attr("low", padding.low), node.attr("high", padding.high),
       node.attr("mode",
                 node.builder().getI32IntegerAttr(int32_t(padding.mode))),
       node.attr("value", node.builder().getF32FloatAttr(float(value)))});
}

// Padding by a value that the op's attribute cannot hold: chosen where a tensor
// of ones, padded by zeros, is 0.
Value padWithTensor(NodeImport &node, Value x, const Padding &padding,
                    Value value) {
  if (node.typeOf(value).getNumElements() != 1 ||
      node.elementOf(value) != node.elementOf(x))
    node.bad("expected one padding value of the input's type");
  Value i1 = node.splat(1, node.constant({0}, {}, node.builder().getI1Type(),
                                         "like"),
                        SmallVector<int64_t>(node.rank(x), 1));
  Value ones = node.broadcastTo(i1, node.dims(x));
  Value inside = padWith(node, ones, padding, 0);
  return node.create<nn::SelectOp>(
      {inside, padWith(node, x, padding, 0), node.reshape(value, {})});
}

void checkMirrored(NodeImport &node, Value x, const Padding &padding) {
  if (padding.mode == nn::PadMode::constant)
    return;
  for (auto [axis, size] : llvm::enumerate(node.typeOf(x).getShape())) {
    int64_t most = std::max(padding.low[axis], padding.high[axis]);
    if (most > 0 && size == 0)
      node.bad("cannot fill the padding of axis " + Twine(axis) +
               " from no elements");
    if (padding.mode == nn::PadMode::reflect && size > 0 && most >= size)
      node.bad("expected pads of less than the " + Twine(size) +
               " elements of axis " + Twine(axis) + " to reflect, found " +
               Twine(most));
  }
}

void importPad(NodeImport &node) {
  Value x = node.input(0);
  Scalars pads = node.numbers(1, "pads");
  SmallVector<int64_t> axes = readPaddedAxes(node, node.rank(x));
  if (pads.size() != 2 * axes.size())
    node.bad("expected " + Twine(2 * axes.size()) + " pads, found " +
             Twine(pads.size()));
  if (!llvm::all_of(pads, [](const Scalar &pad) { return pad.isInt(); }))
    return padByBlocks(node, pads, axes);
  Padding padding = readPadding(node, node.rank(x), pads, axes);
  if (padding.isNothing())
    return node.forward(0);
  x = cutBorders(node, x, padding);
  checkMirrored(node, x, padding);
  std::optional<double> value = 0;
  if (node.hasInput(2) && padding.mode == nn::PadMode::constant)
    value = node.constantReal(2);
  if (value && (double(float(*value)) == *value || node.elementOf(x).isF32() ||
                std::isnan(*value)))
    return node.result(padWith(node, x, padding, *value));
  node.result(padWithTensor(node, x, padding, node.input(2)));
}

//===-- CenterCropPad -----------------------------------------------------===//

void importCenterCropPad(NodeImport &node) {
  IndexMath &math = node.math();
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  Scalars wanted = node.numbers(1, "shape");
  SmallVector<int64_t> axes =
      node.integers("axes", llvm::to_vector(llvm::seq<int64_t>(0, rank)));
  if (axes.size() != wanted.size())
    node.bad("expected " + Twine(axes.size()) + " sizes in shape, found " +
             Twine(wanted.size()));
  for (auto [given, size] : llvm::zip_equal(axes, wanted)) {
    int64_t axis = node.axis(given, rank);
    Scalar has = node.dims(x)[axis];
    if (has == size)
      continue;
    Scalar zero = Scalar::ofInt(0), two = Scalar::ofInt(2);
    Scalar less = math.max(math.sub(has, size), zero);
    Scalar more = math.max(math.sub(size, has), zero);
    if (!less.isInt(0))
      x = sliceAxis(node, x, axis, math.div(less, two), math.min(has, size));
    Scalar low = math.div(more, two);
    if (!more.isInt(0))
      x = padAxisBy(node, x, axis, low, math.sub(more, low),
                    node.splat(0, x));
  }
  node.result(x);
}

//===-- Col2Im ------------------------------------------------------------===//

// Taps (axis `tapAxis`) of blocks (axis `blockAxis`, after it) summed where they
// meet in an axis of `size` elements; the axis of taps goes.
Value overlapAdd(NodeImport &node, Value x, int64_t tapAxis, int64_t blockAxis,
                 const AxisWindow &window, int64_t size) {
  int64_t blocks = node.typeOf(x).getDimSize(blockAxis);
  int64_t length = window.low + size + window.high, at = blockAxis - 1;
  Value sum;
  for (int64_t tap = 0; tap < window.kernel; ++tap) {
    Value part =
        sliceAxis(node, x, tapAxis, Scalar::ofInt(tap), Scalar::ofInt(1));
    Scalars sizes = node.dims(part);
    sizes.erase(sizes.begin() + tapAxis);
    part = spreadAxis(node, node.reshape(part, sizes), at, window.stride - 1);
    // Less the zeros after the last.
    int64_t used = (blocks - 1) * window.stride + 1, low = tap * window.dilation;
    part = sliceAxis(node, part, at, Scalar::ofInt(0), Scalar::ofInt(used));
    part = padAxis(node, part, at, low, length - low - used, 0);
    sum = sum ? node.create<nn::AddOp>({sum, part}) : part;
  }
  return sliceAxis(node, sum, at, Scalar::ofInt(window.low),
                   Scalar::ofInt(size));
}

void importCol2Im(NodeImport &node) {
  Value x = node.input(0);
  SmallVector<int64_t> image = node.constantIntegers(1, "image_shape");
  SmallVector<int64_t> block = node.constantIntegers(2, "block_shape");
  int64_t count = image.size();
  SmallVector<int64_t> ones(count, 1);
  SmallVector<int64_t> strides = node.integers("strides", ones),
                       dilations = node.integers("dilations", ones),
                       pads = node.integers("pads",
                                            SmallVector<int64_t>(2 * count, 0));
  if (node.rank(x) != 3 || int64_t(block.size()) != count ||
      int64_t(strides.size()) != count || int64_t(dilations.size()) != count ||
      int64_t(pads.size()) != 2 * count)
    node.bad("expected an input of rank 3 and as many block sizes, strides, "
             "dilations and pairs of pads as image sizes");
  Scalars dims = node.dims(x), apart{dims[0], Scalar()}, taps, blocks;
  SmallVector<AxisWindow> windows;
  for (int64_t i = 0; i < count; ++i) {
    AxisWindow window{block[i], strides[i], dilations[i], pads[i],
                      pads[i + count]};
    int64_t room = image[i] + window.low + window.high - window.span();
    if (window.kernel < 1 || window.kernel > 1024 || window.stride < 1 || window.dilation < 1 ||
        window.low < 0 || window.high < 0 || room < 0)
      node.bad("expected blocks of at most 1024 elements an axis that fit into "
               "the padded image");
    taps.push_back(Scalar::ofInt(window.kernel));
    blocks.push_back(Scalar::ofInt(room / window.stride + 1));
    windows.push_back(window);
  }
  auto channels = node.math().quotient(dims[1], taps);
  Scalar all = node.math().product(blocks);
  if (!channels || (dims[2].isInt() && !(dims[2] == all)))
    node.bad("expected columns for " + Twine(all.integer) +
             " blocks, found the shape " +
             shapeText(node.typeOf(x).getShape()));
  apart[1] = *channels;
  llvm::append_range(apart, taps);
  llvm::append_range(apart, blocks);
  x = node.reshape(x, apart);
  // [N, C, taps.., blocks..]: the first axis of taps goes with each step.
  for (int64_t i = 0; i < count; ++i)
    x = overlapAdd(node, x, 2, 2 + count, windows[i], image[i]);
  node.result(x);
}

constexpr OpEntry rows[] = {
    {"CenterCropPad", 2, 2, importCenterCropPad},
    {"Col2Im", 3, 3, importCol2Im},
    {"Pad", 2, 4, importPad},
};
} // namespace

ArrayRef<OpEntry> borderOps() { return rows; }

} // namespace qopt::import

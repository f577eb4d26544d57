// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Convolution and its transpose, over any number of spatial axes.
#include "lib/Import/OpTable.h"
#include "lib/Import/TransposedConvolution.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

Value withBias(NodeImport &node, Value y) {
  return node.hasInput(2) ? node.create<nn::AddOp>({y, node.input(2)}) : y;
}

void importConv(NodeImport &node) {
  Value x = node.input(0), filter = node.input(1);
  Window window = readWindow(node, x, readKernel(node, x, filter), 0.0);
  int64_t groups = node.integer("group", 1);
  if (groups < 1)
    node.bad("expected 1 or more groups, found " + Twine(groups));
  Value y = convolve(node, toChannelsLast(node, x),
                     toChannelsLast(node, filter), window, groups);
  node.result(
      toChannelsFirst(node, withBias(node, y), window.isOneDimensional));
}

// Low and high padding of a transposed convolution, from the sizes wanted or
// from auto_pad.
TransposedAxis readTransposed(NodeImport &node, const Scalar &size,
                              int64_t kernel, const Scalar *wanted, size_t i,
                              size_t count) {
  IndexMath &math = node.math();
  TransposedAxis axis;
  axis.stride = spatialList(node, "strides", count, 1)[i];
  axis.dilation = spatialList(node, "dilations", count, 1)[i];
  axis.kernel = kernel;
  int64_t extra = spatialList(node, "output_padding", count, 0)[i];
  if (axis.stride < 1 || axis.dilation < 1 || extra < 0)
    node.bad("expected positive strides and dilations and an output_padding of "
             "0 or more");
  if (extra > 0 && extra >= std::max(axis.stride, axis.dilation))
    node.bad("expected an output_padding below the stride or the dilation, "
             "found " +
             Twine(extra) + " with stride " + Twine(axis.stride) +
             " and dilation " + Twine(axis.dilation));
  std::string mode = node.text("auto_pad", "NOTSET");
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!same && mode != "NOTSET" && mode != "VALID" && !mode.empty())
    node.bad("auto_pad '" + mode + "' is unknown");
  axis.more = extra;
  if (!wanted && !same) {
    if (mode == "VALID")
      return axis;
    SmallVector<int64_t> pads = spatialList(node, "pads", 2 * count, 0);
    axis.low = pads[i];
    axis.more -= pads[i + count];
    return axis;
  }
  Scalar reached = math.add(math.mul(size, Scalar::ofInt(axis.stride)),
                            Scalar::ofInt(axis.span() - axis.stride + extra));
  Scalar result =
      wanted ? *wanted : math.mul(size, Scalar::ofInt(axis.stride));
  // Of an automatic size the difference is a number, whatever the input's.
  Scalar total = same && !wanted
                     ? Scalar::ofInt(axis.span() - axis.stride + extra)
                     : math.sub(reached, result);
  if (!total.isInt())
    node.unsupported("output_shape needs a fixed input size; give it with "
                     "--shape");
  int64_t padding = std::max<int64_t>(total.integer, 0);
  axis.low = mode == "SAME_UPPER" ? padding / 2 : padding - padding / 2;
  axis.more += axis.low - total.integer;
  return axis;
}

void importConvTranspose(NodeImport &node) {
  Value x = node.input(0), filter = node.input(1);
  SmallVector<int64_t> kernel = readKernel(node, x, filter);
  int64_t groups = node.integer("group", 1);
  const Scalar &channels = node.dims(filter)[0];
  if (groups < 1 || (channels.isInt() && channels.integer % groups))
    node.bad("expected groups that divide the filter's input channels, found " +
             Twine(groups) + " and a filter of shape " +
             shapeText(node.typeOf(filter).getShape()));
  SmallVector<int64_t> sizes = node.integers("output_shape");
  size_t count = kernel.size();
  // Some exporters give batch and channels too.
  if (sizes.size() == count + 2)
    sizes.erase(sizes.begin(), sizes.begin() + 2);
  if (!sizes.empty() && sizes.size() != count)
    node.bad("expected " + Twine(count) + " sizes in output_shape, found " +
             Twine(sizes.size()));
  SmallVector<TransposedAxis> axes;
  Scalars dims = node.dims(x);
  for (size_t i = 0; i < count; ++i) {
    Scalar wanted = Scalar::ofInt(sizes.empty() ? 0 : sizes[i]);
    axes.push_back(readTransposed(node, dims[i + 2], kernel[i],
                                  sizes.empty() ? nullptr : &wanted, i, count));
    if (axes.back().low < 0)
      node.bad("expected 'pads' of 0 or more, found " +
               Twine(axes.back().low));
  }
  // The filter's kernel may get a height of 1, too.
  bool isOneDimensional = count == 1;
  if (isOneDimensional) {
    axes.insert(axes.begin(), TransposedAxis());
    Scalars apart = node.dims(filter);
    apart.insert(apart.begin() + 2, Scalar::ofInt(1));
    filter = node.reshape(filter, apart);
  }
  Value y = convolveTransposed(node, toChannelsLast(node, x), filter, axes,
                               groups);
  node.result(toChannelsFirst(node, withBias(node, y), isOneDimensional));
}

constexpr OpEntry rows[] = {
    {"Conv", 2, 3, importConv},
    {"ConvTranspose", 2, 3, importConvTranspose},
};
} // namespace

ArrayRef<OpEntry> convolutionOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows of convolutions and pools.
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

// What keeps out = ceil(in / stride) of an axis of dynamic size, around x.
Value padSame(NodeImport &node, Value x, int64_t axis, bool upper, int64_t span,
              int64_t stride, double padding) {
  IndexMath &math = node.math();
  const Scalar size = node.dims(x)[axis], step = Scalar::ofInt(stride);
  Scalar outputs =
      math.div(math.add(size, Scalar::ofInt(stride - 1)), step);
  Scalar covered = math.add(math.mul(outputs, step),
                            Scalar::ofInt(span - stride));
  Scalar total = math.max(math.sub(covered, size), Scalar::ofInt(0));
  Scalar small = math.div(total, Scalar::ofInt(2));
  Scalar large = math.sub(total, small);
  return padAxisBy(node, x, axis, upper ? small : large, upper ? large : small,
                   node.splat(padding, x));
}

// Padding that keeps out = ceil(in / stride).
void applySame(NodeImport &node, Value &x, bool upper, Window &window,
               std::optional<double> padding) {
  size_t count = window.kernel.size();
  for (size_t i = 0; i < count; ++i) {
    int64_t span = window.dilations[i] * (window.kernel[i] - 1) + 1;
    int64_t stride = window.strides[i], total = span - stride;
    int64_t size = node.typeOf(x).getDimSize(i + 2);
    if (!ShapedType::isDynamic(size))
      total = (llvm::divideCeil(size, stride) - 1) * stride + span - size;
    else if (stride != 1) {
      if (!padding)
        node.unsupported("auto_pad with a stride of " + Twine(stride) +
                         " needs a fixed input size here; give it with "
                         "--shape");
      x = padSame(node, x, i + 2, upper, span, stride, *padding);
      continue;
    }
    total = std::max<int64_t>(total, 0);
    int64_t small = total / 2, large = total - small;
    window.pads[i] = upper ? small : large;
    window.pads[i + count] = upper ? large : small;
  }
}

// One spatial axis: a second one before it, of size 1.
void addHeight(Window &window) {
  window.isOneDimensional = true;
  for (auto *list : {&window.kernel, &window.strides, &window.dilations})
    list->insert(list->begin(), 1);
  window.pads = {0, window.pads[0], 0, window.pads[1]};
  window.ceilPads.insert(window.ceilPads.begin(), 0);
}

// The first spatial axis of x [N, S, .., C] and of the filter [O, K, .., C']
// into batch and channels: channel (g, t, c) of the result is what tap t sees
// of channel c of group g.
void foldAxis(NodeImport &node, Value &x, Value &filter, const AxisWindow &axis,
              int64_t groups) {
  IndexMath &math = node.math();
  Scalars folded;
  SmallVector<Value> taps = windowSlices(node, x, 1, axis, 0);
  Scalars sizes = node.dims(taps.front());
  for (Value &tap : taps) {
    Scalars apart = sizes;
    std::optional<Scalar> each =
        math.quotient(sizes.back(), Scalar::ofInt(groups));
    if (!each)
      node.bad("expected " + Twine(groups) +
               " groups to divide the channels of the input");
    apart.back() = Scalar::ofInt(groups);
    apart.push_back(*each);
    tap = node.reshape(tap, apart);
  }
  x = node.concat(taps, sizes.size());
  folded.push_back(math.mul(sizes[0], sizes[1]));
  folded.append(sizes.begin() + 2, sizes.end());
  folded.back() = math.mul(sizes.back(), Scalar::ofInt(axis.kernel));
  x = node.reshape(x, folded);
  int64_t last = node.rank(filter) - 1;
  SmallVector<int64_t> perm{0};
  for (int64_t i = 2; i < last; ++i)
    perm.push_back(i);
  perm.append({1, last});
  Scalars merged = node.dims(filter);
  merged.back() = math.mul(merged.back(), merged[1]);
  merged.erase(merged.begin() + 1);
  filter = node.reshape(node.transpose(filter, perm), merged);
}

Window withoutFirstAxis(Window window) {
  window.pads.erase(window.pads.begin() + window.rank());
  for (auto *list : {&window.kernel, &window.strides, &window.dilations,
                     &window.pads, &window.ceilPads})
    list->erase(list->begin());
  return window;
}
} // namespace

SmallVector<int64_t> spatialList(NodeImport &node, StringRef name, size_t count,
                                 int64_t fill) {
  SmallVector<int64_t> fallback(count, fill);
  SmallVector<int64_t> list = node.integers(name, fallback);
  if (list.size() != count)
    node.bad("expected " + Twine(count) + " values in attribute '" + name +
             "', found " + Twine(list.size()));
  return list;
}

SmallVector<int64_t> readKernel(NodeImport &node, Value x, Value &filter) {
  auto type = node.typeOf(filter);
  if (type.getRank() != node.rank(x) || type.getRank() < 3)
    node.bad("expected input and filter of one rank from 3 on, found " +
             shapeText(node.typeOf(x).getShape()) + " and " +
             shapeText(type.getShape()));
  ArrayRef<int64_t> kernel = type.getShape().drop_front(2);
  if (llvm::is_contained(kernel, 0))
    node.bad("expected a kernel of positive sizes, found the filter " +
             shapeText(type.getShape()));
  if (!node.hasAttribute("kernel_shape")) {
    if (ShapedType::isDynamicShape(kernel))
      node.unsupported("a filter whose kernel has dynamic sizes is not "
                       "supported without the attribute kernel_shape");
    return SmallVector<int64_t>(kernel);
  }
  SmallVector<int64_t> declared = node.integers("kernel_shape");
  bool agree = declared.size() == kernel.size();
  for (auto [stated, size] : llvm::zip(declared, kernel))
    agree &= stated > 0 && (ShapedType::isDynamic(size) || stated == size);
  if (!agree)
    node.bad("kernel_shape is " + shapeText(declared) +
             ", but the filter's kernel is " + shapeText(kernel));
  filter = node.withSizes(filter, 2, declared);
  return declared;
}

SmallVector<NamedAttribute> Window::attributes(NodeImport &node,
                                               bool withKernel) const {
  SmallVector<NamedAttribute> result{node.attr("strides", strides),
                                     node.attr("pads", pads),
                                     node.attr("dilations", dilations)};
  if (withKernel)
    result.push_back(node.attr("kernel", kernel));
  return result;
}

Window readWindow(NodeImport &node, Value &x, ArrayRef<int64_t> kernel,
                  std::optional<double> padding) {
  int64_t count = node.rank(x) - 2;
  if (count < 1)
    node.bad("expected a tensor of rank 3 or more, found the shape " +
             shapeText(node.typeOf(x).getShape()));
  if (int64_t(kernel.size()) != count)
    node.bad("expected a kernel of " + Twine(count) + " dimensions, found " +
             Twine(kernel.size()));
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = spatialList(node, "strides", count, 1);
  window.dilations = spatialList(node, "dilations", count, 1);
  window.pads.assign(2 * count, 0);
  window.ceilPads.assign(count, 0);
  for (auto *list : {&window.kernel, &window.strides, &window.dilations})
    for (int64_t value : *list)
      if (value < 1 || value > (int64_t(1) << 31))
        node.bad(
            "expected positive kernel sizes, strides and dilations, found " +
            Twine(value));
  std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER")
    applySame(node, x, mode == "SAME_UPPER", window, padding);
  else if (mode == "NOTSET" || mode.empty())
    window.pads = spatialList(node, "pads", 2 * count, 0);
  else if (mode != "VALID")
    node.bad("auto_pad '" + mode + "' is unknown");
  for (int64_t pad : window.pads)
    if (pad < 0)
      node.bad("expected 'pads' of 0 or more, found " + Twine(pad));
  if (count == 1)
    addHeight(window);
  return window;
}

void applyCeilMode(NodeImport &node, Value x, Window &window) {
  int64_t count = window.rank();
  for (int64_t i = window.isOneDimensional; i < count; ++i) {
    int64_t stride = window.strides[i], span = window.axis(i).span();
    int64_t low = window.pads[i], high = window.pads[i + count];
    if (stride == 1)
      continue;
    int64_t size = node.typeOf(x).getDimSize(i + 2 - window.isOneDimensional);
    if (ShapedType::isDynamic(size)) {
      // One element less than a stride more, and rounding down is rounding up;
      // no window then starts behind the input.
      if (high + stride > span)
        node.unsupported("ceil_mode for this window needs a fixed input size; "
                         "give it with --shape");
      window.ceilPads[i] = stride - 1;
    } else {
      int64_t padded = size + low + high;
      if (padded < span)
        continue;
      int64_t outputs = llvm::divideCeil(padded - span, stride) + 1;
      // A window that starts behind the input does not count.
      if ((outputs - 1) * stride >= size + low)
        --outputs;
      window.ceilPads[i] =
          std::max<int64_t>((outputs - 1) * stride + span - padded, 0);
      // Fewer windows than rounding down gives: padding that none sees.
      if ((outputs - 1) * stride + span + stride <= padded)
        window.ceilPads[i] =
            std::max((outputs - 1) * stride + span - padded, -high);
    }
    window.pads[i + count] += window.ceilPads[i];
  }
}

Value toChannelsLast(NodeImport &node, Value x) {
  if (node.rank(x) == 3) {
    Scalars sizes = node.dims(x);
    sizes.insert(sizes.begin() + 2, Scalar::ofInt(1));
    x = node.reshape(x, sizes);
  }
  SmallVector<int64_t> perm{0};
  for (int64_t axis = 2; axis < node.rank(x); ++axis)
    perm.push_back(axis);
  perm.push_back(1);
  return node.transpose(x, perm);
}

Value toChannelsFirst(NodeImport &node, Value x, bool isOneDimensional) {
  int64_t last = node.rank(x) - 1;
  SmallVector<int64_t> perm{0, last};
  for (int64_t axis = 1; axis < last; ++axis)
    perm.push_back(axis);
  x = node.transpose(x, perm);
  if (!isOneDimensional)
    return x;
  Scalars sizes = node.dims(x);
  sizes.erase(sizes.begin() + 2);
  return node.reshape(x, sizes);
}

Value convolve(NodeImport &node, Value x, Value filter, Window window,
               int64_t groups) {
  Scalars outer;
  while (window.rank() > 2) {
    Scalar batch = node.dims(x)[0];
    foldAxis(node, x, filter, window.axis(0), groups);
    if (outer.empty())
      outer.push_back(batch);
    outer.push_back(*node.math().quotient(node.dims(x)[0], batch));
    window = withoutFirstAxis(window);
  }
  SmallVector<NamedAttribute> attributes = window.attributes(node, false);
  attributes.push_back(
      node.attr("groups", node.builder().getI64IntegerAttr(groups)));
  Value y = node.create<nn::ConvOp>({x, filter}, attributes);
  if (outer.empty())
    return y;
  outer.append(node.dims(y).begin() + 1, node.dims(y).end());
  return node.reshape(y, outer);
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Windows of convolutions and pools.
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

// A list of one entry a spatial axis, or `fill` everywhere.
SmallVector<int64_t> spatialList(NodeImport &node, StringRef name, size_t count,
                                 int64_t fill) {
  SmallVector<int64_t> fallback(count, fill);
  SmallVector<int64_t> list = node.integers(name, fallback);
  if (list.size() != count)
    node.bad("expected " + Twine(count) + " values in attribute '" + name +
             "', found " + Twine(list.size()));
  return list;
}

// Padding that keeps out = ceil(in / stride).
void applySame(NodeImport &node, Value x, bool upper, Window &window) {
  size_t count = window.kernel.size();
  for (size_t i = 0; i < count; ++i) {
    int64_t span = window.dilations[i] * (window.kernel[i] - 1) + 1;
    int64_t stride = window.strides[i], total = span - stride;
    int64_t size = node.typeOf(x).getDimSize(i + 2);
    if (!ShapedType::isDynamic(size))
      total = (llvm::divideCeil(size, stride) - 1) * stride + span - size;
    else if (stride != 1)
      node.unsupported("auto_pad with a stride of " + Twine(stride) +
                       " needs a fixed input size; give it with --shape");
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
}
} // namespace

SmallVector<NamedAttribute> Window::attributes(NodeImport &node,
                                               bool withKernel) const {
  SmallVector<NamedAttribute> result{node.attr("strides", strides),
                                     node.attr("pads", pads),
                                     node.attr("dilations", dilations)};
  if (withKernel)
    result.push_back(node.attr("kernel", kernel));
  return result;
}

Window readWindow(NodeImport &node, Value x, ArrayRef<int64_t> kernel) {
  int64_t count = node.rank(x) - 2;
  if (count < 1)
    node.bad("expected a tensor of rank 3 or more, found shape " +
             shapeText(node.typeOf(x).getShape()));
  if (count != 1 && count != 2)
    node.unsupported("expected a 1-D or 2-D window, found a tensor of shape " +
                     shapeText(node.typeOf(x).getShape()));
  if (int64_t(kernel.size()) != count)
    node.bad("expected a kernel of " + Twine(count) + " dimensions, found " +
             Twine(kernel.size()));
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  window.strides = spatialList(node, "strides", count, 1);
  window.dilations = spatialList(node, "dilations", count, 1);
  window.pads.assign(2 * count, 0);
  for (auto *list : {&window.kernel, &window.strides, &window.dilations})
    for (int64_t value : *list)
      if (value < 1 || value > (int64_t(1) << 31))
        node.bad(
            "expected positive kernel sizes, strides and dilations, found " +
            Twine(value));
  std::string mode = node.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER")
    applySame(node, x, mode == "SAME_UPPER", window);
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

bool applyCeilMode(NodeImport &node, Value x, Window &window) {
  bool changed = false;
  size_t first = window.isOneDimensional ? 1 : 0;
  for (size_t i = first; i < 2; ++i) {
    int64_t stride = window.strides[i];
    if (stride == 1)
      continue;
    int64_t size = node.typeOf(x).getDimSize(i + 2 - first);
    if (ShapedType::isDynamic(size))
      node.unsupported("ceil_mode needs a fixed input size; give it with "
                       "--shape");
    int64_t span = window.dilations[i] * (window.kernel[i] - 1) + 1;
    int64_t padded = size + window.pads[i] + window.pads[i + 2];
    if (padded < span)
      continue;
    int64_t count = llvm::divideCeil(padded - span, stride) + 1;
    // A window that starts behind the input does not count.
    if ((count - 1) * stride >= size + window.pads[i])
      --count;
    int64_t needed = (count - 1) * stride + span;
    if (needed <= padded)
      continue;
    window.pads[i + 2] += needed - padded;
    changed = true;
  }
  return changed;
}

Value toChannelsLast(NodeImport &node, Value x) {
  if (node.rank(x) == 3) {
    Scalars sizes = node.dims(x);
    sizes.insert(sizes.begin() + 2, Scalar::ofInt(1));
    x = node.reshape(x, sizes);
  }
  return node.transpose(x, {0, 2, 3, 1});
}

Value toChannelsFirst(NodeImport &node, Value x, bool isOneDimensional) {
  x = node.transpose(x, {0, 3, 1, 2});
  if (!isOneDimensional)
    return x;
  Scalars sizes = node.dims(x);
  sizes.erase(sizes.begin() + 2);
  return node.reshape(x, sizes);
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parts of tensors: Gather and Slice.
#include "lib/Import/OpTable.h"
#include "llvm/ADT/SmallBitVector.h"
#include <limits>

using namespace mlir;

namespace qopt::import {
namespace {

std::optional<SmallTensor>
gatherKnown(const SmallTensor &data, const SmallTensor &indices, int64_t axis) {
  if (!indices.isConstant())
    return std::nullopt;
  SmallVector<int64_t> shape(data.shape.begin(), data.shape.begin() + axis);
  shape.append(indices.shape);
  shape.append(data.shape.begin() + axis + 1, data.shape.end());
  return rearrange(data, shape,
                   [&](ArrayRef<int64_t> to, MutableArrayRef<int64_t> from) {
                     int64_t linear = 0;
                     for (auto [i, size] : llvm::enumerate(indices.shape))
                       linear = linear * size + to[axis + i];
                     int64_t index = indices.elements[linear].integer;
                     llvm::copy(to.take_front(axis), from.begin());
                     from[axis] = index < 0 ? index + data.shape[axis] : index;
                     llvm::copy(to.drop_front(axis + indices.shape.size()),
                                from.begin() + axis + 1);
                   });
}

// One fixed index is a slice without its axis: no table look-up.
void gatherOne(NodeImport &node, Value data, int64_t axis, Scalar index) {
  Scalars sizes = node.dims(data);
  Scalars offsets(sizes.size(), Scalar::ofInt(0));
  const Scalar &size = sizes[axis];
  if (index.isInt() && size.isInt() &&
      (index.integer < -size.integer || index.integer >= size.integer))
    node.bad("index " + Twine(index.integer) + " is outside axis " +
             Twine(axis) + " of size " + Twine(size.integer));
  if (index.isInt() && index.integer < 0)
    index = node.math().add(size, index);
  offsets[axis] = index;
  sizes[axis] = Scalar::ofInt(1);
  Value part = node.slice(data, offsets, sizes);
  sizes.erase(sizes.begin() + axis);
  node.result(node.reshape(part, sizes));
}

void importGather(NodeImport &node) {
  const SmallTensor *x = node.known(0), *indices = node.known(1);
  if (x && indices && x->rank() > 0) {
    int64_t axis = node.axis(node.integer("axis", 0), x->rank());
    if (auto part = gatherKnown(*x, *indices, axis))
      return node.result(std::move(*part));
  }
  Value data = node.input(0);
  if (node.rank(data) == 0)
    node.bad("expected a tensor of rank 1 or more, found a scalar");
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(data));
  if (indices && indices->rank() == 0 && indices->elements[0].isInt())
    return gatherOne(node, data, axis, indices->elements[0]);
  Value positions = node.input(1);
  if (!isa<IntegerType>(node.elementOf(positions)))
    node.bad("expected indices of an integer type");
  node.result(node.create<nn::GatherOp>(
      {data, positions},
      {node.attr("axis", node.builder().getI64IntegerAttr(axis))}));
}

// Exporters write "to the end" as any number from about 2^31 on.
bool isEnd(const Scalar &scalar) {
  return scalar.isInt() &&
         scalar.integer >= std::numeric_limits<int32_t>::max();
}

// A bound counted from the front and clamped to [0, size].
Scalar clampBound(NodeImport &node, Scalar bound, const Scalar &size) {
  IndexMath &math = node.math();
  if (isEnd(bound) || bound == size)
    return size;
  if (bound.isInt() && bound.integer < 0)
    return math.max(math.add(size, bound), Scalar::ofInt(0));
  // A slice of a table by a dimension of the input ("positions[:length]"): the
  // dimension is limited once, at the entry, instead of clamped here, so that
  // it stays recognizable as the same size.
  if (bound.isIndex() && size.isInt() &&
      node.importer().limitDimension(bound, size.integer))
    return bound;
  if (!bound.nonNegative)
    bound = math.max(math.ifLess(bound, Scalar::ofInt(0),
                                 math.add(size, bound), bound),
                     Scalar::ofInt(0));
  return math.min(bound, size);
}

struct Range {
  Scalar offset, size;
  int64_t step = 1;
};

Range readRange(NodeImport &node, Scalar start, Scalar end, int64_t step,
                const Scalar &size) {
  IndexMath &math = node.math();
  if (step == 0)
    node.bad("expected a step other than 0");
  // A longer step than any axis takes one element, as this one does.
  step = std::clamp<int64_t>(step, -(int64_t(1) << 42), int64_t(1) << 42);
  if (step > 0) {
    Scalar from = clampBound(node, start, size);
    Scalar to = clampBound(node, end, size);
    Scalar length = math.max(math.sub(to, from), Scalar::ofInt(0));
    if (from.isInt(0))
      length = to;
    if (step > 1)
      length = math.div(math.add(length, Scalar::ofInt(step - 1)),
                        Scalar::ofInt(step));
    return {from, length, step};
  }
  // Backward: from at most the last element down to just behind `to`.
  Scalar zero = Scalar::ofInt(0), last = math.sub(size, Scalar::ofInt(1));
  auto fromFront = [&](Scalar bound) {
    return bound.nonNegative
               ? bound
               : math.ifLess(bound, zero, math.add(size, bound), bound);
  };
  Scalar from = isEnd(start) ? last : math.min(fromFront(start), last);
  // "Beyond the first" is written as any large negative number.
  bool beyond = end.isInt() && end.integer < -(int64_t(1) << 31) + 1;
  Scalar to = beyond ? Scalar::ofInt(-1)
                     : math.max(math.min(fromFront(end), last),
                                Scalar::ofInt(-1));
  Scalar length = math.max(math.sub(from, to), zero);
  if (step < -1)
    length = math.div(math.add(length, Scalar::ofInt(-step - 1)),
                      Scalar::ofInt(-step));
  return {math.max(from, zero), length, step};
}

void importSlice(NodeImport &node) {
  const SmallTensor *x = node.known(0);
  Scalars dims;
  if (x)
    for (int64_t size : x->shape)
      dims.push_back(Scalar::ofInt(size));
  else
    dims = node.dims(node.input(0));
  Scalars starts = node.numbers(1, "starts"), ends = node.numbers(2, "ends");
  SmallVector<int64_t> axes, steps(starts.size(), 1);
  if (node.hasInput(3))
    axes = node.constantIntegers(3, "axes");
  else
    llvm::append_range(axes, llvm::seq<int64_t>(0, starts.size()));
  if (node.hasInput(4))
    steps = node.constantIntegers(4, "steps");
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size())
    node.bad("expected as many ends, axes and steps as starts (" +
             Twine(starts.size()) + ")");
  llvm::SmallBitVector sliced(dims.size());
  Scalars offsets(dims.size(), Scalar::ofInt(0)), sizes = dims;
  SmallVector<int64_t> strides(dims.size(), 1);
  for (auto [start, end, given, step] :
       llvm::zip_equal(starts, ends, axes, steps)) {
    int64_t axis = node.axis(given, dims.size());
    if (sliced[axis])
      node.bad("expected axes that differ, found " + Twine(axis) + " twice");
    sliced.set(axis);
    Range range = readRange(node, start, end, step, dims[axis]);
    offsets[axis] = range.offset;
    sizes[axis] = range.size;
    strides[axis] = range.step;
  }
  auto isFixed = [](const Scalar &scalar) { return scalar.isInt(); };
  if (x && llvm::all_of(offsets, isFixed) && llvm::all_of(sizes, isFixed)) {
    SmallVector<int64_t> shape;
    for (const Scalar &size : sizes)
      shape.push_back(size.integer);
    auto part = rearrange(*x, shape, [&](auto to, auto from) {
      for (size_t i = 0; i < from.size(); ++i)
        from[i] = offsets[i].integer + to[i] * strides[i];
    });
    if (part)
      return node.result(std::move(*part));
  }
  node.result(node.slice(node.input(0), offsets, sizes, strides));
}

constexpr OpEntry rows[] = {
    {"Gather", 2, 2, importGather},
    {"Slice", 3, 5, importSlice},
};
} // namespace

ArrayRef<OpEntry> selectionOps() { return rows; }

} // namespace qopt::import

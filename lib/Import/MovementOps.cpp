// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes changed, axes permuted, tensors joined and repeated.
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

// Output 0 is input 0 with the same elements under another shape.
void reshapeTo(NodeImport &node, ArrayRef<Scalar> sizes) {
  const SmallTensor *x = node.known(0);
  bool fixed = llvm::all_of(sizes, [](const Scalar &s) { return s.isInt(); });
  if (!x || !fixed)
    return node.result(node.reshape(node.input(0), sizes));
  SmallTensor result = *x;
  result.shape.clear();
  int64_t count = 1;
  for (const Scalar &size : sizes) {
    result.shape.push_back(size.integer);
    count *= size.integer;
  }
  if (count != int64_t(x->elements.size()))
    node.bad("cannot reshape " + shapeText(x->shape) + " to " +
             shapeText(result.shape) + ": the number of elements differs");
  node.result(std::move(result));
}

// The dimensions of input 0, without putting it into the IR if it is known.
Scalars inputDims(NodeImport &node) {
  const SmallTensor *x = node.known(0);
  if (!x)
    return node.dims(node.input(0));
  Scalars sizes;
  for (int64_t size : x->shape)
    sizes.push_back(Scalar::ofInt(size));
  return sizes;
}

// Sizes read at run time may be 0 or -1 there.
Scalars readSizes(NodeImport &node, Scalars sizes, ArrayRef<Scalar> from,
                  bool allowZero) {
  IndexMath &math = node.math();
  Scalar zero = Scalar::ofInt(0), one = Scalar::ofInt(1),
         open = Scalar::ofInt(-1);
  Scalar given = one;
  for (auto [axis, size] : llvm::enumerate(sizes)) {
    if (!allowZero && axis < from.size())
      size = math.ifEqual(size, zero, from[axis], size);
    given = math.mul(given, math.ifEqual(size, open, one, size));
  }
  Scalar rest = math.div(math.product(from), given);
  for (Scalar &size : sizes)
    size = math.ifEqual(size, open, rest, size);
  return sizes;
}

void importReshape(NodeImport &node) {
  Scalars sizes = node.numbers(1, "shape"), from = inputDims(node);
  bool allowZero = node.integer("allowzero", 0);
  if (llvm::any_of(sizes, [](const Scalar &size) {
        return size.isIndex() && !size.nonNegative;
      }))
    return node.result(
        node.reshape(node.input(0), readSizes(node, sizes, from, allowZero)));
  Scalar *inferred = nullptr;
  for (auto [axis, size] : llvm::enumerate(sizes)) {
    if (size.isInt(0) && !allowZero) {
      if (axis >= from.size())
        node.bad("dimension " + Twine(axis) +
                 " copies an input dimension that does not exist");
      size = from[axis];
    } else if (size.isInt(-1)) {
      if (inferred)
        node.bad("expected at most one size of -1");
      inferred = &size;
    } else if (size.isInt() && size.integer < 0) {
      node.bad("expected sizes of -1 or more, found " + Twine(size.integer));
    }
  }
  if (inferred) {
    *inferred = Scalar::ofInt(1);
    std::optional<Scalar> rest = node.math().quotient(from, sizes);
    if (!rest)
      node.bad("the size -1 has no whole value: the elements of the input "
               "cannot be divided so");
    *inferred = *rest;
  }
  reshapeTo(node, sizes);
}

void importFlatten(NodeImport &node) {
  Scalars sizes = inputDims(node);
  int64_t rank = sizes.size(), axis = node.integer("axis", 1);
  if (axis < -rank || axis > rank)
    node.bad("expected an axis from " + Twine(-rank) + " to " + Twine(rank) +
             ", found " + Twine(axis));
  axis = axis < 0 ? axis + rank : axis;
  ArrayRef<Scalar> all(sizes);
  reshapeTo(node, {node.math().product(all.take_front(axis)),
                   node.math().product(all.drop_front(axis))});
}

void importSqueeze(NodeImport &node) {
  Scalars sizes = inputDims(node), kept;
  SmallVector<int64_t> axes;
  if (node.hasInput(1))
    for (int64_t axis : node.constantIntegers(1, "axes"))
      axes.push_back(node.axis(axis, sizes.size()));
  for (auto [axis, size] : llvm::enumerate(sizes)) {
    bool drop = node.hasInput(1) ? llvm::is_contained(axes, int64_t(axis))
                                 : size.isInt(1);
    if (!node.hasInput(1) && !size.isInt())
      node.unsupported("squeezing without axes a tensor whose shape depends on "
                       "the input data or on a dynamic dimension is not "
                       "supported; fix it with --shape");
    if (drop && size.isInt() && !size.isInt(1))
      node.bad("cannot squeeze axis " + Twine(axis) + " of size " +
               Twine(size.integer));
    if (!drop)
      kept.push_back(size);
  }
  reshapeTo(node, kept);
}

void importUnsqueeze(NodeImport &node) {
  Scalars sizes = inputDims(node);
  SmallVector<int64_t> axes = node.constantIntegers(1, "axes");
  int64_t rank = sizes.size() + axes.size();
  for (int64_t &axis : axes)
    axis = node.axis(axis, rank);
  llvm::sort(axes);
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    node.bad("expected axes that differ");
  for (int64_t axis : axes) {
    if (axis > int64_t(sizes.size()))
      node.bad("expected axes that differ");
    sizes.insert(sizes.begin() + axis, Scalar::ofInt(1));
  }
  reshapeTo(node, sizes);
}

void importTranspose(NodeImport &node) {
  int64_t rank = inputDims(node).size();
  SmallVector<int64_t> reversed;
  for (int64_t axis = rank; axis-- > 0;)
    reversed.push_back(axis);
  SmallVector<int64_t> perm = node.integers("perm", reversed);
  SmallVector<int64_t> sorted(perm);
  llvm::sort(sorted);
  if (int64_t(perm.size()) != rank ||
      !llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    node.bad("expected 'perm' to be a permutation of " + Twine(rank) +
             " axes, found " + shapeText(perm));
  if (const SmallTensor *x = node.known(0)) {
    SmallVector<int64_t> shape;
    for (int64_t axis : perm)
      shape.push_back(x->shape[axis]);
    auto moved = rearrange(
        *x, shape, [&](ArrayRef<int64_t> to, MutableArrayRef<int64_t> from) {
          for (auto [i, axis] : llvm::enumerate(perm))
            from[axis] = to[i];
        });
    if (moved)
      return node.result(std::move(*moved));
  }
  node.result(node.transpose(node.input(0), perm));
}

void importConcat(NodeImport &node) {
  SmallVector<const SmallTensor *> known;
  for (size_t i = 0; i < node.numInputs(); ++i)
    if (const SmallTensor *part = node.known(i))
      known.push_back(part);
  if (known.size() == node.numInputs() && known.front()->rank() > 0) {
    int64_t axis = node.axis(node.integer("axis", 0), known.front()->rank());
    if (auto joined = evaluateConcat(known, axis))
      return node.result(std::move(*joined));
  }
  SmallVector<Value> parts;
  for (size_t i = 0; i < node.numInputs(); ++i)
    parts.push_back(node.input(i));
  node.result(node.concat(
      parts, node.axis(node.integer("axis", 0), node.rank(parts.front()))));
}

void importSplit(NodeImport &node) {
  Scalars dims = inputDims(node);
  int64_t axis = node.axis(node.integer("axis", 0), dims.size());
  int64_t count = node.numOutputs();
  Scalars sizes;
  if (node.hasInput(1)) {
    sizes = node.numbers(1, "split");
  } else {
    // All but the last as large as the first, as long as there is something.
    IndexMath &math = node.math();
    Scalar each = math.div(math.add(dims[axis], Scalar::ofInt(count - 1)),
                           Scalar::ofInt(count));
    for (int64_t i = 0; i < count; ++i) {
      Scalar rest = math.sub(dims[axis], math.mul(each, Scalar::ofInt(i)));
      sizes.push_back(i == 0 ? each
                             : math.max(math.min(rest, each),
                                        Scalar::ofInt(0)));
    }
  }
  if (int64_t(sizes.size()) != count)
    node.bad("expected " + Twine(count) + " sizes, found " +
             Twine(sizes.size()));
  Scalar total = Scalar::ofInt(0);
  Scalars starts;
  for (const Scalar &size : sizes) {
    starts.push_back(total);
    total = node.math().add(total, size);
  }
  if (total.isInt() && dims[axis].isInt() && !(total == dims[axis]))
    node.bad("the parts add up to " + Twine(total.integer) + ", but axis " +
             Twine(axis) + " has size " + Twine(dims[axis].integer));
  for (int64_t i = 0; i < count; ++i) {
    if (!node.wantsOutput(i))
      continue;
    const SmallTensor *x = node.known(0);
    if (x && starts[i].isInt() && sizes[i].isInt()) {
      SmallVector<int64_t> shape(x->shape);
      shape[axis] = sizes[i].integer;
      auto part = rearrange(*x, shape, [&](auto to, auto from) {
        llvm::copy(to, from.begin());
        from[axis] += starts[i].integer;
      });
      if (part) {
        node.result(std::move(*part), i);
        continue;
      }
    }
    Scalars offsets(dims.size(), Scalar::ofInt(0)), partSizes = dims;
    offsets[axis] = starts[i];
    partSizes[axis] = sizes[i];
    node.result(node.slice(node.input(0), offsets, partSizes), i);
  }
}

void importExpand(NodeImport &node) {
  Scalars target = node.numbers(1, "shape"), from = inputDims(node);
  while (from.size() < target.size())
    from.insert(from.begin(), Scalar::ofInt(1));
  size_t offset = from.size() - target.size();
  Scalars sizes = from;
  for (auto [i, wanted] : llvm::enumerate(target)) {
    Scalar &size = sizes[offset + i];
    if (size.isInt(1))
      size = wanted;
    else if (wanted.isInt(1) || wanted == size)
      continue;
    else if (size.isInt() && wanted.isInt())
      node.bad("cannot expand size " + Twine(size.integer) + " to " +
               Twine(wanted.integer));
    else if (wanted.isInt())
      size = wanted; // A dynamic size must be 1 or equal to this.
    else if (size.isIndex())
      size = node.math().max(size, wanted);
  }
  const SmallTensor *x = node.known(0);
  bool fixed = llvm::all_of(sizes, [](const Scalar &s) { return s.isInt(); });
  if (x && fixed) {
    SmallVector<int64_t> shape;
    for (const Scalar &size : sizes)
      shape.push_back(size.integer);
    auto grown = rearrange(*x, shape, [&](auto to, auto at) {
      for (size_t i = 0; i < at.size(); ++i)
        at[i] = x->shape[i] == 1 ? 0 : to[to.size() - at.size() + i];
    });
    if (grown)
      return node.result(std::move(*grown));
  }
  node.result(node.broadcastTo(node.input(0), sizes));
}

// Each repeated axis gets an axis of repetitions before it, then both merge.
void importTile(NodeImport &node) {
  Value x = node.input(0);
  Scalars repeats = node.numbers(1, "repeats"), dims = node.dims(x);
  if (repeats.size() != dims.size())
    node.bad("expected " + Twine(dims.size()) + " repeats, found " +
             Twine(repeats.size()));
  Scalars apart, grown, merged;
  for (auto [size, count] : llvm::zip_equal(dims, repeats)) {
    merged.push_back(node.math().mul(size, count));
    if (!count.isInt(1)) {
      apart.push_back(Scalar::ofInt(1));
      grown.push_back(count);
    }
    apart.push_back(size);
    grown.push_back(size);
  }
  Value y = node.broadcastTo(node.reshape(x, apart), grown);
  node.result(node.reshape(y, merged));
}

void importDepthToSpace(NodeImport &node) {
  Value x = node.input(0);
  Scalar block = Scalar::ofInt(node.integer("blocksize", 1));
  if (node.rank(x) != 4 || block.integer < 1)
    node.bad("expected a tensor of rank 4 and a positive blocksize");
  Scalars d = node.dims(x);
  IndexMath &math = node.math();
  auto channels = math.quotient(d[1], {block, block});
  if (!channels)
    node.bad("expected blocksize squared to divide the channels");
  bool columnFirst = node.text("mode", "DCR") == "CRD";
  Scalars apart = columnFirst
                      ? Scalars{d[0], *channels, block, block, d[2], d[3]}
                      : Scalars{d[0], block, block, *channels, d[2], d[3]};
  SmallVector<int64_t> perm = columnFirst
                                  ? SmallVector<int64_t>{0, 1, 4, 2, 5, 3}
                                  : SmallVector<int64_t>{0, 3, 4, 1, 5, 2};
  Value y = node.transpose(node.reshape(x, apart), perm);
  node.result(node.reshape(
      y, {d[0], *channels, math.mul(d[2], block), math.mul(d[3], block)}));
}

void importSpaceToDepth(NodeImport &node) {
  Value x = node.input(0);
  Scalar block = Scalar::ofInt(node.integer("blocksize", 1));
  if (node.rank(x) != 4 || block.integer < 1)
    node.bad("expected a tensor of rank 4 and a positive blocksize");
  Scalars d = node.dims(x);
  IndexMath &math = node.math();
  auto height = math.quotient(d[2], block), width = math.quotient(d[3], block);
  if (!height || !width)
    node.bad("expected blocksize to divide height and width");
  Value y = node.reshape(x, {d[0], d[1], *height, block, *width, block});
  std::string mode = node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    node.bad("expected mode DCR or CRD, found '" + mode + "'");
  y = node.transpose(y, mode == "DCR" ? ArrayRef<int64_t>{0, 3, 5, 1, 2, 4}
                                      : ArrayRef<int64_t>{0, 1, 3, 5, 2, 4});
  node.result(node.reshape(
      y, {d[0], math.product({d[1], block, block}), *height, *width}));
}

constexpr OpEntry rows[] = {
    {"Concat", 1, anyNumber, importConcat},
    {"DepthToSpace", 1, 1, importDepthToSpace},
    {"Expand", 2, 2, importExpand},
    {"Flatten", 1, 1, importFlatten},
    {"Reshape", 2, 2, importReshape},
    {"SpaceToDepth", 1, 1, importSpaceToDepth},
    {"Split", 1, 2, importSplit},
    {"Squeeze", 1, 2, importSqueeze},
    {"Tile", 2, 2, importTile},
    {"Transpose", 1, 1, importTranspose},
    {"Unsqueeze", 2, 2, importUnsqueeze},
};
} // namespace

ArrayRef<OpEntry> movementOps() { return rows; }

} // namespace qopt::import

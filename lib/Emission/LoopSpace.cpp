// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Groups axes and computes strides.

#include "lib/Emission/LoopSpace.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LoopSpace::LoopSpace(const FusedExpression &expression, Value root)
    : expression(expression), root(root) {
  for (unsigned axis = 0; axis < tensorType(root).getRank(); ++axis) {
    if (isOne(root, axis))
      continue;
    bool joins = !groups.empty() &&
                 llvm::all_of(expression.leaves(), [&](const Leaf &leaf) {
                   return mayJoin(leaf, groups.back().back(), axis);
                 });
    if (joins)
      groups.back().push_back(axis);
    else
      groups.push_back({axis});
  }
  if (groups.empty()) // one element: a group of no axes
    groups.emplace_back();
}

bool LoopSpace::isOne(Value tensor, unsigned axis) const {
  return tensorType(tensor).getDimSize(axis) == 1;
}

std::optional<unsigned> LoopSpace::leafAxis(const Leaf &leaf,
                                            unsigned axis) const {
  for (auto [i, entry] : llvm::enumerate(leaf.map))
    if (entry.iterationAxis == int64_t(axis))
      return i;
  return std::nullopt;
}

bool LoopSpace::mayJoin(const Leaf &leaf, unsigned outer,
                        unsigned inner) const {
  std::optional<unsigned> from = leafAxis(leaf, outer);
  std::optional<unsigned> to = leafAxis(leaf, inner);
  if (!from || !to)
    return !from && !to;
  if (*to <= *from)
    return false;
  for (unsigned between = *from + 1; between < *to; ++between)
    if (!isOne(leaf.tensor, between))
      return false;
  const LeafAxis &axis = leaf.map[*to];
  if (leaf.map[*from].step != 1 || axis.step != 1 || !axis.offset.empty())
    return false;
  // The inner axis must be walked to its end.
  int64_t leafSize = tensorType(leaf.tensor).getDimSize(*to);
  int64_t size = tensorType(root).getDimSize(inner);
  return ShapedType::isDynamic(leafSize) || ShapedType::isDynamic(size) ||
         leafSize == size;
}

LoopSpace::Motion LoopSpace::motion(const Leaf &leaf, unsigned group) const {
  if (groups[group].empty())
    return Motion::still;
  std::optional<unsigned> axis = leafAxis(leaf, groups[group].back());
  if (!axis)
    return Motion::still;
  unsigned rank = tensorType(leaf.tensor).getRank();
  bool isLast = true;
  for (unsigned after = *axis + 1; after < rank; ++after)
    isLast &= isOne(leaf.tensor, after);
  return isLast && leaf.map[*axis].step == 1 ? Motion::unit : Motion::strided;
}

std::optional<unsigned> LoopSpace::transposedGroup() const {
  unsigned last = numGroups() - 1;
  for (const Leaf &leaf : expression.leaves()) {
    if (motion(leaf, last) != Motion::strided)
      continue;
    for (unsigned group = 0; group < last; ++group)
      if (motion(leaf, group) == Motion::unit)
        return group;
  }
  return std::nullopt;
}

Value LoopSpace::size(KernelBuilder &kb, KernelShapes &shapes,
                      unsigned group) const {
  Value product = kb.i64(1);
  for (unsigned axis : groups[group])
    product = kb.mul(product, shapes.dim(kb, root, axis));
  return product;
}

Value LoopSpace::leafStride(KernelBuilder &kb, KernelShapes &shapes,
                            const Leaf &leaf, unsigned axis) const {
  Value product = kb.i64(1);
  for (unsigned after = axis + 1; after < tensorType(leaf.tensor).getRank();
       ++after)
    product = kb.mul(product, shapes.dim(kb, leaf.tensor, after));
  return product;
}

Value LoopSpace::stride(KernelBuilder &kb, KernelShapes &shapes,
                        const Leaf &leaf, unsigned group) const {
  if (groups[group].empty())
    return kb.i64(0);
  std::optional<unsigned> axis = leafAxis(leaf, groups[group].back());
  if (!axis)
    return kb.i64(0);
  return kb.mul(leafStride(kb, shapes, leaf, *axis), leaf.map[*axis].step);
}

Value LoopSpace::offset(KernelBuilder &kb, KernelShapes &shapes,
                        const Leaf &leaf) const {
  Value total = kb.i64(0);
  for (auto [axis, entry] : llvm::enumerate(leaf.map))
    for (auto &[value, factor] : entry.offset) {
      Value term;
      if (auto attribute = dyn_cast<Attribute>(value))
        term = kb.i64(cast<IntegerAttr>(attribute).getInt());
      else
        term = shapes.evaluate(kb, cast<Value>(value));
      if (!term)
        return {};
      term = kb.mul(term, factor);
      total = kb.add(total, kb.mul(term, leafStride(kb, shapes, leaf, axis)));
    }
  return total;
}

bool LoopSpace::isSupposed(const Leaf &leaf, unsigned axis) const {
  const LeafAxis &entry = leaf.map[axis];
  if (entry.iterationAxis < 0 || entry.step != 1 || !entry.offset.empty())
    return false;
  if (!tensorType(leaf.tensor).isDynamicDim(axis) &&
      !tensorType(root).isDynamicDim(entry.iterationAxis))
    return false;
  if (expression.hasDynamicSlice() || expression.hasBroadcast())
    return true;
  // The only leaf that has the axis gives the iteration its size.
  unsigned followers = 0;
  for (const Leaf &other : expression.leaves())
    followers += leafAxis(other, entry.iterationAxis).has_value();
  return followers > 1;
}

Value LoopSpace::supposition(KernelBuilder &kb, KernelShapes &shapes) const {
  Value all;
  for (const Leaf &leaf : expression.leaves())
    for (unsigned axis = 0; axis < leaf.map.size(); ++axis) {
      if (!isSupposed(leaf, axis))
        continue;
      Value equal =
          kb.cmp(arith::CmpIPredicate::eq, shapes.dim(kb, leaf.tensor, axis),
                 shapes.dim(kb, root, leaf.map[axis].iterationAxis));
      all = all ? Value(kb.create<arith::AndIOp>(all, equal)) : equal;
    }
  return all;
}

Value LoopSpace::position(KernelBuilder &kb, KernelShapes &shapes,
                          const Leaf &leaf, ArrayRef<Value> iteration) const {
  Value total = offset(kb, shapes, leaf);
  for (auto [axis, entry] : llvm::enumerate(leaf.map)) {
    if (entry.iterationAxis < 0)
      continue;
    Value index = kb.mul(iteration[entry.iterationAxis], entry.step);
    if (isSupposed(leaf, axis)) {
      Value repeats = kb.cmp(arith::CmpIPredicate::eq,
                             shapes.dim(kb, leaf.tensor, axis), kb.i64(1));
      index = kb.select(repeats, kb.i64(0), index);
    }
    total = kb.add(total, kb.mul(index, leafStride(kb, shapes, leaf, axis)));
  }
  return total;
}

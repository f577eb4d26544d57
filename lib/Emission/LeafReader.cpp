// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Row starts from row numbers, and the loads.

#include "lib/Emission/LeafReader.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

int64_t LeafReader::rank() const { return tensorType(space).getRank(); }

bool LeafReader::followsLastAxis(const Leaf &leaf) const {
  return !leaf.map.empty() && leaf.map.back().iterationAxis == rank() - 1;
}

bool LeafReader::movesWithRows(const Leaf &leaf) const {
  return llvm::any_of(leaf.map, [&](const LeafAxis &axis) {
    return axis.iterationAxis >= 0 && axis.iterationAxis < rank() - 1;
  });
}

bool LeafReader::canRead() const {
  if (expression->hasDynamicSlice())
    return false;
  for (const Leaf &leaf : expression->leaves())
    for (auto [position, axis] : llvm::enumerate(leaf.map)) {
      bool isLast = position + 1 == leaf.map.size();
      if (axis.iterationAxis == rank() - 1 && (!isLast || axis.step != 1))
        return false;
    }
  return true;
}

bool LeafReader::mayRepeat(const Leaf &leaf, unsigned axis) const {
  int64_t follows = leaf.map[axis].iterationAxis;
  if (follows < 0 || !tensorType(leaf.tensor).isDynamicDim(axis))
    return false;
  if (expression->hasBroadcast())
    return true;
  // The only value that has the axis gives the iteration its size. Given
  // values count as followers of everything.
  unsigned followers = expression->numGiven();
  for (const Leaf &other : expression->leaves())
    for (const LeafAxis &entry : other.map)
      followers += entry.iterationAxis == follows;
  return followers > 1;
}

bool LeafReader::begin(KernelBuilder &kb) {
  pointers.clear();
  offsets.clear();
  for (const Leaf &leaf : expression->leaves()) {
    pointers.push_back(leafPointer(kb, leaf));
    Value offset = kb.i64(0), stride = kb.i64(1);
    for (int64_t axis = int64_t(leaf.map.size()) - 1; axis >= 0; --axis) {
      for (auto &[value, factor] : leaf.map[axis].offset) {
        Value term =
            isa<Attribute>(value)
                ? kb.i64(cast<IntegerAttr>(cast<Attribute>(value)).getInt())
                : shapes->evaluate(kb, cast<Value>(value));
        if (!term)
          return false;
        offset = kb.add(offset, kb.mul(kb.mul(term, factor), stride));
      }
      stride = kb.mul(stride, shapes->dim(kb, leaf.tensor, axis));
    }
    offsets.push_back(offset);
    if (!pointers.back())
      return false;
  }
  return true;
}

/// Row number r of the iteration is row number r of the leaf.
bool LeafReader::coversAllRows(const Leaf &leaf) const {
  if (int64_t(leaf.map.size()) != rank())
    return false;
  for (int64_t axis = 0; axis + 1 < rank(); ++axis) {
    const LeafAxis &entry = leaf.map[axis];
    int64_t size = tensorType(leaf.tensor).getDimSize(axis);
    int64_t spaceSize = tensorType(space).getDimSize(axis);
    if (!entry.offset.empty() || entry.step != 1)
      return false;
    bool bothOne = size == 1 && spaceSize == 1;
    bool mayAgree = ShapedType::isDynamic(size) ||
                    ShapedType::isDynamic(spaceSize) || size == spaceSize;
    if (!bothOne && (entry.iterationAxis != axis || !mayAgree))
      return false;
  }
  return true;
}

Value LeafReader::startByDigits(KernelBuilder &kb, const Leaf &leaf,
                                Value row) {
  SmallVector<Value> digits(rank());
  for (int64_t axis = rank() - 2; axis >= 0; --axis) {
    Value size = shapes->dim(kb, space, axis);
    digits[axis] = axis == 0 ? row : kb.rem(row, size);
    row = kb.div(row, size);
  }
  Value result = kb.i64(0), stride = kb.i64(1);
  for (int64_t axis = int64_t(leaf.map.size()) - 1; axis >= 0; --axis) {
    int64_t follows = leaf.map[axis].iterationAxis;
    Value size = shapes->dim(kb, leaf.tensor, axis);
    if (follows >= 0 && follows < rank() - 1) {
      Value index = kb.mul(digits[follows], leaf.map[axis].step);
      if (mayRepeat(leaf, axis)) {
        Value repeats = kb.cmp(arith::CmpIPredicate::eq, size, kb.i64(1));
        index = kb.select(repeats, kb.i64(0), index);
      }
      result = kb.add(result, kb.mul(index, stride));
    }
    stride = kb.mul(stride, size);
  }
  return result;
}

Value LeafReader::start(KernelBuilder &kb, const Leaf &leaf, Value row) {
  if (!movesWithRows(leaf))
    return kb.i64(0);
  if (!coversAllRows(leaf))
    return startByDigits(kb, leaf, row);
  auto whole = [&] {
    Value columns = shapes->dim(kb, leaf.tensor, rank() - 1);
    return kb.mul(row, columns);
  };
  Value agrees;
  for (int64_t axis = 0; axis + 1 < rank(); ++axis) {
    if (!mayRepeat(leaf, axis))
      continue;
    Value equal =
        kb.cmp(arith::CmpIPredicate::eq, shapes->dim(kb, leaf.tensor, axis),
               shapes->dim(kb, space, axis));
    agrees = agrees ? Value(kb.create<arith::AndIOp>(agrees, equal)) : equal;
  }
  if (!agrees)
    return whole();
  return kb.ifThenElse(
      agrees, TypeRange{kb.i64Type},
      [&] { return SmallVector<Value>{whole()}; },
      [&] { return SmallVector<Value>{startByDigits(kb, leaf, row)}; })[0];
}

SmallVector<Value> LeafReader::rowStarts(KernelBuilder &kb, Value row) {
  SmallVector<Value> starts;
  for (auto [leaf, offset] : llvm::zip(expression->leaves(), offsets))
    starts.push_back(kb.add(offset, start(kb, leaf, row)));
  return starts;
}

Value LeafReader::loadLeaf(KernelBuilder &kb, unsigned number, Value start,
                           Value column, LiveLanes live) {
  const Leaf &leaf = expression->leaves()[number];
  Type element = tensorType(leaf.tensor).getElementType();
  Value pointer = pointers[number];
  auto single = [&] {
    Value scalar = loadLane(kb, element, pointer, start, Width::scalar);
    return SmallVector<Value>{broadcastLane(kb, scalar, Width::vector)};
  };
  auto vector = [&] {
    return SmallVector<Value>{loadLane(
        kb, element, pointer, kb.add(start, column), Width::vector, live)};
  };
  if (!followsLastAxis(leaf))
    return single()[0];
  unsigned last = leaf.map.size() - 1;
  if (!mayRepeat(leaf, last))
    return vector()[0];
  Value agrees =
      kb.cmp(arith::CmpIPredicate::eq, shapes->dim(kb, leaf.tensor, last),
             shapes->dim(kb, space, rank() - 1));
  return kb.ifThenElse(agrees, TypeRange{computeType(element, Width::vector)},
                       vector, single)[0];
}

SmallVector<Value> LeafReader::loadCommon(KernelBuilder &kb, Value column,
                                          LiveLanes live) {
  SmallVector<Value> lanes;
  for (auto [i, leaf] : llvm::enumerate(expression->leaves()))
    lanes.push_back(movesWithRows(leaf)
                        ? Value()
                        : loadLeaf(kb, i, offsets[i], column, live));
  return lanes;
}

SmallVector<Value> LeafReader::load(KernelBuilder &kb, ArrayRef<Value> starts,
                                    Value column, LiveLanes live,
                                    ArrayRef<Value> common) {
  SmallVector<Value> lanes;
  for (unsigned i = 0; i < expression->leaves().size(); ++i)
    lanes.push_back(!common.empty() && common[i]
                        ? common[i]
                        : loadLeaf(kb, i, starts[i], column, live));
  return lanes;
}

SmallVector<Value> LeafReader::evaluate(KernelBuilder &kb,
                                        ArrayRef<Value> starts,
                                        ArrayRef<Value> given, Value column,
                                        LiveLanes live,
                                        ArrayRef<Value> common) {
  return expression->emit(kb, load(kb, starts, column, live, common), given,
                          Width::vector);
}

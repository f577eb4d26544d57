// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/FusedEpilogue.h"

using namespace mlir;

namespace qopt::emission {

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

// Rows of the leaf must lie along columns, or be one element each.
static bool isReadable(const Leaf &leaf, int64_t rank) {
  for (auto [position, axis] : llvm::enumerate(leaf.map)) {
    bool last = position + 1 == leaf.map.size();
    if (axis.step != 1 || !axis.offset.empty())
      return false;
    if (axis.iterationAxis == rank - 1 && !last)
      return false;
    if (last && axis.iterationAxis >= 0 && axis.iterationAxis != rank - 1)
      return false;
  }
  return true;
}

std::optional<FusedEpilogue>
FusedEpilogue::build(Block &body, Value root, KernelShapes &shapes,
                     ArrayRef<Operation *> covered) {
  ValueRange yielded = body.getTerminator()->getOperands();
  int64_t rank = tensorType(root).getRank();
  for (Value value : yielded)
    if (tensorType(value).getShape() != tensorType(root).getShape())
      return std::nullopt;
  auto expression = FusedExpression::build(yielded, root);
  if (!expression || expression->hasDynamicSlice())
    return std::nullopt;
  for (const Leaf &leaf : expression->leaves())
    if (!isReadable(leaf, rank))
      return std::nullopt;
  for (Operation &op : body.without_terminator())
    if (!llvm::is_contained(covered, &op) &&
        !expression->ops().contains(&op) && !isShapeOrConstant(&op))
      return std::nullopt;
  return FusedEpilogue(std::move(*expression), root, yielded,
                       numTensorInputs(body), shapes);
}

int64_t FusedEpilogue::rank() const { return tensorType(root).getRank(); }

Value FusedEpilogue::columnsOf(KernelBuilder &kb, const Leaf &leaf) {
  if (leaf.map.empty() || leaf.map.back().iterationAxis < 0)
    return kb.i64(1);
  return shapes->dim(kb, leaf.tensor, leaf.map.size() - 1);
}

// Element at which the leaf's part of an output row starts.
Value FusedEpilogue::leafRow(KernelBuilder &kb, const Leaf &leaf, Value row) {
  bool constant = true, whole = int64_t(leaf.map.size()) == rank();
  Value equal = kb.i1(true);
  for (int64_t axis = 0; axis + 1 < int64_t(leaf.map.size()); ++axis) {
    int64_t follows = leaf.map[axis].iterationAxis;
    constant &= follows < 0;
    whole &= follows == axis ||
             (follows < 0 && tensorType(root).getDimSize(axis) == 1);
    if (!whole || follows < 0)
      continue;
    Value same = kb.cmp(arith::CmpIPredicate::eq,
                        shapes->dim(kb, leaf.tensor, axis),
                        shapes->dim(kb, root, axis));
    equal = kb.builder().createOrFold<arith::AndIOp>(kb.loc(), equal, same);
  }
  if (constant)
    return kb.i64(0);
  if (!whole)
    return leafRowByDigits(kb, leaf, row);
  // The usual case: as many rows as the result has.
  return kb.ifThenElse(
      equal, TypeRange{kb.i64Type},
      [&] { return SmallVector<Value>{kb.mul(row, columnsOf(kb, leaf))}; },
      [&] { return SmallVector<Value>{leafRowByDigits(kb, leaf, row)}; })[0];
}

Value FusedEpilogue::leafRowByDigits(KernelBuilder &kb, const Leaf &leaf,
                                     Value row) {
  SmallVector<Value> digits(rank() - 1);
  for (int64_t axis = rank() - 2; axis >= 0; --axis) {
    Value size = shapes->dim(kb, root, axis);
    digits[axis] = axis == 0 ? row : kb.rem(row, size);
    row = kb.div(row, size);
  }
  Value start = kb.i64(0), stride = columnsOf(kb, leaf);
  for (int64_t axis = int64_t(leaf.map.size()) - 2; axis >= 0; --axis) {
    Value size = shapes->dim(kb, leaf.tensor, axis);
    int64_t follows = leaf.map[axis].iterationAxis;
    if (follows >= 0) {
      Value repeats = kb.cmp(arith::CmpIPredicate::eq, size, kb.i64(1));
      start = kb.add(start, kb.select(repeats, kb.i64(0),
                                      kb.mul(digits[follows], stride)));
    }
    stride = kb.mul(stride, size);
  }
  return start;
}

// One element of a leaf, in all lanes.
Value FusedEpilogue::loadSingle(KernelBuilder &kb, const Leaf &leaf,
                                Value index) {
  return broadcastLane(
      kb,
      loadLane(kb, tensorType(leaf.tensor).getElementType(),
               leafPointer(kb, leaf), index, Width::scalar),
      Width::vector);
}

// Read here, not per row: a store between would force another read.
void FusedEpilogue::begin(KernelBuilder &kb) {
  stillLanes.clear();
  for (const Leaf &leaf : expression.leaves()) {
    bool still = llvm::all_of(
        leaf.map, [](const LeafAxis &axis) { return axis.iterationAxis < 0; });
    stillLanes.push_back(still ? loadSingle(kb, leaf, kb.i64(0)) : Value());
  }
}

void FusedEpilogue::beginRow(KernelBuilder &kb, Value row) {
  rowStarts.clear();
  rowLanes.clear();
  for (auto [i, leaf] : llvm::enumerate(expression.leaves())) {
    rowStarts.push_back(leafRow(kb, leaf, row));
    rowLanes.push_back(stillLanes[i]);
    // One element a row: read once.
    if (!rowLanes.back() &&
        KernelBuilder::constantOf(columnsOf(kb, leaf)) == 1)
      rowLanes.back() = loadSingle(kb, leaf, rowStarts.back());
  }
  outputStart = kb.mul(row, shapes->dim(kb, root, rank() - 1));
}

void FusedEpilogue::emit(KernelBuilder &kb, Value row, Value column,
                         Value accumulators, LiveLanes live) {
  SmallVector<Value> lanes;
  for (auto [i, leaf] : llvm::enumerate(expression.leaves())) {
    if (rowLanes[i]) {
      lanes.push_back(rowLanes[i]);
      continue;
    }
    Type element = tensorType(leaf.tensor).getElementType();
    Value pointer = leafPointer(kb, leaf);
    Value start = rowStarts[i];
    auto vector = [&] {
      return SmallVector<Value>{loadLane(kb, element, pointer,
                                         kb.add(start, column), Width::vector,
                                         live)};
    };
    auto single = [&] {
      return SmallVector<Value>{loadSingle(kb, leaf, start)};
    };
    // A size known only at run time may turn out to be 1 and so repeat.
    Value columns = columnsOf(kb, leaf);
    Value agrees = kb.cmp(arith::CmpIPredicate::eq, columns,
                          shapes->dim(kb, root, rank() - 1));
    lanes.push_back(kb.ifThenElse(
        agrees, TypeRange{computeType(element, Width::vector)}, vector,
        single)[0]);
  }
  SmallVector<Value> results =
      expression.emit(kb, lanes, accumulators, Width::vector);
  for (auto [i, result] : llvm::enumerate(results))
    storeLane(kb, tensorType(yielded[i]).getElementType(), result,
              kb.ptr(firstOutput + i), kb.add(outputStart, column), live);
}

} // namespace qopt::emission

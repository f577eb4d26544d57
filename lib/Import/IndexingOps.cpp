// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements and rows chosen or changed by tensors of indices. Every index tuple
// becomes a position in a flattened tensor, by arithmetic of its own, and one
// gather or scatter of rows does the rest.
//
// Negative indices count from the end. Reads outside an axis take its nearest
// element; writes outside change nothing.
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"

using namespace mlir;

namespace qopt::import {
namespace {

Value asIndices(NodeImport &node, Value indices) {
  if (!isa<IntegerType>(node.elementOf(indices)))
    node.bad("expected indices of an integer type");
  return node.cast(indices, node.builder().getI64Type());
}

// Negative indices of an axis of `size` elements counted from the front.
Value fromFront(NodeImport &node, Value indices, const Scalar &size) {
  Value back =
      node.create<nn::AddOp>({indices, scalarTensor(node, size)});
  Value isNegative =
      node.create<nn::LessOp>({indices, node.splat(0, indices)});
  return node.create<nn::SelectOp>({isNegative, back, indices});
}

Value clamped(NodeImport &node, Value indices, const Scalar &size) {
  Value last = node.create<nn::SubOp>(
      {scalarTensor(node, size), node.splat(1, indices)});
  return node.create<nn::MaxOp>(
      {node.create<nn::MinOp>({indices, last}), node.splat(0, indices)});
}

// Whether 0 <= index < size.
Value isInside(NodeImport &node, Value indices, const Scalar &size) {
  return node.create<nn::AndOp>(
      {node.create<nn::GreaterEqualOp>({indices, node.splat(0, indices)}),
       node.create<nn::LessOp>({indices, scalarTensor(node, size)})});
}

Value times(NodeImport &node, Value x, const Scalar &factor) {
  return factor.isInt(1)
             ? x
             : node.create<nn::MulOp>({x, scalarTensor(node, factor)});
}

Value plus(NodeImport &node, Value sum, Value x) {
  return sum ? node.create<nn::AddOp>({sum, x}) : x;
}

// Positions that must not be written become -1, which scatter leaves out.
Value orNowhere(NodeImport &node, Value inside, Value position) {
  return node.create<nn::SelectOp>(
      {inside, position, node.splat(-1, position)});
}

Value gatherRows(NodeImport &node, Value rows, Value positions) {
  return node.create<nn::GatherOp>(
      {rows, positions},
      {node.attr("axis", node.builder().getI64IntegerAttr(0))});
}

Value scatterRows(NodeImport &node, Value rows, Value positions, Value updates,
                  nn::ScatterMode mode) {
  return node.create<nn::ScatterOp>(
      {rows, positions, updates},
      {node.attr("mode", node.builder().getI32IntegerAttr(int32_t(mode)))});
}

nn::ScatterMode readReduction(NodeImport &node) {
  std::string reduction = node.text("reduction", "none");
  if (reduction == "none")
    return nn::ScatterMode::replace;
  std::optional<nn::ScatterMode> mode = nn::symbolizeScatterMode(reduction);
  if (!mode || *mode == nn::ScatterMode::replace)
    node.bad("reduction '" + reduction + "' is unknown");
  return *mode;
}

//===-- One index an element ----------------------------------------------===//

// The position in the flattened tensor of sizes `dims` of the element that
// stands where an index stands, but on `axis` where the index (from the front)
// says.
Value elementPositions(NodeImport &node, Value indices, ArrayRef<Scalar> dims,
                       int64_t axis) {
  int64_t rank = dims.size();
  Value result;
  for (int64_t i = 0; i < rank; ++i) {
    Scalar stride = node.math().product(dims.drop_front(i + 1));
    Value part = i == axis ? times(node, indices, stride)
                           : scaledPositions(node, node.dims(indices)[i],
                                             stride, rank - 1 - i);
    result = plus(node, result, part);
  }
  return result;
}

void checkElementIndices(NodeImport &node, Value data, Value indices,
                         int64_t axis) {
  ArrayRef<int64_t> whole = node.typeOf(data).getShape();
  ArrayRef<int64_t> part = node.typeOf(indices).getShape();
  bool fits = whole.size() == part.size();
  for (size_t i = 0; fits && i < whole.size(); ++i)
    fits = int64_t(i) == axis || ShapedType::isDynamic(whole[i]) ||
           ShapedType::isDynamic(part[i]) || part[i] <= whole[i];
  if (!fits)
    node.bad("expected indices of data's rank and no larger than data off "
             "axis " +
             Twine(axis) + ", found " + shapeText(part) + " for " +
             shapeText(whole));
}

void importGatherElements(NodeImport &node) {
  Value data = node.input(0), indices = asIndices(node, node.input(1));
  if (node.rank(data) == 0)
    node.bad("expected a tensor of rank 1 or more, found a scalar");
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(data));
  checkElementIndices(node, data, indices, axis);
  Scalars dims = node.dims(data);
  Value index =
      clamped(node, fromFront(node, indices, dims[axis]), dims[axis]);
  Value flat = node.reshape(data, {node.math().product(dims)});
  node.result(
      gatherRows(node, flat, elementPositions(node, index, dims, axis)));
}

void importScatterElements(NodeImport &node) {
  Value data = node.input(0), indices = asIndices(node, node.input(1)),
        updates = node.input(2);
  if (node.rank(data) == 0)
    node.bad("expected a tensor of rank 1 or more, found a scalar");
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(data));
  checkElementIndices(node, data, indices, axis);
  if (failed(verifyCompatibleShape(node.typeOf(indices), node.typeOf(updates))))
    node.bad("expected an update for each index, found " +
             shapeText(node.typeOf(updates).getShape()) + " updates and " +
             shapeText(node.typeOf(indices).getShape()) + " indices");
  Scalars dims = node.dims(data);
  Value index = fromFront(node, indices, dims[axis]);
  Value at = orNowhere(node, isInside(node, index, dims[axis]),
                       elementPositions(node, index, dims, axis));
  Scalars all{node.math().product(dims)};
  Scalars count{node.math().product(node.dims(indices))};
  Value flat = scatterRows(node, node.reshape(data, all),
                           node.reshape(at, count),
                           node.reshape(updates, count), readReduction(node));
  node.result(node.reshape(flat, dims));
}

//===-- Tuples of indices -------------------------------------------------===//

// Component `i` of the tuples along the last axis, without that axis.
Value component(NodeImport &node, Value indices, int64_t i) {
  Scalars offsets(node.rank(indices), Scalar::ofInt(0));
  Scalars sizes = node.dims(indices);
  offsets.back() = Scalar::ofInt(i);
  sizes.back() = Scalar::ofInt(1);
  Value part = node.slice(indices, offsets, sizes);
  sizes.pop_back();
  return node.reshape(part, sizes);
}

struct Tuples {
  Value positions; // of rows, with the shape of the indices less their last axis
  Value inside;
};

// The rows that tuples choose: after `batch` axes that data and indices share,
// as many axes of data as a tuple has components are flattened to rows.
Tuples readTuples(NodeImport &node, Value indices, ArrayRef<Scalar> rows,
                  int64_t batch, bool clamp) {
  IndexMath &math = node.math();
  int64_t rank = node.rank(indices) - 1;
  Tuples result;
  for (int64_t i = 0; i < int64_t(rows.size()); ++i) {
    Scalar stride = math.product(rows.drop_front(i + 1));
    if (i < batch) {
      result.positions =
          plus(node, result.positions,
               scaledPositions(node, rows[i], stride, rank - 1 - i));
      continue;
    }
    Value index =
        fromFront(node, component(node, indices, i - batch), rows[i]);
    if (clamp) {
      index = clamped(node, index, rows[i]);
    } else {
      Value inside = isInside(node, index, rows[i]);
      result.inside = result.inside
                          ? node.create<nn::AndOp>({result.inside, inside})
                          : inside;
    }
    result.positions =
        plus(node, result.positions, times(node, index, stride));
  }
  return result;
}

// The number of components of the tuples in `indices`; where its type leaves
// that open, it follows from the rank of the `parts` taken or given: the index
// axes but the last, then the axes of the data that the tuples do not index.
int64_t tupleSize(NodeImport &node, Value data, Value &indices, int64_t batch,
                  std::optional<int64_t> parts) {
  if (node.rank(indices) == 0)
    node.bad("expected indices of rank 1 or more, found a scalar");
  int64_t size = node.typeOf(indices).getShape().back();
  if (ShapedType::isDynamic(size)) {
    int64_t last = node.rank(indices) - 1;
    if (!parts)
      node.unsupported("index tuples of dynamic length are not supported "
                       "where the model does not declare the result's rank; "
                       "fix the last dimension of the indices with --shape");
    size = last + node.rank(data) - batch - *parts;
    if (size > 0)
      indices = node.withSizes(indices, last, size);
  }
  if (size < 1 || batch < 0 || batch >= node.rank(indices) ||
      batch + size > node.rank(data))
    node.bad("expected index tuples of 1 to " +
             Twine(node.rank(data) - batch) + " components after " +
             Twine(batch) + " batch axes, found indices of shape " +
             shapeText(node.typeOf(indices).getShape()));
  return size;
}

void importGatherND(NodeImport &node) {
  Value data = node.input(0), indices = asIndices(node, node.input(1));
  int64_t batch = node.integer("batch_dims", 0);
  int64_t indexed =
      batch + tupleSize(node, data, indices, batch, node.declaredRank());
  Scalars dims = node.dims(data);
  ArrayRef<Scalar> all(dims);
  Tuples tuples = readTuples(node, indices, all.take_front(indexed), batch,
                             /*clamp=*/true);
  Scalars rows{node.math().product(all.take_front(indexed))};
  llvm::append_range(rows, all.drop_front(indexed));
  node.result(gatherRows(node, node.reshape(data, rows), tuples.positions));
}

void importScatterND(NodeImport &node) {
  Value data = node.input(0), indices = asIndices(node, node.input(1)),
        updates = node.input(2);
  int64_t indexed = tupleSize(node, data, indices, 0, node.rank(updates));
  Scalars dims = node.dims(data);
  ArrayRef<Scalar> all(dims), rest = all.drop_front(indexed);
  Tuples tuples = readTuples(node, indices, all.take_front(indexed), 0,
                             /*clamp=*/false);
  Value at = orNowhere(node, tuples.inside, tuples.positions);
  Scalars count{node.math().product(node.dims(at))};
  Scalars rows{node.math().product(all.take_front(indexed))}, given = count;
  llvm::append_range(rows, rest);
  llvm::append_range(given, rest);
  Value result = scatterRows(
      node, node.reshape(data, rows), node.reshape(at, count),
      node.reshape(updates, given), readReduction(node));
  node.result(node.reshape(result, dims));
}

//===-- Parts of a sequence -----------------------------------------------===//

// Rows of a cache replaced from a position of each batch element on: update u
// of element b goes to index write_indices[b] + u of `axis`.
void importTensorScatter(NodeImport &node) {
  IndexMath &math = node.math();
  Value cache = node.input(0), updates = node.input(1);
  int64_t rank = node.rank(cache);
  int64_t axis = node.axis(node.integer("axis", -2), rank);
  std::string mode = node.text("mode", "linear");
  if (mode != "linear" && mode != "circular")
    node.bad("mode '" + mode + "' is unknown");
  if (axis == 0 || node.rank(updates) != rank)
    node.bad("expected an axis after the first and updates of the cache's rank");
  Scalars dims = node.dims(cache), given = node.dims(updates);
  Value at = scaledPositions(node, given[axis], Scalar::ofInt(1), 0);
  if (node.hasInput(2)) {
    Value first = asIndices(node, node.input(2));
    at = node.create<nn::AddOp>(
        {node.reshape(first, {given[0], Scalar::ofInt(1)}), at});
  } else {
    at = node.broadcastTo(at, {given[0], given[axis]});
  }
  if (mode == "circular") {
    Value size = scalarTensor(node, dims[axis]);
    Value turns = node.create<nn::DivOp>({at, size});
    at = node.create<nn::SubOp>({at, node.create<nn::MulOp>({turns, size})});
  }
  // Rows: all axes up to the one written.
  Value inside = isInside(node, at, dims[axis]);
  Scalars apart{given[0]};
  for (int64_t i = 1; i < axis; ++i)
    apart.push_back(Scalar::ofInt(1));
  apart.push_back(given[axis]);
  Value position = node.reshape(at, apart);
  inside = node.reshape(inside, apart);
  for (int64_t i = 0; i < axis; ++i) {
    Scalar stride =
        math.product(ArrayRef<Scalar>(dims).slice(i + 1, axis - i));
    position = node.create<nn::AddOp>(
        {position, scaledPositions(node, dims[i], stride, axis - i)});
  }
  position = orNowhere(node, inside, position);
  ArrayRef<Scalar> all(dims), rest = all.drop_front(axis + 1);
  Scalars count{math.product(ArrayRef<Scalar>(given).take_front(axis + 1))};
  Scalars rows{math.product(all.take_front(axis + 1))}, rowsGiven = count;
  llvm::append_range(rows, rest);
  llvm::append_range(rowsGiven, rest);
  Value result = scatterRows(
      node, node.reshape(cache, rows), node.reshape(position, count),
      node.reshape(updates, rowsGiven), nn::ScatterMode::replace);
  node.result(node.reshape(result, dims));
}

// The first sequence_lens[b] elements of each batch element in reverse: a
// gather of elements whose indices are arithmetic on positions.
void importReverseSequence(NodeImport &node) {
  Value x = node.input(0), lengths = asIndices(node, node.input(1));
  int64_t rank = node.rank(x), batch = node.integer("batch_axis", 1),
          time = node.integer("time_axis", 0);
  if (rank < 2 || (batch != 0 && batch != 1) || time != 1 - batch)
    node.bad("expected a tensor of rank 2 or more and batch_axis and time_axis "
             "to be 0 and 1 or 1 and 0");
  Scalars dims = node.dims(x);
  ArrayRef<Scalar> all(dims);
  Scalars column(2, Scalar::ofInt(1));
  column[batch] = dims[batch];
  Value length = node.reshape(lengths, column);
  Value at = scaledPositions(node, dims[time], Scalar::ofInt(1), 1 - time);
  Value last = node.create<nn::SubOp>({length, node.splat(1, length)});
  Value mirrored = node.create<nn::SubOp>({last, at});
  Value isPart = node.create<nn::LessOp>({at, length});
  Value from = node.create<nn::SelectOp>({isPart, mirrored, at});
  from = clamped(node, from, dims[time]);
  Value positions = elementPositions(node, from, all.take_front(2), time);
  Scalars rows{node.math().mul(dims[0], dims[1])};
  llvm::append_range(rows, all.drop_front(2));
  node.result(gatherRows(node, node.reshape(x, rows), positions));
}

constexpr OpEntry rows[] = {
    {"GatherElements", 2, 2, importGatherElements},
    {"GatherND", 2, 2, importGatherND},
    {"ReverseSequence", 2, 2, importReverseSequence},
    {"Scatter", 3, 3, importScatterElements},
    {"ScatterElements", 3, 3, importScatterElements},
    {"ScatterND", 3, 3, importScatterND},
    {"TensorScatter", 2, 3, importTensorScatter},
};
} // namespace

ArrayRef<OpEntry> indexingOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops that compare positions along an axis with something: the arguments of
// extremes, one-hot codes, triangles.
#include "lib/Import/Positions.h"
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {

int64_t fixedSize(NodeImport &node, Value x, int64_t axis) {
  const Scalar &size = node.dims(x)[axis];
  if (!size.isInt())
    node.unsupported("axis " + Twine(axis) +
                     " of dynamic size is not supported; fix it with --shape");
  return size.integer;
}

Value positions(NodeImport &node, const Scalar &size, int64_t trailing,
                Type element) {
  if (!size.isInt()) {
    Scalars shape(trailing + 1, Scalar::ofInt(1));
    shape.front() = size;
    return node.cast(node.reshape(node.iota(size), shape), element);
  }
  node.limitConstant({size.integer});
  SmallVector<double> values;
  for (int64_t i = 0; i < size.integer; ++i)
    values.push_back(i);
  SmallVector<int64_t> shape(trailing + 1, 1);
  shape.front() = size.integer;
  return node.constant(values, shape, element, "positions");
}

Value scalarTensor(NodeImport &node, const Scalar &number) {
  GraphValue value;
  value.known = SmallTensor::scalar(number);
  Expected<Value> tensor = node.importer().materialize(value, node.loc());
  if (!tensor)
    node.unsupported(llvm::toString(tensor.takeError()));
  return *tensor;
}

Value scaledPositions(NodeImport &node, const Scalar &size,
                      const Scalar &stride, int64_t trailing) {
  Type i64 = node.builder().getI64Type();
  if (size.isInt() && stride.isInt()) {
    node.limitConstant({size.integer});
    constexpr int64_t most = int64_t(1) << 53; // Exact as a double.
    if (stride.integer > most / std::max<int64_t>(size.integer, 1) ||
        stride.integer < 0)
      node.unsupported("a tensor of more than 2^53 elements is not supported");
    SmallVector<double> values;
    for (int64_t i = 0; i < size.integer; ++i)
      values.push_back(double(i * stride.integer));
    SmallVector<int64_t> shape(trailing + 1, 1);
    shape.front() = size.integer;
    return node.constant(values, shape, i64, "positions");
  }
  Value at = positions(node, size, trailing, i64);
  return node.create<nn::MulOp>({at, scalarTensor(node, stride)});
}

Value argMax(NodeImport &node, Value x, int64_t axis, bool last) {
  Type i64 = node.builder().getI64Type();
  Scalar size = node.dims(x)[axis];
  if (size.isInt(0))
    node.bad("expected axis " + Twine(axis) + " to have elements");
  Value top = node.reduce<nn::ReduceMaxOp>(x, {axis});
  Value isTop = node.create<nn::NotOp>(node.create<nn::LessOp>({x, top}));
  Value at = positions(node, size, node.rank(x) - axis - 1, i64);
  Value none = last ? node.splat(-1, at) : scalarTensor(node, size);
  Value candidates = node.create<nn::SelectOp>({isTop, at, none});
  return last ? node.reduce<nn::ReduceMaxOp>(candidates, {axis})
              : node.reduce<nn::ReduceMinOp>(candidates, {axis});
}

namespace {

Value withoutAxis(NodeImport &node, Value x, int64_t axis) {
  Scalars sizes = node.dims(x);
  sizes.erase(sizes.begin() + axis);
  return node.reshape(x, sizes);
}

// The smallest is the largest of the complement, which no integer overflows.
Value reversed(NodeImport &node, Value x) {
  if (node.isFloat(x))
    return node.create<nn::NegOp>(x);
  auto integer = cast<IntegerType>(node.elementOf(x));
  if (integer.isUnsigned())
    node.unsupported("ArgMin of unsigned integers is not supported");
  return node.create<nn::SubOp>({node.splat(-1, x), x});
}

template <bool minimum> void importArg(NodeImport &node) {
  Value x = node.input(0);
  int64_t axis = node.axis(node.integer("axis", 0), node.rank(x));
  Value result = argMax(node, minimum ? reversed(node, x) : x, axis,
                        node.integer("select_last_index", 0));
  node.result(node.integer("keepdims", 1) ? result
                                          : withoutAxis(node, result, axis));
}

void importOneHot(NodeImport &node) {
  Type i64 = node.builder().getI64Type();
  Value indices = node.cast(node.input(0), i64);
  std::optional<double> depth = node.constantReal(1);
  if (!depth)
    node.unsupported("a depth that depends on the input data is not supported");
  auto values = node.typeOf(node.input(2));
  if (values.getRank() != 1 ||
      (!values.isDynamicDim(0) && values.getDimSize(0) != 2))
    node.bad("expected 'values' to hold two elements");
  if (*depth > double(1 << 30))
    node.unsupported("a depth of more than 2^30 is not supported");
  if (!(*depth >= 0))
    node.bad("expected a depth of 0 or more, found " + Twine(int64_t(*depth)));
  int64_t rank = node.rank(indices);
  int64_t axis = node.axis(node.integer("axis", -1), rank + 1);
  Scalars sizes = node.dims(indices);
  sizes.insert(sizes.begin() + axis, Scalar::ofInt(1));
  indices = node.reshape(indices, sizes);
  // Negative indices count from the end.
  Value back = node.create<nn::AddOp>({indices, node.splat(*depth, indices)});
  Value isNegative =
      node.create<nn::LessOp>({indices, node.splat(0, indices)});
  indices = node.create<nn::SelectOp>({isNegative, back, indices});
  Value isHot = node.create<nn::EqualOp>(
      {indices,
       positions(node, Scalar::ofInt(int64_t(*depth)), rank - axis, i64)});
  auto value = [&](int64_t i) {
    return node.reshape(
        node.slice(node.input(2), {Scalar::ofInt(i)}, {Scalar::ofInt(1)}), {});
  };
  node.result(node.create<nn::SelectOp>({isHot, value(1), value(0)}));
}

// column - row over a matrix, as i64.
Value diagonals(NodeImport &node, const Scalar &rows, const Scalar &columns) {
  Type i64 = node.builder().getI64Type();
  return node.create<nn::SubOp>({positions(node, columns, 0, i64),
                                 positions(node, rows, 1, i64)});
}

void importTrilu(NodeImport &node) {
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  if (rank < 2)
    node.bad("expected a tensor of rank 2 or more");
  Value of = diagonals(node, node.dims(x)[rank - 2], node.dims(x)[rank - 1]);
  Value none = node.splat(0, x), bound = node.splat(0, of);
  if (node.hasInput(1)) {
    if (node.rank(node.input(1)) > 1 || node.isFloat(node.input(1)))
      node.bad("expected the diagonal k to be one integer");
    bound = node.reshape(node.cast(node.input(1), node.elementOf(of)), {});
  }
  Value outside = node.integer("upper", 1)
                      ? node.create<nn::LessOp>({of, bound})
                      : node.create<nn::LessOp>({bound, of});
  node.result(node.create<nn::SelectOp>({outside, none, x}));
}

void importEyeLike(NodeImport &node) {
  Value x = node.input(0);
  if (node.rank(x) != 2)
    node.bad("expected a matrix, found rank " + Twine(node.rank(x)));
  Type element = node.elementOf(x);
  if (node.hasAttribute("dtype"))
    element = node.importer().elementType(
        static_cast<OnnxType>(node.integer("dtype", 0)));
  if (!element)
    node.unsupported("this dtype is not supported");
  Value of = diagonals(node, node.dims(x)[0], node.dims(x)[1]);
  Value isInside = node.create<nn::EqualOp>(
      {of, scalarTensor(node, Scalar::ofInt(node.integer("k", 0)))});
  node.result(node.cast(isInside, element));
}

constexpr OpEntry rows[] = {
    {"ArgMax", 1, 1, importArg<false>},
    {"ArgMin", 1, 1, importArg<true>},
    {"EyeLike", 1, 1, importEyeLike},
    {"OneHot", 3, 3, importOneHot},
    {"Trilu", 1, 2, importTrilu},
};
} // namespace

ArrayRef<OpEntry> positionOps() { return rows; }

} // namespace qopt::import

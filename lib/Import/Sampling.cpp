// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Samples as weighted sums of gathered rows.
#include "lib/Import/Sampling.h"
#include "lib/Import/Positions.h"

using namespace mlir;

namespace qopt::import {

Value Arithmetic::size(const Scalar &size, Type element) {
  if (size.isInt())
    return node.constant({double(size.integer)}, {}, element, "size");
  return node.cast(scalarTensor(node, size), element);
}

SmallVector<Neighbour> linearNeighbours(NodeImport &node, Value at,
                                        const Scalar &size) {
  Arithmetic a{node};
  Type element = node.elementOf(at), i64 = node.builder().getI64Type();
  Value low = a.floor(at), fraction = a.sub(at, low);
  Value last = a.sub(a.size(size, element), 1.0);
  SmallVector<Neighbour> result;
  for (double step : {0.0, 1.0}) {
    Value index = step ? a.add(low, step) : low;
    Value weight =
        step ? fraction : a.sub(node.splat(1, fraction), fraction);
    Value inside =
        a.both(node.create<nn::GreaterEqualOp>({index, node.splat(0, index)}),
               node.create<nn::LessEqualOp>({index, last}));
    Value clamped = a.max(a.min(index, last), 0.0);
    result.push_back({node.cast(clamped, i64), weight, inside});
  }
  return result;
}

namespace {
// One choice of a neighbour for each axis: position, weight and inside joined.
Neighbour combine(NodeImport &node, ArrayRef<const Neighbour *> chosen,
                  Value base, ArrayRef<Scalar> sizes) {
  Arithmetic a{node};
  Neighbour result{base, {}, {}};
  for (auto [i, part] : llvm::enumerate(chosen)) {
    Scalar stride = node.math().product(sizes.drop_front(i + 1));
    Value offset = part->index;
    if (!stride.isInt(1))
      offset = a.mul(offset, scalarTensor(node, stride));
    result.index = a.add(result.index, offset);
    if (part->weight)
      result.weight = result.weight ? a.mul(result.weight, part->weight)
                                    : part->weight;
    if (part->inside)
      result.inside = result.inside ? a.both(result.inside, part->inside)
                                    : part->inside;
  }
  return result;
}

Value withLastAxis(NodeImport &node, Value x) {
  Scalars sizes = node.dims(x);
  sizes.push_back(Scalar::ofInt(1));
  return node.reshape(x, sizes);
}
} // namespace

template <typename OpTy>
Value sampleRows(NodeImport &node, Value rows, Value base,
                 ArrayRef<SmallVector<Neighbour>> axes,
                 ArrayRef<Scalar> sizes) {
  Arithmetic a{node};
  SmallVector<size_t> digits(axes.size(), 0);
  Value result;
  while (true) {
    SmallVector<const Neighbour *> chosen;
    for (auto [axis, digit] : llvm::zip_equal(axes, digits))
      chosen.push_back(&axis[digit]);
    Neighbour tap = combine(node, chosen, base, sizes);
    Value part = node.create<nn::GatherOp>(
        {rows, tap.index},
        {node.attr("axis", node.builder().getI64IntegerAttr(0))});
    // Chosen, not multiplied by 0: what lies outside may be infinite.
    if (tap.inside)
      part = a.select(withLastAxis(node, tap.inside), part,
                      node.splat(0, part));
    if (tap.weight)
      part = a.mul(part, withLastAxis(node, tap.weight));
    result = result ? node.create<OpTy>({result, part}) : part;
    size_t axis = axes.size();
    while (axis-- > 0) {
      if (++digits[axis] < axes[axis].size())
        break;
      digits[axis] = 0;
    }
    if (axis == size_t(-1))
      return result;
  }
}

template Value sampleRows<nn::AddOp>(NodeImport &, Value, Value,
                                     ArrayRef<SmallVector<Neighbour>>,
                                     ArrayRef<Scalar>);
template Value sampleRows<nn::MaxOp>(NodeImport &, Value, Value,
                                     ArrayRef<SmallVector<Neighbour>>,
                                     ArrayRef<Scalar>);

} // namespace qopt::import

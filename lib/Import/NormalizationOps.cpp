// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Normalizations and softmax.
#include "lib/Import/Normalizations.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"

using namespace mlir;

namespace qopt::import {
namespace {

NamedAttribute epsilonAttr(NodeImport &node, double epsilon) {
  return node.attr("epsilon", node.builder().getF32FloatAttr(float(epsilon)));
}

SmallVector<int64_t> axesFrom(int64_t first, int64_t rank) {
  SmallVector<int64_t> axes;
  for (int64_t axis = first; axis < rank; ++axis)
    axes.push_back(axis);
  return axes;
}

// A vector over the channels (axis 1) in a shape that broadcasts to `like`.
Value overChannels(NodeImport &node, Value vector, Value like) {
  if (node.rank(vector) != 1)
    node.bad("expected one value a channel, found shape " +
             shapeText(node.typeOf(vector).getShape()));
  Scalars sizes(std::max<int64_t>(node.rank(like) - 1, 1), Scalar::ofInt(1));
  sizes.front() = node.dims(vector)[0];
  return node.reshape(vector, sizes);
}

// The same with statistics that are inputs.
void importDynamicBatchNorm(NodeImport &node, double epsilon) {
  Value x = node.input(0), variance = node.input(4);
  Value safe =
      node.create<nn::AddOp>({variance, node.splat(epsilon, variance)});
  Value gain =
      node.create<nn::MulOp>({node.input(1), node.create<nn::RsqrtOp>(safe)});
  Value centred =
      node.create<nn::SubOp>({x, overChannels(node, node.input(3), x)});
  Value scaled = node.create<nn::MulOp>({centred, overChannels(node, gain, x)});
  node.result(
      node.create<nn::AddOp>({scaled, overChannels(node, node.input(2), x)}));
}

// Statistics of the batch, and the running ones moved towards them.
void importTrainingBatchNorm(NodeImport &node, double epsilon) {
  Value x = node.input(0);
  if (node.rank(x) < 2)
    node.bad("expected a tensor of rank 2 or more, found rank " +
             Twine(node.rank(x)));
  SmallVector<int64_t> axes = axesFrom(0, node.rank(x));
  axes.erase(axes.begin() + 1);
  Value mean = node.reduce<nn::ReduceMeanOp>(x, axes);
  Value centred = node.create<nn::SubOp>({x, mean});
  Value square = node.create<nn::MulOp>({centred, centred});
  Value variance = node.reduce<nn::ReduceMeanOp>(square, axes);
  Value safe = node.create<nn::AddOp>({variance, node.splat(epsilon, x)});
  Value y = node.create<nn::MulOp>({centred, node.create<nn::RsqrtOp>(safe)});
  y = node.create<nn::MulOp>({y, overChannels(node, node.input(1), x)});
  node.result(
      node.create<nn::AddOp>({y, overChannels(node, node.input(2), x)}));
  double momentum = node.real("momentum", 0.9);
  for (auto [i, batch] : {std::pair{1, mean}, std::pair{2, variance}}) {
    if (!node.wantsOutput(i))
      continue;
    Value running = node.input(i + 2);
    Value now = node.cast(node.reshape(batch, node.dims(running)),
                          node.elementOf(running));
    auto part = [&](Value value, double share) {
      return node.create<nn::MulOp>({value, node.splat(share, value)});
    };
    node.result(node.create<nn::AddOp>(
                    {part(running, momentum), part(now, 1 - momentum)}),
                i);
  }
}

// x / (bias + alpha / size * sum of squares of `size` channels around)^beta
void importLRN(NodeImport &node) {
  Value x = node.input(0);
  int64_t rank = node.rank(x), size = node.integer("size", 0);
  if (rank < 2 || size < 1)
    node.bad("expected a tensor of rank 2 or more and a positive size");
  constexpr int64_t most = 1024; // A sum of so many slices.
  if (size > most)
    node.unsupported("a window of more than 1024 channels is not supported");
  Value square = node.create<nn::MulOp>({x, x});
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  low[1] = (size - 1) / 2;
  high[1] = size - 1 - low[1];
  Value padded = node.create<nn::PadOp>(
      square, {node.attr("low", low), node.attr("high", high)});
  Value sum;
  for (int64_t i = 0; i < size; ++i) {
    Scalars offsets(rank, Scalar::ofInt(0));
    offsets[1] = Scalar::ofInt(i);
    Value part = node.slice(padded, offsets, node.dims(x));
    sum = sum ? node.create<nn::AddOp>({sum, part}) : part;
  }
  Value scale = node.splat(node.real("alpha", 1e-4) / size, x);
  Value base =
      node.create<nn::AddOp>({node.create<nn::MulOp>({sum, scale}),
                              node.splat(node.real("bias", 1), x)});
  Value power = node.create<nn::PowOp>(
      {base, node.splat(node.real("beta", 0.75), x)});
  node.result(node.create<nn::DivOp>({x, power}));
}

// (x - mean) / (deviation + 1e-9)
void importMeanVarianceNorm(NodeImport &node) {
  Value x = node.input(0);
  SmallVector<int64_t> axes;
  for (int64_t axis : node.integers("axes", {0, 2, 3}))
    axes.push_back(node.axis(axis, node.rank(x)));
  llvm::sort(axes);
  Value mean = node.reduce<nn::ReduceMeanOp>(x, axes);
  Value centred = node.create<nn::SubOp>({x, mean});
  Value square = node.create<nn::MulOp>({centred, centred});
  Value deviation =
      node.create<nn::SqrtOp>(node.reduce<nn::ReduceMeanOp>(square, axes));
  Value safe = node.create<nn::AddOp>({deviation, node.splat(1e-9, x)});
  node.result(node.create<nn::DivOp>({centred, safe}));
}

// x * a + b with a = scale / sqrt(variance + epsilon), b = bias - mean * a.
void importBatchNorm(NodeImport &node) {
  Value x = node.input(0);
  double epsilon = node.real("epsilon", 1e-5);
  if (node.integer("training_mode", 0))
    return importTrainingBatchNorm(node, epsilon);
  std::optional<std::vector<double>> parts[4];
  for (int i = 0; i < 4; ++i)
    parts[i] = node.constantReals(node.input(i + 1));
  if (!parts[0] || !parts[1] || !parts[2] || !parts[3])
    return importDynamicBatchNorm(node, epsilon);
  auto &[scale, bias, mean, variance] = parts;
  size_t count = scale->size();
  if (bias->size() != count || mean->size() != count ||
      variance->size() != count)
    node.bad("expected scale, bias, mean and variance of one size");
  std::vector<double> a(count), b(count);
  for (size_t c = 0; c < count; ++c) {
    a[c] = (*scale)[c] / std::sqrt((*variance)[c] + epsilon);
    b[c] = (*bias)[c] - (*mean)[c] * a[c];
  }
  SmallVector<int64_t> shape(std::max<int64_t>(node.rank(x) - 1, 1), 1);
  shape.front() = count;
  Type element = node.elementOf(x);
  Value gain = node.constant(a, shape, element, "gain");
  Value offset = node.constant(b, shape, element, "offset");
  Value scaled = node.create<nn::MulOp>({x, gain});
  node.result(node.create<nn::AddOp>({scaled, offset}));
}

// The axes from `axis` on as one, so that the last axis is normalized.
Value flattenFrom(NodeImport &node, Value x, int64_t axis) {
  ArrayRef<Scalar> sizes = node.dims(x);
  Scalars flat(sizes.take_front(axis));
  flat.push_back(node.math().product(sizes.drop_front(axis)));
  return node.reshape(x, flat);
}

// A gain or bias over the axes of x from `axis` on as a vector.
Value rowVector(NodeImport &node, Value weight, Value x, int64_t axis,
                StringRef what) {
  auto type = node.typeOf(weight);
  ArrayRef<Scalar> sizes = ArrayRef<Scalar>(node.dims(x)).drop_front(axis);
  Scalar count = node.math().product(sizes);
  if (!type.hasStaticShape() || !count.isInt())
    return node.reshape(node.broadcastTo(weight, Scalars(sizes)), count);
  int64_t length = count.integer;
  if (type.getNumElements() == length)
    return node.reshape(weight, {Scalar::ofInt(length)});
  if (type.getNumElements() != 1)
    node.bad("expected a " + what + " of " + Twine(length) +
             " elements, found shape " + shapeText(type.getShape()));
  return node.broadcastTo(node.reshape(weight, {Scalar::ofInt(1)}),
                          {Scalar::ofInt(length)});
}

// Mean and 1 / sqrt(variance + epsilon), for graphs that ask for them.
void layerNormStatistics(NodeImport &node, Value x, int64_t axis,
                         double epsilon) {
  if (!node.wantsOutput(1) && !node.wantsOutput(2))
    return;
  SmallVector<int64_t> axes = axesFrom(axis, node.rank(x));
  Value mean = node.reduce<nn::ReduceMeanOp>(x, axes);
  node.result(mean, 1);
  Value centred = node.create<nn::SubOp>({x, mean});
  Value square = node.create<nn::MulOp>({centred, centred});
  Value variance = node.reduce<nn::ReduceMeanOp>(square, axes);
  Value safe =
      node.create<nn::AddOp>({variance, node.splat(epsilon, variance)});
  node.result(node.create<nn::RsqrtOp>(safe), 2);
}

void importLayerNorm(NodeImport &node) {
  Value x = node.input(0);
  int64_t axis = node.axis(node.integer("axis", -1), node.rank(x));
  layerNormStatistics(node, x, axis, node.real("epsilon", 1e-5));
  Value bias = node.hasInput(2) ? node.input(2) : Value();
  node.result(layerNorm(node, x, node.input(1), bias,
                        node.real("epsilon", 1e-5), axis));
}

void importRMSNorm(NodeImport &node) {
  node.rejectOutput(1, "InvStdDev");
  Value x = node.input(0);
  int64_t axis = node.axis(node.integer("axis", -1), node.rank(x));
  node.result(
      rmsNorm(node, x, node.input(1), node.real("epsilon", 1e-5), axis));
}

// (x - mean) / sqrt(variance + epsilon) over `axes`.
Value standardize(NodeImport &node, Value x, ArrayRef<int64_t> axes,
                  double epsilon) {
  Value mean = node.reduce<nn::ReduceMeanOp>(x, axes);
  Value centred = node.create<nn::SubOp>({x, mean});
  Value square = node.create<nn::MulOp>({centred, centred});
  Value variance = node.reduce<nn::ReduceMeanOp>(square, axes);
  Value safe = node.create<nn::AddOp>({variance, node.splat(epsilon, x)});
  return node.create<nn::MulOp>({centred, node.create<nn::RsqrtOp>(safe)});
}

void importInstanceNorm(NodeImport &node) {
  Value x = node.input(0);
  if (node.rank(x) < 3)
    node.bad("expected a tensor of rank 3 or more");
  Value y = standardize(node, x, axesFrom(2, node.rank(x)),
                        node.real("epsilon", 1e-5));
  y = node.create<nn::MulOp>({y, overChannels(node, node.input(1), x)});
  node.result(
      node.create<nn::AddOp>({y, overChannels(node, node.input(2), x)}));
}

// One value a group (opset 18) repeated for each of its channels.
Value perChannel(NodeImport &node, Value vector, int64_t groups,
                 int64_t channels) {
  if (node.rank(vector) != 1)
    node.bad("expected a vector of one value a channel");
  if (node.typeOf(vector).getDimSize(0) != groups || groups == channels)
    return vector;
  Scalar rows = Scalar::ofInt(groups), each = Scalar::ofInt(channels / groups);
  vector = node.reshape(vector, {rows, Scalar::ofInt(1)});
  vector = node.broadcastTo(vector, {rows, each});
  return node.reshape(vector, {Scalar::ofInt(channels)});
}

void importGroupNorm(NodeImport &node) {
  Value x = node.input(0);
  int64_t groups = node.integer("num_groups", 0);
  if (node.rank(x) < 3)
    node.bad("expected a tensor of rank 3 or more");
  int64_t channels = node.typeOf(x).getDimSize(1);
  if (ShapedType::isDynamic(channels) || groups < 1 || channels % groups)
    node.bad("expected num_groups to divide a fixed number of channels");
  Scalars sizes = node.dims(x);
  Scalars grouped(sizes.begin(), sizes.end());
  grouped[1] = Scalar::ofInt(channels / groups);
  grouped.insert(grouped.begin() + 1, Scalar::ofInt(groups));
  Value y = node.reshape(x, grouped);
  y = standardize(node, y, axesFrom(2, node.rank(y)),
                  node.real("epsilon", 1e-5));
  y = node.reshape(y, sizes);
  Value scale = perChannel(node, node.input(1), groups, channels);
  Value bias = perChannel(node, node.input(2), groups, channels);
  y = node.create<nn::MulOp>({y, overChannels(node, scale, x)});
  node.result(node.create<nn::AddOp>({y, overChannels(node, bias, x)}));
}

void importLpNorm(NodeImport &node) {
  Value x = node.input(0);
  int64_t axis = node.axis(node.integer("axis", -1), node.rank(x));
  if (node.integer("p", 2) == 1) {
    Value sum = node.reduce<nn::ReduceSumOp>(node.create<nn::AbsOp>(x), axis);
    return node.result(node.create<nn::DivOp>({x, sum}));
  }
  Value square = node.create<nn::MulOp>({x, x});
  Value sum = node.reduce<nn::ReduceSumOp>(square, axis);
  node.result(node.create<nn::DivOp>({x, node.create<nn::SqrtOp>(sum)}));
}

// Applies `make` with the axis of the node moved last.
void alongLastAxis(NodeImport &node, function_ref<Value(Value)> make) {
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  if (rank == 0)
    node.bad("expected a tensor of rank 1 or more, found a scalar");
  int64_t axis = node.axis(node.integer("axis", -1), rank);
  if (axis == rank - 1)
    return node.result(make(x));
  if (node.integer("flatten_trailing", 0)) {
    Scalars sizes = node.dims(x);
    return node.result(node.reshape(make(flattenFrom(node, x, axis)), sizes));
  }
  SmallVector<int64_t> perm = axesFrom(0, rank);
  std::swap(perm[axis], perm.back()); // its own inverse
  node.result(node.transpose(make(node.transpose(x, perm)), perm));
}

void importSoftmax(NodeImport &node) {
  alongLastAxis(node, [&](Value x) { return softmax(node, x); });
}

void importLogSoftmax(NodeImport &node) {
  alongLastAxis(
      node, [&](Value x) { return logSoftmax(node, x, node.rank(x) - 1); });
}

// 1 at the first maximum, 0 elsewhere.
void importHardmax(NodeImport &node) {
  alongLastAxis(node, [&](Value x) {
    int64_t last = node.rank(x) - 1;
    Value first = argMax(node, x, last, /*last=*/false);
    Value at =
        positions(node, node.dims(x)[last], 0, node.elementOf(first));
    return node.cast(node.create<nn::EqualOp>({first, at}),
                     node.elementOf(x));
  });
}

constexpr OpEntry rows[] = {
    {"BatchNormalization", 5, 5, importBatchNorm},
    {"GroupNormalization", 3, 3, importGroupNorm},
    {"Hardmax", 1, 1, importHardmax},
    {"InstanceNormalization", 3, 3, importInstanceNorm},
    {"LRN", 1, 1, importLRN},
    {"LayerNormalization", 2, 3, importLayerNorm},
    {"LogSoftmax", 1, 1, importLogSoftmax},
    {"LpNormalization", 1, 1, importLpNorm},
    {"MeanVarianceNormalization", 1, 1, importMeanVarianceNorm},
    {"RMSNormalization", 2, 2, importRMSNorm},
    {"SimplifiedLayerNormalization", 2, 2, importRMSNorm},
    {"Softmax", 1, 1, importSoftmax},
};
} // namespace

// One op, but of f64, whose rows have no kernel of their own.
Value softmax(NodeImport &node, Value x) {
  if (!node.elementOf(x).isF64())
    return node.create<nn::SoftmaxOp>(x);
  int64_t last = node.rank(x) - 1;
  Value top = node.reduce<nn::ReduceMaxOp>(x, last);
  Value grown = node.create<nn::ExpOp>(node.create<nn::SubOp>({x, top}));
  Value sum = node.reduce<nn::ReduceSumOp>(grown, last);
  return node.create<nn::DivOp>({grown, sum});
}

// x - max - log(sum(exp(x - max))): the logarithm of a softmax would lose
// what underflows.
Value logSoftmax(NodeImport &node, Value x, int64_t axis) {
  Value top = node.reduce<nn::ReduceMaxOp>(x, axis);
  Value centred = node.create<nn::SubOp>({x, top});
  Value sum =
      node.reduce<nn::ReduceSumOp>(node.create<nn::ExpOp>(centred), axis);
  return node.create<nn::SubOp>({centred, node.create<nn::LogOp>(sum)});
}

namespace {
// Rows over the root of their mean square, less the mean first if `centred`: of
// f64, whose rows have no kernel of their own.
Value normalizedDoubles(NodeImport &node, Value rows, double epsilon,
                        bool centred) {
  int64_t last = node.rank(rows) - 1;
  if (centred) {
    Value mean = node.reduce<nn::ReduceMeanOp>(rows, last);
    rows = node.create<nn::SubOp>({rows, mean});
  }
  Value square = node.create<nn::MulOp>({rows, rows});
  Value mean = node.reduce<nn::ReduceMeanOp>(square, last);
  mean = node.create<nn::AddOp>({mean, node.splat(epsilon, mean)});
  return node.create<nn::DivOp>({rows, node.create<nn::SqrtOp>(mean)});
}
} // namespace

Value layerNorm(NodeImport &node, Value x, Value gain, Value bias,
                double epsilon, int64_t axis) {
  Scalars sizes = node.dims(x);
  Value flat = flattenFrom(node, x, axis);
  SmallVector<Value> operands{flat, rowVector(node, gain, x, axis, "scale")};
  if (bias)
    operands.push_back(rowVector(node, bias, x, axis, "bias"));
  if (node.elementOf(x).isF64()) {
    Value y = normalizedDoubles(node, flat, epsilon, /*centred=*/true);
    y = node.create<nn::MulOp>({y, operands[1]});
    if (bias)
      y = node.create<nn::AddOp>({y, operands[2]});
    return node.reshape(y, sizes);
  }
  Value y = node.create<nn::LayerNormOp>(operands, epsilonAttr(node, epsilon));
  return node.reshape(y, sizes);
}

Value rmsNorm(NodeImport &node, Value x, Value gain, double epsilon,
              int64_t axis) {
  Scalars sizes = node.dims(x);
  Value flat = flattenFrom(node, x, axis);
  Value row = rowVector(node, gain, x, axis, "scale");
  if (node.elementOf(x).isF64()) {
    Value y = normalizedDoubles(node, flat, epsilon, /*centred=*/false);
    return node.reshape(node.create<nn::MulOp>({y, row}), sizes);
  }
  Value y =
      node.create<nn::RMSNormOp>({flat, row}, epsilonAttr(node, epsilon));
  return node.reshape(y, sizes);
}

ArrayRef<OpEntry> normalizationOps() { return rows; }

} // namespace qopt::import

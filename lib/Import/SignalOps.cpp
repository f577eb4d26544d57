// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fourier transforms as products with constant bases, and the constants that
// signal processing starts from: windows and mel weights.
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

constexpr double pi = 3.14159265358979323846;
// A basis has the square of this many entries.
constexpr int64_t maxLength = 4096;

//===-- Windows -----------------------------------------------------------===//

/// The numbers' element type by an attribute, float32 by default.
Type outputType(NodeImport &node) {
  auto type = static_cast<OnnxType>(node.integer("output_datatype", 1));
  Type element = node.importer().elementType(type);
  if (!element)
    node.unsupported("output_datatype " + nameOf(type) + " is not supported");
  return element;
}

int64_t constantScalar(NodeImport &node, size_t i, StringRef what) {
  SmallVector<int64_t> values = node.constantIntegers(i, what);
  if (values.size() != 1)
    node.bad("expected " + what + " to be one number, found " +
             Twine(values.size()));
  return values.front();
}
int64_t constantLength(NodeImport &node, size_t i, StringRef what) {
  int64_t length = constantScalar(node, i, what);
  if (length < 0 || length > 1 << 24)
    node.bad("expected " + what + " from 0 to 2^24, found " + Twine(length));
  return length;
}

/// a - b cos(2 pi i / N) + c cos(4 pi i / N), N = size, or size - 1 for a
/// symmetric window.
void importWindow(NodeImport &node, double a, double b, double c) {
  int64_t size = constantLength(node, 0, "size");
  int64_t period = node.integer("periodic", 1) ? size : size - 1;
  std::vector<double> values;
  for (int64_t i = 0; i < size; ++i) {
    double turn = 2 * pi * i / std::max<int64_t>(period, 1);
    values.push_back(a - b * std::cos(turn) + c * std::cos(2 * turn));
  }
  node.result(node.constant(values, {size}, outputType(node), "window"));
}
void importHann(NodeImport &node) { importWindow(node, 0.5, 0.5, 0); }
void importHamming(NodeImport &node) {
  importWindow(node, 25.0 / 46, 21.0 / 46, 0);
}
void importBlackman(NodeImport &node) { importWindow(node, 0.42, 0.5, 0.08); }

//===-- Mel weights -------------------------------------------------------===//

double constantNumber(NodeImport &node, size_t i, StringRef what) {
  if (std::optional<double> value = node.constantReal(i))
    return *value;
  node.unsupported(what + " depends on the input data; expected a constant");
}

/// Triangles over the bins of a spectrum, their corners equally spaced in mel:
/// [dft_length / 2 + 1, num_mel_bins].
void importMelWeights(NodeImport &node) {
  int64_t filters = constantLength(node, 0, "num_mel_bins");
  int64_t length = constantLength(node, 1, "dft_length");
  int64_t rate = constantScalar(node, 2, "sample_rate");
  double low = constantNumber(node, 3, "lower_edge_hertz"),
         high = constantNumber(node, 4, "upper_edge_hertz");
  int64_t bins = length / 2 + 1;
  if (rate < 1 || filters > maxLength || bins > 1 << 16)
    node.bad("expected a positive sample_rate, at most " + Twine(maxLength) +
             " mel bins and at most 2^16 bins of the spectrum");
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double step = (toMel(high) - toMel(low)) / (filters + 2);
  std::vector<int64_t> corners;
  for (int64_t i = 0; i < filters + 2; ++i) {
    double mel = toMel(low) + i * step;
    double hertz = 700 * (std::pow(10, mel / 2595) - 1);
    corners.push_back(std::floor((length + 1) * hertz / rate));
  }
  std::vector<double> weights(bins * filters, 0);
  auto set = [&](int64_t bin, int64_t filter, double weight) {
    if (bin >= 0 && bin < bins)
      weights[bin * filters + filter] = weight;
  };
  for (int64_t i = 0; i < filters; ++i) {
    int64_t first = corners[i], top = corners[i + 1], last = corners[i + 2];
    if (first == top)
      set(top, i, 1);
    for (int64_t bin = first; first < top && bin <= top; ++bin)
      set(bin, i, double(bin - first) / (top - first));
    for (int64_t bin = top; bin < last; ++bin)
      set(bin, i, double(last - bin) / (last - top));
  }
  node.result(node.constant(weights, {bins, filters}, outputType(node),
                            "mel_weights"));
}

//===-- Fourier transforms ------------------------------------------------===//

/// One transform of `length` points.
struct Transform {
  int64_t length, inputs, bins; // points read, points written
  bool isComplex, inverse, toReal;

  int64_t parts() const { return isComplex ? 2 : 1; }
  int64_t results() const { return toReal ? 1 : 2; }
  /// What part `in` (0 real, 1 imaginary) of point n gives to part `out` of
  /// bin k.
  double weight(int64_t n, int64_t in, int64_t k, int64_t out) const {
    // The angle of n * k turns of length points, reduced exactly.
    double angle = 2 * pi * ((n * k) % length) / length;
    double cosine = std::cos(angle), sine = std::sin(angle);
    double sign = inverse ? 1 : -1;
    double value = in == out ? cosine : (out ? sign : -sign) * sine;
    // Half a spectrum stands for its mirror image too.
    bool isMirrored = toReal && n != 0 && 2 * n != length;
    if (isMirrored)
      value *= 2;
    return inverse ? value / length : value;
  }
};

/// x [.., n, 1 or 2] along `axis`: a product of the flattened pairs.
Value transformAlong(NodeImport &node, Value x, int64_t axis,
                     const Transform &plan) {
  int64_t rank = node.rank(x), rows = plan.inputs * plan.parts();
  std::vector<double> basis;
  for (int64_t n = 0; n < plan.inputs; ++n)
    for (int64_t in = 0; in < plan.parts(); ++in)
      for (int64_t k = 0; k < plan.bins; ++k)
        for (int64_t out = 0; out < plan.results(); ++out)
          basis.push_back(plan.weight(n, in, k, out));
  Value matrix = node.constant(basis, {rows, plan.bins * plan.results()},
                               node.elementOf(x), "dft_basis");
  Scalars sizes = node.dims(x);
  sizes[axis] = Scalar::ofInt(plan.inputs); // the rest would meet zeros
  x = node.slice(x, Scalars(rank, Scalar::ofInt(0)), sizes);
  SmallVector<int64_t> perm;
  for (int64_t i = 0; i < rank - 1; ++i)
    if (i != axis)
      perm.push_back(i);
  perm.append({axis, rank - 1});
  x = node.transpose(x, perm);
  Scalars flat = node.dims(x);
  flat.pop_back();
  flat.back() = Scalar::ofInt(rows);
  Scalars result(flat);
  result.back() = Scalar::ofInt(plan.bins);
  result.push_back(Scalar::ofInt(plan.results()));
  if (flat.size() == 1)
    flat.insert(flat.begin(), Scalar::ofInt(1));
  Value y = node.create<nn::MatMulOp>({node.reshape(x, flat), matrix});
  SmallVector<int64_t> back(rank);
  for (auto [to, from] : llvm::enumerate(perm))
    back[from] = to;
  return node.transpose(node.reshape(y, result), back);
}

void importDFT(NodeImport &node) {
  Value x = node.input(0);
  int64_t rank = node.rank(x);
  if (rank < 2 || !node.isFloat(x))
    node.bad("expected floats of rank 2 or more, found rank " + Twine(rank));
  int64_t parts = fixedSize(node, x, rank - 1);
  if (parts != 1 && parts != 2)
    node.bad("expected a last axis of 1 (real) or 2 (complex), found " +
             Twine(parts));
  int64_t axis = node.hasInput(2) ? constantScalar(node, 2, "axis")
                                  : node.integer("axis", -2);
  axis = node.axis(axis, rank);
  if (axis == rank - 1)
    node.bad("expected an axis before the last, which holds real and imaginary "
             "parts");
  int64_t points = fixedSize(node, x, axis);
  bool inverse = node.integer("inverse", 0),
       oneSided = node.integer("onesided", 0);
  bool toReal = inverse && oneSided;
  if (oneSided && !inverse && parts == 2)
    node.bad("expected real input with onesided = 1");
  int64_t length = toReal ? 2 * (points - 1) : points;
  if (node.hasInput(1))
    length = constantLength(node, 1, "dft_length");
  if (length < 1 || length > maxLength)
    node.unsupported("a transform of " + Twine(length) +
                     " points is not supported; expected 1 to " +
                     Twine(maxLength));
  Transform plan;
  plan.length = length;
  plan.inputs = std::min(points, toReal ? length / 2 + 1 : length);
  plan.bins = oneSided && !inverse ? length / 2 + 1 : length;
  plan.isComplex = parts == 2;
  plan.inverse = inverse;
  plan.toReal = toReal;
  node.result(transformAlong(node, x, axis, plan));
}

/// One convolution whose filters are the basis times the window: the signal is
/// a column of 1 or 2 channels, a step of frames is the stride.
void importSTFT(NodeImport &node) {
  Value signal = node.input(0);
  Type element = node.elementOf(signal);
  if (node.rank(signal) == 2) {
    Scalars sizes = node.dims(signal);
    sizes.push_back(Scalar::ofInt(1));
    signal = node.reshape(signal, sizes);
  }
  if (node.rank(signal) != 3)
    node.bad("expected a signal [batch, length, 1 or 2]");
  int64_t parts = fixedSize(node, signal, 2);
  int64_t step = constantLength(node, 1, "frame_step");
  Value window = node.hasInput(2) ? node.input(2) : Value();
  int64_t length = 0;
  if (node.hasInput(3))
    length = constantLength(node, 3, "frame_length");
  else if (window)
    length = fixedSize(node, window, 0);
  if (step < 1 || length < 1 || length > maxLength ||
      (parts != 1 && parts != 2))
    node.bad("expected a positive frame_step, frames of 1 to " +
             Twine(maxLength) + " points and a signal of 1 or 2 parts");
  bool oneSided = node.integer("onesided", 1) && parts == 1;
  Transform plan{length, length, oneSided ? length / 2 + 1 : length,
                 parts == 2, false, false};
  std::vector<double> basis; // [2 * bins, length, 1, parts]
  for (int64_t k = 0; k < plan.bins; ++k)
    for (int64_t out = 0; out < 2; ++out)
      for (int64_t n = 0; n < length; ++n)
        for (int64_t in = 0; in < parts; ++in)
          basis.push_back(plan.weight(n, in, k, out));
  Value filter = node.constant(basis, {2 * plan.bins, length, 1, parts},
                               element, "stft_basis");
  if (window) {
    if (node.rank(window) != 1 || fixedSize(node, window, 0) != length)
      node.bad("expected a window of " + Twine(length) + " points");
    Value column = node.reshape(
        window, {Scalar::ofInt(length), Scalar::ofInt(1), Scalar::ofInt(1)});
    filter = node.create<nn::MulOp>({filter, column});
  }
  Scalars sizes = node.dims(signal);
  Value x = node.reshape(signal,
                         {sizes[0], sizes[1], Scalar::ofInt(1), sizes[2]});
  Value y = node.create<nn::ConvOp>(
      {x, filter}, {node.attr("strides", ArrayRef<int64_t>{step, 1})});
  Scalars result = node.dims(y);
  node.result(node.reshape(y, {result[0], result[1], Scalar::ofInt(plan.bins),
                               Scalar::ofInt(2)}));
}

constexpr OpEntry rows[] = {
    {"BlackmanWindow", 1, 1, importBlackman},
    {"DFT", 1, 3, importDFT},
    {"HammingWindow", 1, 1, importHamming},
    {"HannWindow", 1, 1, importHann},
    {"MelWeightMatrix", 5, 5, importMelWeights},
    {"STFT", 2, 4, importSTFT},
};
} // namespace

ArrayRef<OpEntry> signalOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transposed convolution by phases.
#include "lib/Import/TransposedConvolution.h"
#include "lib/Import/Windows.h"

using namespace mlir;

namespace qopt::import {
namespace {

// Taps of a phase.
int64_t phaseTaps(const TransposedAxis &axis) {
  return llvm::divideCeil(axis.span(), axis.stride);
}

// [C, O', K..] to [groups * phases * O', T.., C / groups], whose tap t of phase
// r is tap (T - 1 - t) * stride + r of the filter.
Value phaseFilter(NodeImport &node, Value filter,
                  ArrayRef<TransposedAxis> axes, int64_t groups) {
  int64_t count = axes.size();
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t at = i + 2, span = axis.span();
    filter = spreadAxis(node, filter, at, axis.dilation - 1);
    filter = sliceAxis(node, filter, at, Scalar::ofInt(0), Scalar::ofInt(span));
    filter =
        padAxis(node, filter, at, 0, phaseTaps(axis) * axis.stride - span, 0);
  }
  IndexMath &math = node.math();
  Scalars sizes = node.dims(filter);
  Scalar outputs = sizes[1];
  Scalar inputs = math.div(sizes[0], Scalar::ofInt(groups));
  Scalars apart{Scalar::ofInt(groups), inputs, outputs};
  int64_t phases = 1;
  for (const TransposedAxis &axis : axes) {
    apart.push_back(Scalar::ofInt(phaseTaps(axis)));
    apart.push_back(Scalar::ofInt(axis.stride));
    phases *= axis.stride;
  }
  filter = node.reshape(filter, apart);
  for (int64_t i = 0; i < count; ++i) {
    int64_t taps = phaseTaps(axes[i]);
    if (taps > 1)
      filter = sliceAxis(node, filter, 3 + 2 * i, Scalar::ofInt(taps - 1),
                         Scalar::ofInt(taps), -1);
  }
  SmallVector<int64_t> perm{0};
  Scalars merged{math.mul(Scalar::ofInt(groups * phases), outputs)};
  for (int64_t i = 0; i < count; ++i)
    perm.push_back(4 + 2 * i);
  perm.push_back(2);
  for (int64_t i = 0; i < count; ++i) {
    perm.push_back(3 + 2 * i);
    merged.push_back(apart[3 + 2 * i]);
  }
  perm.push_back(1);
  merged.push_back(inputs);
  return node.reshape(node.transpose(filter, perm), merged);
}

// [N, Q.., groups, phases.., O'] interleaved to [N, Q * stride.., O].
Value joinPhases(NodeImport &node, Value y, ArrayRef<TransposedAxis> axes,
                 int64_t groups, const Scalar &outputs) {
  IndexMath &math = node.math();
  int64_t count = axes.size();
  if (llvm::all_of(axes, [](const auto &axis) { return axis.stride == 1; }))
    return y;
  Scalars sizes = node.dims(y);
  Scalars apart(sizes.begin(), sizes.end() - 1), joined{sizes[0]};
  apart.push_back(Scalar::ofInt(groups));
  SmallVector<int64_t> perm{0};
  for (int64_t i = 0; i < count; ++i) {
    apart.push_back(Scalar::ofInt(axes[i].stride));
    perm.append({i + 1, count + 2 + i});
    joined.push_back(math.mul(sizes[i + 1], Scalar::ofInt(axes[i].stride)));
  }
  apart.push_back(outputs);
  perm.append({count + 1, 2 * count + 2});
  joined.push_back(math.mul(Scalar::ofInt(groups), outputs));
  return node.reshape(node.transpose(node.reshape(y, apart), perm), joined);
}
} // namespace

Value convolveTransposed(NodeImport &node, Value x, Value filter,
                         ArrayRef<TransposedAxis> axes, int64_t groups) {
  IndexMath &math = node.math();
  Scalar outputs = node.dims(filter)[1];
  int64_t count = axes.size();
  Window window;
  SmallVector<int64_t> low, high, first;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t taps = phaseTaps(axis);
    window.kernel.push_back(taps);
    window.strides.push_back(1);
    window.dilations.push_back(1);
    // Phases before the first output are left out: less padding, or fewer
    // inputs than there are taps.
    int64_t skipped = std::min(axis.low / axis.stride, taps - 1);
    low.push_back(taps - 1 - skipped);
    first.push_back(axis.low - skipped * axis.stride);
    // As many steps as the last output needs.
    int64_t missing = axis.span() - axis.stride + axis.more;
    high.push_back(missing > 0 ? llvm::divideCeil(missing, axis.stride) : 0);
  }
  window.pads = low;
  llvm::append_range(window.pads, high);
  window.ceilPads.assign(count, 0);
  Value y = convolve(node, x, phaseFilter(node, filter, axes, groups), window,
                     groups);
  y = joinPhases(node, y, axes, groups, outputs);
  Scalars offsets(node.rank(y), Scalar::ofInt(0)), sizes = node.dims(y);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    offsets[i + 1] = Scalar::ofInt(first[i]);
    Scalar reached =
        math.mul(node.dims(x)[i + 1], Scalar::ofInt(axis.stride));
    sizes[i + 1] = math.add(
        reached, Scalar::ofInt(axis.span() - axis.stride + axis.more - axis.low));
    if (sizes[i + 1].isInt() && sizes[i + 1].integer < 1)
      node.bad("its padding leaves no output");
  }
  return node.slice(y, offsets, sizes);
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the constant operand of a contraction lies in memory.
//
// The weights are a matrix [K][N] (a convolution's filter is one: K counts
// kernel rows, kernel columns, channels; N counts outputs). They are cut into
// panels of 16 outputs; a panel holds all of K, step by step:
//
//        output 0        output 1              output 15
//   step [k0 k1 k2 k3]   [k0 k1 k2 k3]   ...   [k0 k1 k2 k3]     64 bytes
//   next step: k4..k7
//
//   panel16x1  f32: a step is 1 input,  64 bytes:
//     float(k, n) at (n / 16 * steps + k) * 16 + n % 16
//       e.g. steps = 10, (k, n) = (3, 18) -> (1 * 10 + 3) * 16 + 2 = 210
//     f16 or bf16 in the same order, 32 bytes a step, where every weight is one
//     of those exactly: what the kernel computes does not change.
//   panel16x4  bytes: a step is 4 inputs, 64 bytes:
//     byte(k, n) at ((n / 16 * steps + k / 4) * 16 + n % 16) * 4 + k % 4
//       e.g. steps = 3, (k, n) = (5, 17) -> ((1 * 3 + 1) * 16 + 1) * 4 + 1 = 261
//   panel16x8  nibbles: a step is 8 inputs, 64 bytes; the low nibble of a byte
//     holds inputs 0..3 of the step, the high nibble inputs 4..7:
//     byte(k, n) at ((n / 16 * steps + k / 8) * 16 + n % 16) * 4 + k % 4,
//     high nibble if k % 8 >= 4
//       e.g. steps = 2, (k, n) = (13, 1) -> ((0 + 1) * 16 + 1) * 4 + 1 = 69, high
//
// K is made of `taps` runs of `tapLength` inputs that are contiguous in the
// activations; each tap starts a new step, so steps = taps * ceil(tapLength /
// inputs a step). What a step or the last panel lacks is zero (nibbles: 8, the
// code of zero). Groups of a convolution follow each other, each with its own
// panels.

#ifndef QOPT_LIB_EMISSION_PANELLAYOUT_H
#define QOPT_LIB_EMISSION_PANELLAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <vector>

namespace qopt::emission {

enum class PanelLayout { Panel16x1, Panel16x4, Panel16x8 };

inline constexpr int64_t kPanelColumns = 16;
inline constexpr int64_t kPanelStepBytes = 64;

// The name in `exec.unpack_panels`.
llvm::StringRef panelLayoutName(PanelLayout layout);
std::optional<PanelLayout> parsePanelLayout(llvm::StringRef name);
// Inputs of one output in a step: 1, 4 or 8.
int64_t inputsPerStep(PanelLayout layout);

// The matrix that is packed: sizes of one group.
struct PanelShape {
  int64_t groups = 1;
  int64_t taps = 1;
  int64_t tapLength = 0; // K = taps * tapLength
  int64_t columns = 0;   // N

  int64_t steps(PanelLayout layout) const;
  int64_t panels() const { return (columns + kPanelColumns - 1) / kPanelColumns; }
  int64_t packedBytes(PanelLayout layout) const;
};

// The shape under which a matmul's constant operand [K, N] is packed.
PanelShape matmulPanels(int64_t k, int64_t n);
// The shape under which a filter [O, KH, KW, C / groups] is packed: a tap is a
// kernel row where that is contiguous in the input, else one kernel element.
PanelShape convPanels(int64_t outputs, int64_t kernelHeight,
                      int64_t kernelWidth, int64_t channelsPerGroup,
                      int64_t dilationWidth, int64_t groups);

// Where element (group, k, n) of the source lies, in elements.
struct PanelSource {
  const void *data;
  int64_t kStride;
  int64_t columnStride;
  int64_t groupStride = 0;
};
// [K][N] row-major and OHWI.
PanelSource matmulSource(const void *data, const PanelShape &shape);
PanelSource filterSource(const void *data, const PanelShape &shape);

// |source| holds f32 (panel16x1), bytes (panel16x4) or one code 0..15 a byte
// (panel16x8).
std::vector<char> packPanels(PanelLayout layout, const PanelShape &shape,
                             const PanelSource &source);
// Panels of f32 as bf16 or f16, whichever holds all of them exactly; nothing
// where neither does.
struct NarrowPanels {
  bool isBFloat;
  std::vector<char> bytes;
};
std::optional<NarrowPanels> narrowPanels(llvm::ArrayRef<char> packed);
// The inverse: dense elements in the source's order.
void unpackPanels(PanelLayout layout, const PanelShape &shape,
                  const void *packed, void *dense, const PanelSource &order);

// Block scales [K / block][N], |scaleBytes| each, as panels [n / 16][block
// number][n % 16]; what the last panel lacks is zero.
std::vector<char> packPanelScales(int64_t blocks, int64_t columns,
                                  int64_t scaleBytes, const void *scales);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_PANELLAYOUT_H

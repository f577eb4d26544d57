// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/PanelLayout.h"
#include "lib/Numerics/Rounding.h"
#include <cstring>

namespace qopt::emission {

static int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

llvm::StringRef panelLayoutName(PanelLayout layout) {
  switch (layout) {
  case PanelLayout::Panel16x1:
    return "panel16x1";
  case PanelLayout::Panel16x4:
    return "panel16x4";
  case PanelLayout::Panel16x8:
    return "panel16x8";
  }
  return "";
}

std::optional<PanelLayout> parsePanelLayout(llvm::StringRef name) {
  for (PanelLayout layout : {PanelLayout::Panel16x1, PanelLayout::Panel16x4,
                             PanelLayout::Panel16x8})
    if (panelLayoutName(layout) == name)
      return layout;
  return std::nullopt;
}

int64_t inputsPerStep(PanelLayout layout) {
  switch (layout) {
  case PanelLayout::Panel16x1:
    return 1;
  case PanelLayout::Panel16x4:
    return 4;
  case PanelLayout::Panel16x8:
    return 8;
  }
  return 1;
}

int64_t PanelShape::steps(PanelLayout layout) const {
  return taps * ceilDiv(tapLength, inputsPerStep(layout));
}

int64_t PanelShape::packedBytes(PanelLayout layout) const {
  return groups * panels() * steps(layout) * kPanelStepBytes;
}

PanelShape matmulPanels(int64_t k, int64_t n) {
  PanelShape shape;
  shape.tapLength = k;
  shape.columns = n;
  return shape;
}

PanelShape convPanels(int64_t outputs, int64_t kernelHeight,
                      int64_t kernelWidth, int64_t channelsPerGroup,
                      int64_t dilationWidth, int64_t groups) {
  PanelShape shape;
  shape.groups = groups;
  shape.columns = outputs / groups;
  bool rowIsContiguous =
      groups == 1 && (dilationWidth == 1 || kernelWidth == 1);
  shape.taps = rowIsContiguous ? kernelHeight : kernelHeight * kernelWidth;
  shape.tapLength =
      rowIsContiguous ? kernelWidth * channelsPerGroup : channelsPerGroup;
  return shape;
}

PanelSource matmulSource(const void *data, const PanelShape &shape) {
  return PanelSource{data, shape.columns, 1, 0};
}

PanelSource filterSource(const void *data, const PanelShape &shape) {
  int64_t k = shape.taps * shape.tapLength;
  return PanelSource{data, 1, k, shape.columns * k};
}

namespace {
// Calls body(source element, byte in the packed panels, input within the step)
// for every element of the matrix.
template <typename Body>
void forEachElement(PanelLayout layout, const PanelShape &shape,
                    const PanelSource &order, Body body) {
  int64_t inputs = inputsPerStep(layout), steps = shape.steps(layout);
  int64_t tapSteps = ceilDiv(shape.tapLength, inputs);
  for (int64_t group = 0; group < shape.groups; ++group)
    for (int64_t n = 0; n < shape.columns; ++n) {
      int64_t panel = group * shape.panels() + n / kPanelColumns;
      for (int64_t tap = 0; tap < shape.taps; ++tap)
        for (int64_t i = 0; i < shape.tapLength; ++i) {
          int64_t step = tap * tapSteps + i / inputs;
          int64_t cell = (panel * steps + step) * kPanelColumns +
                         n % kPanelColumns;
          body(group * order.groupStride +
                   (tap * shape.tapLength + i) * order.kStride +
                   n * order.columnStride,
               cell * 4 + (i % inputs) % 4, i % inputs);
        }
    }
}
} // namespace

std::vector<char> packPanels(PanelLayout layout, const PanelShape &shape,
                             const PanelSource &source) {
  // Code 8 stands for zero in both nibbles.
  char filler = layout == PanelLayout::Panel16x8 ? char(0x88) : char(0);
  std::vector<char> packed(shape.packedBytes(layout), filler);
  const auto *bytes = static_cast<const uint8_t *>(source.data);
  forEachElement(
      layout, shape, source, [&](int64_t from, int64_t to, int64_t input) {
        if (layout == PanelLayout::Panel16x1) {
          std::memcpy(&packed[to], bytes + from * 4, 4);
        } else if (layout == PanelLayout::Panel16x4) {
          packed[to] = bytes[from];
        } else {
          int shift = input >= 4 ? 4 : 0;
          packed[to] = (packed[to] & ~(0xf << shift)) |
                       ((bytes[from] & 0xf) << shift);
        }
      });
  return packed;
}

// nullopt at the first number that |narrow| changes; NaN is nobody's weight.
static std::optional<std::vector<char>>
exactly(llvm::ArrayRef<char> packed, uint16_t (*narrow)(float),
        float (*widen)(uint16_t)) {
  std::vector<char> result(packed.size() / 2);
  for (size_t i = 0; i < packed.size() / 4; ++i) {
    float value;
    std::memcpy(&value, packed.data() + i * 4, 4);
    uint16_t bits = narrow(value);
    if (widen(bits) != value)
      return std::nullopt;
    std::memcpy(result.data() + i * 2, &bits, 2);
  }
  return result;
}

std::optional<NarrowPanels> narrowPanels(llvm::ArrayRef<char> packed) {
  using namespace numerics;
  if (auto bytes = exactly(packed, toBFloat, fromBFloat))
    return NarrowPanels{true, std::move(*bytes)};
  if (auto bytes = exactly(packed, toHalf, fromHalf))
    return NarrowPanels{false, std::move(*bytes)};
  return std::nullopt;
}

void unpackPanels(PanelLayout layout, const PanelShape &shape,
                  const void *packed, void *dense, const PanelSource &order) {
  const auto *bytes = static_cast<const uint8_t *>(packed);
  auto *out = static_cast<uint8_t *>(dense);
  forEachElement(
      layout, shape, order, [&](int64_t to, int64_t from, int64_t input) {
        if (layout == PanelLayout::Panel16x1)
          std::memcpy(out + to * 4, bytes + from, 4);
        else if (layout == PanelLayout::Panel16x4)
          out[to] = bytes[from];
        else
          out[to] = (bytes[from] >> (input >= 4 ? 4 : 0)) & 0xf;
      });
}

std::vector<char> packPanelScales(int64_t blocks, int64_t columns,
                                  int64_t scaleBytes, const void *scales) {
  int64_t panels = ceilDiv(columns, kPanelColumns);
  std::vector<char> packed(panels * blocks * kPanelColumns * scaleBytes, 0);
  const auto *from = static_cast<const char *>(scales);
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t n = 0; n < columns; ++n) {
      int64_t cell = (n / kPanelColumns * blocks + block) * kPanelColumns +
                     n % kPanelColumns;
      std::memcpy(&packed[cell * scaleBytes],
                  from + (block * columns + n) * scaleBytes, scaleBytes);
    }
  return packed;
}

} // namespace qopt::emission

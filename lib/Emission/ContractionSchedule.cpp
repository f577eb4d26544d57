// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ContractionSchedule.h"

using namespace mlir;

namespace qopt::emission {

namespace {
// What a unit should amount to: multiply-adds for compute-bound row counts
// (about 15 us on one core, down to a tenth of that so that small contractions
// have kUnits of them), bytes of weights for memory-bound ones and for what
// should stay in L2.
struct UnitTarget {
  int64_t multiplyAdds;
  int64_t weightBytes;
  // Rows below which a unit reads weights from L3 too often for what it does.
  int64_t rows;
};
constexpr int64_t kUnits = 16;
// Weights that stay in L2 whatever the rows of a unit.
constexpr int64_t kSmallWeights = 256 << 10;
} // namespace

static UnitTarget unitTarget(const TargetIsa &isa, ContractionDomain domain) {
  bool wide = isa.vectorBits == 512;
  switch (domain) {
  case ContractionDomain::F32:
    return {wide ? 1200000 : 600000, 512 << 10, 96};
  case ContractionDomain::U8S8:
  case ContractionDomain::S8S8:
    return {wide ? 3500000 : 800000, 512 << 10, 192};
  case ContractionDomain::BlockInt4:
    return {wide ? 2500000 : 800000, 256 << 10, 128};
  }
  return {1000000, 512 << 10, 96};
}

// Panels of column groups for |count| panels: all |wide|, but a remainder of
// one joins its neighbour where the tile table has a tile for that.
static void splitPanels(const TargetIsa &isa, ContractionDomain domain,
                        int64_t count, int64_t wide, int64_t &panels,
                        int64_t &last) {
  if (count <= wide || (count == wide + 1 && wide == 3)) {
    panels = count;
    last = 0;
    return;
  }
  panels = wide;
  last = count % wide;
  // A tile of one panel is load-bound; four panels beat three and one.
  if (wide == 3 && last == 1)
    last = 4;
}

ContractionSchedule::ContractionSchedule(KernelBuilder &kb,
                                         const ContractionProblem &problem,
                                         RowRange range)
    : geometry(problem.geometry(kb)), range(range) {
  const ContractionGeometry &g = geometry;
  bool padded = false;
  for (int axis : {0, 1})
    padded |= g.padLow[axis] || g.padHigh[axis];
  flipSign = problem.domain == ContractionDomain::S8S8 && kb.isa().hasVnni;
  staged = padded || flipSign;
  inputBytes = problem.domain == ContractionDomain::F32 ? 4 : 1;
  evenRows = !padded && KernelBuilder::constantOf(g.outHeight) == 1 &&
             g.kernel[0] == 1 && g.stride[1] == 1;

  wholeRowTaps = g.groups == 1 && (g.dilation[1] == 1 || g.kernel[1] == 1);
  taps[0] = g.kernel[0];
  taps[1] = wholeRowTaps ? 1 : g.kernel[1];
  tapLength = wholeRowTaps ? kb.mul(g.channels, g.kernel[1])
                           : kb.div(g.channels, g.groups);
  int64_t inputs = inputsPerStep(panelLayout(problem.domain));
  steps = kb.mul(kb.ceilDiv(tapLength, inputs), taps[0] * taps[1]);
  rowCount = kb.mul(g.outHeight, g.outWidth);
  panelCount = kb.ceilDiv(g.columns, kPanelColumns);

  int64_t wide = range == RowRange::Single
                     ? singleRowPanels(kb.isa(), problem.domain)
                     : tilePanels(kb.isa(), problem.domain);
  std::optional<int64_t> staticPanels = KernelBuilder::constantOf(panelCount);
  panels = wide;
  // Weights packed by the kernel itself are padded to whole column groups.
  if (staticPanels)
    splitPanels(kb.isa(), problem.domain, *staticPanels, wide, panels,
                lastPanels);
  if (!problem.packed)
    lastPanels = 0;
  rows = range == RowRange::Single
             ? 1
             : tileRows(kb.isa(), problem.domain, panels, !evenRows);
  // Worth a pass over the weights where more than two tiles read them.
  std::optional<int64_t> staticRows = KernelBuilder::constantOf(rowCount);
  widensPanels = problem.isNarrow() && range == RowRange::Many &&
                 (!staticRows || *staticRows > 2 * rows);
  if (!staticPanels || !lastPanels || lastPanels < panels)
    columnGroups = kb.ceilDiv(panelCount, panels);
  else // The last group has swallowed the remainder.
    columnGroups = kb.div(panelCount, panels);

  UnitTarget target = unitTarget(kb.isa(), problem.domain);
  Value depth = kb.mul(steps, inputs);
  Value allColumns = kb.mul(panelCount, kPanelColumns);
  Value rowWork = kb.max(kb.mul(depth, allColumns), 1);
  Value allWork = kb.mul(kb.mul(rowWork, rowCount),
                         kb.mul(g.batches, g.groups));
  Value work = kb.max(kb.min(kb.div(allWork, kUnits), target.multiplyAdds),
                      target.multiplyAdds / 10);
  Value isSmall = kb.cmp(
      arith::CmpIPredicate::sle,
      kb.mul(kb.mul(steps, problem.stepBytes()), panelCount),
      kb.i64(kSmallWeights));
  Value wanted = kb.max(
      kb.ceilDiv(work, rowWork),
      kb.select(isSmall, kb.i64(2 * rows), kb.i64(target.rows)));
  if (stagesImages()) {
    imageRowsPerUnit =
        kb.min(kb.ceilDiv(wanted, kb.max(g.outWidth, 1)), g.outHeight);
    rowBlocks = kb.ceilDiv(g.outHeight, kb.max(imageRowsPerUnit, 1));
    imageRowsPerUnit =
        kb.max(kb.ceilDiv(g.outHeight, kb.max(rowBlocks, 1)), 1);
    rowBlocks = kb.ceilDiv(g.outHeight, imageRowsPerUnit);
    rowsPerUnit = kb.mul(imageRowsPerUnit, g.outWidth);
  } else {
    rowBlocks = kb.ceilDiv(rowCount, wanted);
    rowsPerUnit = kb.max(
        kb.alignUp(kb.ceilDiv(rowCount, kb.max(rowBlocks, 1)), rows), 1);
    rowBlocks = kb.ceilDiv(rowCount, rowsPerUnit);
  }

  Value groupDepth = kb.mul(depth, panels * kPanelColumns);
  Value byWork = kb.ceilDiv(work,
                            kb.max(kb.mul(groupDepth, rowsPerUnit), 1));
  Value groupBytes = kb.mul(steps, panels * problem.stepBytes());
  Value byBytes = kb.ceilDiv(kb.i64(target.weightBytes), kb.max(groupBytes, 1));
  columnGroupsPerUnit = kb.max(
      kb.min(kb.min(byWork, byBytes), columnGroups), 1);
  columnBlocks = kb.ceilDiv(columnGroups, columnGroupsPerUnit);
  unitsPerStage = kb.mul(columnBlocks, g.groups);
  units = kb.mul(kb.mul(g.batches, rowBlocks), unitsPerStage);

  if (stagesImages()) {
    windowHeight = kb.add(kb.mul(kb.sub(imageRowsPerUnit, 1), g.stride[0]),
                          (g.kernel[0] - 1) * g.dilation[0] + 1);
    windowWidth = kb.add(g.width, g.padLow[1] + g.padHigh[1]);
  } else if (staged) {
    windowHeight = kb.i64(1);
    windowWidth = rowsPerUnit;
  }
}

SmallVector<Value>
ContractionSchedule::scratchSizes(KernelBuilder &kb,
                                  const ContractionProblem &problem) const {
  int64_t tileBytes = 0;
  for (int64_t width : {panels, lastPanels})
    if (width)
      tileBytes = std::max(
          tileBytes, (range == RowRange::Single
                          ? 1
                          : tileRows(kb.isa(), problem.domain, width,
                                     !evenRows)) *
                         width * 64);
  Value none = kb.i64(0);
  Value table = evenRows ? none : kb.mul(rowsPerUnit, 8);
  Value stage = none;
  if (staged) // Slack: a step may read past the last element.
    stage = kb.add(kb.mul(kb.mul(kb.mul(windowHeight, windowWidth),
                                 geometry.channels),
                          inputBytes),
                   64);
  Value rowSums = none;
  if (problem.domain == ContractionDomain::BlockInt4)
    rowSums = kb.mul(kb.mul(rowsPerUnit, kb.div(tapLength, problem.block)), 4);
  bool holdsPanels = !problem.packed || widensPanels;
  Value packed =
      holdsPanels ? kb.mul(steps, std::max(panels, lastPanels) * kPanelStepBytes)
                  : none;
  Value start = flipSign ? kb.i64(std::max(panels, lastPanels) * 64) : none;
  return {kb.i64(tileBytes), table, stage, rowSums, packed, start};
}

} // namespace qopt::emission

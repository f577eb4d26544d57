// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of a contraction kernel around its inner kernel:
//
//   for unit in [begin, end):
//     stage the unit's rows, if they are not the ones staged already
//     for column group of the unit:        weights stay in L2
//       for row tile of the unit:          inputs stream past
//         inner kernel -> tile in L1
//         epilogue: for row, for 16 columns

#include "lib/Emission/Contraction.h"
#include "lib/Emission/ContractionSchedule.h"
#include "lib/Emission/ContractionStaging.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace qopt::emission {

ContractionEpilogue::~ContractionEpilogue() = default;

PanelLayout panelLayout(ContractionDomain domain) {
  switch (domain) {
  case ContractionDomain::F32:
    return PanelLayout::Panel16x1;
  case ContractionDomain::U8S8:
  case ContractionDomain::S8S8:
    return PanelLayout::Panel16x4;
  case ContractionDomain::BlockInt4:
    return PanelLayout::Panel16x8;
  }
  return PanelLayout::Panel16x1;
}

bool ContractionProblem::isNarrow() const {
  return packed && weightType && weightType.getIntOrFloatBitWidth() == 16;
}

int64_t ContractionProblem::stepBytes() const {
  return isNarrow() ? kPanelStepBytes / 2 : kPanelStepBytes;
}

namespace {

// The run function for one range of row counts.
class ContractionLoops {
public:
  ContractionLoops(KernelBuilder &kb, const ContractionProblem &problem,
                   ContractionEpilogue &epilogue, RowRange range)
      : kb(kb), problem(problem), epilogue(epilogue),
        plan(kb, problem, range), g(plan.geometry) {}

  void emit(Value begin, Value end, Value scratch) {
    buffers = kb.carveScratch(
        scratch, [&] { return plan.scratchSizes(kb, problem); });
    kb.forLoop(begin, end, kb.i64(1), ValueRange{kb.i64(-1)},
               [&](Value unit, ValueRange carried) {
                 return SmallVector<Value>{emitUnit(unit, carried[0])};
               });
  }

private:
  // Returns the row block that is staged afterwards.
  Value emitUnit(Value unit, Value staged) {
    Value block = kb.div(unit, plan.unitsPerStage);
    Value within = kb.rem(unit, plan.unitsPerStage);
    batch = kb.div(block, plan.rowBlocks);
    group = kb.div(within, plan.columnBlocks);
    firstRow = kb.mul(kb.rem(block, plan.rowBlocks), plan.rowsPerUnit);
    rowCount = kb.min(plan.rowsPerUnit, kb.sub(plan.rowCount, firstRow));

    ContractionStaging staging(kb, problem, plan, buffers);
    Value inputBatch =
        problem.inputBatch ? problem.inputBatch(kb, batch) : batch;
    if (staging.isNeeded())
      kb.ifThen(kb.cmp(arith::CmpIPredicate::ne, block, staged), [&] {
        staging.emit(inputBatch, firstRow, rowCount);
      });
    // Groups of channels lie side by side in a pixel.
    Value groupOffset = kb.mul(kb.mul(group, kb.div(g.channels, g.groups)),
                               plan.inputBytes);
    input = kb.byteAddress(staging.inputBase(inputBatch, firstRow),
                           groupOffset);

    Value firstGroup = kb.mul(kb.rem(within, plan.columnBlocks),
                              plan.columnGroupsPerUnit);
    Value endGroup = kb.min(kb.add(firstGroup, plan.columnGroupsPerUnit),
                            plan.columnGroups);
    kb.forLoop(firstGroup, endGroup, kb.i64(1), [&](Value columnGroup) {
      if (!plan.lastPanels)
        return emitColumnGroup(columnGroup, plan.panels);
      Value last = kb.sub(plan.columnGroups, 1);
      kb.ifThenElse(
          kb.cmp(arith::CmpIPredicate::ne, columnGroup, last),
          [&] { emitColumnGroup(columnGroup, plan.panels); },
          [&] { emitColumnGroup(columnGroup, plan.lastPanels); });
    });
    return block;
  }

  void emitColumnGroup(Value columnGroup, int64_t panels) {
    Value firstPanel = kb.mul(columnGroup, plan.panels);
    firstColumn = kb.mul(firstPanel, kPanelColumns);
    MicrokernelArguments args;
    args.shape = {1, panels};
    args.outerTaps = plan.taps[0];
    args.innerTaps = plan.taps[1];
    // A window row is `windowWidth` pixels when staged.
    Value pixel = kb.mul(g.channels, plan.inputBytes);
    Value width = plan.stagesImages() ? plan.windowWidth : g.width;
    args.outerTapStride = kb.mul(kb.mul(pixel, width), g.dilation[0]);
    args.innerTapStride = kb.mul(pixel, g.dilation[1]);
    args.tapLength = plan.tapLength;
    args.tile = buffers[kTileBuffer];
    args.block = problem.block;
    args.scaleType = problem.scaleType;
    if (problem.packed)
      usePackedWeights(args, firstPanel);
    else
      packWeights(args, panels);
    if (problem.domain == ContractionDomain::BlockInt4)
      useScales(args, firstPanel);
    if (plan.flipSign) {
      args.columnStart = buffers[kColumnStart];
      emitColumnStart(kb, args, panels);
    }
    emitRowTiles(args, panels);
  }

  void usePackedWeights(MicrokernelArguments &args, Value firstPanel) {
    args.stepStride = kb.i64(problem.stepBytes());
    args.panelStride = kb.mul(plan.steps, problem.stepBytes());
    args.weightType = problem.weightType;
    Value panel = kb.add(kb.mul(group, plan.panelCount), firstPanel);
    args.weights = kb.byteAddress(kb.ptr(problem.weights),
                                  kb.mul(panel, args.panelStride));
    if (plan.widensPanels)
      widenPanels(args);
  }

  // Once for all row tiles, which then find f32.
  void widenPanels(MicrokernelArguments &args) {
    Value wide = buffers[kPanelBuffer];
    Value vectors = kb.mul(plan.steps, args.shape.panels);
    kb.forLoop(kb.i64(0), vectors, kb.i64(1), [&](Value i) {
      Value at = kb.mul(i, kPanelColumns);
      Value stored =
          loadLane(kb, problem.weightType, args.weights, at, Width::vector);
      kb.storeVector(
          kb.f32Type,
          emitCast(kb, problem.weightType, kb.f32Type, stored), wide, at, {},
          64);
    });
    args.weights = wide;
    args.weightType = kb.f32Type;
    args.stepStride = kb.i64(kPanelStepBytes);
    args.panelStride = kb.mul(plan.steps, kPanelStepBytes);
  }

  void packWeights(MicrokernelArguments &args, int64_t panels) {
    args.stepStride = kb.i64(panels * kPanelStepBytes);
    args.panelStride = kb.i64(kPanelStepBytes);
    args.weights = buffers[kPanelBuffer];
    Value matrix = problem.weightBatch ? problem.weightBatch(kb, batch)
                                       : kb.i64(0);
    Value base = kb.address(kb.ptr(problem.weights), kb.f32Type,
                            kb.mul(matrix, kb.mul(plan.tapLength, g.columns)));
    emitPackColumns(kb, base, plan.tapLength, g.columns, firstColumn, panels,
                    args.weights);
  }

  void useScales(MicrokernelArguments &args, Value firstPanel) {
    Value blocks = kb.div(plan.tapLength, problem.block);
    args.scalePanelStride =
        kb.mul(blocks, 16 * storageBytes(problem.scaleType));
    args.scales = kb.byteAddress(kb.ptr(problem.scales),
                                 kb.mul(firstPanel, args.scalePanelStride));
  }

  void emitRowTiles(MicrokernelArguments &args, int64_t panels) {
    int64_t tall = plan.range == RowRange::Single
                       ? 1
                       : tileRows(kb.isa(), problem.domain, panels,
                                  !plan.evenRows);
    if (std::optional<int64_t> all = KernelBuilder::constantOf(rowCount))
      tall = std::min(tall, *all);
    Value tiles = kb.ceilDiv(rowCount, tall);
    if (plan.range == RowRange::Few)
      sharePrefetch(args, panels, tall);
    Value nextGroup = args.prefetch;
    kb.forLoop(kb.i64(0), tiles, kb.i64(1), [&](Value tile) {
      Value row = kb.mul(tile, tall);
      Value live = kb.min(kb.sub(rowCount, row), tall);
      if (nextGroup)
        args.prefetch = kb.byteAddress(
            nextGroup, kb.mul(kb.mul(tile, plan.steps),
                              args.prefetchLinesPerStep * 64));
      emitTileVariants(args, row, live, tall);
      emitEpilogue(row, live, panels);
    });
    args.prefetch = nextGroup;
  }

  // With few rows the weights come from L3 or memory once: each row tile asks
  // for its share of the next column group while it works on this one.
  void sharePrefetch(MicrokernelArguments &args, int64_t panels,
                     int64_t tall) {
    if (!problem.packed)
      return;
    int64_t rows = KernelBuilder::constantOf(plan.rowCount).value_or(16);
    int64_t tiles = std::max<int64_t>(1, rows / tall);
    int64_t lines = llvm::divideCeil(panels * problem.stepBytes(), 64);
    args.prefetchLinesPerStep = llvm::divideCeil(lines, tiles);
    args.prefetch =
        kb.byteAddress(args.weights, kb.mul(args.panelStride, panels));
  }

  // A tile of full height, and lower ones for the rows left at the end.
  void emitTileVariants(MicrokernelArguments &args, Value row, Value live,
                        int64_t tall) {
    auto full = [&] { emitTile(args, row, live, tall, /*exact=*/true); };
    if (tall == 1)
      return full();
    Value isFull = kb.cmp(arith::CmpIPredicate::eq, live, kb.i64(tall));
    if (std::optional<int64_t> rest = staticRest(tall)) {
      if (*rest == 0)
        return full();
      return kb.ifThenElse(isFull, full, [&] {
        emitTile(args, row, live, *rest, /*exact=*/true);
      });
    }
    int64_t half = (tall + 1) / 2;
    kb.ifThenElse(isFull, full, [&] {
      kb.ifThenElse(
          kb.cmp(arith::CmpIPredicate::sle, live, kb.i64(half)),
          [&] { emitTile(args, row, live, half, /*exact=*/half == 1); },
          [&] { emitTile(args, row, live, tall, /*exact=*/false); });
    });
  }

  // The height of the one short tile, where only the last tile of all rows can
  // be short and static sizes tell its height.
  std::optional<int64_t> staticRest(int64_t tall) {
    std::optional<int64_t> all = KernelBuilder::constantOf(plan.rowCount);
    std::optional<int64_t> unit = KernelBuilder::constantOf(plan.rowsPerUnit);
    if (all && unit && (*unit % tall == 0 || *unit >= *all))
      return *all % tall;
    return std::nullopt;
  }

  // Not |exact|: there may be fewer rows than |height|; the tile repeats the
  // last of them.
  void emitTile(MicrokernelArguments &args, Value row, Value live,
                int64_t height, bool exact) {
    args.shape.rows = height;
    args.rows.clear();
    args.rowSums.clear();
    Value last = kb.sub(live, 1);
    Value rowBytes = kb.mul(g.channels, plan.inputBytes);
    for (int64_t i = 0; i < height; ++i) {
      Value local = exact || i == 0 ? kb.i64(i) : kb.min(kb.i64(i), last);
      Value at = kb.add(row, local);
      if (plan.evenRows)
        args.rows.push_back(kb.byteAddress(
            kb.byteAddress(input, kb.mul(row, rowBytes)),
            kb.mul(local, rowBytes)));
      else
        args.rows.push_back(kb.byteAddress(
            input, kb.load(kb.i64Type, buffers[kRowTable], at)));
      if (problem.domain == ContractionDomain::BlockInt4)
        args.rowSums.push_back(
            kb.address(buffers[kRowSumBuffer], kb.i32Type,
                       kb.mul(at, kb.div(plan.tapLength, problem.block))));
    }
    emitMicrokernel(kb, problem.domain, args);
  }

  void emitEpilogue(Value tileRow, Value live, int64_t panels) {
    Value column = kb.add(kb.mul(group, g.columns), firstColumn);
    Value columns = kb.min(kb.sub(g.columns, firstColumn),
                           panels * kPanelColumns);
    // Where columns fill their panels no tail code is needed.
    std::optional<int64_t> all = KernelBuilder::constantOf(g.columns);
    bool whole = all && *all % kPanelColumns == 0;
    Type lane = problem.domain == ContractionDomain::F32 ||
                        problem.domain == ContractionDomain::BlockInt4
                    ? kb.f32Type
                    : kb.i32Type;
    kb.forLoop(kb.i64(0), live, kb.i64(1), [&](Value i) {
      Value row = kb.add(kb.mul(batch, plan.rowCount),
                         kb.add(kb.add(firstRow, tileRow), i));
      epilogue.beginRow(kb, row);
      Value tileOffset = kb.mul(i, panels * kPanelColumns);
      auto emit = [&](Value c, LiveLanes lanes) {
        Value sums = kb.loadVector(lane, buffers[kTileBuffer],
                                   kb.add(tileOffset, c), {}, 64);
        epilogue.emit(kb, row, kb.add(column, c), sums, lanes);
      };
      if (whole)
        kb.forLoop(kb.i64(0), columns, kb.i64(kPanelColumns),
                   [&](Value c) { emit(c, {}); });
      else
        kb.forVectors(columns, emit);
    });
  }

  KernelBuilder &kb;
  const ContractionProblem &problem;
  ContractionEpilogue &epilogue;
  ContractionSchedule plan;
  const ContractionGeometry &g;
  SmallVector<Value> buffers;
  // Of the unit being emitted.
  Value batch, group, firstRow, rowCount, input, firstColumn;
};

// Which row ranges need code, and the choice among them at run time.
class RowRanges {
public:
  RowRanges(KernelBuilder &kb, const ContractionProblem &problem) : kb(kb) {
    ContractionSchedule plan(kb, problem, RowRange::Many);
    rows = plan.rowCount;
    // Prefetching pays where the weights exceed L2.
    std::optional<int64_t> steps = KernelBuilder::constantOf(plan.steps);
    std::optional<int64_t> panels = KernelBuilder::constantOf(plan.panelCount);
    streams = problem.packed && steps && panels &&
              *steps * *panels * problem.stepBytes() > (256 << 10);
  }

  SmallVector<RowRange> needed() {
    if (std::optional<int64_t> count = KernelBuilder::constantOf(rows)) {
      if (*count == 1)
        return {RowRange::Single};
      return {*count <= 16 && streams ? RowRange::Few : RowRange::Many};
    }
    if (streams)
      return {RowRange::Single, RowRange::Few, RowRange::Many};
    return {RowRange::Single, RowRange::Many};
  }

  Value contains(RowRange range) {
    switch (range) {
    case RowRange::Single:
      return kb.cmp(arith::CmpIPredicate::sle, rows, kb.i64(1));
    case RowRange::Few:
      return kb.cmp(arith::CmpIPredicate::sle, rows, kb.i64(16));
    case RowRange::Many:
      break;
    }
    return kb.i1(true);
  }

  // if range 0 holds: value(range 0) else if ...
  Value choose(llvm::function_ref<Value(RowRange)> value) {
    SmallVector<RowRange> ranges = needed();
    Value chosen = value(ranges.back());
    for (RowRange range : llvm::reverse(ArrayRef(ranges).drop_back()))
      chosen = kb.select(contains(range), value(range), chosen);
    return chosen;
  }

  void dispatch(llvm::function_ref<void(RowRange)> body) {
    SmallVector<RowRange> ranges = needed();
    std::function<void(size_t)> emitFrom = [&](size_t i) {
      if (i + 1 == ranges.size())
        return body(ranges[i]);
      kb.ifThenElse(
          contains(ranges[i]), [&] { body(ranges[i]); },
          [&] { emitFrom(i + 1); });
    };
    emitFrom(0);
  }

private:
  KernelBuilder &kb;
  Value rows;
  bool streams;
};

} // namespace

void emitContractionKernel(KernelBuilder &kb,
                           const ContractionProblem &problem,
                           ContractionEpilogue &epilogue) {
  kb.defineUnits([&] {
    return RowRanges(kb, problem).choose([&](RowRange range) {
      return ContractionSchedule(kb, problem, range).units;
    });
  });
  kb.defineScratch([&] {
    Value bytes = RowRanges(kb, problem).choose([&](RowRange range) {
      ContractionSchedule plan(kb, problem, range);
      Value total = kb.i64(0);
      for (Value size : plan.scratchSizes(kb, problem))
        total = kb.add(total, kb.alignUp(size, 64));
      return total;
    });
    return SmallVector<Value>{bytes};
  });
  kb.defineRun([&](Value begin, Value end, Value scratch) {
    epilogue.begin(kb);
    RowRanges(kb, problem).dispatch([&](RowRange range) {
      ContractionLoops(kb, problem, epilogue, range).emit(begin, end, scratch);
    });
  });
}

} // namespace qopt::emission

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A unit is one image, a band of output rows and a group of channels. Its
// weights are first brought to [channel block][tap][16]. Then, for each output
// row and each block of 16 channels, pixels go `tilePixels` at a time: their
// windows share columns, and the weights stay in registers.
//
// Borders need no copies and no branches: a tap in the padding reads 16 padding
// elements from scratch, through a selected pointer.

#include "lib/Emission/WindowEmitter.h"
#include "lib/Emission/LeafReader.h"
#include "lib/Emission/WindowRoot.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t lanes = KernelBuilder::lanes;
constexpr int64_t unitElements = 16384;
constexpr int64_t tilePixels = 4;
constexpr int64_t unrolledTaps = 25; // larger windows become loops
constexpr int64_t groupBytes = 64;   // channels of a unit: a cache line or more

class WindowKernel {
public:
  WindowKernel(KernelBuilder &kb, Block &body, const WindowRoot &root)
      : kb(kb), body(body), shapes(body), root(root),
        result(root.op->getResult(0)), element(root.inputElement()) {}

  LogicalResult emit() {
    if (!shapes.valid() || !isa<BlockArgument>(root.input))
      return failure();
    if (root.filter && !isa<BlockArgument>(root.filter))
      return failure();
    if (root.taps() > unrolledTaps && root.filter)
      return failure();
    ValueRange yielded = body.getTerminator()->getOperands();
    for (Value output : yielded)
      outputs.push_back(withoutReshape(output));
    for (Value output : outputs)
      if (cast<RankedTensorType>(output.getType()).getShape() !=
          cast<RankedTensorType>(result.getType()).getShape())
        return failure();
    epilogue = FusedExpression::build(outputs, result);
    if (!epilogue)
      return failure();
    reader.emplace(*epilogue, result, shapes);
    if (!reader->canRead())
      return failure();
    kb.defineUnits([&] {
      Split split = computeSplit();
      return kb.mul(dim(0), kb.mul(split.bands, split.groups));
    });
    kb.defineScratch([&] { return scratchSizes(); });
    LogicalResult status = success();
    kb.defineRun([&](Value begin, Value end, Value scratch) {
      status = emitRun(begin, end, scratch);
    });
    return status;
  }

private:
  //===-- Sizes -----------------------------------------------------------===//

  Value dim(unsigned axis) { return shapes.dim(kb, result, axis); }
  Value inputDim(unsigned axis) { return shapes.dim(kb, root.input, axis); }

  /// How channels and rows are cut.
  struct Split {
    Value blocks;        // channel blocks of 16, all
    Value blocksOfGroup; // of a unit
    Value groups;
    Value rowsOfBand, bands;
  };
  Split computeSplit() {
    Split s;
    s.blocks = kb.ceilDiv(dim(3), lanes);
    Value row = kb.max(kb.mul(dim(2), lanes), 1); // elements
    Value image = kb.max(kb.mul(row, dim(1)), 1);
    int64_t least =
        std::max<int64_t>(1, groupBytes / (lanes * storageBytes(element)));
    s.blocksOfGroup = kb.max(kb.div(kb.i64(unitElements), image), least);
    s.blocksOfGroup = kb.max(kb.min(s.blocksOfGroup, s.blocks), 1);
    s.groups = kb.ceilDiv(s.blocks, s.blocksOfGroup);
    Value group = kb.mul(row, s.blocksOfGroup);
    s.rowsOfBand = kb.max(kb.div(kb.i64(2 * unitElements), group), 1);
    s.rowsOfBand = kb.max(kb.min(s.rowsOfBand, dim(1)), 1);
    s.bands = kb.ceilDiv(dim(1), s.rowsOfBand);
    return s;
  }
  /// Weight vectors of a block: one for the taps that go together.
  int64_t weightVectors() { return root.rowGroups(kb) * root.kernel[1]; }
  int64_t weightBytes() { return weightVectors() * lanes * 4; } // of a block
  SmallVector<Value> scratchSizes() {
    SmallVector<Value> sizes = {kb.i64(64)}; // padding
    if (root.filter)
      sizes.push_back(kb.mul(computeSplit().blocksOfGroup, weightBytes()));
    return sizes;
  }

  //===-- Units -----------------------------------------------------------===//

  LogicalResult emitRun(Value begin, Value end, Value scratch) {
    if (!reader->begin(kb))
      return failure();
    SmallVector<Value> buffers =
        kb.carveScratch(scratch, [&] { return scratchSizes(); });
    paddingBuffer = buffers[0];
    storeLane(kb, element, kb.splat(root.padding(kb)), paddingBuffer,
              kb.i64(0));
    if (root.filter)
      weights = buffers[1];
    Split split = computeSplit();
    kb.forLoop(begin, end, kb.i64(1), [&](Value unit) {
      Value group = kb.rem(unit, split.groups);
      Value rest = kb.div(unit, split.groups);
      Value band = kb.rem(rest, split.bands);
      Value image = kb.div(rest, split.bands);
      Value firstBlock = kb.mul(group, split.blocksOfGroup);
      Value lastBlock =
          kb.min(kb.add(firstBlock, split.blocksOfGroup), split.blocks);
      Value firstChannel = kb.mul(firstBlock, lanes);
      Value channels =
          kb.sub(kb.min(kb.mul(lastBlock, lanes), dim(3)), firstChannel);
      if (root.filter)
        packWeights(firstChannel, channels);
      Value firstRow = kb.mul(band, split.rowsOfBand);
      Value lastRow = kb.min(kb.add(firstRow, split.rowsOfBand), dim(1));
      kb.forLoop(firstRow, lastRow, kb.i64(1), [&](Value row) {
        kb.forVectors(channels, [&](Value channel, LiveLanes live) {
          emitRow(image, row, kb.add(firstChannel, channel), channel, live);
        });
      });
    });
    return success();
  }

  /// body(first kernel row, number of rows) for each group taken together.
  void forRowGroups(llvm::function_ref<void(int64_t, int64_t)> body) {
    int64_t together = root.rowsTogether(kb);
    for (int64_t y = 0; y < root.kernel[0]; y += together)
      body(y, std::min(together, root.kernel[0] - y));
  }

  /// filter[channel][tap] -> weights[channel / 16][vector][channel % 16].
  void packWeights(Value firstChannel, Value channels) {
    Type stored = getElementTypeOrSelf(root.filter.getType());
    Type lane = computeType(stored);
    Value filter = kb.ptr(cast<BlockArgument>(root.filter).getArgNumber());
    kb.forLoop(kb.i64(0), channels, kb.i64(1), [&](Value channel) {
      Value from = kb.mul(kb.add(firstChannel, channel), root.taps());
      Value to = kb.add(kb.mul(kb.div(channel, lanes), weightVectors() * lanes),
                        kb.rem(channel, lanes));
      int64_t vector = 0;
      forRowGroups([&](int64_t firstRow, int64_t rows) {
        for (int64_t x = 0; x < root.kernel[1]; ++x) {
          SmallVector<Value> taps;
          for (int64_t y = firstRow; y < firstRow + rows; ++y)
            taps.push_back(loadLane(kb, stored, filter,
                                    kb.add(from, y * root.kernel[1] + x),
                                    Width::scalar));
          Value at = kb.add(to, vector++ * lanes);
          kb.storeRaw(root.combine(kb, taps, /*areWeights=*/true),
                      kb.address(weights, lane, at), 4);
        }
      });
    });
  }

  //===-- One output row, 16 channels -------------------------------------===//

  /// What the pixels of a row share.
  struct Row {
    Value image, row, channel;
    LiveLanes live;
    SmallVector<Value> weights;           // weightVectors()
    SmallVector<Value> common;            // leaves that are no pixel's own
    SmallVector<Value> lines, lineStride; // one a kernel row; elements
    Value linesInside;                    // how many are no padding
  };

  void emitRow(Value image, Value row, Value channel, Value groupChannel,
               LiveLanes live) {
    Row r{image, row, channel, live, {}, {}, {}, {}, {}};
    r.common = reader->loadCommon(kb, channel, live);
    bool unrolled = root.taps() <= unrolledTaps;
    for (int64_t i = 0; root.filter && i < weightVectors(); ++i) {
      Type lane = computeType(getElementTypeOrSelf(root.filter.getType()));
      Value block =
          kb.mul(kb.div(groupChannel, lanes), weightVectors() * lanes);
      Value at = kb.add(block, i * lanes);
      r.weights.push_back(
          kb.loadRaw(kb.vectorType(lane), kb.address(weights, lane, at), 64));
    }
    // Output columns whose whole window lies inside: [first, last).
    Value width = inputDim(2), columns = dim(2);
    int64_t reach = (root.kernel[1] - 1) * root.dilation[1];
    int64_t stride = root.stride[1];
    Value first =
        kb.min(kb.i64((root.padLow[1] + stride - 1) / stride), columns);
    Value room = kb.sub(width, reach - root.padLow[1] + 1); // of the first tap
    Value last = kb.add(kb.div(kb.max(room, 0), stride), 1);
    last = kb.select(kb.cmp(arith::CmpIPredicate::slt, room, kb.i64(0)),
                     kb.i64(0), last);
    last = kb.max(kb.min(last, columns), first);
    if (!unrolled)
      last = first;
    else
      findLines(r);
    auto border = [&](Value from, Value to) {
      kb.forLoop(from, to, kb.i64(1),
                 [&](Value column) { emitBorderPixel(r, column, unrolled); });
    };
    border(kb.i64(0), first);
    Value tiled = first;
    if (unrolled) {
      int64_t tile = tilePixels;
      tiled = kb.add(first, kb.mul(kb.div(kb.sub(last, first), tile), tile));
      kb.forLoop(first, tiled, kb.i64(tile),
                 [&](Value column) { emitTile(r, column, tile); });
    }
    border(tiled, columns);
  }

  Value inputLine(const Row &r, Value tap) {
    Value line = kb.sub(kb.mul(r.row, root.stride[0]), root.padLow[0]);
    return kb.add(line, kb.mul(tap, root.dilation[0]));
  }
  Value linePointer(const Row &r, Value line) {
    Value start = kb.mul(kb.add(kb.mul(r.image, inputDim(1)), line),
                         kb.mul(inputDim(2), inputDim(3)));
    Value base = kb.ptr(cast<BlockArgument>(root.input).getArgNumber());
    return kb.address(base, element, kb.add(start, r.channel));
  }
  Value isInside(Value index, unsigned axis) {
    // Unsigned, so that negative indices are outside too.
    return kb.cmp(arith::CmpIPredicate::ult, index, inputDim(axis));
  }

  /// A line outside is the padding, over and over.
  void findLines(Row &r) {
    r.linesInside = kb.i64(0);
    for (int64_t tap = 0; tap < root.kernel[0]; ++tap) {
      Value line = inputLine(r, kb.i64(tap));
      Value inside = isInside(line, 1);
      r.lines.push_back(kb.create<arith::SelectOp>(inside, linePointer(r, line),
                                                   paddingBuffer));
      r.lineStride.push_back(kb.select(inside, inputDim(3), kb.i64(0)));
      r.linesInside =
          kb.add(r.linesInside, kb.select(inside, kb.i64(1), kb.i64(0)));
    }
  }
  Value load(Value pointer, Value at, LiveLanes live) {
    return loadLane(kb, element, pointer, at, Width::vector, live);
  }

  /// Pixels whose columns all lie inside.
  void emitTile(const Row &r, Value column, int64_t pixels) {
    SmallVector<Value> sums(pixels, root.start(kb));
    Value first = kb.sub(kb.mul(column, root.stride[1]), root.padLow[1]);
    auto weight = r.weights.begin();
    forRowGroups([&](int64_t firstRow, int64_t rows) {
      // Input columns by their distance from the first; windows overlap.
      std::map<int64_t, Value> loaded;
      auto loadColumn = [&](int64_t distance) {
        SmallVector<Value> taps;
        for (int64_t y = firstRow; y < firstRow + rows; ++y)
          taps.push_back(load(r.lines[y],
                              kb.mul(kb.add(first, distance), r.lineStride[y]),
                              r.live));
        return root.combine(kb, taps, /*areWeights=*/false);
      };
      for (int64_t x = 0; x < root.kernel[1]; ++x) {
        Value w = root.filter ? *weight++ : Value();
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
          int64_t distance = pixel * root.stride[1] + x * root.dilation[1];
          Value &lane = loaded[distance];
          if (!lane)
            lane = loadColumn(distance);
          sums[pixel] = root.step(kb, sums[pixel], lane, w);
        }
      }
    });
    Value count = root.countsPadding ? kb.i64(root.taps())
                                     : kb.mul(r.linesInside, root.kernel[1]);
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      emitOutput(r, kb.add(column, pixel), sums[pixel], count);
  }

  /// A pixel whose window may leave the image on any side.
  void emitBorderPixel(const Row &r, Value column, bool unrolled) {
    Value first = kb.sub(kb.mul(column, root.stride[1]), root.padLow[1]);
    if (!unrolled)
      return emitLargeWindow(r, column, first);
    Value sum = root.start(kb), columnsInside = kb.i64(0);
    SmallVector<Value> inside, index;
    for (int64_t x = 0; x < root.kernel[1]; ++x) {
      index.push_back(kb.add(first, x * root.dilation[1]));
      inside.push_back(isInside(index[x], 2));
      columnsInside =
          kb.add(columnsInside, kb.select(inside[x], kb.i64(1), kb.i64(0)));
    }
    auto weight = r.weights.begin();
    forRowGroups([&](int64_t firstRow, int64_t rows) {
      for (int64_t x = 0; x < root.kernel[1]; ++x) {
        SmallVector<Value> taps;
        for (int64_t y = firstRow; y < firstRow + rows; ++y) {
          Value pointer =
              kb.create<arith::SelectOp>(inside[x], r.lines[y], paddingBuffer);
          Value at = kb.select(inside[x], kb.mul(index[x], r.lineStride[y]),
                               kb.i64(0));
          taps.push_back(load(pointer, at, r.live));
        }
        sum = root.step(kb, sum, root.combine(kb, taps, /*areWeights=*/false),
                        root.filter ? *weight++ : Value());
      }
    });
    Value count = root.countsPadding ? kb.i64(root.taps())
                                     : kb.mul(r.linesInside, columnsInside);
    emitOutput(r, column, sum, count);
  }

  /// The taps inside as loops: [low, high) of each kernel axis.
  void emitLargeWindow(const Row &r, Value column, Value firstColumn) {
    Value firstLine = inputLine(r, kb.i64(0));
    auto range = [&](Value first, unsigned axis) {
      int64_t dilation = root.dilation[axis], size = root.kernel[axis];
      Value low = kb.ceilDiv(kb.max(kb.sub(kb.i64(0), first), 0), dilation);
      Value room = kb.max(kb.sub(inputDim(axis + 1), first), 0);
      Value high = kb.min(kb.ceilDiv(room, dilation), size);
      return std::pair(kb.min(low, high), high);
    };
    auto [lineLow, lineHigh] = range(firstLine, 0);
    auto [columnLow, columnHigh] = range(firstColumn, 1);
    Value sum = kb.forLoop(
        lineLow, lineHigh, kb.i64(1), root.start(kb),
        [&, low = columnLow, high = columnHigh](Value y, ValueRange outer) {
          Value line = linePointer(r, inputLine(r, y));
          return kb.forLoop(
              low, high, kb.i64(1), outer[0], [&](Value x, ValueRange carried) {
                Value at = kb.add(firstColumn, kb.mul(x, root.dilation[1]));
                Value lane = load(line, kb.mul(at, inputDim(3)), r.live);
                return SmallVector<Value>{root.step(kb, carried[0], lane, {})};
              });
        })[0];
    Value count = root.countsPadding ? kb.i64(root.taps())
                                     : kb.mul(kb.sub(lineHigh, lineLow),
                                              kb.sub(columnHigh, columnLow));
    emitOutput(r, column, sum, count);
  }

  void emitOutput(const Row &r, Value column, Value sum, Value count) {
    Value pixel = kb.add(kb.mul(r.image, dim(1)), r.row);
    pixel = kb.add(kb.mul(pixel, dim(2)), column);
    Value lane = root.finish(kb, sum, count);
    SmallVector<Value> starts = reader->rowStarts(kb, pixel);
    SmallVector<Value> stored =
        reader->evaluate(kb, starts, lane, r.channel, r.live, r.common);
    Value at = kb.add(kb.mul(pixel, dim(3)), r.channel);
    unsigned operand = numTensorInputs(body);
    for (Value value : stored) {
      storeLane(kb, kb.elementType(operand), value, kb.ptr(operand), at,
                r.live);
      ++operand;
    }
  }

  KernelBuilder &kb;
  Block &body;
  KernelShapes shapes;
  WindowRoot root;
  Value result;
  Type element;
  SmallVector<Value> outputs;
  std::optional<FusedExpression> epilogue;
  std::optional<LeafReader> reader;
  Value paddingBuffer, weights;
};

} // namespace

LogicalResult qopt::emission::emitWindow(KernelBuilder &kb, Block &body) {
  std::optional<WindowRoot> root;
  for (Operation &op : body.without_terminator())
    if (std::optional<WindowRoot> found = WindowRoot::of(&op)) {
      if (root)
        return failure();
      root = found;
    }
  if (!root)
    return failure();
  return WindowKernel(kb, body, *root).emit();
}

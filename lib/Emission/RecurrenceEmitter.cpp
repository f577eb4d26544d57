// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A unit is up to `tileRows` batch items. Each step reads the state that the
// step before left in the result, and computes hidden units in blocks: the sums
// of all gates of a block stay in registers while the weights stream by, then
// the cell's arithmetic follows at once. A gru that resets before the weights
// needs two sweeps, with z and r * h in scratch between them.

#include "lib/Emission/RecurrenceEmitter.h"
#include "lib/Emission/KernelShapes.h"
#include "lib/Emission/RecurrentCell.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t lanes = KernelBuilder::lanes;

class RecurrenceKernel {
public:
  RecurrenceKernel(KernelBuilder &kb, Block &body, nn::RecurrenceOp op)
      : kb(kb), shapes(body), op(op), cell(kb, op),
        output(numTensorInputs(body)) {
    auto weights = cast<RankedTensorType>(op.getWeights().getType());
    hidden = weights.getDimSize(0);
    width = cell.gates() * hidden;
    stateWidth = cell.isLstm() ? 2 * hidden : hidden;
    // Accumulators of 16 lanes that stay in registers.
    bool wide = kb.isa().vectorBits >= 512;
    accumulators = wide ? 16 : 4;
    tileRows = wide ? 4 : 2;
  }

  LogicalResult emit() {
    for (Value operand : op->getOperands())
      if (!isa<BlockArgument>(operand))
        return failure();
    if (!getElementTypeOrSelf(op.getX().getType()).isF32() || !shapes.valid())
      return failure();
    kb.defineUnits([&] { return kb.ceilDiv(batch(), tileRows); });
    kb.defineScratch([&] { return scratchSizes(); });
    kb.defineRun([&](Value begin, Value end, Value scratch) {
      SmallVector<Value> buffers =
          kb.carveScratch(scratch, [&] { return scratchSizes(); });
      updates = buffers[0];
      resets = buffers[1];
      kb.forLoop(begin, end, kb.i64(1), [&](Value unit) { emitUnit(unit); });
    });
    return success();
  }

private:
  //===-- Places ----------------------------------------------------------===//

  Value steps() { return shapes.dim(kb, op.getX(), 0); }
  Value batch() { return shapes.dim(kb, op.getX(), 1); }
  Value pointer(Value argument) {
    return kb.ptr(cast<BlockArgument>(argument).getArgNumber());
  }
  SmallVector<Value> scratchSizes() {
    Value bytes = kb.i64(cell.resetsFirst() ? tileRows * hidden * 4 : 0);
    return {bytes, bytes};
  }
  /// Where the state of `item` begins in row `row` of the result.
  Value stateAt(Value row, Value item) {
    return kb.mul(kb.add(kb.mul(row, batch()), item), stateWidth);
  }
  Value load(Value base, Value index, LiveLanes live) {
    return kb.loadVector(kb.f32Type, base, index, live);
  }
  Value loadState(Value at, Value unit, LiveLanes live) {
    return load(kb.ptr(output), kb.add(at, unit), live);
  }

  //===-- Loops -----------------------------------------------------------===//

  void emitUnit(Value unit) {
    Value first = kb.mul(unit, tileRows);
    Value count = kb.min(kb.sub(batch(), first), tileRows);
    kb.ifThenElse(
        kb.cmp(arith::CmpIPredicate::eq, count, kb.i64(tileRows)),
        [&] { emitItems(first, tileRows); },
        [&] {
          kb.forLoop(kb.i64(0), count, kb.i64(1),
                     [&](Value i) { emitItems(kb.add(first, i), 1); });
        });
  }

  void emitItems(Value first, int64_t rows) {
    items.clear();
    for (int64_t row = 0; row < rows; ++row)
      items.push_back(kb.add(first, row));
    emitFirstState();
    kb.forLoop(kb.i64(0), steps(), kb.i64(1), [&](Value number) {
      step = op.getReverse() ? kb.sub(kb.sub(steps(), 1), number) : number;
      Value following = kb.add(step, 1);
      from.clear();
      to.clear();
      for (Value item : items) {
        from.push_back(stateAt(op.getReverse() ? following : step, item));
        to.push_back(stateAt(op.getReverse() ? step : following, item));
      }
      emitStep();
    });
  }

  void emitFirstState() {
    Value row = op.getReverse() ? steps() : kb.i64(0);
    for (Value item : items) {
      copyState(op.getH(), item, stateAt(row, item));
      if (cell.isLstm())
        copyState(op.getC(), item, kb.add(stateAt(row, item), hidden));
    }
  }
  void copyState(Value given, Value item, Value at) {
    kb.forVectors(kb.i64(hidden), [&](Value unit, LiveLanes live) {
      Value value = given ? load(pointer(given),
                                 kb.add(kb.mul(item, hidden), unit), live)
                          : kb.splatF32(0);
      kb.storeVector(kb.f32Type, value, kb.ptr(output), kb.add(at, unit), live);
    });
  }

  void emitStep() {
    if (!cell.resetsFirst())
      return forUnits(cell.gates(), [&](Value unit, int64_t vectors,
                                        LiveLanes live) {
        emitBlock(unit, vectors, live);
      });
    forUnits(2, [&](Value unit, int64_t vectors, LiveLanes live) {
      emitResets(unit, vectors, live);
    });
    forUnits(1, [&](Value unit, int64_t vectors, LiveLanes live) {
      emitCandidates(unit, vectors, live);
    });
  }

  /// body over the hidden units in blocks of as many vectors as accumulators
  /// of `gates` gates fit, then vector by vector.
  void
  forUnits(int64_t gates,
           llvm::function_ref<void(Value, int64_t, LiveLanes)> body) {
    int64_t rows = items.size();
    int64_t vectors = std::max<int64_t>(1, accumulators / (rows * gates));
    vectors = std::min<int64_t>(vectors, 4);
    int64_t block = vectors * lanes, whole = hidden / block * block;
    kb.forLoop(kb.i64(0), kb.i64(whole), kb.i64(block),
               [&](Value unit) { body(unit, vectors, {}); });
    kb.forVectors(kb.i64(hidden - whole), [&](Value unit, LiveLanes live) {
      body(kb.add(unit, whole), 1, live);
    });
  }

  //===-- Sums ------------------------------------------------------------===//

  /// sums[row][gate][vector]: a chain over the hidden state that starts at
  /// `start` and adds state(row, k) * weights[k][gate * H + unit].
  SmallVector<Value>
  chain(Value unit, int64_t vectors, LiveLanes live, ArrayRef<int64_t> gates,
        llvm::function_ref<Value(int64_t row, int64_t gate, Value unit)> start,
        llvm::function_ref<Value(int64_t row, Value k)> state) {
    SmallVector<Value> inits;
    for (size_t row = 0; row < items.size(); ++row)
      for (int64_t gate : gates)
        for (int64_t v = 0; v < vectors; ++v)
          inits.push_back(start(row, gate, kb.add(unit, v * lanes)));
    Value weights = pointer(op.getWeights());
    return kb.forLoop(
        kb.i64(0), kb.i64(hidden), kb.i64(1), inits,
        [&](Value k, ValueRange sums) {
          Value line = kb.add(kb.mul(k, width), unit);
          SmallVector<Value> columns, next;
          for (int64_t gate : gates)
            for (int64_t v = 0; v < vectors; ++v)
              columns.push_back(
                  load(weights, kb.add(line, gate * hidden + v * lanes), live));
          for (size_t row = 0; row < items.size(); ++row) {
            Value factor = kb.splat(state(row, k));
            for (auto [i, column] : llvm::enumerate(columns))
              next.push_back(
                  kb.fma(factor, column, sums[row * columns.size() + i]));
          }
          return next;
        });
  }
  Value input(int64_t row, int64_t gate, Value unit, LiveLanes live) {
    Value at = kb.mul(kb.add(kb.mul(step, batch()), items[row]), width);
    return load(pointer(op.getX()), kb.add(at, kb.add(unit, gate * hidden)),
                live);
  }
  Value hiddenState(int64_t row, Value k) {
    return kb.load(kb.f32Type, kb.ptr(output), kb.add(from[row], k));
  }

  //===-- Cells -----------------------------------------------------------===//

  /// Steps beyond an item's length leave its state.
  void storeState(int64_t row, Value offset, Value next, Value old,
                  LiveLanes live) {
    if (op.getLengths()) {
      Value length = kb.create<arith::ExtSIOp>(
          kb.i64Type,
          kb.load(kb.i32Type, pointer(op.getLengths()), items[row]));
      next = kb.select(kb.cmp(arith::CmpIPredicate::slt, step, length), next,
                       old);
    }
    kb.storeVector(kb.f32Type, next, kb.ptr(output), kb.add(to[row], offset),
                   live);
  }

  void emitBlock(Value unit, int64_t vectors, LiveLanes live) {
    bool isGru = op.getCell() == nn::RecurrentCell::gru;
    auto gates = llvm::to_vector(llvm::seq<int64_t>(0, cell.gates()));
    SmallVector<Value> sums = chain(
        unit, vectors, live, gates,
        [&](int64_t row, int64_t gate, Value at) {
          if (!isGru || gate < 2)
            return input(row, gate, at, live);
          if (!op.getHiddenBias())
            return kb.splatF32(0);
          return load(pointer(op.getHiddenBias()), at, live);
        },
        [&](int64_t row, Value k) { return hiddenState(row, k); });
    for (size_t row = 0; row < items.size(); ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        SmallVector<Value> own;
        for (int64_t gate : gates)
          own.push_back(sums[(row * gates.size() + gate) * vectors + v]);
        emitCell(row, kb.add(unit, v * lanes), own, live);
      }
  }

  void emitCell(int64_t row, Value unit, ArrayRef<Value> sums, LiveLanes live) {
    Value h = loadState(from[row], unit, live);
    if (op.getCell() == nn::RecurrentCell::rnn)
      return storeState(row, unit, cell.rnn(sums[0]), h, live);
    if (op.getCell() == nn::RecurrentCell::gru) {
      Value z = cell.gate(sums[0]), r = cell.gate(sums[1]);
      Value candidate =
          kb.addf(input(row, 2, unit, live), kb.mulf(r, sums[2]));
      return storeState(row, unit, cell.gru(z, candidate, h), h, live);
    }
    Value cellUnit = kb.add(unit, hidden);
    Value c = loadState(from[row], cellUnit, live);
    SmallVector<Value> peepholes;
    if (op.getPeepholes())
      for (int64_t gate = 0; gate < 3; ++gate)
        peepholes.push_back(load(pointer(op.getPeepholes()),
                                 kb.add(unit, gate * hidden), live));
    auto [nextH, nextC] = cell.lstm(sums, c, peepholes);
    storeState(row, unit, nextH, h, live);
    storeState(row, cellUnit, nextC, c, live);
  }

  Value scratchAt(int64_t row, Value unit) {
    return kb.add(unit, row * hidden);
  }
  void emitResets(Value unit, int64_t vectors, LiveLanes live) {
    SmallVector<Value> sums = chain(
        unit, vectors, live, {0, 1},
        [&](int64_t row, int64_t gate, Value at) {
          return input(row, gate, at, live);
        },
        [&](int64_t row, Value k) { return hiddenState(row, k); });
    for (size_t row = 0; row < items.size(); ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = kb.add(unit, v * lanes);
        Value z = cell.gate(sums[row * 2 * vectors + v]);
        Value r = cell.gate(sums[(row * 2 + 1) * vectors + v]);
        Value reset = kb.mulf(r, loadState(from[row], at, live));
        kb.storeVector(kb.f32Type, z, updates, scratchAt(row, at), live);
        kb.storeVector(kb.f32Type, reset, resets, scratchAt(row, at), live);
      }
  }
  void emitCandidates(Value unit, int64_t vectors, LiveLanes live) {
    SmallVector<Value> sums = chain(
        unit, vectors, live, {2},
        [&](int64_t row, int64_t gate, Value at) {
          return input(row, gate, at, live);
        },
        [&](int64_t row, Value k) {
          return kb.load(kb.f32Type, resets, scratchAt(row, k));
        });
    for (size_t row = 0; row < items.size(); ++row)
      for (int64_t v = 0; v < vectors; ++v) {
        Value at = kb.add(unit, v * lanes);
        Value h = loadState(from[row], at, live);
        Value z = load(updates, scratchAt(row, at), live);
        Value next = cell.gru(z, sums[row * vectors + v], h);
        storeState(row, at, next, h, live);
      }
  }

  KernelBuilder &kb;
  KernelShapes shapes;
  nn::RecurrenceOp op;
  RecurrentCell cell;
  unsigned output;
  int64_t hidden, width, stateWidth, accumulators, tileRows;
  // Of the step being emitted: items of the batch, where their old and new
  // states begin.
  Value updates, resets, step;
  SmallVector<Value> items, from, to;
};

} // namespace

LogicalResult qopt::emission::emitRecurrence(KernelBuilder &kb, Block &body) {
  if (body.getTerminator()->getNumOperands() != 1)
    return failure();
  auto op = body.getTerminator()->getOperand(0).getDefiningOp<nn::RecurrenceOp>();
  if (!op)
    return failure();
  return RecurrenceKernel(kb, body, op).emit();
}

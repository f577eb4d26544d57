// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive recurrence: item by item, step by step, one hidden unit after another.

#include "dialects/NN/NNOps.h"
#include "lib/Emission/RecurrentCell.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// One step of one batch item; `scratch` holds z and r * h of every unit.
struct Step {
  NaiveBuilder &nb;
  nn::RecurrenceOp op;
  emission::RecurrentCell cell;
  Value scratch, item, step;

  int64_t hidden() {
    return cast<RankedTensorType>(op.getWeights().getType()).getDimSize(0);
  }
  Value old(Value unit) {
    Value row = op.getReverse() ? nb.kb.add(step, 1) : step;
    return nb.read(op.getResult(), {row, item, unit});
  }
  void set(Value unit, Value value) {
    Value row = op.getReverse() ? step : nb.kb.add(step, 1);
    if (op.getLengths()) {
      Value length = nb.kb.create<arith::ExtSIOp>(
          nb.kb.i64Type, nb.read(op.getLengths(), {item}));
      Value active = nb.kb.cmp(arith::CmpIPredicate::slt, step, length);
      value = nb.kb.select(active, value, old(unit));
    }
    nb.write(op.getResult(), {row, item, unit}, value);
  }
  Value input(int64_t gate, Value unit) {
    return nb.read(op.getX(),
                   {step, item, nb.kb.add(unit, gate * hidden())});
  }
  Value chain(int64_t gate, Value unit, Value start,
              llvm::function_ref<Value(Value)> state) {
    Value column = nb.kb.add(unit, gate * hidden());
    return nb.accumulate(
        nb.kb.i64(hidden()), start, [&](ArrayRef<Value> k, Value sum) {
          return nb.kb.fma(state(k[0]),
                           nb.read(op.getWeights(), {k[0], column}), sum);
        });
  }
  Value sum(int64_t gate, Value unit) {
    return chain(gate, unit, input(gate, unit),
                 [&](Value k) { return old(k); });
  }
  void forUnits(llvm::function_ref<void(Value)> body) {
    nb.kb.forLoop(nb.kb.i64(0), nb.kb.i64(hidden()), nb.kb.i64(1), body);
  }

  void emitRnn() {
    forUnits([&](Value unit) { set(unit, cell.rnn(sum(0, unit))); });
  }
  void emitLstm() {
    forUnits([&](Value unit) {
      SmallVector<Value> sums, peepholes;
      for (int64_t gate = 0; gate < 4; ++gate)
        sums.push_back(sum(gate, unit));
      if (op.getPeepholes())
        for (int64_t gate = 0; gate < 3; ++gate)
          peepholes.push_back(
              nb.read(op.getPeepholes(), nb.kb.add(unit, gate * hidden())));
      Value cellUnit = nb.kb.add(unit, hidden());
      auto [h, c] = cell.lstm(sums, old(cellUnit), peepholes);
      set(unit, h);
      set(cellUnit, c);
    });
  }
  void emitGru() {
    emission::KernelBuilder &kb = nb.kb;
    forUnits([&](Value unit) {
      Value z = cell.gate(sum(0, unit)), r = cell.gate(sum(1, unit));
      if (cell.resetsFirst()) {
        kb.store(kb.f32Type, z, scratch, unit);
        kb.store(kb.f32Type, kb.mulf(r, old(unit)), scratch,
                 kb.add(unit, hidden()));
        return;
      }
      Value bias = op.getHiddenBias() ? nb.read(op.getHiddenBias(), unit)
                                      : kb.f32(0);
      Value rest = chain(2, unit, bias, [&](Value k) { return old(k); });
      Value candidate = kb.addf(input(2, unit), kb.mulf(r, rest));
      set(unit, cell.gru(z, candidate, old(unit)));
    });
    if (!cell.resetsFirst())
      return;
    forUnits([&](Value unit) {
      Value candidate = chain(2, unit, input(2, unit), [&](Value k) {
        return kb.load(kb.f32Type, scratch, kb.add(k, hidden()));
      });
      Value z = kb.load(kb.f32Type, scratch, unit);
      set(unit, cell.gru(z, candidate, old(unit)));
    });
  }
  void emit() {
    switch (op.getCell()) {
    case nn::RecurrentCell::rnn:
      return emitRnn();
    case nn::RecurrentCell::gru:
      return emitGru();
    case nn::RecurrentCell::lstm:
      return emitLstm();
    }
  }
};

void emitFirstState(NaiveBuilder &nb, nn::RecurrenceOp op, int64_t hidden,
                    Value row, Value item) {
  auto copy = [&](Value given, int64_t offset) {
    nb.kb.forLoop(nb.kb.i64(0), nb.kb.i64(hidden), nb.kb.i64(1),
                  [&](Value unit) {
                    Value value =
                        given ? nb.read(given, {item, unit}) : nb.kb.f32(0);
                    nb.write(op.getResult(),
                             {row, item, nb.kb.add(unit, offset)}, value);
                  });
  };
  copy(op.getH(), 0);
  if (op.getCell() == nn::RecurrentCell::lstm)
    copy(op.getC(), hidden);
}

} // namespace

LogicalResult qopt::naive::emitNaiveRecurrence(NaiveBuilder &nb,
                                               Operation *op) {
  auto recurrence = dyn_cast<nn::RecurrenceOp>(op);
  if (!recurrence)
    return failure();
  if (!nb.elementType(recurrence.getX()).isF32())
    return op->emitError("expects float32");
  emission::KernelBuilder &kb = nb.kb;
  Value steps = nb.dim(recurrence.getX(), 0);
  nb.forIndices(nb.dim(recurrence.getX(), 1), [&](ArrayRef<Value> item) {
    Step step{nb, recurrence, emission::RecurrentCell(kb, recurrence),
              nb.temporary(op), item[0], {}};
    Value first = recurrence.getReverse() ? steps : kb.i64(0);
    emitFirstState(nb, recurrence, step.hidden(), first, item[0]);
    kb.forLoop(kb.i64(0), steps, kb.i64(1), [&](Value number) {
      step.step = recurrence.getReverse()
                      ? kb.sub(kb.sub(steps, 1), number)
                      : number;
      step.emit();
    });
  });
  return success();
}

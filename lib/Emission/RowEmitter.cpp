// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row kernel passes over each row once a stage (and once more within some),
// then once to compute the outputs. Row buffers stay in L1; `groupRows` rows
// are interleaved.

#include "lib/Emission/RowEmitter.h"
#include "dialects/LowBit/LowBitOps.h"
#include "lib/Emission/RowReduction.h"
#include "lib/Emission/RowStage.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr unsigned groupRows = 4;
constexpr int64_t unitElements = 32768;

/// Where an output comes from: an expression over the row, or the scale that a
/// quantize_rows stage found.
struct Output {
  unsigned operand;
  Value value;
  std::optional<unsigned> scaleOfStage;
  unsigned root = 0; // of the final expression
};

class RowKernel {
public:
  RowKernel(KernelBuilder &kb, Block &body)
      : kb(kb), body(body), shapes(body) {}

  LogicalResult emit() {
    if (!shapes.valid() || failed(collectStages()) || failed(collectOutputs()))
      return failure();
    kb.defineUnits([&] { return kb.ceilDiv(rows(), rowsOfUnit()); });
    kb.defineScratch([&] { return bufferSizes(); });
    LogicalResult status = success();
    kb.defineRun([&](Value begin, Value end, Value scratch) {
      status = emitRun(begin, end, scratch);
    });
    return status;
  }

private:
  //===-- What the body holds ---------------------------------------------===//

  LogicalResult collectStages() {
    for (Operation &op : body.without_terminator()) {
      std::unique_ptr<RowStage> stage = RowStage::create(&op);
      if (!stage)
        continue;
      auto type = cast<RankedTensorType>(stage->input().getType());
      if (!space) {
        space = stage->input();
        if (type.getRank() == 0)
          return failure();
      } else if (type.getShape() !=
                 cast<RankedTensorType>(space.getType()).getShape()) {
        return failure();
      }
      auto expression = FusedExpression::build(stage->input(), results);
      if (!expression)
        return failure();
      inputs.push_back(std::make_unique<FusedExpression>(*expression));
      results.push_back(op.getResult(0));
      stages.push_back(std::move(stage));
    }
    return success(!stages.empty());
  }

  LogicalResult collectOutputs() {
    unsigned operand = numTensorInputs(body);
    SmallVector<Value> roots;
    for (Value yielded : body.getTerminator()->getOperands()) {
      Output output{operand++, withoutReshape(yielded), std::nullopt};
      for (auto [i, stage] : llvm::enumerate(stages))
        if (stage->op()->getNumResults() == 2 &&
            stage->op()->getResult(1) == output.value)
          output.scaleOfStage = i;
      if (!output.scaleOfStage) {
        if (cast<RankedTensorType>(output.value.getType()).getShape() !=
            cast<RankedTensorType>(space.getType()).getShape())
          return failure();
        output.root = roots.size();
        roots.push_back(output.value);
      }
      outputs.push_back(output);
    }
    auto expression = FusedExpression::build(roots, results);
    if (!expression)
      return failure();
    inputs.push_back(std::make_unique<FusedExpression>(*expression));
    for (auto &input : inputs) {
      readers.emplace_back(*input, space, shapes);
      if (!readers.back().canRead())
        return failure();
    }
    return success();
  }

  //===-- Sizes -----------------------------------------------------------===//

  Value columns() {
    int64_t rank = cast<RankedTensorType>(space.getType()).getRank();
    return shapes.dim(kb, space, rank - 1);
  }
  Value rows() {
    SmallVector<Value> dims = shapes.dims(kb, space);
    Value product = kb.i64(1);
    for (Value size : ArrayRef(dims).drop_back())
      product = kb.mul(product, size);
    return product;
  }
  Value rowsOfUnit() {
    Value fitting = kb.div(kb.i64(unitElements), kb.max(columns(), 1));
    return kb.max(kb.mul(kb.div(fitting, groupRows), groupRows), groupRows);
  }
  /// Columns of a row buffer: whole vectors.
  Value paddedColumns() { return kb.alignUp(columns(), 16); }
  SmallVector<Value> bufferSizes() {
    Value bytes = kb.mul(paddedColumns(), 4 * groupRows);
    return SmallVector<Value>(stages.size(), bytes);
  }

  //===-- Code ------------------------------------------------------------===//

  LogicalResult emitRun(Value begin, Value end, Value scratch) {
    for (LeafReader &reader : readers)
      if (!reader.begin(kb))
        return failure();
    for (auto &stage : stages)
      if (!stage->begin(kb))
        return failure();
    stageBuffers = kb.carveScratch(scratch, [&] { return bufferSizes(); });
    Value perUnit = rowsOfUnit();
    kb.forLoop(begin, end, kb.i64(1), [&](Value unit) {
      Value first = kb.mul(unit, perUnit);
      Value last = kb.min(kb.add(first, perUnit), rows());
      Value whole = kb.add(
          first, kb.mul(kb.div(kb.sub(last, first), groupRows), groupRows));
      kb.forLoop(first, whole, kb.i64(groupRows),
                 [&](Value row) { emitGroup(row, groupRows); });
      kb.forLoop(whole, last, kb.i64(1), [&](Value row) { emitGroup(row, 1); });
    });
    return success();
  }

  /// What is known of a group of rows so far.
  struct State {
    RowGroup group;
    SmallVector<SmallVector<Value>> buffers;                   // [stage][row]
    SmallVector<SmallVector<RowStage::Statistics>> statistics; // [stage][row]
  };

  void emitGroup(Value firstRow, unsigned size) {
    State state{{columns(), size}, {}, {}};
    SmallVector<Value> rowNumbers;
    for (unsigned row = 0; row < size; ++row)
      rowNumbers.push_back(kb.add(firstRow, row));
    for (unsigned stage = 0; stage < stages.size(); ++stage) {
      SmallVector<Value> &buffers = state.buffers.emplace_back();
      for (unsigned row = 0; row < size; ++row)
        buffers.push_back(kb.address(stageBuffers[stage], kb.f32Type,
                                     kb.mul(paddedColumns(), row)));
      SmallVector<Value> partials = gather(state, stage, rowNumbers);
      state.statistics.push_back(
          stages[stage]->finish(kb, state.group, partials, buffers));
    }
    emitOutputs(state, rowNumbers);
  }

  /// Results of the stages before \p stages at one place of one row.
  SmallVector<Value> stageResults(const State &state, unsigned count,
                                  unsigned row, Value column, LiveLanes live) {
    SmallVector<Value> lanes;
    for (unsigned stage = 0; stage < count; ++stage)
      lanes.push_back(stages[stage]->result(
          kb, state.statistics[stage][row],
          loadBuffered(kb, state.buffers[stage][row], column), column, live));
    return lanes;
  }

  SmallVector<Value> gather(const State &state, unsigned stage,
                            ArrayRef<Value> rowNumbers) {
    SmallVector<SmallVector<Value>> starts;
    for (Value row : rowNumbers)
      starts.push_back(readers[stage].rowStarts(kb, row));
    SmallVector<Value> inits(rowNumbers.size(), stages[stage]->neutral(kb));
    return kb.forVectors(
        state.group.columns, inits,
        [&](Value column, LiveLanes live, ValueRange carried) {
          SmallVector<Value> next;
          for (unsigned row = 0; row < rowNumbers.size(); ++row) {
            SmallVector<Value> given =
                stageResults(state, stage, row, column, live);
            Value x = readers[stage].evaluate(kb, starts[row], given, column,
                                              live)[0];
            storeBuffered(kb, x, state.buffers[stage][row], column);
            Value partial = stages[stage]->step(kb, carried[row], x);
            next.push_back(maskDead(kb, partial, live, carried[row]));
          }
          return next;
        });
  }

  void emitOutputs(const State &state, ArrayRef<Value> rowNumbers) {
    for (const Output &output : outputs)
      if (output.scaleOfStage)
        for (auto [i, row] : llvm::enumerate(rowNumbers))
          kb.store(kb.f32Type, state.statistics[*output.scaleOfStage][i].scale,
                   kb.ptr(output.operand), row);
    SmallVector<SmallVector<Value>> starts;
    for (Value row : rowNumbers)
      starts.push_back(readers.back().rowStarts(kb, row));
    kb.forVectors(state.group.columns, [&](Value column, LiveLanes live) {
      for (auto [i, row] : llvm::enumerate(rowNumbers)) {
        SmallVector<Value> given =
            stageResults(state, stages.size(), i, column, live);
        SmallVector<Value> lanes =
            readers.back().evaluate(kb, starts[i], given, column, live);
        Value at = kb.add(kb.mul(row, columns()), column);
        for (const Output &output : outputs)
          if (!output.scaleOfStage)
            storeLane(kb, kb.elementType(output.operand), lanes[output.root],
                      kb.ptr(output.operand), at, live);
      }
    });
  }

  KernelBuilder &kb;
  Block &body;
  KernelShapes shapes;
  Value space; // its shape is the kernel's
  SmallVector<std::unique_ptr<RowStage>> stages;
  SmallVector<Value> results; // of the stages
  // What feeds each stage; last, the outputs.
  SmallVector<std::unique_ptr<FusedExpression>> inputs;
  SmallVector<LeafReader> readers;
  SmallVector<Output> outputs;
  SmallVector<Value> stageBuffers;
};

} // namespace

LogicalResult qopt::emission::emitRows(KernelBuilder &kb, Block &body) {
  return RowKernel(kb, body).emit();
}

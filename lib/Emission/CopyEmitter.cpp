// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A unit copies about `unitElements` elements: a block of rows, and where rows
// are long a block of their columns.

#include "lib/Emission/CopyEmitter.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/FusedExpression.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t unitElements = 16384;

class CopyKernel {
public:
  CopyKernel(KernelBuilder &kb, Block &body, Value result)
      : kb(kb), shapes(body), output(numTensorInputs(body)), result(result),
        element(storageType(getElementTypeOrSelf(result.getType()))) {}

  LogicalResult emit(Operation *op) {
    if (!shapes.valid())
      return failure();
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()) &&
          !isa<BlockArgument>(operand))
        return failure();
    if (auto gather = dyn_cast<nn::GatherOp>(op))
      return emitGather(gather);
    if (auto concat = dyn_cast<nn::ConcatOp>(op))
      return emitConcat(concat);
    if (auto pad = dyn_cast<nn::PadOp>(op))
      return emitPad(pad);
    return failure();
  }

private:
  Value product(Value tensor, int64_t from, int64_t to) {
    Value total = kb.i64(1);
    for (int64_t axis = from; axis < to; ++axis)
      total = kb.mul(total, shapes.dim(kb, tensor, axis));
    return total;
  }
  int64_t rank(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getRank();
  }
  Value pointer(Value argument) {
    return kb.ptr(cast<BlockArgument>(argument).getArgNumber());
  }
  void copyRun(Value from, Value at, Value to, Value count) {
    kb.forVectors(count, [&](Value i, LiveLanes live) {
      kb.storeVector(element, kb.loadVector(element, from, kb.add(at, i), live),
                     kb.ptr(output), kb.add(to, i), live);
    });
  }
  void fillRun(Value filler, Value to, Value count) {
    kb.forVectors(count, [&](Value i, LiveLanes live) {
      kb.storeVector(element, filler, kb.ptr(output), kb.add(to, i), live);
    });
  }

  /// A matrix of rows cut into blocks.
  struct Blocks {
    Value rows, columns, rowBlock, columnBlock, columnCount, count;
  };
  Blocks blocksOf(Value rows, Value columns) {
    Blocks b{rows, columns, {}, {}, {}, {}};
    b.columnBlock = kb.max(kb.min(columns, unitElements), 1);
    b.rowBlock = kb.div(kb.i64(unitElements), b.columnBlock);
    b.columnCount = kb.ceilDiv(columns, b.columnBlock);
    b.count = kb.mul(kb.ceilDiv(rows, b.rowBlock), b.columnCount);
    return b;
  }
  /// body(row, first column, number of columns) for the rows of a block.
  void forBlock(const Blocks &b, Value block,
                llvm::function_ref<void(Value, Value, Value)> body) {
    Value column = kb.mul(kb.rem(block, b.columnCount), b.columnBlock);
    Value first = kb.mul(kb.div(block, b.columnCount), b.rowBlock);
    Value last = kb.min(kb.add(first, b.rowBlock), b.rows);
    Value count = kb.min(kb.sub(b.columns, column), b.columnBlock);
    kb.forLoop(first, last, kb.i64(1),
               [&](Value row) { body(row, column, count); });
  }

  LogicalResult emitGather(nn::GatherOp op) {
    Value data = op.getData(), indices = op.getIndices();
    int64_t axis = op.getAxis();
    Type indexType = getElementTypeOrSelf(indices.getType());
    auto blocks = [&] {
      Value rows =
          kb.mul(product(data, 0, axis), product(indices, 0, rank(indices)));
      return blocksOf(rows, product(data, axis + 1, rank(data)));
    };
    kb.defineUnits([&] { return blocks().count; });
    kb.defineNoScratch();
    kb.defineRunPerUnit([&](Value unit, Value) {
      Blocks b = blocks();
      Value number = product(indices, 0, rank(indices));
      Value size = shapes.dim(kb, data, axis);
      forBlock(b, unit, [&](Value row, Value column, Value count) {
        Value index = kb.load(indexType, pointer(indices), kb.rem(row, number));
        if (index.getType() != kb.i64Type)
          index = kb.create<arith::ExtSIOp>(kb.i64Type, index);
        Value isNegative = kb.cmp(arith::CmpIPredicate::slt, index, kb.i64(0));
        index = kb.select(isNegative, kb.add(index, size), index);
        // Indices are data: one outside must not read outside.
        index = kb.max(kb.min(index, kb.sub(size, 1)), 0);
        Value from = kb.add(kb.mul(kb.div(row, number), size), index);
        copyRun(pointer(data), kb.add(kb.mul(from, b.columns), column),
                kb.add(kb.mul(row, b.columns), column), count);
      });
    });
    return success();
  }

  LogicalResult emitConcat(nn::ConcatOp op) {
    int64_t axis = op.getAxis();
    auto blocks = [&](Value input) {
      return blocksOf(product(input, 0, axis),
                      product(input, axis, rank(input)));
    };
    kb.defineUnits([&] {
      Value total = kb.i64(0);
      for (Value input : op.getInputs())
        total = kb.add(total, blocks(input).count);
      return total;
    });
    kb.defineNoScratch();
    kb.defineRun([&](Value begin, Value end, Value) {
      Value base = kb.i64(0), offset = kb.i64(0);
      Value resultColumns = product(result, axis, rank(result));
      for (Value input : op.getInputs()) {
        // Units of this input: [base, base + count).
        Blocks b = blocks(input);
        Value next = kb.add(base, b.count);
        kb.forLoop(kb.max(begin, base), kb.min(end, next), kb.i64(1),
                   [&](Value unit) {
                     forBlock(b, kb.sub(unit, base),
                              [&](Value row, Value column, Value count) {
                                Value to = kb.add(kb.mul(row, resultColumns),
                                                  kb.add(offset, column));
                                copyRun(pointer(input),
                                        kb.add(kb.mul(row, b.columns), column),
                                        to, count);
                              });
                   });
        base = next;
        offset = kb.add(offset, b.columns);
      }
    });
    return success();
  }

  LogicalResult emitPad(nn::PadOp op) {
    Value x = op.getX();
    if (op.getMode() != nn::PadMode::constant || rank(x) == 0 ||
        llvm::any_of(op.getLow(), [](int64_t n) { return n < 0; }) ||
        llvm::any_of(op.getHigh(), [](int64_t n) { return n < 0; }))
      return failure();
    int64_t last = rank(x) - 1;
    auto rowsOfUnit = [&] {
      Value columns = kb.max(shapes.dim(kb, result, last), 1);
      return kb.max(kb.div(kb.i64(unitElements), columns), 1);
    };
    kb.defineUnits(
        [&] { return kb.ceilDiv(product(result, 0, last), rowsOfUnit()); });
    kb.defineNoScratch();
    kb.defineRunPerUnit([&](Value unit, Value) {
      Value rows = product(result, 0, last);
      Value first = kb.mul(unit, rowsOfUnit());
      Value end = kb.min(kb.add(first, rowsOfUnit()), rows);
      Value filler = kb.constantLike(kb.vectorType(element),
                                     op.getValue().convertToFloat());
      kb.forLoop(first, end, kb.i64(1),
                 [&](Value row) { padRow(op, row, filler); });
    });
    return success();
  }

  void padRow(nn::PadOp op, Value row, Value filler) {
    Value x = op.getX();
    int64_t last = rank(x) - 1;
    Value columns = shapes.dim(kb, result, last);
    Value inside = kb.i1(true), from = kb.i64(0), stride = kb.i64(1);
    Value rest = row, to = kb.mul(row, columns);
    for (int64_t axis = last - 1; axis >= 0; --axis) {
      Value size = shapes.dim(kb, result, axis);
      Value index =
          kb.sub(axis == 0 ? rest : kb.rem(rest, size), op.getLow()[axis]);
      rest = kb.div(rest, size);
      Value own = shapes.dim(kb, x, axis);
      inside = kb.create<arith::AndIOp>(
          inside, kb.cmp(arith::CmpIPredicate::ult, index, own));
      from = kb.add(from, kb.mul(index, stride));
      stride = kb.mul(stride, own);
    }
    Value own = shapes.dim(kb, x, last), low = kb.i64(op.getLow()[last]);
    kb.ifThenElse(
        inside,
        [&] {
          fillRun(filler, to, low);
          copyRun(pointer(x), kb.mul(from, own), kb.add(to, low), own);
          Value after = kb.add(low, own);
          fillRun(filler, kb.add(to, after), kb.sub(columns, after));
        },
        [&] { fillRun(filler, to, columns); });
  }

  KernelBuilder &kb;
  KernelShapes shapes;
  unsigned output;
  Value result;
  Type element; // as stored
};

} // namespace

LogicalResult qopt::emission::emitCopy(KernelBuilder &kb, Block &body) {
  if (body.getTerminator()->getNumOperands() != 1)
    return failure();
  Value result = withoutReshape(body.getTerminator()->getOperand(0));
  if (!result.getDefiningOp())
    return failure();
  return CopyKernel(kb, body, result).emit(result.getDefiningOp());
}

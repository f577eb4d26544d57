// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operand is seen as [outer][reduced][inner]. With inner elements left
// (a mean over H and W of NHWC) every output is a chain of its own and 16 of
// them share a vector. Without, the last axis goes to 16 partial results.

#include "lib/Emission/ReduceEmitter.h"
#include "lib/Emission/FusedExpression.h"
#include "lib/Emission/Reduction.h"
#include "lib/Emission/RowReduction.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t unitElements = 16384;
constexpr int64_t columnVectors = 4; // accumulators side by side

class ReduceKernel {
public:
  ReduceKernel(KernelBuilder &kb, Block &body, Operation *op,
               Reduction reduction)
      : kb(kb), shapes(body), output(numTensorInputs(body)),
        reduction(reduction),
        element(getElementTypeOrSelf(reduction.operand.getType())),
        resultElement(getElementTypeOrSelf(op->getResult(0).getType())) {}

  LogicalResult emit() {
    auto source = dyn_cast<BlockArgument>(reduction.operand);
    bool adjacent = reduction.axes.back() - reduction.axes.front() + 1 ==
                    int64_t(reduction.axes.size());
    if (!shapes.valid() || !source || !adjacent || element.isInteger(1))
      return failure();
    input = source.getArgNumber();
    alongRows = reduction.axes.back() == reduction.rank() - 1;
    kb.defineUnits([&] {
      return alongRows ? kb.ceilDiv(outer(), rowsOfUnit())
                       : kb.mul(outer(), kb.ceilDiv(inner(), blockColumns));
    });
    kb.defineNoScratch();
    kb.defineRunPerUnit([&](Value unit, Value) {
      if (alongRows)
        emitRows(unit);
      else
        emitColumns(unit);
    });
    return success();
  }

private:
  static constexpr int64_t blockColumns = columnVectors * KernelBuilder::lanes;

  Value product(int64_t from, int64_t to) {
    Value result = kb.i64(1);
    for (int64_t axis = from; axis < to; ++axis)
      result = kb.mul(result, shapes.dim(kb, reduction.operand, axis));
    return result;
  }
  Value outer() { return product(0, reduction.axes.front()); }
  Value reduced() {
    return product(reduction.axes.front(), reduction.axes.back() + 1);
  }
  Value inner() { return product(reduction.axes.back() + 1, reduction.rank()); }
  Value rowsOfUnit() {
    return kb.max(kb.div(kb.i64(unitElements), kb.max(reduced(), 1)), 1);
  }
  Value vectorNeutral() { return reduction.neutral(kb, Width::vector); }
  Value loadVector(Value at, LiveLanes live) {
    return loadLane(kb, element, kb.ptr(input), at, Width::vector, live);
  }

  /// Chains of `count` vectors side by side over `length` steps of `stride`.
  SmallVector<Value> chains(Value at, Value length, Value stride, int64_t count,
                            LiveLanes live) {
    SmallVector<Value> inits(count, vectorNeutral());
    return kb.forLoop(
        kb.i64(0), length, kb.i64(1), inits, [&](Value r, ValueRange carried) {
          SmallVector<Value> next;
          Value base = kb.add(at, kb.mul(r, stride));
          for (int64_t i = 0; i < count; ++i)
            next.push_back(reduction.combine(
                kb, carried[i],
                loadVector(kb.add(base, i * KernelBuilder::lanes), live)));
          return next;
        });
  }

  void emitColumns(Value unit) {
    Value blocks = kb.ceilDiv(inner(), blockColumns);
    Value row = kb.div(unit, blocks);
    Value first = kb.mul(kb.rem(unit, blocks), blockColumns);
    Value count = kb.min(kb.sub(inner(), first), blockColumns);
    Value from = kb.add(kb.mul(kb.mul(row, reduced()), inner()), first);
    Value to = kb.add(kb.mul(row, inner()), first);
    auto storeResult = [&](Value lanes, Value column, LiveLanes live) {
      storeLane(kb, resultElement, reduction.finish(kb, lanes, reduced()),
                kb.ptr(output), kb.add(to, column), live);
    };
    kb.ifThenElse(
        kb.cmp(arith::CmpIPredicate::eq, count, kb.i64(blockColumns)),
        [&] {
          SmallVector<Value> sums =
              chains(from, reduced(), inner(), columnVectors, {});
          for (auto [i, sum] : llvm::enumerate(sums))
            storeResult(sum, kb.i64(i * KernelBuilder::lanes), {});
        },
        [&] {
          kb.forVectors(count, [&](Value column, LiveLanes live) {
            storeResult(
                chains(kb.add(from, column), reduced(), inner(), 1, live)[0],
                column, live);
          });
        });
  }

  void emitRows(Value unit) {
    Value first = kb.mul(unit, rowsOfUnit());
    Value last = kb.min(kb.add(first, rowsOfUnit()), outer());
    Value columns = shapes.dim(kb, reduction.operand, reduction.rank() - 1);
    Value lines = product(reduction.axes.front(), reduction.rank() - 1);
    bool oneLine = reduction.axes.size() == 1;
    kb.forLoop(first, last, kb.i64(1), [&](Value row) {
      Value from = kb.mul(row, reduced());
      Value partials = kb.forVectors(
          columns, vectorNeutral(),
          [&](Value column, LiveLanes live, ValueRange carried) {
            Value at = kb.add(from, column);
            Value lanes = oneLine ? loadVector(at, live)
                                  : chains(at, lines, columns, 1, live)[0];
            lanes = maskDead(kb, lanes, live, vectorNeutral());
            return SmallVector<Value>{reduction.combine(kb, carried[0], lanes)};
          })[0];
      Value result = joinPartials(kb, partials, [&](Value a, Value b) {
        return reduction.combine(kb, a, b);
      });
      storeLane(kb, resultElement, reduction.finish(kb, result, reduced()),
                kb.ptr(output), row);
    });
  }

  KernelBuilder &kb;
  KernelShapes shapes;
  unsigned output, input = 0;
  Reduction reduction;
  Type element, resultElement;
  bool alongRows = false;
};

} // namespace

LogicalResult qopt::emission::emitReduce(KernelBuilder &kb, Block &body) {
  if (body.getTerminator()->getNumOperands() != 1)
    return failure();
  Operation *op =
      withoutReshape(body.getTerminator()->getOperand(0)).getDefiningOp();
  std::optional<Reduction> reduction;
  if (op)
    reduction = Reduction::of(op);
  if (!reduction || reduction->axes.empty())
    return failure();
  return ReduceKernel(kb, body, op, *reduction).emit();
}

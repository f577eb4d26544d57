// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A unit is one batch index (of all leading axes) and a block of queries. Where
// several heads of queries share one of keys, a unit takes them all, and steps 2
// to 4 run for one after the other:
//
//   1  keys are transposed to panels [key / 16][d][16]        scratch
//   2  scores[query][key] = sum over d, * scale, + mask       scratch
//   3  each row of scores through softmax
//   4  out[query][dv] = sum over keys of scores * v
//
// Sums ascend and are fused multiply-adds, as those of matmul.

#include "lib/Emission/AttentionEmitter.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/FusedExpression.h"
#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "lib/Emission/RowReduction.h"
#include "lib/Emission/Transpose16.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t lanes = KernelBuilder::lanes;
constexpr int64_t queryBlock = 48;
constexpr int64_t softmaxRows = 4;

class AttentionKernel {
public:
  AttentionKernel(KernelBuilder &kb, Block &body, nn::AttentionOp op)
      : kb(kb), shapes(body), op(op), output(numTensorInputs(body)) {
    // Accumulators of 16 lanes that stay in registers: rows x vectors.
    bool wide = kb.isa().vectorBits >= 512;
    tileRows = wide ? 6 : 4;
    tileVectors = wide ? 4 : 1;
  }

  LogicalResult emit() {
    for (Value operand : op->getOperands())
      if (!isa<BlockArgument>(operand) ||
          !getElementTypeOrSelf(operand.getType()).isF32())
        return failure();
    if (!shapes.valid())
      return failure();
    kb.defineUnits(
        [&] { return kb.mul(kb.div(batches(), group()), queryBlocks()); });
    kb.defineScratch([&] { return scratchSizes(); });
    kb.defineRun([&](Value begin, Value end, Value scratch) {
      SmallVector<Value> buffers =
          kb.carveScratch(scratch, [&] { return scratchSizes(); });
      panels = buffers[0];
      scores = buffers[1];
      kb.forLoop(begin, end, kb.i64(1), [&](Value unit) {
        Value firstBatch = kb.mul(kb.div(unit, queryBlocks()), group());
        firstQuery = kb.mul(kb.rem(unit, queryBlocks()), queryBlock);
        queriesHere = kb.min(kb.sub(queries(), firstQuery), queryBlock);
        keyBatch = batchOf(op.getK(), firstBatch);
        packKeys();
        kb.forLoop(kb.i64(0), group(), kb.i64(1), [&](Value head) {
          batch = kb.add(firstBatch, head);
          valueBatch = batchOf(op.getV(), batch);
          emitScores();
          forRowTiles(softmaxRows,
                      [&](Value row, int64_t rows) { emitSoftmax(row, rows); });
          emitValues();
        });
      });
    });
    return success();
  }

private:
  //===-- Sizes -----------------------------------------------------------===//

  int64_t rank(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getRank();
  }
  Value dimFromEnd(Value tensor, int64_t distance) {
    return shapes.dim(kb, tensor, rank(tensor) - distance);
  }
  Value queries() { return dimFromEnd(op.getQ(), 2); }
  Value keys() { return dimFromEnd(op.getK(), 2); }
  Value depth() { return dimFromEnd(op.getQ(), 1); }
  Value valueDepth() { return dimFromEnd(op.getV(), 1); }
  Value batches() {
    Value product = kb.i64(1);
    for (int64_t axis = 0; axis + 2 < rank(op.getQ()); ++axis)
      product = kb.mul(product, shapes.dim(kb, op.getQ(), axis));
    return product;
  }
  /// How many neighbouring batch indices read the same keys.
  Value group() {
    int64_t heads = rank(op.getK()) - 3;
    bool shared = heads >= 0 && isRepeated(op.getK(), heads);
    return shared ? kb.max(shapes.dim(kb, op.getQ(), heads), 1) : kb.i64(1);
  }
  bool isRepeated(Value tensor, int64_t axis) {
    auto size = [&](Value of) {
      return cast<RankedTensorType>(of.getType()).getDimSize(axis);
    };
    return size(tensor) == 1 && size(op.getQ()) != 1;
  }
  /// The batch index of \p tensor, k or v, that belongs to one of q.
  Value batchOf(Value tensor, Value index) {
    auto axes = llvm::seq<int64_t>(0, rank(tensor) - 2);
    auto repeats = [&](int64_t axis) { return isRepeated(tensor, axis); };
    if (llvm::none_of(axes, repeats))
      return index;
    Value result = kb.i64(0), stride = kb.i64(1);
    for (int64_t axis = rank(tensor) - 3; axis >= 0; --axis) {
      Value size = shapes.dim(kb, op.getQ(), axis);
      if (!isRepeated(tensor, axis)) {
        Value at = axis == 0 ? index : kb.rem(index, size);
        result = kb.add(result, kb.mul(at, stride));
        stride = kb.mul(stride, size);
      }
      index = kb.div(index, size);
    }
    return result;
  }
  Value queryBlocks() { return kb.max(kb.ceilDiv(queries(), queryBlock), 1); }
  /// Keys in whole tiles of panels.
  Value paddedKeys() { return kb.alignUp(keys(), lanes * tileVectors); }
  SmallVector<Value> scratchSizes() {
    return {kb.mul(kb.mul(paddedKeys(), depth()), 4),
            kb.mul(paddedKeys(), queryBlock * 4)};
  }
  Value pointer(Value argument) {
    return kb.ptr(cast<BlockArgument>(argument).getArgNumber());
  }
  /// Where row `row` of matrix `index` starts.
  Value rowOf(Value tensor, Value index, Value row) {
    Value number = kb.add(kb.mul(index, dimFromEnd(tensor, 2)), row);
    return kb.mul(number, dimFromEnd(tensor, 1));
  }
  Value scoreAt(Value row, Value key) {
    return kb.add(kb.mul(row, paddedKeys()), key);
  }
  Value panelAt(Value key, Value d) { // key: a multiple of 16
    return kb.add(kb.mul(key, depth()), kb.mul(d, lanes));
  }

  //===-- Keys ------------------------------------------------------------===//

  void packKeys() {
    kb.forLoop(kb.i64(0), paddedKeys(), kb.i64(lanes), [&](Value key) {
      Value left = kb.max(kb.sub(keys(), key), 0);
      kb.ifThenElse(
          kb.cmp(arith::CmpIPredicate::sge, left, kb.i64(lanes)),
          [&] { packWholePanel(key); }, [&] { packEdgePanel(key, left); });
    });
  }
  void packWholePanel(Value key) {
    Value whole = kb.mul(kb.div(depth(), lanes), lanes);
    kb.forLoop(kb.i64(0), whole, kb.i64(lanes), [&](Value d) {
      SmallVector<Value> rows;
      for (int64_t i = 0; i < lanes; ++i)
        rows.push_back(
            kb.loadVector(kb.f32Type, pointer(op.getK()),
                          kb.add(rowOf(op.getK(), keyBatch, kb.add(key, i)),
                                 d)));
      for (auto [i, column] : llvm::enumerate(transpose16(kb, rows)))
        kb.storeVector(kb.f32Type, column, panels, panelAt(key, kb.add(d, i)),
                       {}, 64);
    });
    packElements(key, kb.i64(lanes), whole);
  }
  void packEdgePanel(Value key, Value count) {
    kb.forLoop(kb.i64(0), depth(), kb.i64(1), [&](Value d) {
      kb.storeVector(kb.f32Type, kb.splatF32(0), panels, panelAt(key, d), {},
                     64);
    });
    packElements(key, count, kb.i64(0));
  }
  void packElements(Value key, Value count, Value firstDepth) {
    kb.forLoop(kb.i64(0), count, kb.i64(1), [&](Value i) {
      Value from = rowOf(op.getK(), keyBatch, kb.add(key, i));
      kb.forLoop(firstDepth, depth(), kb.i64(1), [&](Value d) {
        Value element =
            kb.load(kb.f32Type, pointer(op.getK()), kb.add(from, d));
        kb.store(kb.f32Type, element, panels, kb.add(panelAt(key, d), i));
      });
    });
  }

  //===-- Products --------------------------------------------------------===//

  /// body(first row, number of rows) over the block in tiles, then rows.
  void forRowTiles(int64_t rows,
                   llvm::function_ref<void(Value, int64_t)> body) {
    Value tile = kb.i64(rows);
    Value whole = kb.mul(kb.div(queriesHere, tile), tile);
    kb.forLoop(kb.i64(0), whole, tile, [&](Value row) { body(row, rows); });
    kb.forLoop(whole, queriesHere, kb.i64(1), [&](Value row) { body(row, 1); });
  }

  /// sums[row][vector] = chain over `length` of left(row, i) * right(vector,
  /// i).
  SmallVector<Value> multiply(Value length, int64_t rows, int64_t vectors,
                              llvm::function_ref<Value(int64_t, Value)> left,
                              llvm::function_ref<Value(int64_t, Value)> right) {
    SmallVector<Value> inits(rows * vectors, kb.splatF32(0));
    return kb.forLoop(
        kb.i64(0), length, kb.i64(1), inits, [&](Value i, ValueRange sums) {
          SmallVector<Value> next, columns;
          for (int64_t vector = 0; vector < vectors; ++vector)
            columns.push_back(right(vector, i));
          for (int64_t row = 0; row < rows; ++row) {
            Value scalar = kb.splat(left(row, i));
            for (int64_t vector = 0; vector < vectors; ++vector)
              next.push_back(kb.fma(scalar, columns[vector],
                                    sums[row * vectors + vector]));
          }
          return next;
        });
  }

  void emitScores() {
    Value step = kb.i64(lanes * tileVectors);
    kb.forLoop(kb.i64(0), paddedKeys(), step, [&](Value key) {
      forRowTiles(tileRows, [&](Value row, int64_t rows) {
        SmallVector<Value> starts;
        for (int64_t i = 0; i < rows; ++i)
          starts.push_back(
              rowOf(op.getQ(), batch, kb.add(kb.add(firstQuery, row), i)));
        SmallVector<Value> sums = multiply(
            depth(), rows, tileVectors,
            [&](int64_t i, Value d) {
              return kb.load(kb.f32Type, pointer(op.getQ()),
                             kb.add(starts[i], d));
            },
            [&](int64_t vector, Value d) {
              return kb.loadVector(kb.f32Type, panels,
                                   panelAt(kb.add(key, vector * lanes), d), {},
                                   64);
            });
        Value scale = kb.splatF32(op.getScale().convertToFloat());
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t vector = 0; vector < tileVectors; ++vector)
            kb.storeVector(
                kb.f32Type, kb.mulf(sums[i * tileVectors + vector], scale),
                scores, scoreAt(kb.add(row, i), kb.add(key, vector * lanes)),
                {}, 64);
      });
    });
  }

  void emitValues() {
    Value step = kb.i64(lanes * tileVectors);
    Value whole = kb.mul(kb.div(valueDepth(), step), step);
    kb.forLoop(kb.i64(0), whole, step, [&](Value column) {
      emitValueColumns(column, tileVectors, {});
    });
    kb.forVectors(kb.sub(valueDepth(), whole), [&](Value i, LiveLanes live) {
      emitValueColumns(kb.add(whole, i), 1, live);
    });
  }
  void emitValueColumns(Value column, int64_t vectors, LiveLanes live) {
    forRowTiles(tileRows, [&](Value row, int64_t rows) {
      SmallVector<Value> sums = multiply(
          keys(), rows, vectors,
          [&](int64_t i, Value key) {
            return kb.load(kb.f32Type, scores, scoreAt(kb.add(row, i), key));
          },
          [&](int64_t vector, Value key) {
            Value at = kb.add(rowOf(op.getV(), valueBatch, key),
                              kb.add(column, vector * lanes));
            return kb.loadVector(kb.f32Type, pointer(op.getV()), at, live);
          });
      for (int64_t i = 0; i < rows; ++i) {
        Value query = kb.add(kb.add(firstQuery, row), i);
        Value number = kb.add(kb.mul(batch, queries()), query);
        Value to = kb.add(kb.mul(number, valueDepth()), column);
        for (int64_t vector = 0; vector < vectors; ++vector)
          kb.storeVector(kb.f32Type, sums[i * vectors + vector], kb.ptr(output),
                         kb.add(to, vector * lanes), live);
      }
    });
  }

  //===-- Softmax ---------------------------------------------------------===//

  /// Where the mask's row for a query starts, and whether rows hold one
  /// element (i1 value).
  Value maskRow(Value query) {
    Value mask = op.getMask();
    int64_t own = rank(mask), full = rank(op.getQ());
    Value rest = batch, start = kb.i64(0);
    SmallVector<Value> index(full);
    index[full - 2] = query;
    for (int64_t axis = full - 3; axis >= 0; --axis) {
      Value size = shapes.dim(kb, op.getQ(), axis);
      index[axis] = axis == 0 ? rest : kb.rem(rest, size);
      rest = kb.div(rest, size);
    }
    for (int64_t axis = 0; axis + 1 < own; ++axis) {
      Value size = shapes.dim(kb, mask, axis);
      Value repeats = kb.cmp(arith::CmpIPredicate::eq, size, kb.i64(1));
      Value at = kb.select(repeats, kb.i64(0), index[full - own + axis]);
      start = kb.add(kb.mul(start, size), at);
    }
    return own == 0 ? kb.i64(0) : kb.mul(start, dimFromEnd(mask, 1));
  }
  Value loadMask(Value start, Value key, LiveLanes live) {
    Value mask = op.getMask();
    auto single = [&] {
      return SmallVector<Value>{
          kb.splat(kb.load(kb.f32Type, pointer(mask), start))};
    };
    auto vector = [&] {
      return SmallVector<Value>{
          kb.loadVector(kb.f32Type, pointer(mask), kb.add(start, key), live)};
    };
    if (rank(mask) == 0)
      return single()[0];
    Value repeats =
        kb.cmp(arith::CmpIPredicate::eq, dimFromEnd(mask, 1), kb.i64(1));
    if (auto constant = KernelBuilder::constantOf(repeats))
      return *constant ? single()[0] : vector()[0];
    return kb.ifThenElse(repeats, TypeRange{kb.vectorType(kb.f32Type)}, single,
                         vector)[0];
  }

  /// A chain along the keys for each of `count` rows; their latencies overlap.
  SmallVector<Value>
  alongKeys(int64_t count, Value start,
            llvm::function_ref<Value(int64_t row, Value key, LiveLanes live,
                                     Value carried)>
                step) {
    SmallVector<Value> inits(count, start);
    return kb.forVectors(keys(), inits,
                         [&](Value key, LiveLanes live, ValueRange carried) {
                           SmallVector<Value> next;
                           for (int64_t row = 0; row < count; ++row)
                             next.push_back(step(row, key, live, carried[row]));
                           return next;
                         });
  }

  void emitSoftmax(Value firstRow, int64_t count) {
    MathEmitter math(kb.builder(), kb.loc());
    Value lowest = kb.splatF32(-std::numeric_limits<float>::infinity());
    Value zero = kb.splatF32(0);
    SmallVector<Value> starts, maskStarts;
    for (int64_t row = 0; row < count; ++row) {
      starts.push_back(scoreAt(kb.add(firstRow, row), kb.i64(0)));
      if (op.getMask())
        maskStarts.push_back(
            maskRow(kb.add(kb.add(firstQuery, firstRow), row)));
    }
    auto loadScore = [&](int64_t row, Value key) {
      return kb.loadVector(kb.f32Type, scores, kb.add(starts[row], key), {},
                           64);
    };
    auto storeScore = [&](int64_t row, Value lane, Value key) {
      kb.storeVector(kb.f32Type, lane, scores, kb.add(starts[row], key), {},
                     64);
    };
    SmallVector<Value> maxima = alongKeys(
        count, lowest,
        [&](int64_t row, Value key, LiveLanes live, Value carried) {
          Value score = loadScore(row, key);
          if (op.getMask()) {
            score = kb.addf(score, loadMask(maskStarts[row], key, live));
            storeScore(row, score, key);
          }
          return emitMax(kb, kb.f32Type, carried,
                         maskDead(kb, score, live, lowest));
        });
    for (Value &maximum : maxima)
      maximum = kb.splat(joinPartials(kb, maximum, [&](Value a, Value b) {
        return emitMax(kb, kb.f32Type, a, b);
      }));
    SmallVector<Value> scales =
        alongKeys(count, zero,
                  [&](int64_t row, Value key, LiveLanes live, Value carried) {
                    Value e =
                        math.exp(kb.subf(loadScore(row, key), maxima[row]));
                    storeScore(row, e, key);
                    return kb.addf(carried, maskDead(kb, e, live, zero));
                  });
    for (Value &scale : scales) {
      Value sum = joinPartials(kb, scale,
                               [&](Value a, Value b) { return kb.addf(a, b); });
      scale = kb.splat(kb.divf(kb.f32(1), sum));
    }
    kb.forVectors(keys(), [&](Value key, LiveLanes) {
      for (int64_t row = 0; row < count; ++row)
        storeScore(row, kb.mulf(loadScore(row, key), scales[row]), key);
    });
  }

  KernelBuilder &kb;
  KernelShapes shapes;
  nn::AttentionOp op;
  unsigned output;
  int64_t tileRows, tileVectors;
  // Of the unit being emitted.
  Value panels, scores, batch, keyBatch, valueBatch, firstQuery, queriesHere;
};

} // namespace

LogicalResult qopt::emission::emitAttention(KernelBuilder &kb, Block &body) {
  if (body.getTerminator()->getNumOperands() != 1)
    return failure();
  Value result = withoutReshape(body.getTerminator()->getOperand(0));
  auto op = result.getDefiningOp<nn::AttentionOp>();
  if (!op)
    return failure();
  return AttentionKernel(kb, body, op).emit();
}

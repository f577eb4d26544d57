// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive attention, one query row after another: matmul, mul, add, softmax,
// matmul, each with its own arithmetic.

#include "dialects/NN/NNOps.h"
#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// One query row; `scores` holds a number for each key.
struct QueryRow {
  NaiveBuilder &nb;
  nn::AttentionOp op;
  Value scores;
  ArrayRef<Value> leading; // [batch.., query]

  SmallVector<Value> at(ArrayRef<Value> batch, Value row, Value column) const {
    SmallVector<Value> indices(batch);
    indices.append({row, column});
    return indices;
  }
  Value keys() { return nb.dim(op.getK(), nb.rank(op.getK()) - 2); }
  Value score(Value key) { return nb.kb.load(nb.kb.f32Type, scores, key); }
  void setScore(Value key, Value value) {
    nb.kb.store(nb.kb.f32Type, value, scores, key);
  }
  void forKeys(llvm::function_ref<void(Value)> body) {
    nb.kb.forLoop(nb.kb.i64(0), keys(), nb.kb.i64(1), body);
  }

  void emitScores() {
    emission::KernelBuilder &kb = nb.kb;
    ArrayRef<Value> batch = leading.drop_back();
    Value depth = nb.dim(op.getQ(), nb.rank(op.getQ()) - 1);
    forKeys([&](Value key) {
      Value sum =
          nb.accumulate(depth, kb.f32(0), [&](ArrayRef<Value> d, Value sum) {
            return kb.fma(nb.read(op.getQ(), at(batch, leading.back(), d[0])),
                          nb.readBroadcast(op.getK(), at(batch, key, d[0])),
                          sum);
          });
      sum = kb.mulf(sum, kb.f32(op.getScale().convertToFloat()));
      if (op.getMask()) {
        SmallVector<Value> indices(leading);
        indices.push_back(key);
        sum = kb.addf(sum, nb.readBroadcast(op.getMask(), indices));
      }
      setScore(key, sum);
    });
  }
  void emitSoftmax() {
    emission::KernelBuilder &kb = nb.kb;
    emission::MathEmitter math(kb.builder(), kb.loc());
    Value maximum = nb.reduceRow(
        keys(), kb.f32(-std::numeric_limits<float>::infinity()),
        [&](Value a, Value b) { return emission::emitMax(kb, kb.f32Type, a, b); },
        [&](Value key) { return score(key); });
    Value total = nb.reduceRow(
        keys(), kb.f32(0), [&](Value a, Value b) { return kb.addf(a, b); },
        [&](Value key) {
          Value e = math.exp(kb.subf(score(key), maximum));
          setScore(key, e);
          return e;
        });
    Value scale = kb.divf(kb.f32(1), total);
    forKeys([&](Value key) { setScore(key, kb.mulf(score(key), scale)); });
  }
  void emitValues() {
    emission::KernelBuilder &kb = nb.kb;
    ArrayRef<Value> batch = leading.drop_back();
    Value depth = nb.dim(op.getV(), nb.rank(op.getV()) - 1);
    nb.forIndices(depth, [&](ArrayRef<Value> d) {
      Value sum =
          nb.accumulate(keys(), kb.f32(0), [&](ArrayRef<Value> key, Value sum) {
            return kb.fma(score(key[0]),
                          nb.readBroadcast(op.getV(), at(batch, key[0], d[0])),
                          sum);
          });
      nb.write(op.getResult(), at(batch, leading.back(), d[0]), sum);
    });
  }
};

} // namespace

LogicalResult qopt::naive::emitNaiveAttention(NaiveBuilder &nb, Operation *op) {
  auto attention = dyn_cast<nn::AttentionOp>(op);
  if (!attention)
    return failure();
  SmallVector<Value> rows = nb.dims(attention.getQ());
  rows.pop_back();
  nb.forIndices(rows, [&](ArrayRef<Value> leading) {
    QueryRow row{nb, attention, nb.temporary(op), leading};
    row.emitScores();
    row.emitSoftmax();
    row.emitValues();
  });
  return success();
}

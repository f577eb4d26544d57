// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Code for ops that find positions: sorting, selecting, suppressing. They have
// no optimized form: work on them is small beside the networks around them.

#include "dialects/NN/NNOps.h"
#include "passes/CPU/NaiveKernel.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

Value both(emission::KernelBuilder &kb, Value a, Value b) {
  return kb.create<arith::AndIOp>(a, b);
}
Value either(emission::KernelBuilder &kb, Value a, Value b) {
  return kb.create<arith::OrIOp>(a, b);
}
Value negated(emission::KernelBuilder &kb, Value a) {
  return kb.create<arith::XOrIOp>(a, kb.i1(true));
}
Value compare(emission::KernelBuilder &kb, CmpFPredicate predicate, Value a,
              Value b) {
  return kb.create<arith::CmpFOp>(predicate, a, b);
}

/// a < b in a total order where NaN is the largest.
Value isLess(NaiveBuilder &nb, Type element, Value a, Value b) {
  emission::KernelBuilder &kb = nb.kb;
  if (!isa<FloatType>(element)) {
    bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
    return kb.cmp(isUnsigned ? CmpIPredicate::ult : CmpIPredicate::slt, a, b);
  }
  Value onlyRightIsNaN = both(kb, compare(kb, CmpFPredicate::ORD, a, a),
                              compare(kb, CmpFPredicate::UNO, b, b));
  return either(kb, compare(kb, CmpFPredicate::OLT, a, b), onlyRightIsNaN);
}

using Before = llvm::function_ref<Value(Value, Value)>;

/// Sorts the positions 0 .. n - 1 into `order`, stably, with as much memory at
/// `spare`: merges of runs of 1, 2, 4, ... `before(a, b)` of two positions.
void sortPositions(emission::KernelBuilder &kb, Value n, Value order,
                   Value spare, Before before) {
  Type i64 = kb.i64Type;
  auto merge = [&](Value low, Value width) {
    Value middle = kb.min(kb.add(low, width), n);
    Value high = kb.min(kb.add(middle, width), n);
    kb.forLoop(
        low, high, kb.i64(1), {low, middle}, [&](Value to, ValueRange at) {
          Value left = at[0], right = at[1];
          Value hasLeft = kb.cmp(CmpIPredicate::slt, left, middle);
          Value hasRight = kb.cmp(CmpIPredicate::slt, right, high);
          Value x = kb.load(i64, order, kb.min(left, kb.sub(n, 1)));
          Value y = kb.load(i64, order, kb.min(right, kb.sub(n, 1)));
          // Equal elements stay in order: the right one must be less to win.
          Value takesRight = either(kb, negated(kb, hasLeft),
                                    both(kb, hasRight, before(y, x)));
          kb.store(i64, kb.select(takesRight, y, x), spare, to);
          Value step = kb.select(takesRight, kb.i64(1), kb.i64(0));
          return SmallVector<Value>{kb.add(left, kb.sub(kb.i64(1), step)),
                                    kb.add(right, step)};
        });
  };
  kb.forLoop(kb.i64(0), n, kb.i64(1),
             [&](Value i) { kb.store(i64, i, order, i); });
  kb.forLoop(kb.i64(0), kb.i64(40), kb.i64(1), [&](Value round) {
    Value width = kb.create<arith::ShLIOp>(kb.i64(1), round);
    kb.ifThen(kb.cmp(CmpIPredicate::slt, width, n), [&] {
      kb.forLoop(kb.i64(0), n, kb.mul(width, 2),
                 [&](Value low) { merge(low, width); });
      kb.forLoop(kb.i64(0), n, kb.i64(1), [&](Value i) {
        kb.store(i64, kb.load(i64, spare, i), order, i);
      });
    });
  });
}

void clear(NaiveBuilder &nb, Value result) {
  nb.forIndices(nb.shapes.numElements(nb.kb, result), [&](ArrayRef<Value> at) {
    nb.kb.store(nb.kb.i64Type, nb.kb.i64(0), nb.pointer(result), at[0]);
  });
}

/// The only size of a mixed list.
template <typename OpTy> Value sizeOf(NaiveBuilder &nb, OpTy op) {
  int64_t size = op.getStaticSizes().front();
  return ShapedType::isDynamic(size)
             ? nb.shapes.evaluate(nb.kb, op.getSizes().front())
             : nb.kb.i64(size);
}

void emitIota(NaiveBuilder &nb, nn::IotaOp op) {
  nb.forIndices(nb.shapes.numElements(nb.kb, op), [&](ArrayRef<Value> at) {
    nb.kb.store(nb.kb.i64Type, at[0], nb.pointer(op), at[0]);
  });
}

LogicalResult emitSizes(NaiveBuilder &nb, nn::SizesOp op) {
  auto next = op.getSizes().begin();
  for (auto [i, size] : llvm::enumerate(op.getStaticSizes())) {
    Value value = ShapedType::isDynamic(size)
                      ? nb.shapes.evaluate(nb.kb, *next++)
                      : nb.kb.i64(size);
    if (!value)
      return op.emitError("expects sizes computed from sizes and inputs");
    nb.kb.store(nb.kb.i64Type, value, nb.pointer(op), nb.kb.i64(i));
  }
  return success();
}

void emitNonZero(NaiveBuilder &nb, nn::NonZeroOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value to = nb.pointer(op);
  Type element = nb.elementType(op.getX());
  clear(nb, op);
  Value count = nb.accumulate(
      nb.shapes.numElements(kb, op.getX()), kb.i64(0),
      [&](ArrayRef<Value> at, Value found) {
        Value lane =
            emission::loadLane(kb, element, nb.pointer(op.getX()), at[0],
                               emission::Width::scalar);
        Value zero = kb.constantLike(lane.getType(), 0);
        Value isSet = isa<FloatType>(lane.getType())
                          ? compare(kb, CmpFPredicate::UNE, lane, zero)
                          : kb.cmp(CmpIPredicate::ne, lane, zero);
        kb.ifThen(isSet, [&] {
          kb.store(kb.i64Type, at[0], to, kb.add(found, 1));
        });
        return kb.add(found, kb.select(isSet, kb.i64(1), kb.i64(0)));
      });
  kb.store(kb.i64Type, count, to, kb.i64(0));
}

LogicalResult emitTopK(NaiveBuilder &nb, nn::TopKOp op) {
  emission::KernelBuilder &kb = nb.kb;
  SmallVector<Value> sizes = nb.dims(op.getX());
  Value n = sizes.pop_back_val(), k = sizeOf(nb, op);
  if (!k)
    return op.emitError("expects a size computed from sizes and inputs");
  k = kb.min(k, n);
  Type element = nb.elementType(op.getX());
  Value order = nb.temporary(op);
  Value spare = kb.byteAddress(order, kb.mul(n, 8));
  nb.forIndices(sizes, [&](ArrayRef<Value> row) {
    SmallVector<Value> at(row);
    at.push_back({});
    auto read = [&](Value position) {
      at.back() = position;
      return nb.read(op.getX(), at);
    };
    sortPositions(kb, n, order, spare, [&](Value a, Value b) {
      Value x = read(a), y = read(b);
      return op.getLargest() ? isLess(nb, element, y, x)
                             : isLess(nb, element, x, y);
    });
    kb.forLoop(kb.i64(0), k, kb.i64(1), [&](Value i) {
      at.back() = i;
      nb.write(op, at, kb.load(kb.i64Type, order, i));
    });
  });
  return success();
}

/// The code of nn.unique: rows sorted, then equal neighbours counted as one.
class Uniqueness {
public:
  Uniqueness(NaiveBuilder &nb, nn::UniqueOp op)
      : nb(nb), kb(nb.kb), op(op), n(nb.dim(op.getX(), 0)),
        columns(nb.dim(op.getX(), 1)) {
    for (int64_t i = 0; i < 5; ++i)
      scratch.push_back(
          kb.byteAddress(nb.temporary(op), kb.mul(n, 8 * i)));
    for (int64_t row = 0; row < 3; ++row)
      rows.push_back(kb.byteAddress(nb.pointer(op),
                                    kb.mul(kb.add(n, 1), 8 * row)));
  }

  void emit() {
    clear(nb, op);
    sortPositions(kb, n, order(), spare(), [&](Value a, Value b) {
      return kb.cmp(CmpIPredicate::eq, orderOf(a, b), kb.i64(-1));
    });
    Value count = number();
    op.getSorted() ? giveSorted(count) : giveByOccurrence();
    kb.store(i64(), count, rows[0], kb.i64(0));
    kb.store(i64(), count, rows[2], kb.i64(0));
  }

private:
  Type i64() { return kb.i64Type; }
  Value order() { return scratch[0]; }
  Value spare() { return scratch[1]; }
  Value firsts() { return scratch[2]; }
  Value counts() { return scratch[3]; }
  Value numbers() { return scratch[4]; } // of each row's group

  /// -1, 0 or 1 as row a is less than, equal to or greater than row b.
  Value orderOf(Value a, Value b) {
    Type element = nb.elementType(op.getX());
    return nb.accumulate(columns, kb.i64(0), [&](ArrayRef<Value> at, Value so) {
      Value x = nb.read(op.getX(), {a, at[0]});
      Value y = nb.read(op.getX(), {b, at[0]});
      Value here = kb.select(
          isLess(nb, element, x, y), kb.i64(-1),
          kb.select(isLess(nb, element, y, x), kb.i64(1), kb.i64(0)));
      return kb.select(kb.cmp(CmpIPredicate::eq, so, kb.i64(0)), here, so);
    });
  }

  void increment(Value base, Value index) {
    kb.store(i64(), kb.add(kb.load(i64(), base, index), 1), base, index);
  }

  /// Gives each row the number of its group, in ascending order; how many.
  Value number() {
    return nb.accumulate(n, kb.i64(0), [&](ArrayRef<Value> at, Value found) {
      Value row = kb.load(i64(), order(), at[0]);
      Value previous =
          kb.load(i64(), order(), kb.max(kb.sub(at[0], 1), 0));
      Value isNew = either(
          kb, kb.cmp(CmpIPredicate::eq, at[0], kb.i64(0)),
          kb.cmp(CmpIPredicate::ne, orderOf(previous, row), kb.i64(0)));
      kb.ifThen(isNew, [&] {
        // The sort was stable: the first of a group occurs first.
        kb.store(i64(), row, firsts(), found);
        kb.store(i64(), kb.i64(0), counts(), found);
      });
      Value next = kb.add(found, kb.select(isNew, kb.i64(1), kb.i64(0)));
      increment(counts(), kb.sub(next, 1));
      kb.store(i64(), kb.sub(next, 1), numbers(), row);
      return next;
    });
  }

  void copy(Value from, Value to, Value count) {
    kb.forLoop(kb.i64(0), count, kb.i64(1), [&](Value i) {
      kb.store(i64(), kb.load(i64(), from, i), to, kb.add(i, 1));
    });
  }

  void giveSorted(Value count) {
    copy(firsts(), rows[0], count);
    copy(numbers(), rows[1], n);
    copy(counts(), rows[2], count);
  }

  void giveByOccurrence() {
    nb.accumulate(n, kb.i64(0), [&](ArrayRef<Value> at, Value found) {
      Value group = kb.load(i64(), numbers(), at[0]);
      Value isFirst = kb.cmp(CmpIPredicate::eq,
                             kb.load(i64(), firsts(), group), at[0]);
      kb.ifThen(isFirst, [&] {
        kb.store(i64(), found, spare(), group);
        kb.store(i64(), at[0], rows[0], kb.add(found, 1));
        kb.store(i64(), kb.load(i64(), counts(), group), rows[2],
                 kb.add(found, 1));
      });
      kb.store(i64(), kb.load(i64(), spare(), group), rows[1],
               kb.add(at[0], 1));
      return kb.add(found, kb.select(isFirst, kb.i64(1), kb.i64(0)));
    });
  }

  NaiveBuilder &nb;
  emission::KernelBuilder &kb;
  nn::UniqueOp op;
  Value n, columns;
  SmallVector<Value> scratch, rows;
};

/// The code of nn.non_max_suppression.
class Suppression {
public:
  Suppression(NaiveBuilder &nb, nn::NonMaxSuppressionOp op, Value limit)
      : nb(nb), kb(nb.kb), op(op), limit(limit), n(nb.dim(op.getBoxes(), 1)) {}

  void emit() {
    clear(nb, op);
    Value zero = kb.i64(0);
    auto scalar = [&](Value tensor) {
      return emission::loadLane(kb, nb.elementType(tensor), nb.pointer(tensor),
                                zero, emission::Width::scalar);
    };
    maxOverlap = scalar(op.getIouThreshold());
    minScore = scalar(op.getScoreThreshold());
    SmallVector<Value> sizes{nb.dim(op.getScores(), 0),
                             nb.dim(op.getScores(), 1)};
    Value count = nb.accumulate(sizes, zero, [&](ArrayRef<Value> at,
                                                 Value found) {
      return suppress(at[0], at[1], found);
    });
    kb.store(kb.i64Type, count, nb.pointer(op), zero);
  }

private:
  struct Box {
    Value top, left, bottom, right, area;
  };

  Value minf(Value a, Value b) {
    return kb.select(compare(kb, CmpFPredicate::OLT, b, a), b, a);
  }
  Value maxf(Value a, Value b) {
    return kb.select(compare(kb, CmpFPredicate::OGT, b, a), b, a);
  }

  Box box(Value batch, Value position) {
    SmallVector<Value> c;
    for (int64_t i = 0; i < 4; ++i)
      c.push_back(nb.read(op.getBoxes(), {batch, position, kb.i64(i)}));
    Box result;
    if (op.getCenter()) {
      Value halfWidth = kb.mulf(c[2], kb.f32(0.5f));
      Value halfHeight = kb.mulf(c[3], kb.f32(0.5f));
      result = {kb.subf(c[1], halfHeight), kb.subf(c[0], halfWidth),
                kb.addf(c[1], halfHeight), kb.addf(c[0], halfWidth),
                {}};
    } else {
      result = {minf(c[0], c[2]), minf(c[1], c[3]), maxf(c[0], c[2]),
                maxf(c[1], c[3]), {}};
    }
    result.area = kb.mulf(kb.subf(result.bottom, result.top),
                          kb.subf(result.right, result.left));
    return result;
  }

  Value overlaps(const Box &a, const Box &b) {
    Value zero = kb.f32(0);
    Value height = maxf(
        kb.subf(minf(a.bottom, b.bottom), maxf(a.top, b.top)), zero);
    Value width =
        maxf(kb.subf(minf(a.right, b.right), maxf(a.left, b.left)), zero);
    Value common = kb.mulf(height, width);
    Value whole = kb.subf(kb.addf(a.area, b.area), common);
    Value isBox = both(kb, compare(kb, CmpFPredicate::OGT, common, zero),
                       compare(kb, CmpFPredicate::OGT, whole, zero));
    return both(kb, isBox,
                compare(kb, CmpFPredicate::OGT, kb.divf(common, whole),
                        maxOverlap));
  }

  /// Kept boxes of one class join the `found` of those before it.
  Value suppress(Value batch, Value group, Value found) {
    Value order = nb.temporary(op);
    auto score = [&](Value position) {
      return nb.read(op.getScores(), {batch, group, position});
    };
    sortPositions(kb, n, order, kb.byteAddress(order, kb.mul(n, 8)),
                  [&](Value a, Value b) {
                    return isLess(nb, kb.f32Type, score(b), score(a));
                  });
    Value to = nb.pointer(op);
    auto store = [&](Value row, int64_t column, Value value) {
      kb.store(kb.i64Type, value, to,
               kb.add(kb.mul(kb.add(row, 1), 3), column));
    };
    return nb.accumulate(n, found, [&](ArrayRef<Value> at, Value kept) {
      Value position = kb.load(kb.i64Type, order, at[0]);
      Value room = kb.cmp(CmpIPredicate::slt, kb.sub(kept, found), limit);
      Value counts = both(kb, room,
                          compare(kb, CmpFPredicate::OGT, score(position),
                                  minScore));
      return kb.ifThenElse(
          counts, {kb.i64Type},
          [&] {
            Box candidate = box(batch, position);
            Value isHidden = kb.forLoop(
                found, kept, kb.i64(1), {kb.i1(false)},
                [&](Value row, ValueRange hidden) {
                  Value other =
                      kb.load(kb.i64Type, to,
                              kb.add(kb.mul(kb.add(row, 1), 3), 2));
                  return SmallVector<Value>{either(
                      kb, hidden[0], overlaps(candidate, box(batch, other)))};
                })[0];
            kb.ifThen(negated(kb, isHidden), [&] {
              store(kept, 0, batch);
              store(kept, 1, group);
              store(kept, 2, position);
            });
            return SmallVector<Value>{kb.add(
                kept, kb.select(isHidden, kb.i64(0), kb.i64(1)))};
          },
          [&] { return SmallVector<Value>{kept}; })[0];
    });
  }

  NaiveBuilder &nb;
  emission::KernelBuilder &kb;
  nn::NonMaxSuppressionOp op;
  Value limit, n, maxOverlap, minScore;
};

} // namespace

LogicalResult qopt::naive::emitNaivePositions(NaiveBuilder &nb, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](nn::IotaOp iota) { return emitIota(nb, iota), success(); })
      .Case([&](nn::SizesOp sizes) { return emitSizes(nb, sizes); })
      .Case([&](nn::NonZeroOp nonzero) {
        return emitNonZero(nb, nonzero), success();
      })
      .Case([&](nn::TopKOp top) { return emitTopK(nb, top); })
      .Case([&](nn::UniqueOp unique) {
        Uniqueness(nb, unique).emit();
        return success();
      })
      .Case([&](nn::NonMaxSuppressionOp suppression) -> LogicalResult {
        Value limit = sizeOf(nb, suppression);
        if (!limit)
          return suppression.emitError(
              "expects a size computed from sizes and inputs");
        Suppression(nb, suppression, limit).emit();
        return success();
      })
      .Default([](Operation *) { return failure(); });
}

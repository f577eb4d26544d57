// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive data movement: each result element is read from where it came.

#include "dialects/NN/NNOps.h"
#include "passes/CPU/NaiveKernel.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// result[at] = source[indexOf(at)] for every element.
void copyFrom(NaiveBuilder &nb, Value source, Value result,
              llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)> indexOf) {
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    nb.write(result, at, nb.read(source, indexOf(at)));
  });
}

void emitReshape(NaiveBuilder &nb, Value from, Value to) {
  emission::KernelBuilder &kb = nb.kb;
  nb.forIndices(nb.shapes.numElements(kb, to), [&](ArrayRef<Value> at) {
    Value lane = emission::loadLane(kb, nb.elementType(from), nb.pointer(from),
                                    at[0], emission::Width::scalar);
    emission::storeLane(kb, nb.elementType(to), lane, nb.pointer(to), at[0]);
  });
}

void emitGather(NaiveBuilder &nb, nn::GatherOp op) {
  emission::KernelBuilder &kb = nb.kb;
  int64_t axis = op.getAxis(), indexRank = nb.rank(op.getIndices());
  copyFrom(nb, op.getData(), op.getResult(), [&](ArrayRef<Value> at) {
    Value index = nb.read(op.getIndices(), at.slice(axis, indexRank));
    if (index.getType() != kb.i64Type)
      index = kb.create<arith::ExtSIOp>(kb.i64Type, index);
    Value size = nb.dim(op.getData(), axis);
    Value isNegative = kb.cmp(arith::CmpIPredicate::slt, index, kb.i64(0));
    index = kb.select(isNegative, kb.add(index, size), index);
    // Indices are data: one outside must not read outside.
    index = kb.max(kb.min(index, kb.sub(size, 1)), 0);
    SmallVector<Value> from(at.take_front(axis));
    from.push_back(index);
    llvm::append_range(from, at.drop_front(axis + indexRank));
    return from;
  });
}

void emitConcat(NaiveBuilder &nb, nn::ConcatOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value offset = kb.i64(0);
  for (Value input : op.getInputs()) {
    nb.forIndices(nb.dims(input), [&](ArrayRef<Value> at) {
      SmallVector<Value> to(at);
      to[op.getAxis()] = kb.add(to[op.getAxis()], offset);
      nb.write(op.getResult(), to, nb.read(input, at));
    });
    offset = kb.add(offset, nb.dim(input, op.getAxis()));
  }
}

LogicalResult emitSlice(NaiveBuilder &nb, nn::SliceOp op) {
  emission::KernelBuilder &kb = nb.kb;
  SmallVector<Value> offsets;
  unsigned next = 0;
  for (int64_t offset : op.getStaticOffsets()) {
    offsets.push_back(ShapedType::isDynamic(offset)
                          ? nb.shapes.evaluate(kb, op.getOffsets()[next++])
                          : kb.i64(offset));
    if (!offsets.back())
      return op.emitError("expects offsets computed from sizes and inputs");
  }
  copyFrom(nb, op.getX(), op.getResult(), [&](ArrayRef<Value> at) {
    SmallVector<Value> from;
    for (auto [index, offset, stride] : llvm::zip(at, offsets, op.getStrides()))
      from.push_back(kb.add(offset, kb.mul(index, stride)));
    return from;
  });
  return success();
}

/// Where padding repeats the border or mirrors at it.
Value foldIndex(NaiveBuilder &nb, Value index, Value size, nn::PadMode mode) {
  emission::KernelBuilder &kb = nb.kb;
  Value last = kb.sub(size, 1);
  if (mode == nn::PadMode::reflect) {
    Value mirrored = kb.sub(kb.i64(0), index);
    index = kb.max(index, mirrored);
    index = kb.min(index, kb.sub(kb.mul(last, 2), index));
  }
  return kb.max(kb.min(index, last), 0);
}

void emitPad(NaiveBuilder &nb, nn::PadOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value x = op.getX();
  Value filler =
      kb.constantLike(nb.laneType(x), op.getValue().convertToFloat());
  nb.forIndices(nb.dims(op.getResult()), [&](ArrayRef<Value> at) {
    Value inside = kb.i1(true);
    SmallVector<Value> from;
    for (auto [axis, low] : llvm::enumerate(op.getLow())) {
      Value index = kb.sub(at[axis], low), size = nb.dim(x, axis);
      if (op.getMode() == nn::PadMode::constant)
        inside = kb.create<arith::AndIOp>(
            inside, kb.cmp(arith::CmpIPredicate::ult, index, size));
      else
        index = foldIndex(nb, index, size, op.getMode());
      from.push_back(index);
    }
    Value lane = kb.ifThenElse(
        inside, filler.getType(),
        [&] { return SmallVector<Value>{nb.read(x, from)}; },
        [&] { return SmallVector<Value>{filler}; })[0];
    nb.write(op.getResult(), at, lane);
  });
}

void emitTranspose(NaiveBuilder &nb, nn::TransposeOp op) {
  copyFrom(nb, op.getX(), op.getResult(), [&](ArrayRef<Value> at) {
    SmallVector<Value> from(at.size());
    for (auto [index, axis] : llvm::zip(at, op.getPerm()))
      from[axis] = index;
    return from;
  });
}

void emitBroadcast(NaiveBuilder &nb, nn::BroadcastToOp op) {
  nb.forIndices(nb.dims(op.getResult()), [&](ArrayRef<Value> at) {
    nb.write(op.getResult(), at, nb.readBroadcast(op.getX(), at));
  });
}

void emitIota(NaiveBuilder &nb, nn::IotaOp op) {
  nb.forIndices(nb.dims(op.getResult()), [&](ArrayRef<Value> at) {
    nb.write(op.getResult(), at, at[0]);
  });
}

} // namespace

LogicalResult qopt::naive::emitNaiveMovement(NaiveBuilder &nb, Operation *op) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](nn::ReshapeOp reshape) {
        emitReshape(nb, reshape.getX(), reshape.getResult());
        return success();
      })
      .Case([&](nn::GatherOp gather) {
        return emitGather(nb, gather), success();
      })
      .Case([&](nn::ConcatOp concat) {
        return emitConcat(nb, concat), success();
      })
      .Case([&](nn::SliceOp slice) { return emitSlice(nb, slice); })
      .Case([&](nn::PadOp pad) { return emitPad(nb, pad), success(); })
      .Case([&](nn::TransposeOp transpose) {
        return emitTranspose(nb, transpose), success();
      })
      .Case([&](nn::BroadcastToOp broadcast) {
        return emitBroadcast(nb, broadcast), success();
      })
      .Case([&](nn::IotaOp iota) { return emitIota(nb, iota), success(); })
      .Default([](Operation *) { return failure(); });
}

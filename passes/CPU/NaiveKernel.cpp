// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The three functions of a naive kernel and the order of its loop nests.

#include "passes/CPU/NaiveKernel.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/ConstantEmitter.h"
#include "lib/Emission/RecurrentCell.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

/// Shape arithmetic is evaluated where sizes are needed; constants lie in the
/// code image.
bool needsNoCode(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         llvm::none_of(op->getResults(), isTensor);
}

SmallVector<Operation *> computingOps(Block &body) {
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator())
    if (!needsNoCode(&op))
      ops.push_back(&op);
  return ops;
}

LogicalResult emitOp(NaiveBuilder &nb, Operation *op) {
  for (auto *emit : {emitNaivePointwise, emitNaiveContraction,
                     emitNaiveAttention, emitNaiveRows, emitNaiveReduction,
                     emitNaiveWindow, emitNaiveMovement, emitNaivePositions,
                     emitNaiveSequential, emitNaivePanels,
                     emitNaiveRecurrence}) {
    // An emitter that blames the op has found it to be its own.
    if (succeeded(emit(nb, op)))
      return success();
  }
  return op->emitError("expects an op with a naive CPU form");
}

class NaiveEmitter {
public:
  NaiveEmitter(emission::KernelBuilder &kb, Block &body)
      : kb(kb), body(body), shapes(body), nb(kb, shapes),
        ops(computingOps(body)) {}

  LogicalResult emit() {
    if (!shapes.valid())
      return failure();
    kb.defineUnits([&] { return kb.i64(1); });
    kb.defineScratch([&] { return scratchSizes(); });
    LogicalResult status = success();
    kb.defineRun([&](Value, Value, Value scratch) {
      bindOperands();
      bindScratch(kb.carveScratch(scratch, [&] { return scratchSizes(); }));
      for (Operation *op : ops)
        if (failed(emitOp(nb, op))) {
          status = failure();
          return;
        }
      copyOutputs();
    });
    return status;
  }

private:
  /// Every op's results, then what it needs besides.
  SmallVector<Value> scratchSizes() {
    SmallVector<Value> sizes;
    for (Operation *op : ops) {
      for (Value result : op->getResults())
        sizes.push_back(kb.mul(shapes.numElements(kb, result),
                               emission::storageBytes(nb.elementType(result))));
      if (Value bytes = nb.temporaryBytes(op))
        sizes.push_back(bytes);
    }
    return sizes;
  }
  void bindScratch(ArrayRef<Value> buffers) {
    for (Operation *op : ops) {
      for (Value result : op->getResults()) {
        nb.bind(result, buffers.front());
        buffers = buffers.drop_front();
      }
      if (nb.temporaryBytes(op)) {
        nb.bindTemporary(op, buffers.front());
        buffers = buffers.drop_front();
      }
    }
  }
  void bindOperands() {
    for (BlockArgument argument :
         body.getArguments().take_front(emission::numTensorInputs(body)))
      nb.bind(argument, kb.ptr(argument.getArgNumber()));
    for (Operation &op : body.without_terminator())
      if (op.hasTrait<OpTrait::ConstantLike>() && isTensor(op.getResult(0)))
        nb.bind(op.getResult(0),
                emission::emitConstantPointer(kb, op.getResult(0)));
  }
  void copyOutputs() {
    unsigned output = emission::numTensorInputs(body);
    for (Value value : body.getTerminator()->getOperands()) {
      Type element = nb.elementType(value);
      Value to = kb.ptr(output++);
      nb.forIndices(shapes.numElements(kb, value), [&](ArrayRef<Value> at) {
        kb.store(element, kb.load(element, nb.pointer(value), at[0]), to,
                 at[0]);
      });
    }
  }

  emission::KernelBuilder &kb;
  Block &body;
  emission::KernelShapes shapes;
  NaiveBuilder nb;
  SmallVector<Operation *> ops;
};

} // namespace

LogicalResult qopt::naive::emitNaiveKernel(emission::KernelBuilder &kb,
                                           Block &body) {
  return NaiveEmitter(kb, body).emit();
}

Value NaiveBuilder::temporaryBytes(Operation *op) {
  // Attention: one row of scores.
  if (auto attention = dyn_cast<nn::AttentionOp>(op))
    return kb.mul(dim(attention.getK(), rank(attention.getK()) - 2), 4);
  // Sorting: i64 positions, twice; unique also what it knows of each row.
  if (auto top = dyn_cast<nn::TopKOp>(op))
    return kb.mul(dim(top.getX(), rank(top.getX()) - 1), 16);
  if (auto unique = dyn_cast<nn::UniqueOp>(op))
    return kb.mul(dim(unique.getX(), 0), 40);
  if (auto suppression = dyn_cast<nn::NonMaxSuppressionOp>(op))
    return kb.mul(dim(suppression.getBoxes(), 1), 16);
  // A gru: z and r * h of one item.
  if (auto recurrence = dyn_cast<nn::RecurrenceOp>(op))
    if (emission::RecurrentCell(kb, recurrence).resetsFirst())
      return kb.mul(dim(recurrence.getWeights(), 0), 8);
  return {};
}

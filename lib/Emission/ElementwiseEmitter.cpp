// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One unit is a block of the space [outer groups] x [middle] x [inner], about
// `unitElements` elements. The middle is the group before the last, or, for
// transposing kernels, the group along which a leaf is contiguous: then blocks
// are tiles whose source lines stay in L1.

#include "lib/Emission/ElementwiseEmitter.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/LoopSpace.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

constexpr int64_t unitElements = 16384;
constexpr int64_t transposedInner = 256, transposedMiddle = 64;

class ElementwiseKernel {
public:
  ElementwiseKernel(KernelBuilder &kb, Block &body, ArrayRef<Value> roots,
                    const FusedExpression &expression)
      : kb(kb), shapes(body), firstOutput(numTensorInputs(body)), roots(roots),
        expression(expression), space(expression, roots[0]) {
    inner = space.numGroups() - 1;
    transposed = space.transposedGroup();
    if (transposed)
      middle = *transposed;
    else if (inner > 0)
      middle = inner - 1;
    for (unsigned group = 0; group < inner; ++group)
      if (middle != group)
        outer.push_back(group);
  }

  LogicalResult emit() {
    if (!shapes.valid())
      return failure();
    kb.defineUnits([&] {
      Blocks blocks = computeBlocks();
      return kb.mul(blocks.outerCount,
                    kb.mul(blocks.middleCount, blocks.innerCount));
    });
    kb.defineNoScratch();
    LogicalResult status = success();
    kb.defineRun(
        [&](Value begin, Value end, Value) { status = emitRun(begin, end); });
    return status;
  }

private:
  struct Blocks {
    Value outerSize, middleSize, innerSize;    // elements
    Value outerBlock, middleBlock, innerBlock; // elements of a block
    Value outerCount, middleCount, innerCount; // blocks
  };

  Blocks computeBlocks() {
    Blocks b;
    b.outerSize = kb.i64(1);
    for (unsigned group : outer)
      b.outerSize = kb.mul(b.outerSize, space.size(kb, shapes, group));
    b.middleSize = middle ? space.size(kb, shapes, *middle) : kb.i64(1);
    b.innerSize = space.size(kb, shapes, inner);
    auto atLeastOne = [&](Value x) { return kb.max(x, 1); };
    b.innerBlock = atLeastOne(
        kb.min(b.innerSize, transposed ? transposedInner : unitElements));
    b.middleBlock =
        transposed ? kb.i64(transposedMiddle)
                   : atLeastOne(kb.div(kb.i64(unitElements), b.innerBlock));
    b.middleBlock = atLeastOne(kb.min(b.middleBlock, b.middleSize));
    b.outerBlock = atLeastOne(
        kb.div(kb.i64(unitElements), kb.mul(b.innerBlock, b.middleBlock)));
    b.outerBlock = atLeastOne(kb.min(b.outerBlock, b.outerSize));
    b.outerCount = kb.ceilDiv(b.outerSize, b.outerBlock);
    b.middleCount = kb.ceilDiv(b.middleSize, b.middleBlock);
    b.innerCount = kb.ceilDiv(b.innerSize, b.innerBlock);
    return b;
  }

  LogicalResult emitRun(Value begin, Value end) {
    for (const Leaf &leaf : expression.leaves()) {
      LeafState state;
      state.pointer = leafPointer(kb, leaf);
      state.offset = space.offset(kb, shapes, leaf);
      if (!state.pointer || !state.offset)
        return failure();
      for (unsigned group = 0; group <= inner; ++group)
        state.strides.push_back(space.stride(kb, shapes, leaf, group));
      states.push_back(state);
    }
    Value supposed = space.supposition(kb, shapes);
    if (!supposed) {
      emitUnits(begin, end);
      return success();
    }
    kb.ifThenElse(
        supposed, [&] { emitUnits(begin, end); },
        [&] { emitElementByElement(begin, end); });
    return success();
  }

  void emitUnits(Value begin, Value end) {
    Blocks b = computeBlocks();
    kb.forLoop(begin, end, kb.i64(1), [&](Value unit) {
      Value innerAt = kb.mul(kb.rem(unit, b.innerCount), b.innerBlock);
      Value rest = kb.div(unit, b.innerCount);
      Value middleAt = kb.mul(kb.rem(rest, b.middleCount), b.middleBlock);
      Value outerAt = kb.mul(kb.div(rest, b.middleCount), b.outerBlock);
      Value innerEnd = kb.min(kb.add(innerAt, b.innerBlock), b.innerSize);
      Value middleEnd = kb.min(kb.add(middleAt, b.middleBlock), b.middleSize);
      Value outerEnd = kb.min(kb.add(outerAt, b.outerBlock), b.outerSize);
      kb.forLoop(outerAt, outerEnd, kb.i64(1), [&](Value outerIndex) {
        placeOuter(outerIndex);
        if (transposed)
          emitTile(middleAt, middleEnd, innerAt, innerEnd);
        else
          kb.forLoop(middleAt, middleEnd, kb.i64(1),
                     [&](Value m) { emitRow(m, innerAt, innerEnd); });
      });
    });
  }

  /// Positions of leaves and outputs for the outer index: its group indices
  /// are digits.
  void placeOuter(Value index) {
    SmallVector<Value> digits(outer.size());
    for (int i = int(outer.size()) - 1; i >= 0; --i) {
      Value size = space.size(kb, shapes, outer[i]);
      digits[i] = i == 0 ? index : kb.rem(index, size);
      if (i > 0)
        index = kb.div(index, size);
    }
    for (LeafState &state : states) {
      state.at = state.offset;
      for (auto [group, digit] : llvm::zip(outer, digits))
        state.at = kb.add(state.at, kb.mul(digit, state.strides[group]));
    }
    outputAt = kb.i64(0);
    for (auto [group, digit] : llvm::zip(outer, digits))
      outputAt = kb.add(outputAt, kb.mul(digit, outputStride(group)));
  }

  Value outputStride(unsigned group) {
    Value product = kb.i64(1);
    for (unsigned after = group + 1; after <= inner; ++after)
      product = kb.mul(product, space.size(kb, shapes, after));
    return product;
  }

  void emitRow(Value m, Value innerAt, Value innerEnd) {
    SmallVector<Value> starts = leafStarts(m);
    Value to = outputStart(m);
    // What stands still along the row is read once.
    SmallVector<Value> still(states.size());
    for (auto [i, leaf] : llvm::enumerate(expression.leaves()))
      if (space.motion(leaf, inner) == LoopSpace::Motion::still)
        still[i] =
            broadcastLane(kb,
                          loadLane(kb, elementOf(leaf), states[i].pointer,
                                   starts[i], Width::scalar),
                          Width::vector);
    kb.forVectors(kb.sub(innerEnd, innerAt), [&](Value i, LiveLanes live) {
      emitVector(kb.add(innerAt, i), live, starts, to, still);
    });
  }

  /// Vectors of the inner group outside, so that the 16 lines a strided leaf
  /// touches serve many middle indices.
  void emitTile(Value middleAt, Value middleEnd, Value innerAt,
                Value innerEnd) {
    kb.forVectors(kb.sub(innerEnd, innerAt), [&](Value i, LiveLanes live) {
      kb.forLoop(middleAt, middleEnd, kb.i64(1), [&](Value m) {
        SmallVector<Value> still(states.size());
        emitVector(kb.add(innerAt, i), live, leafStarts(m), outputStart(m),
                   still);
      });
    });
  }

  SmallVector<Value> leafStarts(Value m) {
    SmallVector<Value> starts;
    for (LeafState &state : states)
      starts.push_back(middle
                           ? kb.add(state.at, kb.mul(m, state.strides[*middle]))
                           : state.at);
    return starts;
  }
  Value outputStart(Value m) {
    return middle ? kb.add(outputAt, kb.mul(m, outputStride(*middle)))
                  : outputAt;
  }

  void emitVector(Value index, LiveLanes live, ArrayRef<Value> starts, Value to,
                  ArrayRef<Value> still) {
    SmallVector<Value> lanes;
    for (auto [i, leaf] : llvm::enumerate(expression.leaves()))
      lanes.push_back(still[i]
                          ? still[i]
                          : loadLeaf(leaf, states[i], starts[i], index, live));
    SmallVector<Value> results = expression.emit(kb, lanes, {}, Width::vector);
    for (auto [i, result] : llvm::enumerate(results))
      storeLane(kb, kb.elementType(firstOutput + i), result,
                kb.ptr(firstOutput + i), kb.add(to, index), live);
  }

  static Type elementOf(const Leaf &leaf) {
    return getElementTypeOrSelf(leaf.tensor.getType());
  }

  struct LeafState {
    Value pointer, offset, at;
    SmallVector<Value> strides; // one a group
  };

  Value loadLeaf(const Leaf &leaf, LeafState &state, Value start, Value index,
                 LiveLanes live) {
    Type element = elementOf(leaf);
    switch (space.motion(leaf, inner)) {
    case LoopSpace::Motion::still:
      return kb.splat(
          loadLane(kb, element, state.pointer, start, Width::scalar));
    case LoopSpace::Motion::unit:
      return loadLane(kb, element, state.pointer, kb.add(start, index),
                      Width::vector, live);
    case LoopSpace::Motion::strided:
      break;
    }
    SmallVector<Value> elements;
    for (int64_t lane = 0; lane < KernelBuilder::lanes; ++lane) {
      // Dead lanes repeat the last live one: its memory is there.
      Value number = live.all() ? kb.i64(lane)
                                : kb.min(kb.i64(lane), kb.sub(live.count, 1));
      Value at = kb.mul(kb.add(index, number), state.strides[inner]);
      elements.push_back(loadLane(kb, element, state.pointer, kb.add(start, at),
                                  Width::scalar));
    }
    return kb.create<vector::FromElementsOp>(
        computeType(element, Width::vector), elements);
  }

  /// The path for sizes that broadcast only at run time: scalars, units cut
  /// the row-major element range.
  void emitElementByElement(Value begin, Value end) {
    Blocks b = computeBlocks();
    Value units =
        kb.max(kb.mul(b.outerCount, kb.mul(b.middleCount, b.innerCount)), 1);
    Value total = shapes.numElements(kb, roots[0]);
    auto elementOf = [&](Value unit) {
      return kb.div(kb.mul(total, unit), units);
    };
    kb.forLoop(elementOf(begin), elementOf(end), kb.i64(1), [&](Value element) {
      SmallVector<Value> iteration = shapes.dims(kb, roots[0]);
      Value rest = element;
      for (Value &entry : llvm::reverse(iteration)) {
        Value size = entry;
        entry = kb.rem(rest, size);
        rest = kb.div(rest, size);
      }
      SmallVector<Value> lanes;
      for (auto [i, leaf] : llvm::enumerate(expression.leaves()))
        lanes.push_back(loadLane(
            kb, ElementwiseKernel::elementOf(leaf), states[i].pointer,
            space.position(kb, shapes, leaf, iteration), Width::scalar));
      SmallVector<Value> results =
          expression.emit(kb, lanes, {}, Width::scalar);
      for (auto [i, result] : llvm::enumerate(results))
        storeLane(kb, kb.elementType(firstOutput + i), result,
                  kb.ptr(firstOutput + i), element);
    });
  }

  KernelBuilder &kb;
  KernelShapes shapes;
  unsigned firstOutput;
  ArrayRef<Value> roots;
  const FusedExpression &expression;
  LoopSpace space;
  unsigned inner;
  std::optional<unsigned> middle, transposed;
  SmallVector<unsigned> outer;
  SmallVector<LeafState> states; // of the run function
  Value outputAt;
};

} // namespace

LogicalResult qopt::emission::emitElementwise(KernelBuilder &kb, Block &body) {
  SmallVector<Value> roots;
  for (Value output : body.getTerminator()->getOperands())
    roots.push_back(withoutReshape(output));
  for (Value root : roots)
    if (cast<RankedTensorType>(root.getType()).getShape() !=
        cast<RankedTensorType>(roots[0].getType()).getShape())
      return failure();
  std::optional<FusedExpression> expression = FusedExpression::build(roots);
  if (!expression)
    return failure();
  return ElementwiseKernel(kb, body, roots, *expression).emit();
}

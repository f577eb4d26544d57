// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collects leaves and nodes from the roots upward, composing index maps.

#include "lib/Emission/FusedExpression.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/ConstantEmitter.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// numpy: \p operand read at result indices that follow \p map.
IndexMap broadcastMap(Value operand, const IndexMap &map) {
  RankedTensorType type = tensorType(operand);
  size_t leading = map.size() - type.getRank();
  IndexMap result;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    // Size 1 repeats; a dynamic size is checked when the kernel runs.
    if (type.getDimSize(axis) == 1)
      result.push_back(LeafAxis());
    else
      result.push_back(map[leading + axis]);
  }
  return result;
}

IndexMap transposeMap(nn::TransposeOp op, const IndexMap &map) {
  IndexMap result(map.size());
  for (auto [axis, from] : llvm::zip(map, op.getPerm()))
    result[from] = axis;
  return result;
}

/// index = offset + stride * (index in the slice).
IndexMap sliceMap(nn::SliceOp op, const IndexMap &map) {
  IndexMap result = map;
  unsigned next = 0;
  Builder builder(op.getContext());
  for (auto [axis, offset, stride] :
       llvm::zip(result, op.getStaticOffsets(), op.getStrides())) {
    axis.step *= stride;
    for (auto &term : axis.offset)
      term.second *= stride;
    if (ShapedType::isDynamic(offset))
      axis.offset.push_back({op.getOffsets()[next++], 1});
    else if (offset != 0)
      axis.offset.push_back({builder.getI64IntegerAttr(offset), 1});
  }
  return result;
}

/// Through reshapes to a kernel input or a constant.
Value memoryOf(Value value, SmallVector<Operation *> &through) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    through.push_back(reshape);
    value = reshape.getX();
  }
  if (isa<BlockArgument>(value))
    return value;
  Operation *op = value.getDefiningOp();
  return op->hasTrait<OpTrait::ConstantLike>() ? value : Value();
}

} // namespace

bool qopt::emission::isShapeOrConstant(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>() ||
         llvm::none_of(op->getResultTypes(),
                       [](Type type) { return isa<RankedTensorType>(type); });
}

std::optional<FusedExpression> FusedExpression::build(ValueRange roots,
                                                      ValueRange given) {
  FusedExpression expression;
  expression.givenValues.assign(given.begin(), given.end());
  if (!roots.empty())
    expression.shape = tensorType(roots[0]).getShape();
  for (Value root : roots) {
    IndexMap identity(tensorType(root).getRank());
    for (auto [i, axis] : llvm::enumerate(identity))
      axis.iterationAxis = i;
    std::optional<unsigned> node = expression.visit(root, identity);
    if (!node)
      return std::nullopt;
    expression.roots.push_back(*node);
  }
  // Whether a slice of dynamic size broadcasts is unknown: alone it does not.
  if (expression.dynamicSlice && expression.leafList.size() > 1)
    return std::nullopt;
  return expression;
}

bool FusedExpression::isReadInPlace(Value given, const IndexMap &map) const {
  if (tensorType(given).getShape() != shape)
    return false;
  for (auto [i, axis] : llvm::enumerate(map)) {
    bool follows = axis.iterationAxis == int64_t(i) && axis.step == 1;
    bool isOne = axis.iterationAxis < 0 && shape[i] == 1;
    if (!axis.offset.empty() || (!follows && !isOne))
      return false;
  }
  return true;
}

std::optional<unsigned> FusedExpression::addLeaf(Value tensor, Value source,
                                                 const IndexMap &map) {
  leafList.push_back(Leaf{tensor, source, map});
  nodes.push_back(Node{Node::leaf, unsigned(leafList.size() - 1), {}, {}, {}});
  return nodes.size() - 1;
}

std::optional<unsigned> FusedExpression::visit(Value value,
                                               const IndexMap &map) {
  for (auto &[known, knownMap, node] : visited)
    if (known == value && knownMap == map)
      return node;
  std::optional<unsigned> node;
  SmallVector<Operation *> through;
  if (auto it = llvm::find(givenValues, value); it != givenValues.end()) {
    if (!isReadInPlace(value, map))
      return std::nullopt;
    unsigned index = it - givenValues.begin();
    nodes.push_back(Node{Node::given, index, {}, {}, {}});
    node = nodes.size() - 1;
  } else if (Value source = memoryOf(value, through)) {
    covered.insert(through.begin(), through.end());
    std::optional<nn::ConstantView> view = nn::ConstantView::of(source);
    if (view && (view->isSplat() || view->numElements() == 1)) {
      nodes.push_back(Node{Node::splat, 0, source, {}, {}});
      node = nodes.size() - 1;
    } else if (view || isa<BlockArgument>(source)) {
      node = addLeaf(value, source, map);
    }
  } else {
    node = visitOp(value.getDefiningOp(), map);
  }
  if (node)
    visited.push_back({value, map, *node});
  return node;
}

std::optional<unsigned> FusedExpression::visitOp(Operation *op,
                                                 const IndexMap &map) {
  std::optional<unsigned> moved;
  bool isMove = true;
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    moved = visit(transpose.getX(), transposeMap(transpose, map));
  } else if (auto slice = dyn_cast<nn::SliceOp>(op)) {
    dynamicSlice |= !tensorType(slice.getResult()).hasStaticShape();
    moved = visit(slice.getX(), sliceMap(slice, map));
  } else if (auto widened = dyn_cast<nn::BroadcastToOp>(op)) {
    broadcast = true;
    moved = visit(widened.getX(), broadcastMap(widened.getX(), map));
  } else {
    isMove = false;
  }
  if (isMove) {
    covered.insert(op);
    return moved;
  }
  if (!isPointwise(op))
    return std::nullopt;
  Node node{Node::op, 0, {}, op, {}};
  for (Value operand : op->getOperands()) {
    std::optional<unsigned> child = visit(operand, broadcastMap(operand, map));
    if (!child)
      return std::nullopt;
    node.operands.push_back(*child);
  }
  covered.insert(op);
  nodes.push_back(node);
  return nodes.size() - 1;
}

SmallVector<Value> FusedExpression::emit(KernelBuilder &kb,
                                         ArrayRef<Value> leafLanes,
                                         ArrayRef<Value> givenLanes,
                                         Width width) const {
  SmallVector<Value> lanes; // nodes stand after their operands
  for (const Node &node : nodes) {
    switch (node.kind) {
    case Node::leaf:
      lanes.push_back(leafLanes[node.index]);
      break;
    case Node::given:
      lanes.push_back(givenLanes[node.index]);
      break;
    case Node::splat:
      lanes.push_back(emitConstantSplat(kb, node.value, width));
      break;
    case Node::op:
      SmallVector<Value> operands;
      for (unsigned operand : node.operands)
        operands.push_back(lanes[operand]);
      FailureOr<Value> result = emitPointwise(kb, node.operation, operands);
      if (failed(result))
        return {};
      lanes.push_back(*result);
      break;
    }
  }
  SmallVector<Value> results;
  for (unsigned root : roots)
    results.push_back(lanes[root]);
  return results;
}

Value qopt::emission::leafPointer(KernelBuilder &kb, const Leaf &leaf) {
  if (auto argument = dyn_cast<BlockArgument>(leaf.source))
    return kb.ptr(argument.getArgNumber());
  return emitConstantPointer(kb, leaf.source);
}

Value qopt::emission::withoutReshape(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    if (!reshape.getX().getDefiningOp())
      break;
    value = reshape.getX();
  }
  return value;
}

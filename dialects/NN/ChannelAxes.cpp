// Collecting what an op says of channels.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/ChannelAxes.h"
#include "dialects/NN/Constants.h"

using namespace mlir;
using namespace qopt::nn;

#include "dialects/NN/NNInterfaces.cpp.inc"

const IndexedAxis *ChannelIndex::find(unsigned slot) const {
  for (const IndexedAxis &axis : axes)
    if (axis.slot == slot)
      return &axis;
  return nullptr;
}

unsigned ChannelAxes::resultSlot(unsigned i) const {
  return op->getNumOperands() + i;
}

unsigned ChannelAxes::numSlots() const {
  return op->getNumOperands() + op->getNumResults();
}

Value ChannelAxes::tensor(unsigned slot) const {
  unsigned operands = op->getNumOperands();
  return slot < operands ? op->getOperand(slot)
                         : Value(op->getResult(slot - operands));
}

RankedTensorType ChannelAxes::typeOf(unsigned slot) const {
  return dyn_cast<RankedTensorType>(tensor(slot).getType());
}

int64_t ChannelAxes::sizeOf(unsigned slot, unsigned axis) const {
  return typeOf(slot).getDimSize(axis);
}

bool ChannelAxes::isConstant(unsigned slot) const {
  Operation *source = tensor(slot).getDefiningOp();
  return source && source->hasTrait<OpTrait::ConstantLike>();
}

bool ChannelAxes::isUniform(unsigned slot) const {
  if (typeOf(slot).hasStaticShape() && typeOf(slot).getNumElements() == 1)
    return true;
  std::optional<ConstantView> view = ConstantView::of(tensor(slot));
  return view && view->isSplat();
}

AxisSpan ChannelAxes::wholeAxis(unsigned slot, unsigned axis) const {
  return {axis, 0, sizeOf(slot, axis)};
}

unsigned ChannelAxes::index(ArrayRef<std::pair<unsigned, unsigned>> axes) {
  SmallVector<IndexedAxis, 3> spans;
  for (auto [slot, axis] : axes)
    spans.push_back({slot, wholeAxis(slot, axis), {}});
  return indexOver(std::move(spans));
}

unsigned ChannelAxes::indexOver(SmallVector<IndexedAxis, 3> axes) {
  allIndices.push_back({std::move(axes)});
  return allIndices.size() - 1;
}

void ChannelAxes::join(Groups groups, unsigned index,
                       ArrayRef<unsigned> slots) {
  allLaws.push_back({Law::Join, groups, index, llvm::to_vector<2>(slots), {}});
}

void ChannelAxes::joinPositive(Groups groups, unsigned index,
                               ArrayRef<unsigned> slots) {
  join(groups, index, slots);
  allLaws.back().positiveOnly = true;
}

void ChannelAxes::contract(Groups groups, unsigned index) {
  allLaws.push_back({Law::Contract, groups, index, {}, {}});
}

void ChannelAxes::product(unsigned index, unsigned result,
                          ArrayRef<Factor> factors) {
  allLaws.push_back({Law::Product,
                     Groups::Diagonal,
                     index,
                     {result},
                     llvm::to_vector<2>(factors)});
}

void ChannelAxes::norm(unsigned index, unsigned x, unsigned gain,
                       unsigned result, bool centered) {
  allLaws.push_back(
      {Law::Norm, Groups::Orthogonal, index, {x, result}, {{gain, false}}});
  allLaws.back().centered = centered;
}

void ChannelAxes::expand(Groups groups, unsigned index, unsigned slot) {
  allLaws.push_back({Law::Expand, groups, index, {slot}, {}});
}

void ChannelAxes::bounds(unsigned index) {
  allLaws.push_back({Law::Bounds, Groups::Diagonal, index, {}, {}});
}

void ChannelAxes::ignore(Groups groups, unsigned slot, unsigned axis) {
  allLaws.push_back({Law::Ignore, groups, index({{slot, axis}}), {}, {}});
}

void ChannelAxes::pin(Groups groups, unsigned slot, AxisSpan span,
                      Twine reason) {
  allPins.push_back({groups, slot, span, reason.str()});
}

void ChannelAxes::pin(Groups groups, unsigned index, Twine reason) {
  for (const IndexedAxis &axis : allIndices[index].axes)
    pin(groups, axis.slot, axis.span, reason);
}

void ChannelAxes::pinAll(Groups groups, Twine reason) {
  for (unsigned slot = 0; slot < numSlots(); ++slot)
    if (RankedTensorType type = typeOf(slot))
      for (unsigned axis = 0; axis < type.getRank(); ++axis)
        pin(groups, slot, wholeAxis(slot, axis), reason);
}

void ChannelAxes::regroup(ArrayRef<unsigned> from, ArrayRef<unsigned> to) {
  allRegroupings.push_back({llvm::to_vector<3>(from), llvm::to_vector<3>(to)});
}

bool ChannelAxes::speaksOf(Groups kind, unsigned slot, unsigned axis) const {
  for (const LawOfIndex &law : allLaws) {
    if (!contains(law.groups, kind) || law.law == Law::Expand ||
        law.law == Law::Bounds)
      continue;
    const IndexedAxis *found = allIndices[law.index].find(slot);
    if (!found || found->span.axis != axis)
      continue;
    if (law.slots.empty() || llvm::is_contained(law.slots, slot) ||
        llvm::any_of(law.factors,
                     [&](const Factor &f) { return f.slot == slot; }))
      return true;
  }
  for (const AxisPin &pin : allPins)
    if (contains(pin.groups, kind) && pin.slot == slot && pin.span.axis == axis)
      return true;
  for (const Regrouping &group : allRegroupings)
    if (llvm::is_contained(slot ? group.to : group.from, axis))
      return true;
  return false;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Cuts and block axes, carried along all ops to a fixed point.
#include "lib/Analysis/ChannelSegments.h"
#include <algorithm>
#include <map>

using namespace mlir;

namespace qopt {
namespace {

// No axis is cut into more pieces: no network has as many heads, and memory
// stays bounded for those that a fuzzer writes.
constexpr int64_t mostPieces = 4096;
// Likewise an op with more indices (of thousands of groups or operands) pins.
constexpr size_t mostIndices = 4096;

bool hasTensors(Operation *op) {
  auto isTensor = [](Type type) { return isa<RankedTensorType>(type); };
  return llvm::any_of(op->getOperandTypes(), isTensor) ||
         llvm::any_of(op->getResultTypes(), isTensor);
}

bool insertSorted(std::vector<int64_t> &sorted, int64_t value) {
  auto place = std::lower_bound(sorted.begin(), sorted.end(), value);
  if (place != sorted.end() && *place == value)
    return false;
  sorted.insert(place, value);
  return true;
}

// Axes of `axes` with more than one position.
std::vector<unsigned> realAxes(RankedTensorType type, ArrayRef<unsigned> axes) {
  std::vector<unsigned> real;
  for (unsigned axis : axes)
    if (type.getDimSize(axis) != 1)
      real.push_back(axis);
  return real;
}

bool includesAll(ArrayRef<unsigned> set, ArrayRef<unsigned> wanted) {
  return llvm::all_of(wanted,
                      [&](unsigned a) { return llvm::is_contained(set, a); });
}

} // namespace

//===-- Fibers ------------------------------------------------------------===//

unsigned ChannelFibers::numBlocks() const {
  unsigned blocks = 1;
  for (unsigned block : blockAxes)
    blocks *= cast<RankedTensorType>(value.getType()).getDimSize(block);
  return blocks;
}

std::vector<int64_t> ChannelFibers::blockPosition(unsigned block) const {
  std::vector<int64_t> position(blockAxes.size());
  auto type = cast<RankedTensorType>(value.getType());
  for (size_t i = blockAxes.size(); i-- > 0;) {
    int64_t size = type.getDimSize(blockAxes[i]);
    position[i] = block % size;
    block /= size;
  }
  return position;
}

unsigned ChannelFibers::blockAt(ArrayRef<int64_t> position) const {
  unsigned block = 0;
  auto type = cast<RankedTensorType>(value.getType());
  for (size_t i = 0; i < blockAxes.size(); ++i)
    block = block * type.getDimSize(blockAxes[i]) + position[i];
  return block;
}

unsigned ChannelFibers::segmentAt(int64_t begin) const {
  return std::lower_bound(cuts.begin(), cuts.end(), begin) - cuts.begin();
}

//===-- Segments ----------------------------------------------------------===//

ChannelSegments::ChannelSegments(func::FuncOp function,
                                 const ChannelSpacesOptions &options) {
  if (options.privateState)
    privateStates = findStatePairs(function);
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          addValue(argument);
    if (op == function || op->hasTrait<OpTrait::ConstantLike>() ||
        !hasTensors(op))
      return;
    for (Value result : op->getResults())
      addValue(result);
    stated.push_back(stateOf(op));
  });
  // Forth and back: cuts travel the length of a chain in one sweep.
  bool changed = true;
  while (changed) {
    changed = false;
    for (const nn::ChannelAxes &op : stated)
      changed |= refine(op);
    for (const nn::ChannelAxes &op : llvm::reverse(stated))
      changed |= refine(op);
  }
  for (ChannelFibers &fibers : fibersList) {
    fibers.firstNode = nodeCount;
    nodeCount += fibers.numBlocks() * fibers.numSegments();
  }
}

nn::ChannelAxes ChannelSegments::stateOf(Operation *op) const {
  nn::ChannelAxes axes(op);
  if (isa<func::ReturnOp>(op)) {
    stateOutputs(axes);
  } else if (auto stating = dyn_cast<nn::ChannelAxesOpInterface>(op)) {
    stating.stateChannelAxes(axes);
    if (axes.indices().size() > mostIndices) {
      axes = nn::ChannelAxes(op);
      axes.pinAll(nn::Groups::All, "thousands of parts");
    }
  } else {
    axes.pinAll(nn::Groups::All, "says nothing of channels");
  }
  return axes;
}

void ChannelSegments::stateOutputs(nn::ChannelAxes &axes) const {
  for (unsigned slot = 0; slot < axes.numSlots(); ++slot) {
    RankedTensorType type = axes.typeOf(slot);
    for (unsigned axis = 0; type && axis < type.getRank(); ++axis) {
      bool isPrivate = llvm::any_of(privateStates, [&](const StatePair &pair) {
        return pair.present->getOperandNumber() == slot && pair.axis != axis;
      });
      if (isPrivate)
        axes.ignore(nn::Groups::All, slot, axis);
      else
        axes.pin(nn::Groups::All, slot, axes.wholeAxis(slot, axis),
                 "graph output");
    }
  }
}

void ChannelSegments::addValue(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return;
  for (unsigned axis = 0; axis < type.getRank(); ++axis) {
    int64_t size = type.getDimSize(axis);
    if (ShapedType::isDynamic(size) || size <= 1)
      continue;
    fibersOf[{value, axis}] = fibersList.size();
    fibersList.push_back({value, axis, {}, {0, size}, 0});
  }
}

ChannelFibers *ChannelSegments::findMutable(Value value, unsigned axis) {
  auto found = fibersOf.find({value, axis});
  return found == fibersOf.end() ? nullptr : &fibersList[found->second];
}

const ChannelFibers *ChannelSegments::find(Value value, unsigned axis) const {
  return const_cast<ChannelSegments *>(this)->findMutable(value, axis);
}

ChannelSegment ChannelSegments::segment(unsigned node) const {
  auto after = std::upper_bound(fibersList.begin(), fibersList.end(), node,
                                [](unsigned n, const ChannelFibers &fibers) {
                                  return n < fibers.firstNode;
                                });
  const ChannelFibers &fibers = *std::prev(after);
  unsigned offset = node - fibers.firstNode;
  return {&fibers, offset / fibers.numSegments(),
          offset % fibers.numSegments()};
}

bool ChannelSegments::isTracked(const nn::ChannelAxes &op,
                                const nn::ChannelIndex &index) const {
  int64_t size = index.axes.front().span.size;
  if (ShapedType::isDynamic(size) || isUncut(index))
    return false;
  bool hasNodes = false, hasSingle = false;
  for (const nn::IndexedAxis &axis : index.axes) {
    auto [number, begin, length] = axis.span;
    int64_t whole = op.sizeOf(axis.slot, number);
    if (ShapedType::isDynamic(whole) || length != size || begin < 0 ||
        begin > whole - size)
      return false;
    if (op.isConstant(axis.slot))
      continue;
    bool found = find(op.tensor(axis.slot), number);
    if (whole > 1 && !found)
      return false;
    (found ? hasNodes : hasSingle) = true;
  }
  // A single channel has no node: one cut out of many would be lost.
  return size > 0 && !(hasNodes && hasSingle);
}

bool ChannelSegments::refine(const nn::ChannelAxes &op) {
  bool changed = false, hasBlocks = false;
  for (const nn::ChannelIndex &index : op.indices())
    for (const nn::IndexedAxis &axis : index.axes)
      if (const ChannelFibers *fibers =
              find(op.tensor(axis.slot), axis.span.axis))
        hasBlocks |= !fibers->blockAxes.empty();
  for (const nn::ChannelIndex &index : op.indices()) {
    if (!isTracked(op, index))
      continue;
    changed |= refineIndex(op, index);
    if (hasBlocks)
      changed |= refineBlocks(op, index);
  }
  for (const nn::Regrouping &regrouping : op.regroupings())
    changed |= refineRegrouping(op, regrouping);
  return changed;
}

// Adds `cuts`, counted from each origin, to all of the fibers or to none.
bool ChannelSegments::addCuts(
    ArrayRef<std::pair<ChannelFibers *, int64_t>> origins,
    const std::set<int64_t> &cuts, const void *stated) {
  std::map<ChannelFibers *, std::set<int64_t>> added;
  for (auto [fibers, origin] : origins)
    for (int64_t cut : cuts)
      if (!std::binary_search(fibers->cuts.begin(), fibers->cuts.end(),
                              origin + cut))
        added[fibers].insert(origin + cut);
  for (auto &[fibers, positions] : added)
    if (int64_t(fibers->numSegments() + positions.size()) *
            fibers->numBlocks() >
        mostPieces) {
      uncut.insert(stated);
      return false;
    }
  for (auto &[fibers, positions] : added)
    for (int64_t position : positions)
      insertSorted(fibers->cuts, position);
  return !added.empty();
}

// All axes of an index are cut alike.
bool ChannelSegments::refineIndex(const nn::ChannelAxes &op,
                                  const nn::ChannelIndex &index) {
  std::set<int64_t> cuts{0, index.axes.front().span.size};
  for (const nn::IndexedAxis &axis : index.axes)
    if (const ChannelFibers *fibers =
            find(op.tensor(axis.slot), axis.span.axis))
      for (int64_t cut : fibers->cuts)
        if (cut > axis.span.begin && cut < axis.span.begin + axis.span.size)
          cuts.insert(cut - axis.span.begin);
  SmallVector<std::pair<ChannelFibers *, int64_t>> origins;
  for (const nn::IndexedAxis &axis : index.axes)
    if (ChannelFibers *fibers =
            findMutable(op.tensor(axis.slot), axis.span.axis))
      origins.push_back({fibers, axis.span.begin});
  return addCuts(origins, cuts, &index);
}

bool ChannelSegments::addBlockAxes(ChannelFibers &fibers,
                                   ArrayRef<unsigned> axes) {
  ChannelFibers larger = fibers;
  for (unsigned axis : axes)
    if (axis != fibers.axis && find(fibers.value, axis) &&
        !llvm::is_contained(larger.blockAxes, axis))
      larger.blockAxes.push_back(axis);
  if (larger.blockAxes.size() == fibers.blockAxes.size())
    return false;
  int64_t pieces = fibers.numSegments();
  for (unsigned axis : larger.blockAxes) {
    pieces *= find(fibers.value, axis)->size();
    if (pieces > mostPieces)
      return false;
  }
  llvm::sort(larger.blockAxes);
  fibers = std::move(larger);
  return true;
}

// Where one tensor of an index has blocks along another index, so have all
// tensors that both indices run in.
bool ChannelSegments::refineBlocks(const nn::ChannelAxes &op,
                                   const nn::ChannelIndex &index) {
  bool changed = false;
  for (const nn::ChannelIndex &other : op.indices()) {
    if (&other == &index || !isTracked(op, other))
      continue;
    bool isBlockAxis = false;
    for (const nn::IndexedAxis &axis : index.axes) {
      const ChannelFibers *fibers = find(op.tensor(axis.slot), axis.span.axis);
      const nn::IndexedAxis *block = other.find(axis.slot);
      isBlockAxis |= fibers && block &&
                     llvm::is_contained(fibers->blockAxes, block->span.axis);
    }
    if (!isBlockAxis)
      continue;
    for (const nn::IndexedAxis &axis : index.axes)
      if (const nn::IndexedAxis *block = other.find(axis.slot))
        if (ChannelFibers *fibers =
                findMutable(op.tensor(axis.slot), axis.span.axis))
          changed |= addBlockAxes(*fibers, {block->span.axis});
  }
  return changed;
}

std::optional<InnermostRegrouping> innermost(const ChannelSegments &segments,
                                             const nn::ChannelAxes &op,
                                             const nn::Regrouping &regrouping) {
  if (segments.isUncut(regrouping))
    return std::nullopt;
  unsigned result = op.resultSlot();
  InnermostRegrouping inner;
  inner.fromBlocks = realAxes(op.typeOf(0), regrouping.from);
  inner.toBlocks = realAxes(op.typeOf(result), regrouping.to);
  if (inner.fromBlocks.empty() || inner.toBlocks.empty())
    return std::nullopt;
  inner.from = segments.find(op.tensor(0), inner.fromBlocks.back());
  inner.to = segments.find(op.tensor(result), inner.toBlocks.back());
  inner.fromBlocks.pop_back();
  inner.toBlocks.pop_back();
  if (!inner.from || !inner.to)
    return std::nullopt;
  inner.step = std::min(inner.from->size(), inner.to->size());
  if (inner.from->size() % inner.step || inner.to->size() % inner.step)
    return std::nullopt;
  return inner;
}

// The innermost axes of a group are cut alike in every step, and the group's
// other axes number their blocks. Blocks along another group pass as they are.
bool ChannelSegments::refineRegrouping(const nn::ChannelAxes &op,
                                       const nn::Regrouping &regrouping) {
  std::optional<InnermostRegrouping> inner = innermost(*this, op, regrouping);
  if (!inner)
    return false;
  if (std::max(inner->from->size(), inner->to->size()) / inner->step >
      mostPieces) {
    uncut.insert(&regrouping);
    return false;
  }
  auto &from = const_cast<ChannelFibers &>(*inner->from);
  auto &to = const_cast<ChannelFibers &>(*inner->to);
  std::set<int64_t> cuts{0};
  for (const ChannelFibers *fibers : {&from, &to})
    for (int64_t cut : fibers->cuts)
      cuts.insert(cut % inner->step);
  bool changed = addBlockAxes(from, inner->fromBlocks);
  changed |= addBlockAxes(to, inner->toBlocks);
  SmallVector<std::pair<ChannelFibers *, int64_t>> origins;
  for (ChannelFibers *fibers : {&from, &to})
    for (int64_t begin = 0; begin < fibers->size(); begin += inner->step)
      origins.push_back({fibers, begin});
  changed |= addCuts(origins, cuts, &regrouping);
  if (isUncut(regrouping))
    return changed;
  for (const nn::Regrouping &other : op.regroupings()) {
    if (&other == &regrouping)
      continue;
    std::vector<unsigned> source = realAxes(op.typeOf(0), other.from);
    std::vector<unsigned> target =
        realAxes(op.typeOf(op.resultSlot()), other.to);
    if (source.empty() || target.empty())
      continue;
    if (includesAll(from.blockAxes, source))
      changed |= addBlockAxes(to, target);
    if (includesAll(to.blockAxes, target))
      changed |= addBlockAxes(from, source);
  }
  return changed;
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks are matched by what their positions say of one another.
#include "lib/Analysis/ChannelLinks.h"
#include <algorithm>

using namespace mlir;

namespace qopt {
namespace {

struct Range {
  int64_t begin, end;
};

int64_t sizeOf(const ChannelFibers &fibers, unsigned axis) {
  return cast<RankedTensorType>(fibers.value.getType()).getDimSize(axis);
}

// All blocks whose position lies in `ranges`, one for each block axis.
void forEachBlock(const ChannelFibers &fibers, ArrayRef<Range> ranges,
                  llvm::function_ref<void(unsigned)> visit) {
  std::vector<int64_t> position;
  for (Range range : ranges) {
    if (range.begin >= range.end)
      return;
    position.push_back(range.begin);
  }
  while (true) {
    visit(fibers.blockAt(position));
    size_t i = position.size();
    while (i-- > 0) {
      if (++position[i] < ranges[i].end)
        break;
      position[i] = ranges[i].begin;
    }
    if (i == size_t(-1))
      return;
  }
}

// The spans of two tensors' axes that an index other than `index` joins, for
// `axis` of `slot` and any axis of `otherSlot`.
struct Alignment {
  nn::AxisSpan own, other;
};
std::vector<Alignment> alignments(const nn::ChannelAxes &op,
                                  const nn::ChannelIndex &index, unsigned slot,
                                  unsigned axis, unsigned otherSlot) {
  std::vector<Alignment> found;
  for (const nn::ChannelIndex &candidate : op.indices()) {
    if (&candidate == &index)
      continue;
    const nn::IndexedAxis *own = candidate.find(slot);
    const nn::IndexedAxis *other = candidate.find(otherSlot);
    if (own && other && own->span.axis == axis)
      found.push_back({own->span, other->span});
  }
  return found;
}

// Positions on block axis `axis` of the second tensor that meet `position` of
// the first, whose block axes are `firstAxes`.
Range rangeAlong(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
                 const ChannelFibers &second, unsigned secondSlot,
                 unsigned axis, unsigned firstSlot,
                 ArrayRef<unsigned> firstAxes, ArrayRef<int64_t> position) {
  Range range{0, sizeOf(second, axis)};
  for (const Alignment &aligned :
       alignments(op, index, secondSlot, axis, firstSlot)) {
    range = {aligned.own.begin, aligned.own.begin + aligned.own.size};
    auto *place = llvm::find(firstAxes, aligned.other.axis);
    if (place == firstAxes.end())
      continue; // Blocks are alike for the first tensor.
    int64_t offset = position[place - firstAxes.begin()] - aligned.other.begin;
    if (offset < 0 || offset >= aligned.own.size)
      return {0, 0};
    range = {aligned.own.begin + offset, aligned.own.begin + offset + 1};
  }
  return range;
}

} // namespace

void forEachMeeting(const ChannelSegments &segments, const nn::ChannelAxes &op,
                    const nn::ChannelIndex &index, const nn::IndexedAxis &first,
                    const nn::IndexedAxis &second, NodePairVisitor visit) {
  const ChannelFibers *a =
      segments.find(op.tensor(first.slot), first.span.axis);
  const ChannelFibers *b =
      segments.find(op.tensor(second.slot), second.span.axis);
  if (!a || !b)
    return;
  unsigned beginA = a->segmentAt(first.span.begin);
  unsigned endA = a->segmentAt(first.span.begin + first.span.size);
  unsigned beginB = b->segmentAt(second.span.begin);
  for (unsigned block = 0; block < a->numBlocks(); ++block) {
    std::vector<int64_t> position = a->blockPosition(block);
    std::vector<Range> ranges;
    for (unsigned axis : b->blockAxes)
      ranges.push_back(rangeAlong(op, index, *b, second.slot, axis, first.slot,
                                  a->blockAxes, position));
    // Where the first tensor is cut out of the second's sight.
    bool meets = true;
    for (size_t i = 0; i < a->blockAxes.size(); ++i)
      for (const Alignment &aligned :
           alignments(op, index, first.slot, a->blockAxes[i], second.slot))
        meets &= position[i] >= aligned.own.begin &&
                 position[i] < aligned.own.begin + aligned.own.size;
    if (!meets)
      continue;
    forEachBlock(*b, ranges, [&](unsigned other) {
      for (unsigned s = beginA; s < endA; ++s)
        visit(a->node(block, s), b->node(other, beginB + s - beginA));
    });
  }
}

namespace {

// Row-major number of the position on all real axes of a group, from that on
// the block axes and, where the group holds it, the innermost axis.
std::optional<int64_t> numberIn(const ChannelFibers &fibers,
                                ArrayRef<unsigned> groupAxes,
                                ArrayRef<int64_t> position, int64_t innermost) {
  int64_t number = 0;
  for (unsigned axis : groupAxes) {
    if (sizeOf(fibers, axis) == 1)
      continue;
    int64_t at = innermost;
    if (axis != fibers.axis) {
      auto place = llvm::find(fibers.blockAxes, axis);
      if (place == fibers.blockAxes.end())
        return std::nullopt;
      at = position[place - fibers.blockAxes.begin()];
    }
    number = number * sizeOf(fibers, axis) + at;
  }
  return number;
}

// The inverse: positions on the block axes; returns that on the innermost.
int64_t placeIn(const ChannelFibers &fibers, ArrayRef<unsigned> groupAxes,
                int64_t number, MutableArrayRef<Range> ranges) {
  int64_t innermost = 0;
  for (unsigned axis : llvm::reverse(groupAxes)) {
    int64_t at = number % sizeOf(fibers, axis);
    number /= sizeOf(fibers, axis);
    if (axis == fibers.axis)
      innermost = at;
    auto place = llvm::find(fibers.blockAxes, axis);
    if (place != fibers.blockAxes.end())
      ranges[place - fibers.blockAxes.begin()] = {at, at + 1};
  }
  return innermost;
}

} // namespace

bool forEachRegrouped(const ChannelSegments &segments,
                      const nn::ChannelAxes &op,
                      const nn::Regrouping &regrouping, NodePairVisitor visit) {
  std::optional<InnermostRegrouping> inner =
      innermost(segments, op, regrouping);
  if (!inner)
    return false;
  const ChannelFibers &from = *inner->from, &to = *inner->to;
  std::vector<unsigned> fromAxes = inner->fromBlocks, toAxes = inner->toBlocks;
  fromAxes.push_back(from.axis), toAxes.push_back(to.axis);
  for (unsigned axis : inner->toBlocks)
    if (!llvm::is_contained(to.blockAxes, axis))
      return false;
  for (unsigned axis : inner->fromBlocks)
    if (!llvm::is_contained(from.blockAxes, axis))
      return false;
  for (unsigned block = 0; block < from.numBlocks(); ++block) {
    std::vector<int64_t> position = from.blockPosition(block);
    std::vector<Range> ranges;
    for (unsigned axis : to.blockAxes)
      ranges.push_back({0, sizeOf(to, axis)});
    for (const nn::Regrouping &other : op.regroupings())
      if (&other != &regrouping)
        if (std::optional<int64_t> number =
                numberIn(from, other.from, position, 0))
          placeIn(to, other.to, *number, ranges);
    for (unsigned s = 0; s < from.numSegments(); ++s) {
      int64_t number = *numberIn(from, fromAxes, position, from.cuts[s]);
      int64_t begin = placeIn(to, toAxes, number, ranges);
      forEachBlock(to, ranges, [&](unsigned other) {
        visit(from.node(block, s), to.node(other, to.segmentAt(begin)));
      });
    }
  }
  return true;
}

void forEachNode(const ChannelFibers &fibers, nn::AxisSpan span,
                 llvm::function_ref<void(unsigned)> visit) {
  auto last =
      std::upper_bound(fibers.cuts.begin(), fibers.cuts.end() - 1, span.begin);
  for (unsigned s = last == fibers.cuts.begin()
                        ? 0
                        : unsigned(last - fibers.cuts.begin()) - 1;
       s < fibers.numSegments() && fibers.cuts[s] < span.begin + span.size; ++s)
    for (unsigned block = 0; block < fibers.numBlocks(); ++block)
      visit(fibers.node(block, s));
}

std::optional<SmallVector<nn::AxisSpan>>
constantPart(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
             const ChannelSegment &segment, const nn::IndexedAxis &beside,
             const nn::IndexedAxis &constant) {
  const ChannelFibers &fibers = *segment.fibers;
  SmallVector<nn::AxisSpan> part{
      {constant.span.axis,
       constant.span.begin + segment.begin() - beside.span.begin,
       segment.size()}};
  llvm::append_range(part, constant.within);
  std::vector<int64_t> position = fibers.blockPosition(segment.block);
  for (size_t i = 0; i < position.size(); ++i)
    for (const Alignment &aligned : alignments(
             op, index, beside.slot, fibers.blockAxes[i], constant.slot)) {
      int64_t offset = position[i] - aligned.own.begin;
      if (offset < 0 || offset >= aligned.own.size)
        return std::nullopt;
      part.push_back({aligned.other.axis, aligned.other.begin + offset, 1});
    }
  // A part that is not there would be the site of a change that is not made.
  for (const nn::AxisSpan &span : part)
    if (span.begin < 0 ||
        span.size > op.sizeOf(constant.slot, span.axis) - span.begin)
      return std::nullopt;
  return part;
}

} // namespace qopt

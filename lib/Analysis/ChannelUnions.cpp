// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The laws of ops, turned into unions, pins and sites.
#include "lib/Analysis/ChannelUnions.h"
#include "lib/Analysis/ChannelLinks.h"
#include <map>

using namespace mlir;

namespace qopt {

using nn::AxisSpan, nn::ChannelAxes, nn::ChannelIndex, nn::Groups,
    nn::IndexedAxis, nn::Law, nn::LawOfIndex;

ChannelUnions::ChannelUnions(const ChannelSegments &segments, Groups kind)
    : segments(segments), group(kind), unions(segments.numNodes()),
      classFacts(segments.numNodes()) {
  pinByNature();
  for (const ChannelAxes &op : segments.ops()) {
    for (const LawOfIndex &law : op.laws())
      if (contains(law.groups, kind))
        applyLaw(op, law);
    for (const nn::Regrouping &regrouping : op.regroupings()) {
      bool known = forEachRegrouped(
          segments, op, regrouping, [&](unsigned a, unsigned b) {
            unite(a, b, /*inverse=*/false, op.operation());
          });
      if (known)
        continue;
      auto pinAll = [&](unsigned slot, ArrayRef<unsigned> axes) {
        for (unsigned axis : axes)
          if (const ChannelFibers *fibers =
                  segments.find(op.tensor(slot), axis))
            forEachNode(*fibers, op.wholeAxis(slot, axis), [&](unsigned node) {
              pin(node, op.operation(), "regrouped across channels");
            });
      };
      pinAll(0, regrouping.from);
      pinAll(op.resultSlot(), regrouping.to);
    }
    applyPins(op);
    pinUnsaid(op);
  }
  resolveProducts();
}

void ChannelUnions::unite(unsigned a, unsigned b, bool inverse, Operation *op) {
  // Only diagonals differ from their inverse transposes.
  inverse &= group == Groups::Diagonal;
  ClassFacts merged = facts(a), other = facts(b);
  merged.pinned |= other.pinned;
  merged.positiveOnly |= other.positiveOnly;
  merged.contracted |= other.contracted;
  bool consistent = unions.unite(a, b, inverse);
  classFacts[classOf(a)] = merged;
  if (!consistent)
    pin(a, op, "meets its own inverse");
}

void ChannelUnions::pin(unsigned node, Operation *op, const Twine &reason) {
  classFacts[classOf(node)].pinned = true;
  pins.push_back({node, {op, reason.str()}});
}

// Values that no element may act on, whatever the ops say.
void ChannelUnions::pinByNature() {
  for (const ChannelFibers &fibers : segments.allFibers()) {
    auto type = cast<RankedTensorType>(fibers.value.getType());
    Value value = fibers.value;
    Operation *op = value.getDefiningOp();
    AxisSpan whole{fibers.axis, 0, fibers.size()};
    auto pinWhole = [&](const Twine &reason) {
      forEachNode(fibers, whole, [&](unsigned node) { pin(node, op, reason); });
    };
    bool isState = llvm::any_of(segments.states(), [&](const StatePair &pair) {
      return pair.past == value && pair.axis != fibers.axis;
    });
    if (!op && !isState)
      pinWhole(isa<func::FuncOp>(value.getParentBlock()->getParentOp())
                   ? "graph input"
                   : "enters a region");
    if (group != Groups::Permutation && !isa<FloatType>(type.getElementType()))
      pinWhole("no floats");
    // An element on the block axis would mix blocks that have their own.
    for (unsigned axis : fibers.blockAxes)
      if (const ChannelFibers *block = segments.find(fibers.value, axis))
        forEachNode(*block, {axis, 0, block->size()}, [&](unsigned node) {
          pin(node, op, "numbers blocks of channels");
        });
  }
}

void ChannelUnions::applyLaw(const ChannelAxes &op, const LawOfIndex &law) {
  const ChannelIndex &index = op.indices()[law.index];
  if (segments.isUncut(index))
    return pinIndex(op, index, "thousands of pieces");
  if (!segments.isTracked(op, index))
    return pinIndex(op, index, "sizes not known, or one channel cut out");
  switch (law.law) {
  case Law::Join:
    return join(op, law);
  case Law::Contract:
    return contract(op, index);
  case Law::Product:
    return multiply(op, law);
  case Law::Norm:
    return recordNorm(op, law);
  case Law::Expand:
    return absorbOwn(op, index, law.slots.front());
  case Law::Bounds:
    return absorbOwn(op, index, /*operand=*/-1);
  case Law::Ignore:
    return;
  }
}

void ChannelUnions::join(const ChannelAxes &op, const LawOfIndex &law) {
  const ChannelIndex &index = op.indices()[law.index];
  const IndexedAxis *hub = nullptr;
  SmallVector<const IndexedAxis *> members;
  for (const IndexedAxis &axis : index.axes) {
    if (!law.slots.empty() && !llvm::is_contained(law.slots, axis.slot))
      continue;
    members.push_back(&axis);
    if (!op.isConstant(axis.slot))
      hub = &axis; // The result, as it comes last.
  }
  if (!hub)
    return;
  for (const IndexedAxis *member : members) {
    if (op.isConstant(member->slot))
      absorb(op, index, *hub, *member, ChannelRole::Writer, /*inverse=*/false);
    else if (member != hub)
      forEachMeeting(segments, op, index, *hub, *member,
                     [&](unsigned a, unsigned b) {
                       unite(a, b, /*inverse=*/false, op.operation());
                     });
  }
  if (law.positiveOnly)
    if (const ChannelFibers *fibers =
            segments.find(op.tensor(hub->slot), hub->span.axis))
      forEachNode(*fibers, hub->span, [&](unsigned node) {
        classFacts[classOf(node)].positiveOnly = true;
      });
}

void ChannelUnions::contract(const ChannelAxes &op, const ChannelIndex &index) {
  const IndexedAxis *first = &index.axes[0], *second = &index.axes[1];
  if (op.isConstant(first->slot))
    std::swap(first, second);
  const ChannelFibers *fibers =
      segments.find(op.tensor(first->slot), first->span.axis);
  if (!fibers)
    return; // Constants on both sides, or one channel.
  if (op.isConstant(second->slot))
    absorb(op, index, *first, *second, ChannelRole::Reader, /*inverse=*/true);
  else
    forEachMeeting(segments, op, index, *first, *second,
                   [&](unsigned a, unsigned b) {
                     unite(a, b, /*inverse=*/true, op.operation());
                   });
  forEachNode(*fibers, first->span, [&](unsigned node) {
    classFacts[classOf(node)].contracted = true;
  });
}

// result = a * b, or a / b. With a constant factor c the activation's and the
// result's elements are free of each other: c takes g_result / g_a.
void ChannelUnions::multiply(const ChannelAxes &op, const LawOfIndex &law) {
  const ChannelIndex &index = op.indices()[law.index];
  const IndexedAxis &result = *index.find(law.slots.front());
  const nn::Factor *constant = nullptr;
  SmallVector<const nn::Factor *> computed;
  for (const nn::Factor &factor : law.factors)
    op.isConstant(factor.slot) ? void(constant = &factor)
                               : computed.push_back(&factor);
  if (constant) {
    const IndexedAxis &axis = *index.find(constant->slot);
    absorb(op, index, result, axis, ChannelRole::Writer, constant->inverse);
    for (const nn::Factor *factor : computed)
      absorb(op, index, *index.find(factor->slot), axis, ChannelRole::Reader,
             /*inverse=*/factor->inverse == constant->inverse);
    return;
  }
  std::map<unsigned, SmallVector<unsigned, 1>> meetA, meetB;
  const IndexedAxis &a = *index.find(computed[0]->slot);
  const IndexedAxis &b = *index.find(computed[1]->slot);
  forEachMeeting(segments, op, index, result, a,
                 [&](unsigned r, unsigned n) { meetA[r].push_back(n); });
  forEachMeeting(segments, op, index, result, b,
                 [&](unsigned r, unsigned n) { meetB[r].push_back(n); });
  for (auto &[node, as] : meetA)
    for (unsigned nodeA : as)
      for (unsigned nodeB : meetB[node])
        products.push_back(
            {node, nodeA, nodeB, computed[1]->inverse, op.operation()});
}

void ChannelUnions::recordNorm(const ChannelAxes &op, const LawOfIndex &law) {
  NormPassage passage{&op,
                      &op.indices()[law.index],
                      law.slots[0],
                      law.factors.front().slot,
                      law.slots[1],
                      law.centered,
                      {}};
  forEachMeeting(segments, op, *passage.index, *passage.index->find(passage.x),
                 *passage.index->find(passage.result),
                 [&](unsigned a, unsigned b) {
                   passage.nodes.push_back({a, b});
                 });
  norms.push_back(std::move(passage));
}

// A constant without the axis, or the op's own bounds: beside the result.
void ChannelUnions::absorbOwn(const ChannelAxes &op, const ChannelIndex &index,
                              int operand) {
  const IndexedAxis &result = index.axes.back();
  const ChannelFibers *fibers =
      segments.find(op.tensor(result.slot), result.span.axis);
  if (!fibers)
    return;
  std::map<unsigned, unsigned> firstOf; // By segment: blocks share the vector.
  forEachNode(*fibers, result.span, [&](unsigned node) {
    ChannelSite site;
    site.op = op.operation();
    site.operand = operand;
    site.becomesVector = true;
    ChannelSegment segment = segments.segment(node);
    site.span = {result.span.axis, segment.begin(), segment.size()};
    addSite(node, std::move(site));
    unite(node, firstOf.try_emplace(segment.segment, node).first->second,
          /*inverse=*/false, op.operation());
  });
}

void ChannelUnions::absorb(const ChannelAxes &op, const ChannelIndex &index,
                           const IndexedAxis &beside,
                           const IndexedAxis &constant, ChannelRole role,
                           bool inverse) {
  const ChannelFibers *fibers =
      segments.find(op.tensor(beside.slot), beside.span.axis);
  if (!fibers)
    return;
  // Blocks that meet one part of the constant get one element.
  std::map<std::vector<int64_t>, unsigned> firstOf;
  forEachNode(*fibers, beside.span, [&](unsigned node) {
    auto part =
        constantPart(op, index, segments.segment(node), beside, constant);
    if (!part)
      return;
    ChannelSite site;
    site.op = op.operation();
    site.operand = constant.slot;
    site.span = part->front();
    site.within.assign(part->begin() + 1, part->end());
    site.role = role;
    site.inverse = inverse && group == Groups::Diagonal;
    addSite(node, std::move(site));
    std::vector<int64_t> key;
    for (const AxisSpan &span : *part)
      key.insert(key.end(), {span.axis, span.begin, span.size});
    unite(node, firstOf.try_emplace(key, node).first->second,
          /*inverse=*/false, op.operation());
  });
}

void ChannelUnions::applyPins(const ChannelAxes &op) {
  for (const nn::AxisPin &pinned : op.pins())
    if (contains(pinned.groups, group))
      if (const ChannelFibers *fibers =
              segments.find(op.tensor(pinned.slot), pinned.span.axis))
        forEachNode(*fibers, pinned.span, [&](unsigned node) {
          pin(node, op.operation(), pinned.reason);
        });
}

void ChannelUnions::pinUnsaid(const ChannelAxes &op) {
  for (unsigned slot = 0; slot < op.numSlots(); ++slot) {
    RankedTensorType type = op.typeOf(slot);
    for (unsigned axis = 0; type && axis < type.getRank(); ++axis)
      if (const ChannelFibers *fibers = segments.find(op.tensor(slot), axis);
          fibers && !op.speaksOf(group, slot, axis))
        forEachNode(*fibers, op.wholeAxis(slot, axis), [&](unsigned node) {
          pin(node, op.operation(), "says nothing of this axis");
        });
  }
}

void ChannelUnions::pinIndex(const ChannelAxes &op, const ChannelIndex &index,
                             const Twine &reason) {
  for (const IndexedAxis &axis : index.axes)
    if (const ChannelFibers *fibers =
            segments.find(op.tensor(axis.slot), axis.span.axis))
      forEachNode(*fibers, axis.span,
                  [&](unsigned node) { pin(node, op.operation(), reason); });
}

// g_result = g_a g_b: once one factor is known to be pinned, the result carries
// the other's element. Where nothing pins either, the first is let free.
void ChannelUnions::resolveProducts() {
  std::vector<Product> open = products;
  auto settle = [&](const Product &product) {
    if (facts(product.b).pinned)
      unite(product.result, product.a, /*inverse=*/false, product.op);
    else if (facts(product.a).pinned)
      unite(product.result, product.b, product.inverseB, product.op);
    else
      return false;
    return true;
  };
  while (!open.empty()) {
    size_t before = open.size();
    std::erase_if(open, settle);
    if (open.size() == before)
      pin(open.front().b, open.front().op, "the second factor of a product");
  }
}

} // namespace qopt

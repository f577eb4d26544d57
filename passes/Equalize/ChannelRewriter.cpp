// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants are read, changed along fibers, and replaced where they are used.
#include "passes/Equalize/ChannelRewriter.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "passes/Equalize/ConstantFibers.h"

using namespace mlir;

namespace qopt {
namespace {

constexpr unsigned boundOperand = 1; // Of max and min.

void append(std::vector<int64_t> &key, const nn::AxisSpan &span) {
  key.insert(key.end(), {span.axis, span.begin, span.size});
}

std::string resourceName(Value constant) {
  Attribute data;
  if (matchPattern(constant, m_Constant(&data)))
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
      return resource.getRawHandle().getKey().str();
  return "equalized";
}

// The part of a result's shape that a constant without the axis has to get.
void makeVector(ConstantFibers &fibers, Operation *op, ChannelSite &site) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  unsigned axis = site.span.axis;
  int64_t missing = type.getRank() - fibers.type().getRank();
  if (int64_t(axis) < missing ||
      fibers.type().getDimSize(fibers.alignedAxis(type.getRank(), axis)) == 1)
    fibers.repeat(type.getRank(), axis, type.getDimSize(axis));
  site.span.axis = fibers.alignedAxis(type.getRank(), axis);
}

} // namespace

std::string ChannelRewriter::apply(const ChannelSpace &space,
                                   const ChannelElement &element) {
  if (!space.isFree())
    return "the space is pinned";
  for (const NormCondition &condition : space.conditions)
    if (condition.moveGain || condition.removeMean)
      return "norms are not prepared";
  std::vector<SiteAction> actions;
  for (auto [number, block] : llvm::enumerate(space.blocks))
    for (const ChannelSite &site : block.sites)
      actions.push_back(
          {site, int64_t(number) * 2 + site.inverse,
           [&element, number = number](const ChannelSite &site,
                                       MutableArrayRef<double> channels) {
             actOnChannels(element, number, site.inverse, channels);
           }});
  return rewrite(actions);
}

// Everything is read and all costs are summed before anything changes.
std::string ChannelRewriter::rewrite(ArrayRef<SiteAction> actions) {
  llvm::MapVector<OpOperand *, std::vector<SiteAction>> uses;
  SpreadClips clips;
  for (const SiteAction &action : actions) {
    Operation *op = action.site.op;
    if (action.site.operand >= 0) {
      uses[&op->getOpOperand(action.site.operand)].push_back(action);
      continue;
    }
    if (keepBounds)
      continue;
    auto known = spread.find(op);
    if (known == spread.end()) {
      if (!planBounds(action, clips))
        return "a clip has bounds of 64-bit integers";
      continue;
    }
    for (Operation *half : known->second)
      uses[&half->getOpOperand(boundOperand)].push_back(onVector(action, half));
  }
  Replacements replacements;
  for (auto &[use, wanted] : uses)
    if (!plan(*use, wanted, replacements))
      return "a constant cannot be read";
  if (int64_t bytes = cloneBytesOf(replacements); bytes > mostCloneBytes)
    return "clones would take " + std::to_string(bytes) + " bytes";
  install(replacements);
  install(clips);
  return "";
}

bool ChannelRewriter::plan(OpOperand &use, ArrayRef<SiteAction> wanted,
                           Replacements &replacements) {
  std::optional<ConstantFibers> fibers = ConstantFibers::of(use.get());
  if (!fibers)
    return false;
  ActionKey key;
  for (const SiteAction &action : wanted) {
    const ChannelSite &site = action.site;
    key.push_back(action.key);
    append(key, site.span);
    if (site.becomesVector) {
      auto type =
          cast<RankedTensorType>(use.getOwner()->getResult(0).getType());
      key.insert(key.end(), {type.getRank(), type.getDimSize(site.span.axis)});
    }
    for (const nn::AxisSpan &span : site.within)
      append(key, span);
  }
  auto [place, isNew] = replacements[use.get()].try_emplace(key);
  place->second.uses.push_back(&use);
  if (!isNew)
    return true;
  for (const SiteAction &action : wanted) {
    ChannelSite site = action.site;
    if (site.becomesVector)
      makeVector(*fibers, use.getOwner(), site);
    fibers->forEachFiber(
        site.span, site.within,
        [&](MutableArrayRef<double> channels) { action.act(site, channels); });
  }
  place->second.fibers = std::move(fibers);
  return true;
}

// What constants take that stay beside their first replacement.
int64_t ChannelRewriter::cloneBytesOf(const Replacements &replacements) const {
  int64_t bytes = 0;
  for (auto &[constant, ofConstant] : replacements) {
    size_t replaced = 0;
    for (auto &[key, replacement] : ofConstant)
      replaced += replacement.uses.size();
    bool stays = replaced < size_t(std::distance(constant.use_begin(),
                                                 constant.use_end()));
    auto type = cast<RankedTensorType>(constant.getType());
    bytes += int64_t(ofConstant.size() - !stays) * type.getNumElements() *
             nn::elementBytes(type.getElementType());
  }
  return bytes;
}

void ChannelRewriter::install(const Replacements &replacements) {
  for (auto &[constant, ofConstant] : replacements) {
    for (auto &[key, replacement] : ofConstant) {
      builder.setInsertionPointAfterValue(constant);
      Value changed = replacement.fibers->materialize(
          builder, constant.getLoc(), resourceName(constant));
      for (OpOperand *use : replacement.uses)
        use->set(changed);
    }
    // Else it would count as stored.
    if (constant.use_empty())
      constant.getDefiningOp()->erase();
  }
}

// The action on a bound that has become a vector, an operand of `half`.
ChannelRewriter::SiteAction ChannelRewriter::onVector(SiteAction action,
                                                      Operation *half) {
  action.site.op = half;
  action.site.operand = boundOperand;
  // The vector lies along the first of its axes.
  action.site.span.axis = 0;
  action.site.becomesVector = false;
  return action;
}

bool ChannelRewriter::planBounds(const SiteAction &action, SpreadClips &clips) {
  auto clip = cast<nn::ClipOp>(action.site.op);
  auto type = cast<RankedTensorType>(clip.getResult().getType());
  // They do not all fit into a double (ConstantFibers::of).
  if (type.getElementType().isInteger(64))
    return false;
  auto [place, isNew] = clips.try_emplace(clip);
  SpreadClip &vectors = place->second;
  unsigned axis = action.site.span.axis;
  auto vector = [&](const APFloat &number) {
    return number.isInfinity()
               ? std::nullopt
               : std::optional(ConstantFibers::splat(
                     type.getElementType(), number.convertToDouble(),
                     type.getRank(), axis, type.getDimSize(axis)));
  };
  if (isNew)
    vectors = {vector(clip.getLo()), vector(clip.getHi())};
  SiteAction ofVector = onVector(action, clip);
  for (std::optional<ConstantFibers> *bound : {&vectors.low, &vectors.high})
    if (*bound)
      (*bound)->forEachFiber(ofVector.site.span, {},
                             [&](MutableArrayRef<double> channels) {
                               action.act(ofVector.site, channels);
                             });
  return true;
}

// clip becomes max and min with a vector each, once; its bounds are then
// constants like others. One of them is finite, else no site names the clip.
void ChannelRewriter::install(const SpreadClips &clips) {
  for (auto &[op, vectors] : clips) {
    auto clip = cast<nn::ClipOp>(op);
    SmallVector<Operation *, 2> &halves = spread[op];
    Type type = clip.getResult().getType();
    Value value = clip.getX();
    builder.setInsertionPoint(clip);
    if (vectors.low) {
      Value low = vectors.low->materialize(builder, clip.getLoc(), "bound");
      value = nn::MaxOp::create(builder, clip.getLoc(), type, value, low);
      halves.push_back(value.getDefiningOp());
    }
    if (vectors.high) {
      Value high = vectors.high->materialize(builder, clip.getLoc(), "bound");
      value = nn::MinOp::create(builder, clip.getLoc(), type, value, high);
      halves.push_back(value.getDefiningOp());
    }
    halves.back()->setDiscardableAttrs(clip->getDiscardableAttrDictionary());
    clip.getResult().replaceAllUsesWith(value);
    clip.erase();
  }
}

//===-- Norms -------------------------------------------------------------===//

std::string ChannelRewriter::moveGain(const ChannelSpaces &spaces,
                                      Operation *norm) {
  std::optional<nn::ConstantView> view =
      nn::ConstantView::of(norm->getOperand(gainOperand));
  std::optional<std::vector<double>> gain =
      view ? view->values<double>() : std::nullopt;
  if (!gain)
    return "a gain cannot be read";
  for (const ChannelSpace &space : spaces.spaces()) {
    if (space.kind != nn::Groups::Diagonal)
      continue;
    ChannelElement element;
    element.kind = nn::Groups::Diagonal;
    bool takesPart = false;
    for (const ChannelBlock &block : space.blocks) {
      std::vector<double> &factors =
          element.factors.emplace_back(size_t(space.blockSize), 1.0);
      for (const ChannelSite &site : block.sites) {
        if (site.op != norm || site.operand != int(gainOperand))
          continue;
        takesPart = true;
        for (int64_t c = 0; c < space.blockSize; ++c) {
          double factor = (*gain)[site.span.begin + c];
          factors[c] = site.inverse ? factor : 1 / factor;
        }
      }
    }
    if (takesPart)
      if (std::string reason = apply(space, element); !reason.empty())
        return reason;
  }
  return "";
}

// layer_norm(x) of an x without mean is rms_norm(x), bias added.
void ChannelRewriter::subtractNoMean(Operation *op) {
  auto norm = cast<nn::LayerNormOp>(op);
  builder.setInsertionPoint(norm);
  Type type = norm.getResult().getType();
  Operation *last =
      nn::RMSNormOp::create(builder, norm.getLoc(), type, norm.getX(),
                            norm.getGain(), norm.getEpsilonAttr());
  if (norm.getBias())
    last = nn::AddOp::create(builder, norm.getLoc(), type, last->getResult(0),
                             norm.getBias());
  last->setDiscardableAttrs(norm->getDiscardableAttrDictionary());
  norm.getResult().replaceAllUsesWith(last->getResult(0));
  norm.erase();
}

std::string ChannelRewriter::prepareNorms(const ChannelSpaces &spaces,
                                          const ChannelSpace &space) {
  if (!space.isFree())
    return "the space is pinned";
  for (const NormCondition &condition : space.conditions)
    if (condition.moveGain)
      if (std::string reason = moveGain(spaces, condition.norm);
          !reason.empty())
        return reason;
  std::vector<SiteAction> actions;
  for (const ChannelBlock &block : space.blocks)
    for (const ChannelSite &site : block.sites)
      if (site.losesMean && site.role == ChannelRole::Writer)
        actions.push_back(
            {site, 0, [](const ChannelSite &, MutableArrayRef<double> x) {
               removeMean(x);
             }});
  if (std::string reason = rewrite(actions); !reason.empty())
    return reason;
  for (const NormCondition &condition : space.conditions)
    if (condition.removeMean)
      subtractNoMean(condition.norm);
  return "";
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Classes of nodes become spaces; classes that are alike become blocks of one.
#include "lib/Analysis/ChannelSpaces.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/ChannelUnions.h"
#include <array>
#include <map>
#include <set>
#include <tuple>

using namespace mlir;

namespace qopt {

using nn::Groups;

std::string ChannelSpace::name() const {
  char letter = kind == Groups::Diagonal      ? 'D'
                : kind == Groups::Permutation ? 'P'
                                              : 'O';
  return letter + std::to_string(number);
}

namespace {

// A class before it is known whether others are like it.
struct ChannelClass {
  ChannelBlock block;
  std::vector<ChannelPin> pins;
  std::vector<NormCondition> conditions;
  bool positiveOnly = false;
};

// What two blocks of one space have in common: everything but positions.
using Signature = std::vector<int64_t>;

class Collector {
public:
  Collector(const ChannelSegments &segments, ChannelUnions &unions)
      : segments(segments), unions(unions) {
    for (auto [number, op] : llvm::enumerate(segments.ops()))
      opNumbers[op.operation()] = number;
  }

  void collectInto(std::vector<ChannelSpace> &spaces) {
    gather();
    std::map<Signature, size_t> known;
    unsigned number = 0;
    for (auto &[root, found] : classes) {
      if (!absorbs(found.block) || isTrivial(found.block))
        continue;
      sortSites(found.block);
      auto [place, isNew] = known.insert({signatureOf(found), spaces.size()});
      if (isNew) {
        spaces.emplace_back();
        ChannelSpace &space = spaces.back();
        space.kind = unions.kind();
        space.number = number++;
        space.blockSize = found.block.segments.front().size();
        space.pins = std::move(found.pins);
        space.conditions = std::move(found.conditions);
        space.positiveOnly = found.positiveOnly;
      }
      spaces[place->second].blocks.push_back(std::move(found.block));
    }
  }

private:
  void gather() {
    for (unsigned node = 0; node < segments.numNodes(); ++node) {
      ChannelClass &found = classes[unions.classOf(node)];
      found.block.segments.push_back(segments.segment(node));
      found.block.inverse.push_back(unions.isInverse(node));
      found.positiveOnly = unions.facts(node).positiveOnly;
    }
    for (auto &[node, site] : unions.sites) {
      site.inverse ^= unions.isInverse(node);
      classes[unions.classOf(node)].block.sites.push_back(std::move(site));
    }
    for (auto &[node, pin] : unions.pins) {
      std::vector<ChannelPin> &pins = classes[unions.classOf(node)].pins;
      if (llvm::none_of(pins, [&, &pin = pin](const ChannelPin &other) {
            return other.op == pin.op && other.reason == pin.reason;
          }))
        pins.push_back(std::move(pin));
    }
    for (auto &[node, condition] : unions.conditions) {
      std::vector<NormCondition> &conditions =
          classes[unions.classOf(node)].conditions;
      if (llvm::none_of(conditions, [&, &c = condition](const auto &other) {
            return other.norm == c.norm;
          }))
        conditions.push_back(condition);
    }
  }

  // Whether some constant runs along the channels.
  static bool absorbs(const ChannelBlock &block) {
    return llvm::any_of(block.sites, [](const ChannelSite &site) {
      return !site.becomesVector;
    });
  }

  // One channel can be scaled, but neither permuted nor rotated.
  bool isTrivial(const ChannelBlock &block) const {
    return unions.kind() != Groups::Diagonal &&
           block.segments.front().size() == 1;
  }

  // Program order; of one site that several nodes see, one remains.
  void sortSites(ChannelBlock &block) {
    auto key = [&](const ChannelSite &site) {
      auto spanKey = [](const nn::AxisSpan &span) {
        return std::array<int64_t, 3>{span.axis, span.begin, span.size};
      };
      std::vector<std::array<int64_t, 3>> spans{spanKey(site.span)};
      for (const nn::AxisSpan &span : site.within)
        spans.push_back(spanKey(span));
      return std::tuple(opNumbers.lookup(site.op), site.operand, site.role,
                        site.inverse, spans);
    };
    std::map<decltype(key(block.sites[0])), ChannelSite> sorted;
    for (ChannelSite &site : block.sites)
      sorted.insert({key(site), site});
    block.sites.clear();
    for (auto &[order, site] : sorted)
      block.sites.push_back(std::move(site));
  }

  Signature signatureOf(const ChannelClass &found) {
    Signature signature{found.block.segments.front().size(),
                        found.positiveOnly};
    for (const ChannelSegment &segment : found.block.segments)
      signature.push_back(segment.fibers - segments.allFibers().data());
    for (const ChannelSite &site : found.block.sites) {
      signature.insert(signature.end(),
                       {-1, opNumbers.lookup(site.op), site.operand,
                        site.span.axis, site.role == ChannelRole::Reader,
                        site.inverse, site.losesMean});
    }
    for (const ChannelPin &pin : found.pins) {
      signature.insert(signature.end(), {-2, opNumbers.lookup(pin.op)});
      for (char c : pin.reason)
        signature.push_back(c);
    }
    for (const NormCondition &condition : found.conditions)
      signature.insert(signature.end(), {-3, opNumbers.lookup(condition.norm)});
    return signature;
  }

  const ChannelSegments &segments;
  ChannelUnions &unions;
  std::map<unsigned, ChannelClass> classes; // By representative.
  llvm::DenseMap<Operation *, int64_t> opNumbers;
};

int64_t bytesOf(Value constant) {
  auto type = cast<RankedTensorType>(constant.getType());
  return type.getNumElements() * nn::elementBytes(type.getElementType());
}

// Uses of a constant agree on a space if all of them absorb its elements in the
// same places and the same way.
void findTies(ChannelSpace &space) {
  using Place = std::tuple<unsigned, size_t, int64_t, bool>; // axis, block, ...
  llvm::MapVector<Value, llvm::MapVector<OpOperand *, std::set<Place>>> uses;
  for (auto [number, block] : llvm::enumerate(space.blocks))
    for (const ChannelSite &site : block.sites)
      if (!site.becomesVector)
        uses[site.constant()][&site.op->getOpOperand(site.operand)].insert(
            {site.span.axis, number, site.span.begin, site.inverse});
  for (auto &[constant, places] : uses) {
    bool agree = true;
    for (OpOperand &use : constant.getUses()) {
      auto found = places.find(&use);
      agree &= found != places.end() && found->second == places.begin()->second;
    }
    if (!agree)
      space.ties.push_back({places.begin()->first->getOwner(),
                            places.begin()->first->getOperandNumber(),
                            bytesOf(constant)});
  }
}

} // namespace

ChannelSpaces::ChannelSpaces(func::FuncOp function,
                             const ChannelSpacesOptions &options)
    : analysed(function), allSegments(function, options) {
  ChannelUnions diagonal(allSegments, Groups::Diagonal);
  ChannelUnions permutation(allSegments, Groups::Permutation);
  ChannelUnions orthogonal(allSegments, Groups::Orthogonal);
  passNorms(orthogonal, diagonal, allSegments);
  for (ChannelUnions *unions : {&diagonal, &permutation, &orthogonal})
    Collector(allSegments, *unions).collectInto(found);
  for (ChannelSpace &space : found)
    findTies(space);
}

} // namespace qopt

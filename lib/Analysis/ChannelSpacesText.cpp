// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants are called by the name in their location, else by their reader's.
#include "lib/Analysis/ChannelSpacesText.h"
#include "lib/Analysis/LocationNames.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace qopt {
namespace {

std::string opName(Operation *op) {
  std::string name = nameOf(op->getLoc(), "");
  std::string kind = op->getName().getStringRef().str();
  return name.empty() ? kind : kind + " " + name;
}

std::string siteName(const ChannelSite &site) {
  std::string own = nameOf(site.op->getLoc(), site.op->getName().stripDialect());
  if (site.operand < 0)
    return own + ".bounds";
  return nameOf(site.constant().getLoc(),
                own + "." + std::to_string(site.operand));
}

// Spans of one axis of a constant that the blocks of a space take, merged.
struct AxisParts {
  std::string name; // With what precedes it.
  unsigned axis = 0;
  int64_t axisSize = 0;
  std::map<int64_t, int64_t> spans; // begin -> end

  void add(int64_t begin, int64_t end) {
    auto [place, isNew] = spans.insert({begin, end});
    place->second = std::max(place->second, end);
  }

  std::string text() const {
    std::vector<std::pair<int64_t, int64_t>> merged;
    for (auto [begin, end] : spans) {
      if (!merged.empty() && begin <= merged.back().second)
        merged.back().second = std::max(merged.back().second, end);
      else
        merged.push_back({begin, end});
    }
    std::string result = name + "[" + std::to_string(axis);
    if (merged.size() != 1 || merged[0].first != 0 ||
        merged[0].second != axisSize)
      for (auto [i, span] : llvm::enumerate(merged))
        result += (i ? "," : ":") +
                  llvm::formatv("{0}..{1}", span.first, span.second).str();
    return result + "]";
  }
};

std::string sitesText(const ChannelSpace &space, ChannelRole role) {
  std::vector<std::string> words; // Of sites without an axis.
  std::vector<AxisParts> parts;
  std::map<std::string, size_t> known;
  for (const ChannelBlock &block : space.blocks)
    for (const ChannelSite &site : block.sites) {
      if (site.role != role)
        continue;
      bool unusual = space.kind == nn::Groups::Diagonal &&
                     site.inverse != (role == ChannelRole::Reader);
      std::string name = (unusual ? "1/" : "") + siteName(site);
      if (!site.span) {
        if (known.insert({name, 0}).second)
          parts.push_back({site.operand < 0 ? name : "+" + name, 0, -1, {}});
        continue;
      }
      auto type = cast<RankedTensorType>(site.constant().getType());
      std::string key = name + "@" + std::to_string(site.span->axis);
      auto [place, isNew] = known.insert({key, parts.size()});
      if (isNew)
        parts.push_back({name, site.span->axis,
                         type.getDimSize(site.span->axis), {}});
      parts[place->second].add(site.span->begin,
                               site.span->begin + site.span->size);
    }
  for (const AxisParts &part : parts)
    words.push_back(part.axisSize < 0 ? part.name : part.text());
  return words.empty() ? "nothing" : llvm::join(words, " ");
}

std::string sizeText(const ChannelSpace &space) {
  std::string size = std::to_string(space.blockSize);
  return space.blocks.size() == 1
             ? size
             : std::to_string(space.blocks.size()) + " x " + size;
}

void printNotes(const ChannelSpace &space, llvm::raw_ostream &os) {
  for (const NormCondition &condition : space.conditions) {
    if (!condition.moveGain && !condition.removeMean)
      continue;
    os << "      needs ";
    if (condition.moveGain)
      os << "the gain of " << opName(condition.norm) << " in its readers";
    if (condition.moveGain && condition.removeMean)
      os << ", ";
    if (condition.removeMean)
      os << "the mean of " << opName(condition.norm) << " out of its writers";
    os << "\n";
  }
  for (const TiedConstant &tie : space.ties)
    os << "      clones " << nameOf(tie.constant.getLoc(), "a constant")
       << ", " << tie.cloneBytes << " bytes\n";
  for (const ChannelPin &pin : space.pins)
    os << "      " << (pin.op ? opName(pin.op) + ": " : "") << pin.reason
       << "\n";
}

} // namespace

void printChannelSpaces(const ChannelSpaces &spaces, llvm::raw_ostream &os,
                        bool showPinned) {
  for (const ChannelSpace &space : spaces.spaces()) {
    if (!space.isFree() && !showPinned)
      continue;
    os << llvm::formatv("{0,-4}  {1,-10} {2}  {3} -> {4}\n", space.name(),
                        sizeText(space), space.isFree() ? "free  " : "pinned",
                        sitesText(space, ChannelRole::Writer),
                        sitesText(space, ChannelRole::Reader));
    printNotes(space, os);
  }
}

} // namespace qopt

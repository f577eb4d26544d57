// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constants are called by the name in their location, else by their reader's.
#include "lib/Analysis/ChannelSpacesText.h"
#include "lib/Analysis/LocationNames.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <map>
#include <tuple>

using namespace mlir;

namespace qopt {
namespace {

// What a model calls a constant. Large ones keep a name as a resource, with
// numbers that only tell copies apart; a name without a path is a pass's.
std::string constantName(Operation *op, unsigned operand) {
  Value constant = op->getOperand(operand);
  Attribute data;
  if (matchPattern(constant, m_Constant(&data)))
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(data)) {
      StringRef key = resource.getRawHandle().getKey();
      for (StringRef rest = key.rtrim("0123456789");
           rest.size() < key.size() && rest.consume_back("_");
           rest = key.rtrim("0123456789"))
        key = rest;
      if (key.find_first_of("./") != StringRef::npos)
        return key.str();
    }
  std::string reader = nameOf(op->getLoc(), op->getName().stripDialect());
  std::string own = nameOf(constant.getLoc(), "");
  return own.empty() || own == reader ? reader + "." + std::to_string(operand)
                                      : own;
}

std::string siteName(const ChannelSite &site) {
  return site.operand < 0
             ? nameOf(site.op->getLoc(), site.op->getName().stripDialect()) +
                   ".bounds"
             : constantName(site.op, site.operand);
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

std::string sitesText(const ChannelSpace &space, ChannelRole role,
                      size_t mostNames) {
  std::vector<std::string> words;
  std::vector<AxisParts> parts;
  // One word for a constant's axis; without a constant, for an op.
  std::map<std::tuple<void *, unsigned, bool>, size_t> known;
  for (const ChannelBlock &block : space.blocks)
    for (const ChannelSite &site : block.sites) {
      if (site.role != role)
        continue;
      bool unusual = space.kind == nn::Groups::Diagonal &&
                     site.inverse != (role == ChannelRole::Reader);
      std::string name = siteName(site) + (unusual ? "^-1" : "");
      void *constant =
          site.operand < 0 ? site.op : site.constant().getAsOpaquePointer();
      unsigned axis = site.becomesVector ? ~0u : site.span.axis;
      auto [place, isNew] =
          known.insert({{constant, axis, unusual}, parts.size()});
      if (site.becomesVector) {
        if (isNew)
          parts.push_back({site.operand < 0 ? name : "+" + name, 0, -1, {}});
        continue;
      }
      auto type = cast<RankedTensorType>(site.constant().getType());
      if (isNew)
        parts.push_back({name, axis, type.getDimSize(axis), {}});
      parts[place->second].add(site.span.begin,
                               site.span.begin + site.span.size);
    }
  for (const AxisParts &part : parts)
    words.push_back(part.axisSize < 0 ? part.name : part.text());
  if (words.size() > mostNames) {
    std::string rest = std::to_string(words.size() - mostNames);
    words.resize(mostNames);
    words.push_back("and " + rest + " more");
  }
  return words.empty() ? "nothing" : llvm::join(words, " ");
}

std::string sizeText(const ChannelSpace &space) {
  std::string size = std::to_string(space.blockSize);
  return space.blocks.size() == 1
             ? size
             : std::to_string(space.blocks.size()) + " x " + size;
}

// "nn.gelu (act and 3 more)", "nn.gelu (4 of them)" for ops of one kind.
std::string opNames(ArrayRef<Operation *> ops) {
  std::string kind = ops.front()->getName().getStringRef().str();
  std::string name = nameOf(ops.front()->getLoc(), "");
  if (ops.size() == 1)
    return name.empty() ? kind : kind + " (" + name + ")";
  return name.empty()
             ? llvm::formatv("{0} ({1} of them)", kind, ops.size()).str()
             : llvm::formatv("{0} ({1} and {2} more)", kind, name,
                             ops.size() - 1)
                   .str();
}

void printConditions(const ChannelSpace &space, llvm::raw_ostream &os) {
  SmallVector<Operation *> gains, means;
  for (const NormCondition &condition : space.conditions) {
    if (condition.moveGain)
      gains.push_back(condition.norm);
    if (condition.removeMean)
      means.push_back(condition.norm);
  }
  if (!gains.empty())
    os << "        needs the gain of " << opNames(gains)
       << " moved into its readers\n";
  if (!means.empty())
    os << "        needs the mean that " << opNames(means)
       << " subtracts taken out of the writers\n";
}

void printPins(const ChannelSpace &space, llvm::raw_ostream &os) {
  // By kind of op and reason; an empty kind stands for the graph.
  llvm::MapVector<std::pair<StringRef, StringRef>, SmallVector<Operation *>>
      groups;
  for (const ChannelPin &pin : space.pins)
    groups[{pin.op ? pin.op->getName().getStringRef() : "", pin.reason}]
        .push_back(pin.op);
  for (auto &[key, ops] : groups)
    os << "        " << (ops.front() ? opNames(ops) + ": " : "") << key.second
       << "\n";
}

void printNotes(const ChannelSpace &space, llvm::raw_ostream &os) {
  printConditions(space, os);
  for (const TiedConstant &tie : space.ties)
    if (space.isFree())
      os << "        clones " << constantName(tie.user, tie.operand) << " for "
         << tie.cloneBytes << " bytes\n";
  printPins(space, os);
}

// As the bodies of loops and branches are functions of their own.
bool isOneOfSeveral(func::FuncOp function) {
  auto module = function->getParentOfType<ModuleOp>();
  return module && llvm::range_size(module.getOps<func::FuncOp>()) > 1;
}

StringRef heading(nn::Groups kind) {
  switch (kind) {
  case nn::Groups::Diagonal:
    return "D: positive diagonals";
  case nn::Groups::Permutation:
    return "P: permutations";
  default:
    return "O: orthogonal maps";
  }
}

} // namespace

void printChannelSpaces(const ChannelSpaces &spaces, llvm::raw_ostream &os,
                        const ChannelSpacesStyle &style) {
  func::FuncOp function = spaces.function();
  if (style.nameFunctions && isOneOfSeveral(function))
    os << "@" << function.getSymName() << "\n";
  std::optional<nn::Groups> last;
  for (const ChannelSpace &space : spaces.spaces()) {
    if (!space.isFree() && style.freeOnly)
      continue;
    if (last != space.kind)
      os << heading(space.kind) << "\n";
    last = space.kind;
    os << llvm::formatv("  {0,-4} {1,-9} {2}  {3} -> {4}\n", space.name(),
                        sizeText(space), space.isFree() ? "free  " : "pinned",
                        sitesText(space, ChannelRole::Writer, style.mostNames),
                        sitesText(space, ChannelRole::Reader, style.mostNames));
    printNotes(space, os);
  }
}

} // namespace qopt

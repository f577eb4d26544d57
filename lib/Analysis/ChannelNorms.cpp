// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Orthogonal maps and norms: |x Q| = |x|, so rms_norm(x Q) = rms_norm(x) Q
// where the gain is one number. layer_norm(x) = rms_norm(x M), M = I - 1 1'/n:
// it is an rms_norm of inputs that have no mean, which M in every writer
// achieves.
#include "dialects/NN/Constants.h"
#include "lib/Analysis/ChannelUnions.h"
#include <cmath>
#include <limits>
#include <map>

using namespace mlir;

namespace qopt {
namespace {

// The vectors that are added behind the gain.
std::vector<nn::IndexedAxis> biases(const NormPassage &norm) {
  std::vector<nn::IndexedAxis> found;
  for (const nn::IndexedAxis &axis : norm.index->axes)
    if (axis.slot != norm.x && axis.slot != norm.gain &&
        axis.slot != norm.result)
      found.push_back(axis);
  return found;
}

// Whether the gain can be moved into the readers of the norm: an element of D
// which makes it 1. Empty if so, otherwise why not.
std::string whyGainStays(const NormPassage &norm, ChannelUnions &diagonal,
                         ArrayRef<NormPassage> all) {
  std::optional<nn::ConstantView> view =
      nn::ConstantView::of(norm.op->tensor(norm.gain));
  std::optional<std::vector<float>> gain =
      view ? view->values<float>() : std::nullopt;
  if (!gain)
    return "its gain is computed";
  bool negative = false;
  for (float g : *gain) {
    if (g == 0 || !(std::abs(g) <= std::numeric_limits<float>::max()))
      return "its gain has a zero";
    negative |= g < 0;
  }
  for (auto [x, result] : norm.nodes) {
    if (diagonal.facts(result).pinned)
      return "its gain cannot move into its readers";
    if (negative && diagonal.facts(result).positiveOnly)
      return "its gain is negative";
    // The element that frees this gain would change the other one.
    for (const NormPassage &other : all)
      for (auto [otherX, otherResult] : other.nodes)
        if (&other != &norm &&
            diagonal.classOf(otherResult) == diagonal.classOf(result))
          return "its gain and that of another norm act on one space";
  }
  return "";
}

// Whether the mean can be taken out where x is written: all of x is one node
// whose class is read by such norms only.
std::string whyMeanStays(const NormPassage &norm, ChannelUnions &orthogonal,
                         ArrayRef<NormPassage> all) {
  if (norm.nodes.size() != 1)
    return "its mean is over several segments";
  unsigned x = orthogonal.classOf(norm.nodes.front().first);
  if (orthogonal.facts(x).contracted)
    return "its input is read with its mean";
  for (const NormPassage &other : all)
    for (auto [otherX, result] : other.nodes)
      if (!other.centered &&
          (orthogonal.classOf(otherX) == x || orthogonal.classOf(result) == x))
        return "its input is read with its mean";
  return "";
}

// Empty if the norm may be passed, otherwise why not.
std::string whyNot(const NormPassage &norm, ChannelUnions &orthogonal,
                   ChannelUnions &diagonal) {
  std::string refusal;
  if (!norm.op->isUniform(norm.gain))
    refusal = whyGainStays(norm, diagonal, orthogonal.norms);
  for (const nn::IndexedAxis &axis : biases(norm))
    if (!norm.op->isConstant(axis.slot))
      refusal = "its bias is computed";
  if (refusal.empty() && norm.centered)
    refusal = whyMeanStays(norm, orthogonal, orthogonal.norms);
  return refusal;
}

// A bias writes the result: it is added after the rotation, alike in all
// blocks.
void absorbBiases(const NormPassage &norm, ChannelUnions &orthogonal,
                  const ChannelSegments &segments) {
  for (const nn::IndexedAxis &axis : biases(norm)) {
    std::map<unsigned, unsigned> firstOf; // By segment.
    for (auto [x, result] : norm.nodes) {
      ChannelSegment segment = segments.segment(result);
      ChannelSite site;
      site.op = norm.op->operation();
      site.operand = axis.slot;
      site.span = {axis.span.axis, segment.begin(), segment.size()};
      orthogonal.addSite(result, std::move(site));
      orthogonal.unite(
          result, firstOf.try_emplace(segment.segment, result).first->second,
          /*inverse=*/false, norm.op->operation());
    }
  }
}

} // namespace

void passNorms(ChannelUnions &orthogonal, ChannelUnions &diagonal,
               const ChannelSegments &segments) {
  // Judged before any is passed: "who reads x" means its own side of the norm.
  std::vector<const NormPassage *> passed;
  for (const NormPassage &norm : orthogonal.norms) {
    std::string refusal = whyNot(norm, orthogonal, diagonal);
    if (refusal.empty()) {
      passed.push_back(&norm);
      continue;
    }
    for (auto [x, result] : norm.nodes) {
      orthogonal.pin(x, norm.op->operation(), refusal);
      orthogonal.pin(result, norm.op->operation(), refusal);
    }
  }
  for (const NormPassage *norm : passed)
    absorbBiases(*norm, orthogonal, segments);
  for (const NormPassage *norm : passed)
    if (norm->centered) {
      unsigned x = orthogonal.classOf(norm->nodes.front().first);
      for (auto &[node, site] : orthogonal.sites)
        site.losesMean |= orthogonal.classOf(node) == x;
    }
  for (const NormPassage *norm : passed)
    for (auto [x, result] : norm->nodes) {
      orthogonal.unite(x, result, /*inverse=*/false, norm->op->operation());
      NormCondition condition;
      condition.norm = norm->op->operation();
      condition.moveGain = !norm->op->isUniform(norm->gain);
      condition.removeMean = norm->centered;
      orthogonal.conditions.push_back({x, condition});
    }
}

} // namespace qopt

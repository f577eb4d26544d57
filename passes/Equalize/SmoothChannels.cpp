// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A diagonal for each space that the gain of a norm writes.
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/ChannelSpaces.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Equalize/ChannelFactors.h"
#include "passes/Equalize/ChannelRewriter.h"
#include "passes/Equalize/ConstantFibers.h"
#include "passes/Equalize/Passes.h"
#include "passes/Equalize/SpaceStatistics.h"
#include <algorithm>
#include <cmath>

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_SMOOTHCHANNELSPASS
#include "passes/Equalize/Passes.h.inc"

namespace {

constexpr StringLiteral declinedName = "lowbit.not_equalized";

bool isNorm(Operation *op) { return isa<nn::LayerNormOp, nn::RMSNormOp>(op); }

// The diagonal space that the gain of `norm` writes, or null.
const ChannelSpace *spaceOf(Operation *norm, const ChannelSpaces &spaces) {
  for (const ChannelSpace &space : spaces.spaces())
    if (space.kind == nn::Groups::Diagonal)
      for (const ChannelBlock &block : space.blocks)
        for (const ChannelSite &site : block.sites)
          if (site.op == norm && site.operand == int(gainOperand))
            return &space;
  return nullptr;
}

// Empty if factors can be chosen for the space of `norm`, otherwise why not.
std::string whyNot(Operation *norm, const ChannelSpace *space) {
  if (!space)
    return "its gain is computed";
  if (!space->isFree()) {
    const ChannelPin &pin = space->pins.front();
    return pin.op ? pin.op->getName().getStringRef().str() + ": " + pin.reason
                  : pin.reason;
  }
  int64_t channels =
      cast<RankedTensorType>(norm->getResult(0).getType()).getShape().back();
  if (space->blocks.size() != 1 || space->blockSize != channels)
    return "its channels are cut apart";
  bool isRead = false;
  for (const ChannelSite &site : space->blocks.front().sites) {
    bool reads = site.role == ChannelRole::Reader;
    if (site.operand < 0)
      return "a clip would need a bound for each channel";
    if (site.inverse != reads || (isNorm(site.op) && site.op != norm))
      return "other channels follow inversely";
    if (reads && !isa<nn::MatMulOp, nn::ConvOp>(site.op))
      return "it is read by " + site.op->getName().getStringRef().str();
    isRead |= reads;
  }
  return isRead ? "" : "no constant reads it";
}

std::vector<float> valuesOf(Operation *norm, unsigned operand, size_t size) {
  std::optional<nn::ConstantView> view =
      operand < norm->getNumOperands()
          ? nn::ConstantView::of(norm->getOperand(operand))
          : std::nullopt;
  return view ? *view->values<float>() : std::vector<float>(size, 0.0f);
}

void addActivation(ChannelProfile &profile, Operation *norm, size_t channels,
                   const ValueStatistics *statistics) {
  bool known = statistics && statistics->channelAbsMax.size() == channels &&
               statistics->rows > 0;
  std::vector<float> gains = valuesOf(norm, gainOperand, channels);
  std::vector<float> biases = valuesOf(norm, biasOperand, channels);
  for (size_t j = 0; j < channels; ++j) {
    double gain = std::fabs(gains[j]), bias = std::fabs(biases[j]);
    profile.absMax.push_back(known ? statistics->channelAbsMax[j]
                                   : 4 * gain + bias);
    profile.meanSquare.push_back(known ? statistics->channelSquares[j] /
                                             double(statistics->rows)
                                       : gain * gain + bias * bias);
  }
}

// False if a weight cannot be read.
bool addWeights(ChannelProfile &profile, const ChannelSpace &space) {
  profile.weightAbsMax.assign(space.blockSize, 0);
  profile.weightSquares.assign(space.blockSize, 0);
  for (const ChannelSite &site : space.blocks.front().sites) {
    if (site.role != ChannelRole::Reader)
      continue;
    std::optional<ConstantFibers> weight = ConstantFibers::of(site.constant());
    if (!weight)
      return false;
    weight->forEachFiber(
        site.span, site.within, [&](MutableArrayRef<double> fiber) {
          std::vector<double> &column = profile.columns.emplace_back();
          for (auto [j, element] : llvm::enumerate(fiber)) {
            double w = std::fabs(element);
            column.push_back(w);
            profile.weightAbsMax[j] = std::max(profile.weightAbsMax[j], w);
            profile.weightSquares[j] += w * w;
          }
        });
  }
  return true;
}

class Smoother {
public:
  Smoother(func::FuncOp function, Statistics *statistics)
      : spaces(function), rewriter(function.getContext()),
        builder(function.getContext()), statistics(statistics) {
    // Small vectors may be shared by norms; weights must not be stored twice.
    rewriter.mostCloneBytes = 1 << 16;
  }

  void visit(Operation *norm) {
    const ChannelSpace *space = spaceOf(norm, spaces);
    std::string reason = whyNot(norm, space);
    if (reason.empty())
      reason = smooth(norm, *space);
    if (!reason.empty())
      norm->setAttr(declinedName, builder.getStringAttr(reason));
  }

private:
  std::string smooth(Operation *norm, const ChannelSpace &space) {
    ChannelProfile profile;
    addActivation(profile, norm, space.blockSize,
                  statistics ? statistics->find(valueId(norm->getResult(0)))
                             : nullptr);
    if (!addWeights(profile, space))
      return "a weight cannot be read";
    ChannelFactors chosen = chooseFactors(profile);
    if (chosen.error > 0.98 * chosen.errorBefore)
      return "no strength lowers the predicted error by 2 %";
    ChannelElement element;
    element.kind = nn::Groups::Diagonal;
    element.factors.emplace_back();
    for (double factor : chosen.factors)
      element.factors.front().push_back(1 / factor);
    if (std::string reason = rewriter.apply(space, element); !reason.empty())
      return reason;
    std::vector<Value> values = qopt::valuesOf(space);
    std::vector<float> before = largestOf(values);
    if (statistics)
      rescaleStatistics(*statistics, space, element);
    std::vector<float> after = largestOf(values);
    for (size_t i = 0; i < values.size(); ++i)
      rescaleRange(values[i], before[i], after[i]);
    norm->setAttr("lowbit.smoothed",
                  builder.getF32FloatAttr(float(chosen.strength)));
    return "";
  }

  // The largest magnitude seen of each value, 0 where nothing is known.
  std::vector<float> largestOf(ArrayRef<Value> values) const {
    std::vector<float> largest;
    for (Value value : values) {
      const ValueStatistics *known =
          statistics ? statistics->find(valueId(value)) : nullptr;
      largest.push_back(known && !known->channelAbsMax.empty()
                            ? *llvm::max_element(known->channelAbsMax)
                            : 0);
    }
    return largest;
  }

  // A range covers as much of the new value as it did of the old one; where
  // that is not known it says nothing.
  void rescaleRange(Value value, float before, float after) {
    std::optional<CodedRange> range = rangeOf(value);
    if (!range)
      return;
    float ratio = before > 0 ? after / before : 0;
    setRange(value, ratio > 0 ? std::optional(CodedRange{range->low * ratio,
                                                         range->high * ratio})
                              : std::nullopt);
  }

  ChannelSpaces spaces;
  ChannelRewriter rewriter;
  OpBuilder builder;
  Statistics *statistics;
};

struct SmoothChannels : impl::SmoothChannelsPassBase<SmoothChannels> {
  SmoothChannels() = default;
  explicit SmoothChannels(EqualizeOptions options) : options(options) {}

  void runOnOperation() override {
    Smoother smoother(getOperation(), options.statistics);
    // Gathered first: folding erases constants a walk may stand on.
    SmallVector<Operation *> norms;
    getOperation().walk([&](Operation *op) {
      if (isNorm(op))
        norms.push_back(op);
    });
    for (Operation *norm : norms)
      smoother.visit(norm);
  }

  EqualizeOptions options;
};

} // namespace

std::unique_ptr<Pass> createSmoothChannelsPass(const EqualizeOptions &options) {
  return std::make_unique<SmoothChannels>(options);
}

void buildEqualizePipeline(OpPassManager &pm, const EqualizeOptions &options) {
  // nn -> nn with outlier channels moved from activations into weights.
  pm.addNestedPass<func::FuncOp>(createSmoothChannelsPass(options));
  // conv -> relu -> conv: quiet channels lifted to what one scale resolves.
  pm.addNestedPass<func::FuncOp>(createEqualizeLayersPass(options));
}

} // namespace qopt

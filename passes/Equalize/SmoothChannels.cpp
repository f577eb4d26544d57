// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding norms and their readers, and folding the diagonal into both.
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Equalize/ChannelFactors.h"
#include "passes/Equalize/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_SMOOTHCHANNELSPASS
#include "passes/Equalize/Passes.h.inc"

namespace {

constexpr StringLiteral declinedName = "lowbit.not_equalized";

// A norm with constant parameters, read only by matmuls with constant weights.
struct Site {
  Operation *norm;
  std::vector<float> gain, bias; // bias empty: there is none.
  std::vector<nn::MatMulOp> readers;
  int64_t channels() const { return int64_t(gain.size()); }
};

// Operands of layer_norm and rms_norm.
constexpr unsigned gainOperand = 1, biasOperand = 2;

// Empty if the site can be equalized, otherwise why not.
std::string fillSite(Operation *norm, Site &site) {
  site.norm = norm;
  for (unsigned i = gainOperand; i < norm->getNumOperands(); ++i) {
    std::optional<nn::ConstantView> view =
        nn::ConstantView::of(norm->getOperand(i));
    if (!view || !view->type().getElementType().isF32())
      return "its gain or bias is not a float32 constant";
    (i == gainOperand ? site.gain : site.bias) = *view->values<float>();
  }
  for (OpOperand &use : norm->getResult(0).getUses()) {
    auto matmul = dyn_cast<nn::MatMulOp>(use.getOwner());
    std::optional<nn::ConstantView> weight =
        matmul && use.getOperandNumber() == 0
            ? nn::ConstantView::of(matmul.getRhs())
            : std::nullopt;
    if (!weight || weight->type().getRank() != 2 ||
        !weight->type().getElementType().isF32())
      return "it has a reader that is no matmul with a constant matrix: " +
             use.getOwner()->getName().getStringRef().str();
    site.readers.push_back(matmul);
  }
  return site.readers.empty() ? "nothing reads it" : "";
}

ChannelProfile profileOf(const Site &site, const ValueStatistics *statistics) {
  ChannelProfile profile;
  size_t channels = site.gain.size();
  bool known = statistics && statistics->channelAbsMax.size() == channels &&
               statistics->rows > 0;
  for (size_t j = 0; j < channels; ++j) {
    double gain = std::fabs(site.gain[j]);
    double bias = site.bias.empty() ? 0 : std::fabs(site.bias[j]);
    profile.absMax.push_back(known ? statistics->channelAbsMax[j]
                                   : 4 * gain + bias);
    profile.meanSquare.push_back(
        known ? statistics->channelSquares[j] / double(statistics->rows)
              : gain * gain + bias * bias);
  }
  profile.weightAbsMax.assign(channels, 0);
  profile.weightSquares.assign(channels, 0);
  for (nn::MatMulOp reader : site.readers) {
    std::vector<float> weight =
        *nn::ConstantView::of(reader.getRhs())->values<float>();
    size_t outputs = weight.size() / std::max<size_t>(channels, 1);
    for (size_t n = 0; n < outputs; ++n) {
      std::vector<double> &column = profile.columns.emplace_back();
      for (size_t j = 0; j < channels; ++j) {
        double w = std::fabs(weight[j * outputs + n]);
        column.push_back(w);
        profile.weightAbsMax[j] = std::max(profile.weightAbsMax[j], w);
        profile.weightSquares[j] += w * w;
      }
    }
  }
  return profile;
}

// What calibration knows of a value whose channels were divided.
void rescaleStatistics(Statistics &statistics, StringRef id,
                       ArrayRef<float> reciprocals) {
  auto found = statistics.values.find(id.str());
  if (found == statistics.values.end() ||
      found->second.channelAbsMax.size() != reciprocals.size())
    return;
  ValueStatistics &value = found->second;
  float absmax = 0;
  for (size_t j = 0; j < reciprocals.size(); ++j) {
    value.channelAbsMax[j] *= reciprocals[j];
    value.channelSum[j] *= reciprocals[j];
    value.channelSquares[j] *= double(reciprocals[j]) * reciprocals[j];
    absmax = std::max(absmax, value.channelAbsMax[j]);
  }
  value.min = value.min < 0 ? -absmax : 0;
  value.max = value.max > 0 ? absmax : 0;
  value.histogram = LogHistogram();
  auto moment = statistics.moments.find(id.str());
  if (moment != statistics.moments.end() &&
      moment->second.size() == int64_t(reciprocals.size()))
    moment->second.scaleChannels(reciprocals);
}

class Smoother {
public:
  Smoother(MLIRContext *context, Statistics *statistics)
      : builder(context), statistics(statistics) {}

  void visit(Operation *norm) {
    Site site;
    std::string reason = fillSite(norm, site);
    if (reason.empty())
      reason = smooth(site);
    if (!reason.empty())
      norm->setAttr(declinedName, builder.getStringAttr(reason));
  }

private:
  std::string smooth(Site &site) {
    Value value = site.norm->getResult(0);
    ChannelFactors chosen = chooseFactors(profileOf(
        site, statistics ? statistics->find(valueId(value)) : nullptr));
    if (chosen.error > 0.98 * chosen.errorBefore)
      return "no strength lowers the predicted error by 2 %";
    std::vector<float> factors(chosen.factors.begin(), chosen.factors.end());
    std::vector<float> reciprocals;
    for (float factor : factors)
      reciprocals.push_back(1 / factor);
    scaleVector(site.norm, gainOperand, site.gain, reciprocals);
    if (!site.bias.empty())
      scaleVector(site.norm, biasOperand, site.bias, reciprocals);
    SmallPtrSet<Operation *, 4> done;
    for (nn::MatMulOp reader : site.readers)
      if (done.insert(reader).second)
        scaleRows(reader, factors);
    // A range chosen for the old value says nothing of the new one.
    setRange(value, std::nullopt);
    if (statistics)
      rescaleStatistics(*statistics, valueId(value), reciprocals);
    site.norm->setAttr("lowbit.smoothed",
                       builder.getF32FloatAttr(float(chosen.strength)));
    return "";
  }

  void scaleVector(Operation *norm, unsigned operand, std::vector<float> values,
                   ArrayRef<float> factors) {
    for (size_t j = 0; j < values.size(); ++j)
      values[j] *= factors[j];
    replaceConstant(norm, operand, values);
  }

  void scaleRows(nn::MatMulOp reader, ArrayRef<float> factors) {
    std::vector<float> weight =
        *nn::ConstantView::of(reader.getRhs())->values<float>();
    size_t outputs = weight.size() / factors.size();
    for (size_t i = 0; i < weight.size(); ++i)
      weight[i] *= factors[i / outputs];
    replaceConstant(reader, 1, weight);
  }

  // The old constant may have other readers: they keep it.
  void replaceConstant(Operation *op, unsigned operand,
                       const std::vector<float> &values) {
    Value old = op->getOperand(operand);
    builder.setInsertionPoint(op);
    op->setOperand(operand,
                   nn::createConstant(builder, old.getLoc(),
                                      cast<RankedTensorType>(old.getType()),
                                      values, "smoothed"));
    if (Operation *constant = old.getDefiningOp(); constant->use_empty())
      constant->erase();
  }

  OpBuilder builder;
  Statistics *statistics;
};

struct SmoothChannels : impl::SmoothChannelsPassBase<SmoothChannels> {
  SmoothChannels() = default;
  explicit SmoothChannels(EqualizeOptions options) : options(options) {}

  void runOnOperation() override {
    Smoother smoother(&getContext(), options.statistics);
    // Gathered first: folding erases constants a walk may stand on.
    SmallVector<Operation *> norms;
    getOperation().walk([&](Operation *op) {
      if (isa<nn::LayerNormOp, nn::RMSNormOp>(op))
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

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trials are put together here; the meter runs them.
#include "passes/Allocate/Sensitivity.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/BiasCorrection.h"
#include "lib/Calibration/WeightEncoding.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace qopt {
namespace {

using Ranges = std::vector<std::pair<Value, CodedRange>>;

void attach(const Ranges &ranges) {
  for (const auto &[value, range] : ranges)
    setRange(value, range);
}

} // namespace

llvm::Expected<Sensitivity> Sensitivity::create(func::FuncOp main,
                                                CompileAndRun &runner,
                                                const SampleBatches &samples,
                                                Options options) {
  Sensitivity result;
  auto meter = DivergenceMeter::create(main->getParentOfType<ModuleOp>(), runner,
                                       samples, options.activations);
  if (!meter)
    return meter.takeError();
  result.meter = std::move(*meter);
  result.contractions = findContractions(main);
  result.edges = std::make_unique<EncodedEdges>(
      staticContractions(result.contractions, options.activations));
  result.layers.resize(result.contractions.size());
  result.options = std::move(options);
  return result;
}

llvm::Error Sensitivity::settleRanges(ArrayRef<RangeMethod> methods,
                                      const std::vector<bool> &quantized,
                                      double limit) {
  if (!options.statistics || edges->values().empty())
    return llvm::Error::success();
  std::optional<double> least;
  RangeMethod best = methods.front();
  for (RangeMethod method : methods) {
    attachRanges(method);
    llvm::Expected<double> error = ofLayers(quantized);
    if (!error)
      return error.takeError();
    if (!least || *error < *least) {
      least = *error;
      best = method;
    }
  }
  if (*least > limit) {
    if (llvm::Error error = chooseRanges(methods))
      return error;
    llvm::Expected<double> together = ofLayers(quantized);
    if (!together)
      return together.takeError();
    if (*together < *least)
      return llvm::Error::success();
  }
  attachRanges(best);
  return llvm::Error::success();
}

void Sensitivity::attachRanges(RangeMethod method) {
  Ranges ranges = rangesOf(edges->values(), method);
  attach(ranges);
  taken = {{method, ranges.size()}};
}

llvm::Error Sensitivity::chooseRanges(ArrayRef<RangeMethod> methods) {
  taken.clear();
  llvm::SmallPtrSet<Value, 16> seen;
  for (Value value : edges->values()) {
    if (seen.contains(value))
      continue;
    std::vector<Value> members = edges->classOf(value);
    seen.insert(members.begin(), members.end());
    Ranges best;
    RangeMethod bestMethod = methods.front();
    double least = 0;
    for (RangeMethod method : methods) {
      Ranges ranges = rangesOf(members, method);
      if (ranges.empty())
        break;
      attach(ranges);
      Trial trial;
      for (Value member : members)
        addCodes(*edges, member, trial);
      llvm::Expected<double> divergence = measure(trial);
      if (!divergence)
        return divergence.takeError();
      if (best.empty() || *divergence < least) {
        best = std::move(ranges);
        bestMethod = method;
        least = *divergence;
      }
    }
    attach(best);
    if (!best.empty())
      taken[bestMethod] += best.size();
  }
  return llvm::Error::success();
}

// Of those of `values` that calibration saw. A value that was rescaled has extremes
// but no histogram: they are its range by every method.
std::vector<std::pair<Value, CodedRange>>
Sensitivity::rangesOf(ArrayRef<Value> values, RangeMethod method) const {
  Ranges ranges;
  RangeOptions chosen;
  chosen.method = method;
  for (Value value : values) {
    const ValueStatistics *seen = options.statistics->find(valueId(value));
    if (!seen || !seen->elements || !rangeOf(value))
      continue;
    Range range = chooseRange(*seen, chosen);
    ranges.push_back({value, {range.low, range.high}});
  }
  return ranges;
}

llvm::Expected<double> Sensitivity::ofWeight(size_t index,
                                             ArrayRef<float> weight) {
  Trial trial;
  std::vector<float> bias =
      correctedBias(contractions[index], biasOperand(contractions[index]), weight,
                    options.statistics);
  trial.weights.push_back({index, weight, bias});
  return measure(trial);
}

llvm::Expected<double> Sensitivity::ofLayer(size_t index) {
  Trial trial;
  trial.weights.push_back(layerInCodes(index));
  if (activationModeOf(contractions[index], options.activations) ==
      ActivationMode::Static)
    addCodes(*edges, contractions[index].input, trial);
  return measure(trial);
}

llvm::Expected<double> Sensitivity::ofLayers(const std::vector<bool> &quantized) {
  Trial trial;
  std::vector<Contraction> remaining;
  for (auto [i, contraction] : llvm::enumerate(contractions))
    if (quantized[i]) {
      trial.weights.push_back(layerInCodes(i));
      if (!given.contains(i))
        remaining.push_back(contraction);
    }
  EncodedEdges active(staticContractions(remaining, options.activations));
  for (Value value : active.values())
    addCodes(active, value, trial);
  return measure(trial);
}

llvm::Expected<double> Sensitivity::measure(const Trial &trial) {
  llvm::Expected<double> divergence = meter->measure(trial);
  if (options.progress)
    options.progress();
  return divergence;
}

void Sensitivity::setFormat(size_t index, const numerics::FormatSpec &format) {
  given.insert(index);
  encode(index, format);
}

void Sensitivity::encode(size_t index, const numerics::FormatSpec &format) {
  const Contraction &contraction = contractions[index];
  auto &[weight, bias] = layers[index];
  weight = numerics::decodeTensor(
      encodeWeight(contraction, format, options.statistics));
  bias = correctedBias(contraction, biasOperand(contraction), weight,
                       options.statistics);
}

Trial::Weight Sensitivity::layerInCodes(size_t index) {
  if (layers[index].weight.empty())
    encode(index, int8WeightFormat(contractions[index]));
  return {index, layers[index].weight, layers[index].bias};
}

// `value` in the codes its class in `active` shares.
void Sensitivity::addCodes(const EncodedEdges &active, Value value,
                           Trial &trial) const {
  std::optional<size_t> index = edges->indexOf(value);
  std::optional<numerics::QuantParams> params = staticParams(active, value);
  if (index && params)
    trial.codes.push_back({*index, *params});
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What 8 bits do to the network's outputs: measured for each layer, for layers
// together, and for each activation under several ranges. Weights are rounded and
// activations with one scale for all; the rounding of rows is not in the trials.
#pragma once
#include "lib/Analysis/EncodedEdges.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/RangeChoice.h"
#include "passes/Allocate/DivergenceMeter.h"
#include <functional>
#include <map>
#include <set>

namespace qopt {

class Sensitivity {
public:
  struct Options {
    const Statistics *statistics = nullptr; // Owned by the caller; may be null.
    ActivationMode activations = ActivationMode::Auto;
    std::function<void()> progress; // Called after each measurement.
  };

  // Of the contractions in @main.
  static llvm::Expected<Sensitivity> create(mlir::func::FuncOp main,
                                            CompileAndRun &runner,
                                            const SampleBatches &samples,
                                            Options options);

  // Whether the network has an output whose change can be measured.
  bool canMeasure() const { return meter->hasFloatOutput(); }

  // Contraction `index` takes `format` instead of int8, its input in floats.
  void setFormat(size_t index, const numerics::FormatSpec &format);

  // Gives every value that may travel in codes a range, by the method that moves
  // the outputs least: one for all, with the contractions in int8 that `quantized`
  // marks; where even the best moves them by more than `limit`, one for each class
  // of values that share a range, coding them alone. Of methods with equal effect
  // the first.
  llvm::Error settleRanges(llvm::ArrayRef<RangeMethod> methods,
                           const std::vector<bool> &quantized, double limit);
  // How many values took which method.
  const std::map<RangeMethod, size_t> &ranges() const { return taken; }

  // The divergence with `weight` in contraction `index`.
  llvm::Expected<double> ofWeight(size_t index, llvm::ArrayRef<float> weight);

  // The divergence with the weight of contraction `index` in int8 and its input,
  // where it is static, in codes.
  llvm::Expected<double> ofLayer(size_t index);

  // The divergence with all contractions in codes that `quantized` marks.
  llvm::Expected<double> ofLayers(const std::vector<bool> &quantized);

private:
  struct Layer {
    std::vector<float> weight, bias; // The bias corrected for the weight.
  };
  llvm::Expected<double> measure(const Trial &trial);
  void encode(size_t index, const numerics::FormatSpec &format);
  Trial::Weight layerInCodes(size_t index);
  void attachRanges(RangeMethod method);
  std::vector<std::pair<mlir::Value, CodedRange>>
  rangesOf(llvm::ArrayRef<mlir::Value> values, RangeMethod method) const;
  llvm::Error chooseRanges(llvm::ArrayRef<RangeMethod> methods);
  void addCodes(const EncodedEdges &edges, mlir::Value value, Trial &trial) const;

  Options options;
  std::vector<Contraction> contractions;
  // Of all contractions that may be static: the meter counts values so.
  std::unique_ptr<EncodedEdges> edges;
  std::unique_ptr<DivergenceMeter> meter;
  std::vector<Layer> layers; // As codes leave them; empty until asked for.
  std::set<size_t> given;    // Those whose format was set.
  std::map<RangeMethod, size_t> taken;
};

} // namespace qopt

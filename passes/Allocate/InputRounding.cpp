// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A rounding error of step s has variance s^2 / 12; an output adds those of its
// inputs, each times its weight squared.
#include "passes/Allocate/InputRounding.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/WeightEncoding.h"
#include <cmath>

namespace qopt {
namespace {

// Which output and which channel of the input an element of the weight joins:
// [K, N] of a matmul, [O, KH, KW, I] of a convolution, [C, KH, KW, 1] of a
// depthwise one.
class WeightIndex {
public:
  explicit WeightIndex(const Contraction &contraction)
      : contraction(contraction),
        last(contraction.weightType().getShape().back()),
        perOutput(contraction.weightType().getNumElements() /
                  std::max<int64_t>(outputs(), 1)) {}
  size_t outputs() const {
    return contraction.weightType().getDimSize(contraction.channelAxis());
  }
  size_t channels() const {
    if (contraction.isDepthwise)
      return outputs();
    return contraction.isConv ? last : contraction.weightType().getDimSize(0);
  }
  size_t outputOf(size_t i) const {
    return contraction.isConv ? i / perOutput : i % last;
  }
  size_t channelOf(size_t i) const {
    if (contraction.isDepthwise)
      return i / perOutput;
    return contraction.isConv ? i % last : i / last;
  }

private:
  const Contraction &contraction;
  size_t last, perOutput;
};

// One of two signs, the same on every machine.
float signOf(uint64_t index) {
  index = (index + 1) * 0x9E3779B97F4A7C15u;
  index = (index ^ (index >> 30)) * 0xBF58476D1CE4E5B9u;
  return (index >> 40) & 1 ? 1.0f : -1.0f;
}

void addInputRounding(const Contraction &contraction, double step,
                      const ValueStatistics &input,
                      std::vector<float> &weight) {
  WeightIndex index(contraction);
  if (input.channelSquares.size() != index.channels() || !input.rows)
    return; // Grouped: which channels meet which is not told by the shape.
  auto meanSquare = [&](size_t i) {
    return input.channelSquares[index.channelOf(i)] / double(input.rows);
  };
  std::vector<double> squares(index.outputs()), terms(index.outputs());
  for (size_t i = 0; i < weight.size(); ++i) {
    squares[index.outputOf(i)] += double(weight[i]) * weight[i];
    terms[index.outputOf(i)] += meanSquare(i) > 0;
  }
  for (size_t i = 0; i < weight.size(); ++i) {
    size_t output = index.outputOf(i);
    if (meanSquare(i) <= 0)
      continue;
    double energy = step * step / 12 * squares[output] / terms[output];
    weight[i] += signOf(i) * float(std::sqrt(energy / meanSquare(i)));
  }
}

} // namespace

std::vector<float> roundedWeight(const Contraction &contraction,
                                 const Statistics *statistics) {
  std::vector<float> weight = numerics::decodeTensor(
      encodeWeight(contraction, int8WeightFormat(contraction), statistics));
  std::optional<CodedRange> range = rangeOf(contraction.input);
  const ValueStatistics *input =
      statistics ? statistics->find(valueId(contraction.input)) : nullptr;
  if (range && input &&
      activationModeOf(contraction, ActivationMode::Auto) ==
          ActivationMode::Static)
    addInputRounding(contraction, (double(range->high) - range->low) / 255,
                     *input, weight);
  return weight;
}

} // namespace qopt

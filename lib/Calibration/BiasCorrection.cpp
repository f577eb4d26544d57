// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums run in double, ascending over the weight.
#include "lib/Calibration/BiasCorrection.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/ValueIds.h"

using namespace mlir;

namespace qopt {
namespace {

// Which output and which channel of the input an element of the weight joins:
// [K, N] of a matmul, [O, KH, KW, C / groups] of a convolution.
class WeightIndex {
public:
  explicit WeightIndex(const Contraction &contraction)
      : isConv(contraction.isConv),
        last(contraction.weightType().getShape().back()),
        outputs(contraction.weightType().getDimSize(contraction.channelAxis())),
        perOutput(contraction.weightType().getNumElements() /
                  std::max<int64_t>(outputs, 1)) {
    if (auto conv = dyn_cast<nn::ConvOp>(contraction.op))
      groups = conv.getGroups();
  }
  size_t channels() const { return isConv ? last * groups : perOutput; }
  size_t outputOf(size_t i) const { return isConv ? i / perOutput : i % last; }
  size_t channelOf(size_t i) const {
    return isConv ? i % last + last * (outputOf(i) / (outputs / groups))
                  : i / last;
  }

private:
  bool isConv;
  size_t last, outputs, perOutput, groups = 1;
};

} // namespace

std::vector<float> correctedBias(const Contraction &contraction,
                                 const OpOperand *biasOperand,
                                 llvm::ArrayRef<float> decoded,
                                 const Statistics *statistics) {
  if (!biasOperand)
    return {};
  std::vector<float> bias =
      *nn::ConstantView::of(biasOperand->get())->values<float>();
  const ValueStatistics *input =
      statistics ? statistics->find(valueId(contraction.input)) : nullptr;
  WeightIndex index(contraction);
  // Sums leave out what is not finite, rows do not.
  if (!input || !input->rows || input->nonFinite ||
      input->channelSum.size() != index.channels())
    return bias;
  std::vector<float> weight =
      *nn::ConstantView::of(contraction.weight)->values<float>();
  std::vector<double> shift(bias.size());
  for (size_t i = 0; i < weight.size(); ++i)
    shift[index.outputOf(i)] += (double(decoded[i]) - weight[i]) *
                                input->channelSum[index.channelOf(i)] /
                                double(input->rows);
  for (size_t o = 0; o < bias.size(); ++o)
    bias[o] -= float(shift[o]);
  return bias;
}

} // namespace qopt

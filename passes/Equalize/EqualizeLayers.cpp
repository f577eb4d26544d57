// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding an activation between contractions, and scaling both sides.
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/Contractions.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Equalize/LayerFactors.h"
#include "passes/Equalize/Passes.h"
#include <limits>

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_EQUALIZELAYERSPASS
#include "passes/Equalize/Passes.h.inc"

namespace {

constexpr unsigned inputOperand = Contraction::inputOperand,
                   weightOperand = Contraction::weightOperand;

int64_t channelsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

// writer [-> + bias] [-> relu or clip from 0] -> readers, nothing else between.
struct Site {
  const Contraction *writer = nullptr;
  Operation *add = nullptr; // Null: no bias.
  unsigned biasOperand = 0;
  Value activation;
  double bound = std::numeric_limits<double>::infinity();
  SmallVector<const Contraction *> readers;
  SmallVector<Value> values; // From the writer's result to the activation.
};

// [outputs, taps, inputs] of a contraction's weight, as a reader sees it.
ReaderProfile readerOf(const Contraction &contraction) {
  ReaderProfile reader;
  std::vector<float> weight =
      *nn::ConstantView::of(contraction.weight)->values<float>();
  ArrayRef<int64_t> shape = contraction.weightType().getShape();
  reader.isDepthwise = contraction.isDepthwise;
  if (contraction.isConv) {
    reader.outputs = shape[0];
    reader.taps = shape[1] * shape[2];
    reader.inputs = shape[3];
    reader.weight = std::move(weight);
    return reader;
  }
  reader.inputs = shape[0], reader.outputs = shape[1], reader.taps = 1;
  reader.weight.resize(weight.size());
  for (size_t i = 0; i < reader.inputs; ++i)
    for (size_t o = 0; o < reader.outputs; ++o)
      reader.weight[o * reader.inputs + i] = weight[i * reader.outputs + o];
  return reader;
}

// Whether each weight multiplies one channel of the input, and which is known.
bool readsByChannel(const Contraction &contraction, int64_t channels) {
  ArrayRef<int64_t> shape = contraction.weightType().getShape();
  if (!contraction.isConv)
    return shape.size() == 2 && shape[0] == channels;
  return contraction.isDepthwise ? shape[0] == channels
                                 : shape[3] == channels;
}

class Finder {
public:
  explicit Finder(ArrayRef<Contraction> contractions) {
    for (const Contraction &contraction : contractions)
      byOp[contraction.op] = &contraction;
  }

  std::optional<Site> find(const Contraction &writer) const {
    Site site;
    site.writer = &writer;
    site.activation = writer.op->getResult(0);
    site.values.push_back(site.activation);
    if (channelsOf(site.activation) !=
        writer.weightType().getDimSize(writer.channelAxis()))
      return std::nullopt;
    followBias(site);
    followBound(site);
    for (OpOperand &use : site.activation.getUses()) {
      auto reader = byOp.find(use.getOwner());
      if (reader == byOp.end() || use.getOperandNumber() != inputOperand ||
          !readsByChannel(*reader->second, channelsOf(site.activation)))
        return std::nullopt;
      site.readers.push_back(reader->second);
    }
    if (site.readers.empty())
      return std::nullopt;
    return site;
  }

private:
  Operation *onlyUser(Value value) const {
    return value.hasOneUse() ? *value.getUsers().begin() : nullptr;
  }

  void advance(Site &site, Operation *op) const {
    site.activation = op->getResult(0);
    site.values.push_back(site.activation);
  }

  void followBias(Site &site) const {
    Operation *user = onlyUser(site.activation);
    if (!isa_and_nonnull<nn::AddOp>(user))
      return;
    unsigned other = user->getOperand(0) == site.activation ? 1 : 0;
    std::optional<nn::ConstantView> bias =
        nn::ConstantView::of(user->getOperand(other));
    if (!bias || !bias->type().getElementType().isF32() ||
        bias->type().getShape() !=
            ArrayRef<int64_t>{channelsOf(site.activation)})
      return;
    site.add = user;
    site.biasOperand = other;
    advance(site, user);
  }

  // Functions that commute with positive factors, up to a bound.
  void followBound(Site &site) const {
    Operation *user = onlyUser(site.activation);
    if (auto clip = dyn_cast_or_null<nn::ClipOp>(user)) {
      if (clip.getLo().convertToDouble() != 0)
        return;
      site.bound = clip.getHi().convertToDouble();
      advance(site, user);
    } else if (isa_and_nonnull<nn::ReluOp>(user)) {
      advance(site, user);
    }
  }

  DenseMap<Operation *, const Contraction *> byOp;
};

class Equalizer {
public:
  Equalizer(MLIRContext *context, Statistics &statistics)
      : builder(context), statistics(statistics) {}

  void apply(const Site &site) {
    const ValueStatistics *known = statistics.find(valueId(site.activation));
    std::optional<CodedRange> range = rangeOf(site.activation);
    size_t channels = channelsOf(site.activation);
    if (!known || !range || !known->rows ||
        known->channelAbsMax.size() != channels)
      return;
    LayerProfile profile;
    profile.limit = std::max(-range->low, range->high);
    profile.bound = site.bound;
    for (size_t c = 0; c < channels; ++c) {
      profile.absMax.push_back(known->channelAbsMax[c]);
      profile.meanSquare.push_back(known->channelSquares[c] /
                                   double(known->rows));
    }
    for (const Contraction *reader : site.readers)
      profile.readers.push_back(readerOf(*reader));
    std::vector<float> factors = chooseLayerFactors(profile);
    if (!factors.empty())
      scale(site, factors);
  }

private:
  void scale(const Site &site, ArrayRef<float> factors) {
    scaleWriter(*site.writer, factors);
    if (site.add)
      replace(site.add, site.biasOperand,
              [&](size_t i) { return factors[i]; });
    for (const Contraction *reader : site.readers)
      scaleReader(*reader, factors);
    for (Value value : site.values) {
      // Ranges on the way were of the old channels; the activation's still
      // holds: no channel was lifted beyond it.
      if (value != site.activation)
        setRange(value, std::nullopt);
      forget(valueId(value), factors);
    }
    site.writer->op->setAttr("lowbit.equalized", builder.getUnitAttr());
  }

  void scaleWriter(const Contraction &writer, ArrayRef<float> factors) {
    size_t outputs = factors.size();
    size_t inner = writer.isConv
                       ? writer.weightType().getNumElements() / outputs
                       : 1;
    replace(writer.op, weightOperand,
            [&](size_t i) { return factors[i / inner % outputs]; });
  }

  void scaleReader(const Contraction &reader, ArrayRef<float> factors) {
    size_t channels = factors.size();
    size_t elements = reader.weightType().getNumElements();
    // The channel is the first axis but in convolutions that are no depthwise.
    size_t inner = reader.isConv && !reader.isDepthwise ? 1
                                                        : elements / channels;
    replace(reader.op, weightOperand,
            [&](size_t i) { return 1 / factors[i / inner % channels]; });
  }

  // The old constant may have other readers: they keep it.
  void replace(Operation *op, unsigned operand,
               llvm::function_ref<float(size_t)> factor) {
    Value old = op->getOperand(operand);
    std::vector<float> values = *nn::ConstantView::of(old)->values<float>();
    for (size_t i = 0; i < values.size(); ++i)
      values[i] *= factor(i);
    builder.setInsertionPoint(op);
    op->setOperand(operand,
                   nn::createConstant(builder, old.getLoc(),
                                      cast<RankedTensorType>(old.getType()),
                                      values, "equalized"));
    // Else it would count as stored.
    if (Operation *constant = old.getDefiningOp(); constant->use_empty())
      constant->erase();
  }

  // What calibration knows of a value whose channels were multiplied.
  void forget(StringRef id, ArrayRef<float> factors) {
    auto found = statistics.values.find(id.str());
    if (found != statistics.values.end() &&
        found->second.channelAbsMax.size() == factors.size()) {
      ValueStatistics &value = found->second;
      for (size_t c = 0; c < factors.size(); ++c) {
        value.channelAbsMax[c] *= factors[c];
        value.channelSum[c] *= factors[c];
        value.channelSquares[c] *= double(factors[c]) * factors[c];
      }
      value.histogram = LogHistogram();
    }
    for (auto &[key, moment] : statistics.moments) {
      StringRef rest = key;
      // Of a convolution's windows: each channel once a tap, innermost.
      if (!rest.consume_front(id) || !(rest.empty() || rest.starts_with("|k")) ||
          moment.size() % int64_t(factors.size()))
        continue;
      std::vector<float> tiled;
      for (int64_t i = 0; i < moment.size(); ++i)
        tiled.push_back(factors[i % factors.size()]);
      moment.scaleChannels(tiled);
    }
  }

  OpBuilder builder;
  Statistics &statistics;
};

struct EqualizeLayers : impl::EqualizeLayersPassBase<EqualizeLayers> {
  EqualizeLayers() = default;
  explicit EqualizeLayers(EqualizeOptions options) : options(options) {}

  void runOnOperation() override {
    if (!options.statistics)
      return;
    Equalizer equalizer(&getContext(), *options.statistics);
    // From the input on: a layer's weight is scaled as a reader, then as a
    // writer. Found anew each time, as its constants were replaced.
    size_t count = findContractions(getOperation()).size();
    for (size_t i = 0; i < count; ++i) {
      std::vector<Contraction> contractions = findContractions(getOperation());
      if (std::optional<Site> site = Finder(contractions).find(contractions[i]))
        equalizer.apply(*site);
    }
  }

  EqualizeOptions options;
};

} // namespace

std::unique_ptr<Pass> createEqualizeLayersPass(const EqualizeOptions &options) {
  return std::make_unique<EqualizeLayers>(options);
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A diagonal for each space between one layer and those that read one
// activation.
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/ChannelSpaces.h"
#include "lib/Analysis/ValueIds.h"
#include "passes/Equalize/ChannelRewriter.h"
#include "passes/Equalize/LayerFactors.h"
#include "passes/Equalize/Passes.h"
#include "passes/Equalize/SpaceStatistics.h"
#include <limits>

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_EQUALIZELAYERSPASS
#include "passes/Equalize/Passes.h.inc"

namespace {

bool isLayer(Operation *op) { return isa<nn::MatMulOp, nn::ConvOp>(op); }

int64_t channelsOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape().back();
}

// A space with what the choice of factors needs to know of it.
struct Layer {
  const ChannelSpace *space = nullptr;
  Operation *writer = nullptr;
  Value activation; // What all readers read, channels last.
  SmallVector<Operation *> readers;
  double bound = std::numeric_limits<double>::infinity(); // Of a clip.
  std::vector<int64_t> begins; // Of each block, in the activation.
};

// An op between whose operand and result no codes would be kept: values before
// the activation then need no range of their own.
bool isOnTheWay(Operation *op) {
  return isLayer(op) || isa<nn::ReluOp, nn::LeakyReluOp, nn::ClipOp>(op) ||
         (isa<nn::AddOp, nn::SubOp, nn::MulOp>(op) &&
          llvm::any_of(op->getOperands(), [](Value operand) {
            return nn::ConstantView::of(operand).has_value();
          }));
}

// Sorts the sites of a space into writer and readers; false if it has others.
bool findSites(Layer &layer) {
  for (const ChannelBlock &block : layer.space->blocks)
    for (const ChannelSite &site : block.sites) {
      if (site.inverse != (site.role == ChannelRole::Reader))
        return false;
      if (auto clip = dyn_cast<nn::ClipOp>(site.op)) {
        if (!clip.getLo().isZero())
          return false;
        layer.bound = std::min(layer.bound, clip.getHi().convertToDouble());
      } else if (site.role == ChannelRole::Reader) {
        Value read = site.op->getOperand(1 - site.operand);
        if (!isLayer(site.op) || site.operand != 1 ||
            (layer.activation && layer.activation != read))
          return false;
        layer.activation = read;
        if (!llvm::is_contained(layer.readers, site.op))
          layer.readers.push_back(site.op);
      } else if (isLayer(site.op)) {
        if (layer.writer && layer.writer != site.op)
          return false;
        layer.writer = site.op;
      } else if (!isOnTheWay(site.op)) {
        return false;
      }
    }
  return layer.writer && layer.activation;
}

// Whether all channels of the activation are the space's, once each.
bool coversActivation(Layer &layer) {
  auto type = cast<RankedTensorType>(layer.activation.getType());
  for (const ChannelBlock &block : layer.space->blocks) {
    size_t before = layer.begins.size();
    for (const ChannelSegment &segment : block.segments) {
      const ChannelFibers &fibers = *segment.fibers;
      if (fibers.value != layer.activation)
        continue;
      if (!fibers.blockAxes.empty() ||
          int64_t(fibers.axis) + 1 != type.getRank())
        return false;
      layer.begins.push_back(segment.begin());
    }
    if (layer.begins.size() != before + 1)
      return false;
  }
  return int64_t(layer.begins.size()) * layer.space->blockSize ==
         channelsOf(layer.activation);
}

std::optional<Layer> layerOf(const ChannelSpace &space) {
  Layer layer;
  layer.space = &space;
  if (space.kind != nn::Groups::Diagonal || !space.isFree() ||
      !findSites(layer) || !coversActivation(layer))
    return std::nullopt;
  for (Value value : valuesOf(space))
    if (!isOnTheWay(value.getDefiningOp()))
      return std::nullopt;
  return layer;
}

// [outputs, taps, inputs] of a layer's weight, or nothing where it does not
// multiply each channel in one place.
std::optional<ReaderProfile> readerOf(Operation *op, int64_t channels) {
  std::optional<nn::ConstantView> view =
      nn::ConstantView::of(op->getOperand(1));
  if (!view || !view->type().getElementType().isF32())
    return std::nullopt;
  ArrayRef<int64_t> shape = view->type().getShape();
  std::vector<float> weight = *view->values<float>();
  ReaderProfile reader;
  if (auto conv = dyn_cast<nn::ConvOp>(op)) {
    reader.outputs = shape[0];
    reader.taps = shape[1] * shape[2];
    reader.inputs = shape[3];
    reader.isDepthwise = conv.getGroups() > 1 && shape[3] == 1;
    reader.weight = std::move(weight);
    if ((reader.isDepthwise ? shape[0] : shape[3]) != channels)
      return std::nullopt;
    return reader;
  }
  if (shape.size() != 2 || shape[0] != channels)
    return std::nullopt;
  reader.inputs = shape[0], reader.outputs = shape[1], reader.taps = 1;
  reader.weight.resize(weight.size());
  for (size_t i = 0; i < reader.inputs; ++i)
    for (size_t o = 0; o < reader.outputs; ++o)
      reader.weight[o * reader.inputs + i] = weight[i * reader.outputs + o];
  return reader;
}

class Equalizer {
public:
  Equalizer(func::FuncOp function, Statistics &statistics)
      : spaces(function), rewriter(function.getContext()),
        statistics(statistics) {
    // Vectors may be shared; a tied weight must not be stored twice.
    rewriter.mostCloneBytes = 1 << 16;
    // A lifted channel stays below the bound on the calibration data; what
    // clips beyond was never seen there and would saturate in the codes.
    rewriter.keepBounds = true;
  }

  // From the input on: a layer's weight is changed as a reader, then as a
  // writer.
  void run() {
    for (const ChannelSpace &space : spaces.spaces())
      if (std::optional<Layer> layer = layerOf(space))
        equalize(*layer);
  }

private:
  void equalize(const Layer &layer) {
    const ValueStatistics *known = statistics.find(valueId(layer.activation));
    std::optional<CodedRange> range = rangeOf(layer.activation);
    size_t channels = channelsOf(layer.activation);
    if (!known || !range || !known->rows ||
        known->channelAbsMax.size() != channels)
      return;
    LayerProfile profile;
    profile.limit = std::max(-range->low, range->high);
    profile.bound = layer.bound;
    for (size_t c = 0; c < channels; ++c) {
      profile.absMax.push_back(known->channelAbsMax[c]);
      profile.meanSquare.push_back(known->channelSquares[c] /
                                   double(known->rows));
    }
    for (Operation *op : layer.readers) {
      std::optional<ReaderProfile> reader = readerOf(op, channels);
      if (!reader)
        return;
      profile.readers.push_back(std::move(*reader));
    }
    std::vector<float> factors = chooseLayerFactors(profile);
    if (!factors.empty())
      scale(layer, factors);
  }

  void scale(const Layer &layer, ArrayRef<float> factors) {
    ChannelElement element;
    element.kind = nn::Groups::Diagonal;
    for (int64_t begin : layer.begins) {
      ArrayRef<float> ofBlock = factors.slice(begin, layer.space->blockSize);
      element.factors.emplace_back(ofBlock.begin(), ofBlock.end());
    }
    if (!rewriter.apply(*layer.space, element).empty())
      return;
    // Ranges on the way were of the old channels; the activation's still
    // holds: no channel was lifted beyond it.
    for (Value value : valuesOf(*layer.space))
      if (value != layer.activation)
        setRange(value, std::nullopt);
    rescaleStatistics(statistics, *layer.space, element);
    layer.writer->setAttr("lowbit.equalized",
                          UnitAttr::get(layer.writer->getContext()));
  }

  ChannelSpaces spaces;
  ChannelRewriter rewriter;
  Statistics &statistics;
};

struct EqualizeLayers : impl::EqualizeLayersPassBase<EqualizeLayers> {
  EqualizeLayers() = default;
  explicit EqualizeLayers(EqualizeOptions options) : options(options) {}

  void runOnOperation() override {
    if (options.statistics)
      Equalizer(getOperation(), *options.statistics).run();
  }

  EqualizeOptions options;
};

} // namespace

std::unique_ptr<Pass> createEqualizeLayersPass(const EqualizeOptions &options) {
  return std::make_unique<EqualizeLayers>(options);
}

} // namespace qopt

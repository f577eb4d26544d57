// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// First all decisions, on the untouched graph; then all rewriting.
#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/EncodedEdges.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Calibration/BiasCorrection.h"
#include "lib/Calibration/WeightEncoding.h"
#include "lib/Support/Errors.h"
#include "passes/Quantize/ActivationEncoding.h"
#include "passes/Quantize/Passes.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace qopt::numerics;

namespace qopt {

#define GEN_PASS_DEF_QUANTIZECONTRACTIONSPASS
#include "passes/Quantize/Passes.h.inc"

namespace {

constexpr StringLiteral staysFloatName = "lowbit.stays_float";

struct Decision {
  Contraction contraction;
  std::optional<FormatSpec> weight; // Nothing: stays float.
  std::optional<ActivationMode> activation; // Nothing: weights only.
  std::string reason;
};

// Activations in codes pay only against weights an integer kernel can read.
bool hasIntegerKernel(const FormatSpec &weight) {
  return weight.element.kind == ElementFormat::Kind::Int && !weight.zeroPoint &&
         (weight.granularity == Granularity::Channel ||
          weight.granularity == Granularity::Block);
}

class Planner {
public:
  Planner(func::FuncOp function, const QuantizeOptions &options)
      : function(function), options(options) {}

  llvm::Expected<std::vector<Decision>> decide() {
    std::vector<RejectedContraction> rejected;
    std::vector<Decision> decisions;
    for (Contraction &contraction : findContractions(function, &rejected)) {
      llvm::Expected<Decision> decision = decideOne(contraction);
      if (!decision)
        return decision.takeError();
      decisions.push_back(std::move(*decision));
    }
    for (RejectedContraction &other : rejected) {
      Decision decision;
      decision.contraction.op = other.op;
      decision.contraction.id = valueId(other.op->getResult(0)).str();
      decision.reason = other.reason;
      decisions.push_back(std::move(decision));
    }
    keepFloatWithoutRanges(decisions);
    return decisions;
  }

private:
  llvm::Expected<Decision> decideOne(const Contraction &contraction) {
    llvm::Expected<std::optional<std::string>> override =
        overrideFor(contraction.id, options.overrides);
    if (!override)
      return override.takeError();
    std::string name = *override ? **override : plannedFormat(contraction);
    llvm::Expected<std::optional<FormatSpec>> format =
        resolveFormat(contraction, name, options.plan.block);
    if (!format)
      return format.takeError();
    Decision decision{contraction, *format, std::nullopt, ""};
    if (!decision.weight) {
      decision.reason = *override ? "--set keeps it float" : plannedReason(contraction);
      return decision;
    }
    if (!hasIntegerKernel(*decision.weight))
      return decision;
    bool blocked = decision.weight->granularity == Granularity::Block;
    decision.activation =
        blocked ? ActivationMode::Dynamic
                : activationModeOf(contraction, options.activations);
    return decision;
  }

  static std::string plannedReason(const Contraction &contraction) {
    auto error = contraction.op->getAttrOfType<FloatAttr>(outputErrorName);
    if (!error)
      return "the plan keeps it float";
    return llvm::formatv("8 bits in it alone would change the outputs by {0:f1} %",
                         100 * std::sqrt(error.getValueAsDouble()));
  }

  // The plan's format; where it is silent, the one Allocate left on the op.
  std::string plannedFormat(const Contraction &contraction) {
    auto onOp = contraction.op->getAttrOfType<StringAttr>(weightFormatName);
    if (!options.plan.weights.contains(contraction.id) && onOp)
      return onOp.str();
    return options.plan.nameFor(contraction.id).str();
  }

  // A static input needs a range; which inputs share one depends on which
  // contractions are static.
  void keepFloatWithoutRanges(std::vector<Decision> &decisions) {
    EncodedEdges edges(statics(decisions));
    for (Decision &decision : decisions) {
      if (decision.activation != ActivationMode::Static ||
          staticParams(edges, decision.contraction.input))
        continue;
      if (decision.contraction.isConv) {
        decision.weight.reset();
        decision.activation.reset();
        decision.reason = "no calibration data for its input";
      } else {
        decision.activation = ActivationMode::Dynamic;
      }
    }
  }

public:
  static std::vector<Contraction> statics(ArrayRef<Decision> decisions) {
    std::vector<Contraction> result;
    for (const Decision &decision : decisions)
      if (decision.activation == ActivationMode::Static)
        result.push_back(decision.contraction);
    return result;
  }

private:
  func::FuncOp function;
  const QuantizeOptions &options;
};

class Rewriter {
public:
  Rewriter(MLIRContext *context, const Statistics *statistics)
      : builder(context), statistics(statistics) {}

  void rewrite(ArrayRef<Decision> decisions) {
    // As long as the sums read the contractions themselves.
    for (const Decision &decision : decisions)
      if (decision.weight)
        biases[decision.contraction.op] = biasOperand(decision.contraction);
    // Edges before weights and rows: those replace operands one by one.
    EncodedEdges edges(Planner::statics(decisions));
    SmallVector<std::pair<Value, QuantParams>> encoded;
    for (Value value : edges.values())
      if (std::optional<QuantParams> params = staticParams(edges, value))
        encoded.push_back({value, *params});
    for (auto &[value, params] : encoded)
      encodeStatic(builder, value, params);
    for (const Decision &decision : decisions) {
      if (!decision.weight) {
        decision.contraction.op->setAttr(
            staysFloatName, builder.getStringAttr(decision.reason));
        continue;
      }
      rewriteOperands(decision);
      decision.contraction.op->removeAttr(weightFormatName);
    }
  }

private:
  void rewriteOperands(const Decision &decision) {
    Operation *op = decision.contraction.op;
    if (decision.activation == ActivationMode::Dynamic) {
      // The operand may have become a decoded value meanwhile: rows of the
      // original are encoded, one rounding instead of two.
      Value &rows = decodedRows[decision.contraction.input];
      if (!rows)
        rows = createDecodedRows(builder, decision.contraction.input);
      op->setOperand(Contraction::inputOperand, rows);
    }
    EncodedTensor encoded =
        encodeWeight(decision.contraction, *decision.weight, statistics);
    correctBias(decision.contraction, encoded);
    builder.setInsertionPoint(op);
    op->setOperand(Contraction::weightOperand,
                   lowbit::createDecodedConstant(
                       builder, decision.contraction.weight.getLoc(), encoded));
  }

  void correctBias(const Contraction &contraction,
                   const EncodedTensor &encoded) {
    OpOperand *bias = biases.lookup(contraction.op);
    if (!bias)
      return;
    std::vector<float> values =
        correctedBias(contraction, bias, decodeTensor(encoded), statistics);
    if (values == *nn::ConstantView::of(bias->get())->values<float>())
      return;
    builder.setInsertionPoint(bias->getOwner());
    bias->set(nn::createConstant(
        builder, bias->get().getLoc(),
        cast<RankedTensorType>(bias->get().getType()), values, "bias"));
  }

  OpBuilder builder;
  const Statistics *statistics;
  llvm::DenseMap<Value, Value> decodedRows;
  llvm::DenseMap<Operation *, OpOperand *> biases;
};

void addToReport(ArrayRef<Decision> decisions, QuantizeReport &report) {
  for (const Decision &decision : decisions) {
    LayerReport layer;
    layer.id = decision.contraction.id;
    layer.reason = decision.reason;
    if (decision.contraction.weight) {
      ArrayRef<int64_t> shape = decision.contraction.weightType().getShape();
      layer.floatBytes = layer.bytes =
          decision.contraction.weightType().getNumElements() * 4;
      if (decision.weight) {
        layer.weight = toString(*decision.weight);
        layer.bytes = encodedBytes(*decision.weight, shape);
      }
    }
    if (decision.activation)
      layer.activation =
          *decision.activation == ActivationMode::Static ? "static" : "dynamic";
    report.layers.push_back(std::move(layer));
  }
}

struct QuantizeContractions
    : impl::QuantizeContractionsPassBase<QuantizeContractions> {
  using QuantizeContractionsPassBase::QuantizeContractionsPassBase;
  explicit QuantizeContractions(const QuantizeOptions &given) : given(given) {}

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    // Bodies of branches and loops are private; they stay in floats.
    if (function.isExternal() || function.isPrivate())
      return;
    auto run = [&]() -> llvm::Error {
      llvm::Expected<QuantizeOptions> options = effectiveOptions();
      if (!options)
        return options.takeError();
      llvm::Expected<std::vector<Decision>> decisions =
          Planner(function, *options).decide();
      if (!decisions)
        return decisions.takeError();
      if (options->report)
        addToReport(*decisions, *options->report);
      Rewriter(&getContext(), options->statistics).rewrite(*decisions);
      return llvm::Error::success();
    };
    if (llvm::Error error = run()) {
      std::string text;
      ExitCode code = consumeFailure(std::move(error), &text);
      if (given && given->exitCode)
        *given->exitCode = code;
      function.emitError(text);
      signalPassFailure();
    }
  }

private:
  // Options of the command line over those of the constructor.
  llvm::Expected<QuantizeOptions> effectiveOptions() {
    if (given)
      return *given;
    QuantizeOptions options;
    std::optional<ActivationMode> mode = parseActivationMode(activationPolicy);
    if (!mode)
      return fail(ExitCode::Usage,
                  "activations: expected static, dynamic or auto, got '{0}'",
                  activationPolicy.getValue());
    options.activations = *mode;
    if (!planFile.empty()) {
      llvm::Expected<QuantPlan> plan = readPlan(planFile);
      if (!plan)
        return plan.takeError();
      options.plan = std::move(*plan);
    }
    for (const std::string &set : sets) {
      llvm::Expected<FormatOverride> entry = parseOverride(set);
      if (!entry)
        return entry.takeError();
      options.overrides.push_back(std::move(*entry));
    }
    return options;
  }

  std::optional<QuantizeOptions> given;
};

} // namespace

std::optional<ActivationMode> parseActivationMode(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<ActivationMode>>(name)
      .Case("static", ActivationMode::Static)
      .Case("dynamic", ActivationMode::Dynamic)
      .Case("auto", ActivationMode::Auto)
      .Default(std::nullopt);
}

std::unique_ptr<Pass>
createQuantizeContractionsPass(const QuantizeOptions &options) {
  return std::make_unique<QuantizeContractions>(options);
}

void buildQuantizePipeline(OpPassManager &pm, const QuantizeOptions &options) {
  // nn with ranges -> nn on decoded codes.
  pm.addNestedPass<func::FuncOp>(createQuantizeContractionsPass(options));
}

} // namespace qopt

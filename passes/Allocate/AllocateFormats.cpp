// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Candidates are gathered per weight, then one rule chooses among them.
#include "dialects/NN/Constants.h"
#include "lib/Calibration/WeightEncoding.h"
#include "lib/Solver/MultipleChoice.h"
#include "lib/Support/Errors.h"
#include "passes/Allocate/ErrorPrediction.h"
#include "passes/Allocate/FloatLayers.h"
#include "passes/Allocate/Passes.h"
#include "passes/Allocate/Sensitivity.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Regex.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_ALLOCATEFORMATSPASS
#include "passes/Allocate/Passes.h.inc"

namespace {

struct FormatCandidate {
  std::string name;
  int64_t bytes = 0;
  double error = 0;
  std::vector<float> decoded; // The weight it amounts to, if needed.
};

// A weight and what it may become. With one candidate it is decided.
struct Weight {
  Contraction contraction;
  std::vector<FormatCandidate> candidates;
  size_t chosen = 0;
  bool isOpen = true; // Named by neither --set nor the given plan.
};

class Allocator {
public:
  Allocator(func::FuncOp function, const AllocateOptions &options)
      : function(function), options(options) {}

  llvm::Error run() {
    if (llvm::Error error = gather())
      return error;
    if (llvm::Error error = checkNames())
      return error;
    if (options.samples && !options.samples->empty() && options.runner &&
        function.getName() == "main")
      if (llvm::Error error = measure())
        return error;
    otherBytes = options.overheadBytes + bytesBesideWeights();
    report.budgetBytes = options.budget.bytes;
    report.otherBytes = otherBytes;
    if (options.budget.bytes) {
      llvm::Error error = options.rule == AllocateRule::Ilp
                              ? chooseByProgram()
                              : chooseLargestFirst();
      if (error)
        return error;
      if (sensitivity)
        if (llvm::Error error = measureChoice())
          return error;
    }
    finish();
    return llvm::Error::success();
  }

private:
  llvm::Error gather() {
    for (Contraction &contraction : findContractions(function)) {
      Weight &weight = weights.emplace_back();
      weight.contraction = contraction;
      llvm::Expected<std::vector<std::string>> names = namesFor(contraction);
      if (!names)
        return names.takeError();
      std::optional<ErrorPredictor> predictor;
      // Predictions cost time: only where they decide or are shown.
      if (options.budget.bytes || options.predictAlways)
        predictor.emplace(weight.contraction, options.statistics);
      for (const std::string &name : *names) {
        llvm::Expected<std::optional<numerics::FormatSpec>> format =
            resolveFormat(contraction, name, options.given.block);
        if (!format)
          return format.takeError();
        ArrayRef<int64_t> shape = contraction.weightType().getShape();
        FormatCandidate candidate{
            name, contraction.weightType().getNumElements() * 4, 0, {}};
        if (*format) {
          candidate.bytes = encodedBytes(**format, shape);
          if (predictor) {
            candidate.decoded = numerics::decodeTensor(
                encodeWeight(contraction, **format, options.statistics));
            candidate.error = predictor->errorOf(candidate.decoded);
          }
        }
        weight.candidates.push_back(std::move(candidate));
      }
    }
    return llvm::Error::success();
  }

  // A plan for another model, or a pattern that matches nothing, is a mistake.
  llvm::Error checkNames() {
    auto exists = [&](llvm::function_ref<bool(llvm::StringRef)> matches) {
      return llvm::any_of(weights, [&](const Weight &weight) {
        return matches(weight.contraction.id);
      });
    };
    for (const auto &[id, format] : options.given.weights)
      if (!exists([&](llvm::StringRef known) { return known == id; }))
        return fail(ExitCode::Usage,
                    "the plan names '{0}', but no weight is called so", id);
    for (const FormatOverride &entry : options.overrides)
      if (llvm::Regex regex(entry.pattern);
          !exists([&](llvm::StringRef known) { return regex.match(known); }))
        return fail(ExitCode::Usage, "--set '{0}={1}' matches no weight",
                    entry.pattern, entry.format);
    return llvm::Error::success();
  }

  // What a weight may become; int8 first.
  llvm::Expected<std::vector<std::string>>
  namesFor(const Contraction &contraction) {
    llvm::Expected<std::optional<std::string>> fixed =
        overrideFor(contraction.id, options.overrides);
    if (!fixed)
      return fixed.takeError();
    auto given = options.given.weights.find(contraction.id);
    weights.back().isOpen =
        !*fixed && given == options.given.weights.end();
    if (*fixed)
      return std::vector<std::string>{**fixed};
    if (given != options.given.weights.end())
      return std::vector<std::string>{given->second};
    std::vector<std::string> names = {"int8"};
    if (!options.budget.bytes)
      return names;
    if (int4Block(contraction, options.given.block))
      names.push_back("int4");
    if (options.rule == AllocateRule::Ilp)
      names.push_back("float");
    return names;
  }

  // Constants that are no weight of a contraction are stored as they are.
  int64_t bytesBesideWeights() {
    SmallPtrSet<Operation *, 16> weightOps;
    for (const Weight &weight : weights)
      weightOps.insert(weight.contraction.weight.getDefiningOp());
    int64_t bytes = 0;
    function.walk([&](arith::ConstantOp constant) {
      auto type = dyn_cast<RankedTensorType>(constant.getType());
      if (!type || weightOps.contains(constant) ||
          !type.getElementType().isIntOrIndexOrFloat())
        return;
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      if (!(dense && dense.isSplat())) // A splat lives in the code.
        bytes += type.getNumElements() * nn::elementBytes(type.getElementType());
    });
    return bytes;
  }

  llvm::Error measure() {
    auto created = Sensitivity::create(
        function, *options.runner, *options.samples,
        {options.statistics, options.activations, options.progress});
    if (!created)
      return created.takeError();
    sensitivity.emplace(std::move(*created));
    if (!sensitivity->canMeasure()) {
      sensitivity.reset();
      return options.budget.error
                 ? fail(ExitCode::Usage, "budget: no output of the network is of "
                        "floating point, so that no error can be measured")
                 : llvm::Error::success();
    }
    report.measured = true;
    std::vector<bool> open;
    for (const Weight &weight : weights)
      open.push_back(isInt8ByDefault(weight));
    llvm::Expected<std::vector<bool>> quantized = setFormats();
    if (!quantized)
      return quantized.takeError();
    double limit = options.budget.error.value_or(options.defaultError);
    if (options.searchRanges)
      if (llvm::Error error = sensitivity->settleRanges(
              {RangeMethod::Percentile, RangeMethod::MSE, RangeMethod::MinMax},
              *quantized, limit))
        return error;
    report.ranges = sensitivity->ranges();
    if (options.budget.bytes)
      return scalePredictions(*sensitivity);
    auto close = keepNetworkClose(*sensitivity, *quantized, open, limit);
    if (!close)
      return close.takeError();
    for (auto [index, error] : close->floats)
      keepFloat(weights[index], error);
    return checkError(close->error);
  }

  llvm::Error measureChoice() {
    llvm::Expected<std::vector<bool>> quantized = setFormats();
    if (!quantized)
      return quantized.takeError();
    llvm::Expected<double> error = sensitivity->ofLayers(*quantized);
    return error ? checkError(*error) : error.takeError();
  }

  // Tells the trials what was chosen; marks what is in codes.
  llvm::Expected<std::vector<bool>> setFormats() {
    std::vector<bool> quantized;
    for (auto [i, weight] : llvm::enumerate(weights)) {
      const FormatCandidate &chosen = weight.candidates[weight.chosen];
      auto format =
          resolveFormat(weight.contraction, chosen.name, options.given.block);
      if (!format)
        return format.takeError();
      quantized.push_back(format->has_value());
      if (*format && chosen.name != "int8")
        sensitivity->setFormat(i, **format);
    }
    return quantized;
  }

  llvm::Error checkError(double error) {
    report.networkError = error;
    if (!options.budget.error || error <= *options.budget.error)
      return llvm::Error::success();
    return fail(ExitCode::Resources,
                "budget: the outputs would move by {0:f1} %, beyond {1:f1} %; "
                "give more {2}",
                100 * std::sqrt(error), 100 * std::sqrt(*options.budget.error),
                options.budget.bytes ? "bytes" : "layers the choice (--set, --plan)");
  }

  // Scales each layer's errors so that the largest is what the outputs show.
  // Differences between formats of one layer stay as predicted: one run a layer
  // tells how much the network cares.
  llvm::Error scalePredictions(Sensitivity &sensitivity) {
    for (size_t i = 0; i < weights.size(); ++i) {
      Weight &weight = weights[i];
      const FormatCandidate &worst = *std::max_element(
          weight.candidates.begin(), weight.candidates.end(),
          [](const FormatCandidate &a, const FormatCandidate &b) {
            return a.error < b.error;
          });
      double predicted = worst.error;
      if (weight.candidates.size() < 2 || predicted <= 0)
        continue;
      llvm::Expected<double> measured = sensitivity.ofWeight(i, worst.decoded);
      if (!measured)
        return measured.takeError();
      for (FormatCandidate &candidate : weight.candidates)
        candidate.error *= *measured / predicted;
    }
    return llvm::Error::success();
  }

  // What --set or a plan names is not for us to change.
  static bool isInt8ByDefault(const Weight &weight) {
    return weight.isOpen && weight.candidates.front().name == "int8";
  }

  void keepFloat(Weight &weight, double error) {
    weight.contraction.op->setAttr(
        outputErrorName,
        Builder(function.getContext()).getF32FloatAttr(float(error)));
    weight.candidates.front() = {
        "float", weight.contraction.weightType().getNumElements() * 4, 0, {}};
  }

  llvm::Error chooseByProgram() {
    solver::Problem problem;
    problem.limits.push_back(
        {"size", "bytes", double(*options.budget.bytes - otherBytes)});
    for (const Weight &weight : weights) {
      solver::Group group{weight.contraction.id, {}};
      for (const FormatCandidate &candidate : weight.candidates)
        group.candidates.push_back(
            {candidate.name,
             candidate.error +
                 (candidate.name == "float" ? options.floatPenalty : 0),
             {double(candidate.bytes)}});
      problem.groups.push_back(std::move(group));
    }
    if (problem.limits[0].value < 0)
      return tooSmall();
    solver::Solution solution = solver::solve(problem);
    if (!solution.feasible)
      return tooSmall();
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i].chosen = solution.choice[i];
    report.solved = true;
    report.objective = solution.objective;
    report.bound = solution.bound;
    report.gap = solution.gap;
    report.pricePerKiB = solution.prices[0] * 1024;
    return llvm::Error::success();
  }

  llvm::Error chooseLargestFirst() {
    std::vector<size_t> order(weights.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      int64_t left = weights[a].candidates[0].bytes;
      int64_t right = weights[b].candidates[0].bytes;
      return left != right ? left > right : a < b;
    });
    for (size_t i : order) {
      if (totalBytes() <= *options.budget.bytes)
        break;
      if (weights[i].candidates.size() > 1)
        weights[i].chosen = 1;
    }
    return totalBytes() <= *options.budget.bytes ? llvm::Error::success()
                                                 : tooSmall();
  }

  llvm::Error tooSmall() {
    int64_t least = otherBytes;
    for (const Weight &weight : weights) {
      int64_t smallest = weight.candidates[0].bytes;
      for (const FormatCandidate &candidate : weight.candidates)
        smallest = std::min(smallest, candidate.bytes);
      least += smallest;
    }
    return fail(ExitCode::Resources,
                "budget: the smallest formats take {0} bytes, of which {1} are "
                "beside the weights; the budget is {2} bytes",
                least, otherBytes, *options.budget.bytes);
  }

  int64_t totalBytes() const {
    int64_t total = otherBytes;
    for (const Weight &weight : weights)
      total += weight.candidates[weight.chosen].bytes;
    return total;
  }

  double predictedError() const {
    double error = 0;
    for (const Weight &weight : weights)
      error += weight.candidates[weight.chosen].error;
    return error;
  }

  void finish() {
    MLIRContext *context = function.getContext();
    report.rule = !options.budget.bytes                   ? ""
                  : options.rule == AllocateRule::Ilp ? "ilp"
                                                          : "largest-first";
    report.totalBytes = totalBytes();
    for (const Weight &weight : weights) {
      const FormatCandidate &chosen = weight.candidates[weight.chosen];
      weight.contraction.op->setAttr(weightFormatName,
                                     StringAttr::get(context, chosen.name));
      report.layers.push_back(
          {weight.contraction.id, chosen.name,
           weight.contraction.weightType().getNumElements(), chosen.bytes,
           chosen.error});
      if (options.plan)
        options.plan->weights[weight.contraction.id] = chosen.name;
    }
    if (options.plan)
      options.plan->block = options.given.block;
    if (!report.solved)
      report.objective = predictedError();
    if (options.report)
      *options.report = report;
  }

  func::FuncOp function;
  const AllocateOptions &options;
  std::vector<Weight> weights;
  std::optional<Sensitivity> sensitivity; // Where something can be measured.
  int64_t otherBytes = 0;
  AllocationReport report;
};

struct AllocateFormats : impl::AllocateFormatsPassBase<AllocateFormats> {
  using AllocateFormatsPassBase::AllocateFormatsPassBase;
  explicit AllocateFormats(const AllocateOptions &given) : given(given) {}

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      // Bodies of branches and loops are private; they stay in floats.
      if (!function.isExternal() && !function.isPrivate())
        allocate(function);
  }

private:
  void allocate(func::FuncOp function) {
    auto run = [&]() -> llvm::Error {
      llvm::Expected<AllocateOptions> options = effectiveOptions();
      if (!options)
        return options.takeError();
      return Allocator(function, *options).run();
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

  llvm::Expected<AllocateOptions> effectiveOptions() {
    if (given)
      return *given;
    AllocateOptions options;
    llvm::Expected<Budget> budget = parseBudget(budgetText);
    if (!budget)
      return budget.takeError();
    options.budget = *budget;
    std::optional<AllocateRule> rule = parseAllocateRule(ruleName);
    if (!rule)
      return fail(ExitCode::Usage, "rule: expected ilp or largest-first, got '{0}'",
                  ruleName.getValue());
    options.rule = *rule;
    for (const std::string &set : sets) {
      llvm::Expected<FormatOverride> entry = parseOverride(set);
      if (!entry)
        return entry.takeError();
      options.overrides.push_back(std::move(*entry));
    }
    return options;
  }

  std::optional<AllocateOptions> given;
};

} // namespace

std::optional<AllocateRule> parseAllocateRule(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<AllocateRule>>(name)
      .Case("ilp", AllocateRule::Ilp)
      .Case("largest-first", AllocateRule::LargestFirst)
      .Default(std::nullopt);
}

std::unique_ptr<Pass> createAllocateFormatsPass(const AllocateOptions &options) {
  return std::make_unique<AllocateFormats>(options);
}

void buildAllocatePipeline(OpPassManager &pm, const AllocateOptions &options) {
  // nn -> nn with a format on every contraction.
  pm.addPass(createAllocateFormatsPass(options));
}

} // namespace qopt

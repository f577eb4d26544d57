// Phases 3 to 6.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/Quantization.h"
#include "lib/Driver/InProcess.h"
#include "lib/Support/Errors.h"
#include "passes/Equalize/Passes.h"

using namespace mlir;
using namespace qopt;

/// Runs passes whose errors carry the exit code they left in \p code.
static llvm::Error
runWithCode(ModuleOp module, llvm::StringRef phase, ExitCode &code,
            llvm::function_ref<void(OpPassManager &)> build) {
  llvm::Error error = runPipeline(module, phase, build);
  if (!error)
    return error;
  std::string message;
  consumeFailure(std::move(error), &message);
  return makeFailure(code, message);
}

bool Quantization::isWanted() const {
  switch (options.preset) {
  case Preset::FP32:
    return false;
  case Preset::Int8:
    return true;
  case Preset::Auto:
    return !options.calibration.empty() || options.budget.bytes ||
           options.budget.error || !options.planInput.empty() ||
           !options.overrides.empty();
  }
  return false;
}

llvm::Expected<std::vector<FormatOverride>> Quantization::overrides() const {
  std::vector<FormatOverride> result;
  for (const auto &[pattern, format] : options.overrides) {
    auto parsed = parseOverride(pattern + "=" + format);
    if (!parsed)
      return parsed.takeError();
    result.push_back(std::move(*parsed));
  }
  return result;
}

// Without a size the network runs a few times, or a few times a layer, to see how
// far codes move its outputs: few rows do.
static constexpr int64_t rowsToScreen = 4;

llvm::Error Quantization::keepSample(llvm::ArrayRef<InputSpec> inputs) {
  auto data = DataSet::open(
      options.calibration, inputs,
      {std::min<int64_t>(options.calibrationBatch, rowsToScreen),
       /*maxBatches=*/1});
  if (!data)
    return data.takeError();
  auto more = data->next(samples.emplace_back());
  if (!more)
    return more.takeError();
  if (!*more)
    samples.clear();
  return llvm::Error::success();
}

llvm::Error Quantization::calibrate(ModuleOp module) {
  if (!isWanted())
    return llvm::Error::success();
  std::optional<DataSet> data;
  if (!options.calibration.empty()) {
    auto inputs = inputSpecsOf(module);
    if (!inputs)
      return inputs.takeError();
    auto opened =
        DataSet::open(options.calibration, *inputs,
                      {options.calibrationBatch, /*maxBatches=*/0});
    if (!opened)
      return opened.takeError();
    data = std::move(*opened);
    if (!options.budget.bytes)
      if (auto error = keepSample(*inputs))
        return error;
  }
  InProcess runner(options.threads, options.optLevel);
  ExitCode code = ExitCode::Internal;
  CalibrateOptions calibrate;
  calibrate.samples = options.budget.bytes ? &samples : nullptr;
  calibrate.data = data ? &*data : nullptr;
  calibrate.runner = &runner;
  calibrate.statistics = &statistics;
  // Where ranges are searched, what stands until then, and stays where nothing
  // is measured.
  calibrate.range.method =
      parseRangeMethod(options.range).value_or(RangeMethod::Percentile);
  calibrate.progress = [this] { progress.advance(); };
  calibrate.exitCode = &code;
  return runWithCode(module, "calibrate", code, [&](OpPassManager &pm) {
    buildCalibratePipeline(pm, calibrate);
  });
}

llvm::Error Quantization::equalize(ModuleOp module) {
  if (!isWanted() || !options.equalize)
    return llvm::Error::success();
  return runPipeline(module, "equalize", [&](OpPassManager &pm) {
    buildEqualizePipeline(pm, {&statistics});
  });
}

llvm::Error Quantization::allocate(ModuleOp module) {
  if (!isWanted())
    return llvm::Error::success();
  ExitCode code = ExitCode::Internal;
  AllocateOptions allocate;
  allocate.budget = options.budget;
  allocate.rule =
      options.largestFirst ? AllocateRule::LargestFirst : AllocateRule::Ilp;
  if (!options.planInput.empty()) {
    auto given = readPlan(options.planInput);
    if (!given)
      return given.takeError();
    allocate.given = std::move(*given);
  }
  auto wanted = overrides();
  if (!wanted)
    return wanted.takeError();
  allocate.overrides = std::move(*wanted);
  InProcess runner(options.threads, options.optLevel);
  allocate.statistics = &statistics;
  allocate.samples = &samples;
  allocate.activations = *parseActivationMode(options.activations);
  allocate.searchRanges = options.range == "auto";
  allocate.runner = &runner;
  allocate.progress = [this] { progress.advance(); };
  allocate.plan = &plan;
  allocate.report = &allocation;
  allocate.predictAlways = options.planOnly;
  allocate.exitCode = &code;
  if (auto error = runWithCode(module, "allocate", code, [&](OpPassManager &pm) {
        buildAllocatePipeline(pm, allocate);
      }))
    return error;
  if (options.planOutput.empty())
    return llvm::Error::success();
  return writePlan(plan, options.planOutput);
}

llvm::Error Quantization::quantize(ModuleOp module) {
  if (!isWanted())
    return llvm::Error::success();
  ExitCode code = ExitCode::Internal;
  QuantizeOptions quantize;
  quantize.activations = *parseActivationMode(options.activations);
  quantize.plan = plan;
  quantize.statistics = &statistics;
  quantize.report = &layers;
  quantize.exitCode = &code;
  return runWithCode(module, "quantize", code, [&](OpPassManager &pm) {
    buildQuantizePipeline(pm, quantize);
  });
}

void Quantization::addTo(CompileReport &report) const {
  if (!isWanted())
    return;
  if (options.planOnly || allocation.budgetBytes) {
    std::string text;
    llvm::raw_string_ostream os(text);
    allocation.print(os);
    llvm::StringRef rest = text;
    while (!rest.empty()) {
      auto [line, tail] = rest.split('\n');
      report.lines.push_back(line.str());
      rest = tail;
    }
  }
  llvm::json::Array array;
  int64_t before = 0, after = 0, quantized = 0;
  for (const LayerReport &layer : layers.layers) {
    before += layer.floatBytes;
    after += layer.bytes;
    quantized += !layer.weight.empty();
    array.push_back(llvm::json::Object{{"name", layer.id},
                                       {"weight", layer.weight},
                                       {"activation", layer.activation},
                                       {"stays_float", layer.reason},
                                       {"float_bytes", layer.floatBytes},
                                       {"bytes", layer.bytes}});
  }
  report.json["layers"] = std::move(array);
  llvm::json::Object decided{{"bytes", allocation.totalBytes},
                             {"other_bytes", allocation.otherBytes},
                             {"rule", allocation.rule},
                             {"predicted_error", allocation.objective},
                             {"bound", allocation.bound},
                             {"gap", allocation.gap}};
  if (allocation.networkError && std::isfinite(*allocation.networkError))
    decided["network_error"] = *allocation.networkError;
  if (!allocation.ranges.empty()) {
    llvm::json::Object ranges;
    for (auto [method, count] : allocation.ranges)
      ranges[nameOf(method)] = int64_t(count);
    decided["ranges"] = std::move(ranges);
  }
  report.json["allocation"] = std::move(decided);
  if (options.planOnly)
    return;
  report.lines.push_back(
      llvm::formatv("quantized {0} of {1} matmul and conv ops, their weights "
                    "from {2} to {3} bytes",
                    quantized, layers.layers.size(), before, after));
  if (!allocation.ranges.empty()) {
    std::string text = "ranges of activations:";
    for (auto [method, count] : allocation.ranges)
      text += llvm::formatv(" {0} {1}", count, nameOf(method));
    report.lines.push_back(text);
  }
  if (allocation.networkError)
    report.lines.push_back(llvm::formatv(
        "rounded weights and static activations move the outputs by {0:f1} % "
        "on calibration data",
        100 * std::sqrt(*allocation.networkError)));
  for (const LayerReport &layer : layers.layers)
    if (layer.weight.empty())
      report.lines.push_back(
          llvm::formatv("  {0} stays float: {1}", layer.id, layer.reason));
}

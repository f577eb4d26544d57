// qopt compile: an ONNX model to an artifact.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/Compiler.h"
#include "lib/Support/Errors.h"
#include "tools/qopt/Commands.h"
#include "tools/qopt/InputOptions.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace qopt;

namespace {

/// The command line as given; parsed into CompileOptions by `parse`.
struct Arguments {
  CompileOptions options;
  std::string preset = "auto", budget, target = "cpu", to;
  std::vector<std::string> overrides;
  InputOptions inputs;
  bool json = false;
};

llvm::Error parseOverride(llvm::StringRef text, CompileOptions &options) {
  size_t split = text.rfind('=');
  if (split == llvm::StringRef::npos || split == 0)
    return fail(ExitCode::Usage,
                "--set expects 'REGEX=FORMAT' (float, int8 or int4), got '{0}'",
                text);
  options.overrides.push_back(
      {text.take_front(split).str(), text.drop_front(split + 1).str()});
  return llvm::Error::success();
}

llvm::Error parse(Arguments &arguments) {
  CompileOptions &options = arguments.options;
  options.preset = arguments.preset == "fp32"   ? Preset::FP32
                   : arguments.preset == "int8" ? Preset::Int8
                                                : Preset::Auto;
  auto budget = parseBudget(arguments.budget);
  if (!budget)
    return budget.takeError();
  options.budget = *budget;
  if (auto error = arguments.inputs.parse(options.shapes, options.frozen))
    return error;
  for (const std::string &text : arguments.overrides)
    if (auto error = parseOverride(text, options))
      return error;
  if (!arguments.to.empty()) {
    options.to = parsePhase(arguments.to);
    if (!options.to)
      return fail(ExitCode::Usage, "--to: no phase is called '{0}'",
                  arguments.to);
  }
  if (arguments.target != "cpu") {
    for (llvm::StringRef isa : llvm::split(arguments.target, ','))
      options.isas.push_back(isa.trim().str());
  }
  if (options.preset == Preset::FP32 &&
      (!arguments.budget.empty() || !arguments.overrides.empty() ||
       !options.planInput.empty()))
    return fail(ExitCode::Usage,
                "--preset fp32 quantizes nothing, so --budget, --set and --plan "
                "have no effect; leave the preset out");
  if (options.preset == Preset::Int8 && options.calibration.empty() &&
      options.activations != "dynamic")
    return fail(ExitCode::Usage,
                "--preset int8 expects --calib DATA, from which the ranges of "
                "activations are read; '--activations dynamic' does without "
                "(matmuls only)");
  if (options.budget.error && options.calibration.empty())
    return fail(ExitCode::Usage,
                "--budget error=... expects --calib DATA, on which it is measured");
  if (options.output.empty() && !options.to && !options.planOnly)
    return fail(ExitCode::Usage, "expects -o FILE to write");
  return llvm::Error::success();
}

ExitCode report(llvm::Error error) {
  std::string message;
  ExitCode code = consumeFailure(std::move(error), &message);
  llvm::errs() << "qopt: error: " << message << "\n";
  return code;
}

llvm::Expected<CompileReport> compile(Arguments &arguments) {
  if (auto error = parse(arguments))
    return std::move(error);
  Progress progress;
  auto result = qopt::compile(arguments.options, progress);
  progress.finish();
  return result;
}

ExitCode execute(Arguments &arguments) {
  auto result = compile(arguments);
  if (!result)
    return report(result.takeError());
  for (const std::string &line : result->lines)
    llvm::errs() << line << "\n";
  if (arguments.json)
    llvm::outs() << llvm::formatv("{0:2}\n",
                                  llvm::json::Value(std::move(result->json)));
  else
    llvm::outs() << result->module;
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    llvm::outs().clear_error();
    return report(fail(ExitCode::IO, "cannot write to standard output"));
  }
  return ExitCode::Ok;
}

std::string phaseHelp() {
  std::string text = "stop after a phase and print the module:";
  for (const PhaseInfo &info : allPhases())
    text += " " + info.name.str();
  return text;
}

/// What decides the network's numbers.
void addNetworkOptions(CLI::App *command, Arguments *arguments) {
  CompileOptions &options = arguments->options;
  command->add_option("model", options.model, "ONNX file")->required();
  command->add_option("--preset", arguments->preset,
                      "fp32; int8; auto: int8 where there is --calib, else fp32")
      ->check(CLI::IsMember({"fp32", "int8", "auto"}));
  command->add_option("--calib", options.calibration,
                      "calibration data: .npz keyed by input name, a folder of "
                      ".npz or .npy, or ONNX test_data_set folders");
  command->add_option("--calib-batch", options.calibrationBatch,
                      "rows of calibration data run at once")
      ->check(CLI::PositiveNumber);
  command->add_option("--budget", arguments->budget,
                      "size=BYTES (200KiB, 1.5MB): all weights together; each "
                      "gets int8, int4 or float to fit. error=ERROR (26dB, 5%): "
                      "how far rounded weights and static activations may "
                      "move the outputs on four rows of the calibration data; "
                      "layers stay float until they do not (default 20dB)");
  command->add_option("--set", arguments->overrides,
                      "'REGEX=FORMAT': formats of weights by node name (float, "
                      "int8, int4); the last match wins");
  command->add_option("--activations", options.activations,
                      "how matmul inputs are encoded: static, dynamic or auto")
      ->check(CLI::IsMember({"static", "dynamic", "auto"}));
  command->add_option("--range", options.range,
                      "how static ranges are chosen")
      ->check(CLI::IsMember({"auto", "minmax", "percentile", "mse", "entropy"}));
  command->add_flag("--requantize", options.requantize,
                    "of a model that is quantized already: decode its weights "
                    "and quantize anew, instead of keeping its scales");
  command->add_flag("!--no-equalize", options.equalize,
                    "skip rewrites that make tensors easier to quantize");
  command->add_option("--plan", options.planInput,
                      "take the format of each weight from this JSON file");
  command->add_option("--write-plan", options.planOutput,
                      "write the format of each weight as JSON");
  command->add_flag("--plan-only", options.planOnly,
                    "stop after the formats are decided and print them");
  command->add_flag("--largest-first", options.largestFirst,
                    "under --budget: the naive rule (largest layers to int4), "
                    "for comparison");
  arguments->inputs.addTo(command);
  command->add_option("--threads", options.threads,
                      "threads while calibrating; 0: all CPUs");
  command->add_flag("--json", arguments->json, "print the report as JSON");
}

void addOptions(CLI::App *command, Arguments *arguments) {
  CompileOptions &options = arguments->options;
  addNetworkOptions(command, arguments);
  command->add_option("-o,--output", options.output, "artifact to write");
  command->add_option("--target", arguments->target,
                      "cpu (every x86-64 ISA), native (this machine's best "
                      "alone), or a list of ISAs: x86-64-v3,avx512-vnni");
  command->add_option("-O", options.optLevel,
                      "-O2: optimized; -O0: naive code, the judge of -O2")
      ->check(CLI::IsMember({0, 2}));
  command->add_option("--to", arguments->to, phaseHelp());
  command->add_option("--dump-phases", options.dumpPhases,
                      "write the module after each phase into this folder");
}

} // namespace

void qopt::addCompileCommand(CLI::App &app, Action &run) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *command = app.add_subcommand(
      "compile",
      "Compile an ONNX model to an artifact.\n\nExamples:\n"
      "  qopt compile model.onnx -o model.qar --preset fp32\n"
      "  qopt compile model.onnx -o model.qar --preset int8 --calib data.npz\n"
      "  qopt compile model.onnx -o model.qar --calib data.npz --budget size=200KiB\n"
      "  qopt compile model.onnx --preset int8 --calib data.npz --to quantize\n"
      "  qopt compile model.onnx -o model.qar --preset int8 --calib data.npz --set 'head.*=float'");
  addOptions(command, arguments.get());
  command->callback([arguments, &run] {
    run = [arguments] { return execute(*arguments); };
  });
}

void qopt::addExportCommand(CLI::App &app, Action &run) {
  auto arguments = std::make_shared<Arguments>();
  CompileOptions &options = arguments->options;
  options.exportProfile = "ort";
  CLI::App *command = app.add_subcommand(
      "export",
      "Quantize an ONNX model as `compile` does and write it as an ONNX model "
      "again.\n\nExamples:\n"
      "  qopt export model.onnx -o quantized.onnx --calib data.npz\n"
      "  qopt export model.onnx -o quantized.onnx --calib data.npz --profile tensorrt\n"
      "  qopt export model.onnx -o quantized.onnx --set '.*=int4' --activations dynamic");
  addNetworkOptions(command, arguments.get());
  command->add_option("-o,--output", options.output, "ONNX file to write");
  command->add_option("--profile", options.exportProfile,
                      "who is to run it. ort: ONNX Runtime, int4 as MatMulNBits; "
                      "tensorrt: QuantizeLinear and DequantizeLinear alone")
      ->check(CLI::IsMember({"ort", "tensorrt"}));
  command->callback([arguments, &run] {
    run = [arguments] { return execute(*arguments); };
  });
}

llvm::Expected<CompileReport>
qopt::compileArguments(std::vector<std::string> words) {
  CLI::App app;
  Arguments arguments;
  addOptions(&app, &arguments);
  // CLI11 takes them last first.
  std::reverse(words.begin(), words.end());
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError &error) {
    return fail(ExitCode::Usage, "{0}", error.what());
  }
  return compile(arguments);
}

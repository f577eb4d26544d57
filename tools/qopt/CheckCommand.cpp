// qopt check: what of a model cannot be compiled, all at once.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Import/Import.h"
#include "lib/Support/Errors.h"
#include "tools/qopt/Commands.h"
#include "tools/qopt/InputOptions.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace qopt;

namespace {

void printText(const import::CheckReport &report) {
  llvm::raw_ostream &os = llvm::outs();
  os << "opset " << report.opset << ", " << report.parameters
     << " parameters";
  if (!report.producer.empty())
    os << ", written by " << report.producer;
  os << "\n";
  for (const auto &input : report.inputs)
    os << "input   " << input.name << ": " << input.type << "\n";
  for (const auto &output : report.outputs)
    os << "output  " << output.name << ": " << output.type << "\n";
  os << "ops    ";
  for (const auto &[op, count] : report.ops)
    os << " " << op << " x" << count;
  os << "\n";
  for (const auto &problem : report.unsupported)
    os << "unsupported: " << problem.node << ": " << problem.reason << "\n";
  os << (report.isSupported() ? "every op is supported\n" : "");
}

void printJson(const import::CheckReport &report) {
  llvm::json::Array inputs, outputs, problems;
  for (const auto &input : report.inputs)
    inputs.push_back(llvm::json::Object{{"name", input.name}, {"type", input.type}});
  for (const auto &output : report.outputs)
    outputs.push_back(
        llvm::json::Object{{"name", output.name}, {"type", output.type}});
  for (const auto &problem : report.unsupported)
    problems.push_back(llvm::json::Object{{"node", problem.node},
                                          {"reason", problem.reason}});
  llvm::json::Object ops;
  for (const auto &[op, count] : report.ops)
    ops[op] = int64_t(count);
  llvm::json::Object root{{"opset", report.opset},
                          {"producer", report.producer},
                          {"parameters", int64_t(report.parameters)},
                          {"inputs", std::move(inputs)},
                          {"outputs", std::move(outputs)},
                          {"ops", std::move(ops)},
                          {"unsupported", std::move(problems)}};
  llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
}

llvm::Expected<import::CheckReport> check(const std::string &model,
                                          const InputOptions &inputs) {
  import::ImportOptions options;
  if (llvm::Error error = inputs.parse(options.shapes, options.frozen))
    return std::move(error);
  return import::checkModel(model, options);
}

} // namespace

void qopt::addCheckCommand(CLI::App &app, Action &run) {
  struct Options {
    std::string model;
    InputOptions inputs;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App *command = app.add_subcommand(
      "check", "List every op of a model that cannot be compiled (exit code 4 "
               "if there is one).\n\nExample:\n  qopt check model.onnx");
  command->add_option("model", options->model, "ONNX file")->required();
  options->inputs.addTo(command);
  command->add_flag("--json", options->json, "print JSON");
  command->callback([options, &run] {
    run = [options] {
      auto report = check(options->model, options->inputs);
      if (!report) {
        std::string message;
        ExitCode code = consumeFailure(report.takeError(), &message);
        llvm::errs() << "qopt: error: " << message << "\n";
        return code;
      }
      options->json ? printJson(*report) : printText(*report);
      return report->isSupported() ? ExitCode::Ok : ExitCode::Unsupported;
    };
  });
}

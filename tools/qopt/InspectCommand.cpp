// qopt inspect: what an artifact consists of, and what a model leaves free.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/ModelSpaces.h"
#include "lib/Support/Errors.h"
#include "qrt/qrt.h"
#include "tools/qopt/Commands.h"
#include "tools/qopt/InputOptions.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace qopt;

namespace {

ExitCode report(qrt_status_t status) {
  llvm::errs() << "qopt: error: " << qrt_status_message(status) << "\n";
  // The runtime's codes are the documented exit codes.
  ExitCode code = ExitCode(qrt_status_code(status));
  qrt_status_free(status);
  return code;
}

std::string typeOf(const qrt_port_info_t &port) {
  std::string text;
  for (uint32_t axis = 0; axis < port.rank; ++axis) {
    text += axis ? " x " : "";
    if (port.symbols[axis] && port.symbols[axis][0])
      text += port.symbols[axis];
    else
      text += port.shape[axis] < 0 ? "?" : std::to_string(port.shape[axis]);
  }
  return text + (port.rank ? " x " : "") + qrt_dtype_name(port.dtype);
}

llvm::json::Object describeModel(const qrt_model_t *model) {
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  llvm::json::Array inputs, outputs, isas, commands;
  qrt_port_info_t port;
  for (uint32_t i = 0; i < info.input_count; ++i)
    if (!qrt_model_input(model, i, &port))
      inputs.push_back(llvm::json::Object{{"name", port.name}, {"type", typeOf(port)}});
  for (uint32_t i = 0; i < info.output_count; ++i)
    if (!qrt_model_output(model, i, &port))
      outputs.push_back(llvm::json::Object{{"name", port.name}, {"type", typeOf(port)}});
  for (uint32_t i = 0; i < info.isa_count; ++i)
    isas.push_back(qrt_model_isa(model, i));
  for (uint32_t i = 0; i < info.command_count; ++i) {
    qrt_command_info_t command;
    if (qrt_model_command(model, i, &command))
      continue;
    commands.push_back(llvm::json::Object{{"name", command.name},
                                          {"kernel", command.kernel},
                                          {"ops", command.description}});
  }
  llvm::json::Object root{
      {"name", info.name},
      {"producer", info.producer},
      {"inputs", std::move(inputs)},
      {"outputs", std::move(outputs)},
      {"isas", std::move(isas)},
      {"bytes", llvm::json::Object{{"file", int64_t(info.file_bytes)},
                                   {"weights", int64_t(info.weight_bytes)},
                                   {"code", int64_t(info.code_bytes)}}},
      {"kernels", int64_t(info.kernel_count)},
      {"commands", std::move(commands)}};
  llvm::StringRef lineage(static_cast<const char *>(info.lineage.data),
                          info.lineage.size);
  if (auto parsed = llvm::json::parse(lineage))
    root["lineage"] = std::move(*parsed);
  else
    llvm::consumeError(parsed.takeError());
  return root;
}

void printText(const llvm::json::Object &root) {
  llvm::raw_ostream &os = llvm::outs();
  const auto *bytes = root.getObject("bytes");
  os << llvm::formatv("{0}, written by {1}\n", *root.getString("name"),
                      *root.getString("producer"));
  for (const char *kind : {"inputs", "outputs"})
    for (const auto &port : *root.getArray(kind))
      os << llvm::formatv("{0,-8} {1}: {2}\n", llvm::StringRef(kind).drop_back(),
                          *port.getAsObject()->getString("name"),
                          *port.getAsObject()->getString("type"));
  os << llvm::formatv("bytes    {0} in all: weights {1}, code {2} of",
                      *bytes->getInteger("file"), *bytes->getInteger("weights"),
                      *bytes->getInteger("code"));
  for (const auto &isa : *root.getArray("isas"))
    os << " " << *isa.getAsString();
  os << llvm::formatv("\nkernels  {0}, launched by {1} commands:\n",
                      *root.getInteger("kernels"),
                      root.getArray("commands")->size());
  for (const auto &command : *root.getArray("commands"))
    os << llvm::formatv("  {0,-40} {1,-24} {2}\n",
                        *command.getAsObject()->getString("name"),
                        *command.getAsObject()->getString("kernel"),
                        *command.getAsObject()->getString("ops"));
  if (const auto *lineage = root.get("lineage"))
    os << "lineage  " << llvm::formatv("{0:2}", *lineage) << "\n";
}

struct Options {
  std::string file;
  bool json = false, spaces = false, freeOnly = false, allNames = false;
  ChannelSpacesOptions spacesOptions;
  InputOptions inputs;
};

ExitCode inspectArtifact(const Options &options) {
  qrt_model_t *model = nullptr;
  if (qrt_status_t status =
          qrt_model_open_file(options.file.c_str(), nullptr, &model))
    return report(status);
  llvm::json::Object root = describeModel(model);
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root)));
  else
    printText(root);
  qrt_model_release(model);
  return ExitCode::Ok;
}

llvm::Error printSpaces(const Options &options) {
  import::ImportOptions importOptions;
  if (llvm::Error error =
          options.inputs.parse(importOptions.shapes, importOptions.frozen))
    return error;
  ChannelSpacesStyle style;
  style.freeOnly = options.freeOnly;
  style.nameFunctions = true;
  style.mostNames = options.allNames ? style.mostNames : 4;
  return printModelSpaces(options.file, importOptions, options.spacesOptions,
                          style, llvm::outs());
}

ExitCode inspectSpaces(const Options &options) {
  std::string message;
  ExitCode code = consumeFailure(printSpaces(options), &message);
  if (code != ExitCode::Ok)
    llvm::errs() << "qopt: error: " << message << "\n";
  return code;
}

} // namespace

void qopt::addInspectCommand(CLI::App &app, Action &run) {
  auto options = std::make_shared<Options>();
  CLI::App *command = app.add_subcommand(
      "inspect",
      "Show inputs, outputs, kernels, sizes and lineage of an artifact, or with "
      "--spaces\nwhat can be scaled (D), permuted (P) and rotated (O) in a model "
      "without changing\nits outputs: the size of each space, the weights that "
      "write it and those that\nread it, or why it is pinned.\n\nExample:\n  qopt "
      "inspect model.qar\n  qopt inspect model.onnx --spaces");
  command->add_option("file", options->file, "artifact (.qar), or ONNX file")
      ->required();
  auto *json = command->add_flag("--json", options->json, "print JSON");
  auto *spaces = command->add_flag("--spaces", options->spaces,
                                   "channel spaces of an ONNX file");
  json->excludes(spaces);
  command->add_flag("--free", options->freeOnly, "leave out pinned spaces")
      ->needs(spaces);
  command->add_flag("--all-names", options->allNames,
                    "every writer and reader, not the first four")
      ->needs(spaces);
  command->add_flag("--private-state", options->spacesOptions.privateState,
                    "a cache that outputs hand to inputs is nobody else's")
      ->needs(spaces);
  options->inputs.addTo(command);
  for (const char *name : {"--shape", "--freeze"})
    command->get_option(name)->needs(spaces);
  command->callback([options, &run] {
    run = [options] {
      return options->spaces ? inspectSpaces(*options)
                             : inspectArtifact(*options);
    };
  });
}

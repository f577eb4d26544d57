// The phases of a compilation, in order.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/Compiler.h"
#include "lib/Driver/Quantization.h"
#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/ObjectEmitter.h"
#include "lib/Export/Export.h"
#include "lib/Import/Import.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipeline/Registration.h"
#include "passes/Simplify/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace qopt;

namespace {

std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OpPrintingFlags flags;
  // Weights are data: a few bytes tell enough.
  flags.elideLargeElementsAttrs(16).elideLargeResourceString(64);
  module.print(os, flags);
  os << "\n";
  return text;
}

class Compilation {
public:
  Compilation(const CompileOptions &options, Progress &progress)
      : options(options), progress(progress), quantization(options, progress) {
    DialectRegistry registry;
    registerDialects(registry);
    emission::registerObjectTranslations(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    // Two cores at most; results must not depend on threads.
    context.disableMultithreading();
  }

  llvm::Expected<CompileReport> run();

private:
  llvm::Error runPhase(Phase phase);
  llvm::Error import();
  llvm::Error simplify();
  llvm::Error package();
  llvm::Error dump(Phase phase);

  const CompileOptions &options;
  Progress &progress;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  BackendOptions backend;
  artifact::ArtifactBuilder builder;
  std::vector<std::pair<std::string, artifact::CodeImage>> images;
  Quantization quantization;
  CompileReport report;
};

llvm::Error Compilation::import() {
  import::ImportOptions importOptions;
  importOptions.shapes = options.shapes;
  importOptions.frozen = options.frozen;
  importOptions.requantize = options.requantize;
  importOptions.progress = &progress;
  auto imported = import::importOnnx(context, options.model, importOptions);
  if (!imported)
    return imported.takeError();
  module = std::move(*imported);
  return llvm::Error::success();
}

llvm::Error Compilation::simplify() {
  return runPipeline(*module, "simplify",
                     [](OpPassManager &pm) { buildSimplify(pm); });
}

llvm::Error Compilation::package() {
  builder.setModelName(llvm::sys::path::stem(options.model));
  builder.setProducer("qopt 0.1.0");
  if (auto error = packageModule(*module, builder))
    return error;
  for (auto &[isa, image] : images)
    builder.addCodeImage(isa, std::move(image));
  return builder.writeTo(options.output);
}

llvm::Error Compilation::runPhase(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return import();
  case Phase::Simplify:
    return simplify();
  case Phase::Calibrate:
    return quantization.calibrate(*module);
  case Phase::Equalize:
    return quantization.equalize(*module);
  case Phase::Allocate:
    return quantization.allocate(*module);
  case Phase::Quantize:
    return quantization.quantize(*module);
  case Phase::Fuse:
    return runFuse(*module, backend);
  case Phase::Schedule:
    return runSchedule(*module, backend);
  case Phase::Codegen:
    for (const emission::TargetIsa *isa : backend.isas) {
      auto image = generateCode(*module, *isa, backend.optLevel);
      if (!image)
        return image.takeError();
      images.push_back({isa->name.str(), std::move(*image)});
    }
    return llvm::Error::success();
  case Phase::Package:
    return package();
  }
  return llvm::Error::success();
}

/// NN-phase.mlir in the folder of --dump-phases.
llvm::Error Compilation::dump(Phase phase) {
  if (options.dumpPhases.empty())
    return llvm::Error::success();
  if (auto error = llvm::sys::fs::create_directories(options.dumpPhases))
    return fail(ExitCode::IO, "--dump-phases: cannot create '{0}': {1}",
                options.dumpPhases, error.message());
  std::string file = llvm::formatv("{0}/{1}-{2}.mlir", options.dumpPhases,
                                   llvm::format_decimal(int(phase) + 1, 2),
                                   describe(phase).name);
  std::replace(file.begin() + options.dumpPhases.size(), file.end(), ' ', '0');
  std::error_code code;
  llvm::raw_fd_ostream os(file, code);
  if (code)
    return fail(ExitCode::IO, "--dump-phases: cannot write '{0}': {1}", file,
                code.message());
  os << print(*module);
  return llvm::Error::success();
}

llvm::Expected<CompileReport> Compilation::run() {
  backend.optLevel = options.optLevel;
  for (const std::string &name : options.isas) {
    const emission::TargetIsa *isa = name == "native"
                                         ? emission::hostTargetIsa()
                                         : emission::findTargetIsa(name);
    if (!isa && name == "native")
      return fail(ExitCode::Resources,
                  "--target native: this machine runs none of the ISAs that code "
                  "is made for; it needs AVX2, FMA, BMI2 and F16C");
    if (!isa) {
      std::string known;
      for (const emission::TargetIsa &target : emission::targetIsas())
        known += (known.empty() ? "" : ", ") + target.name.str();
      return fail(ExitCode::Usage, "--target: no ISA is called '{0}'; there are "
                  "{1}, native for the best this machine runs, and cpu for all",
                  name, known);
    }
    backend.isas.push_back(isa);
  }
  if (backend.isas.empty())
    for (const emission::TargetIsa &isa : emission::targetIsas())
      backend.isas.push_back(&isa);

  for (const PhaseInfo &info : allPhases()) {
    progress.start(info.name);
    if (auto error = runPhase(info.phase))
      return error;
    if (auto error = dump(info.phase))
      return error;
    if (options.to == info.phase && info.phase != Phase::Package) {
      report.module = print(*module);
      break;
    }
    if (options.planOnly && info.phase == Phase::Allocate)
      break;
    if (info.phase == Phase::Quantize && !options.exportProfile.empty()) {
      if (auto error = onnx_export::exportOnnx(
              *module, *onnx_export::parseProfile(options.exportProfile),
              options.output))
        return error;
      break;
    }
  }
  quantization.addTo(report);
  return std::move(report);
}

} // namespace

llvm::Expected<CompileReport> qopt::compile(const CompileOptions &options,
                                            Progress &progress) {
  return Compilation(options, progress).run();
}

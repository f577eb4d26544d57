// From a module of decided formats to code and an artifact.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/Backend.h"
#include "dialects/Exec/ExecOps.h"
#include "lib/Analysis/LocationNames.h"
#include "lib/Artifact/ProgramPackager.h"
#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/ObjectEmitter.h"
#include "lib/Support/Errors.h"
#include "mlir/Pass/PassManager.h"
#include "passes/CPU/Passes.h"
#include "passes/Fuse/Passes.h"
#include "passes/Schedule/Passes.h"

using namespace mlir;
using namespace qopt;

llvm::Error qopt::collectDiagnostics(
    MLIRContext *context, StringRef phase,
    llvm::function_ref<LogicalResult()> action) {
  std::string text;
  LogicalResult result = success();
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure(); // Warnings and remarks keep their way to the user.
      llvm::raw_string_ostream os(text);
      if (!text.empty())
        os << "\n";
      std::string node = nameOf(diagnostic.getLocation(), "");
      if (!node.empty())
        os << "node '" << node << "': ";
      os << diagnostic.str();
      return success();
    });
    result = action();
  }
  if (succeeded(result))
    return llvm::Error::success();
  if (text.empty())
    text = "no reason was given; please report this as a defect";
  return fail(ExitCode::Internal, "phase {0} failed: {1}", phase, text);
}

llvm::Error
qopt::runPipeline(ModuleOp module, StringRef phase,
                  llvm::function_ref<void(OpPassManager &)> build) {
  return collectDiagnostics(module.getContext(), phase, [&] {
    PassManager pm(module.getContext());
    build(pm);
    return pm.run(module);
  });
}

llvm::Error qopt::runFuse(ModuleOp module, const BackendOptions &options) {
  return runPipeline(module, "fuse", [&](OpPassManager &pm) {
    buildFuse(pm, FuseOptions{options.optLevel > 0});
  });
}

llvm::Error qopt::runSchedule(ModuleOp module, const BackendOptions &options) {
  return runPipeline(module, "schedule", [&](OpPassManager &pm) {
    buildSchedule(pm, ScheduleOptions{options.optLevel > 0});
  });
}

llvm::Expected<artifact::CodeImage>
qopt::generateCode(ModuleOp scheduled, const emission::TargetIsa &isa,
                   unsigned optLevel) {
  // Only the kernels: weights are not copied.
  OwningOpRef<ModuleOp> code = ModuleOp::create(scheduled.getLoc());
  OpBuilder builder(code->getBodyRegion());
  for (auto kernel : scheduled.getOps<exec::KernelDefOp>())
    builder.clone(*kernel);
  if (auto error = runPipeline(*code, "codegen", [&](OpPassManager &pm) {
        pm.addPass(createLowerKernelsPass({isa.name.str(), optLevel}));
      }))
    return error;
  if (auto error = collectDiagnostics(code->getContext(), "codegen", [&] {
        return emission::lowerToLLVMDialect(*code);
      }))
    return error;
  auto object = emission::emitObject(*code, isa, optLevel);
  if (!object)
    return object.takeError();
  return artifact::linkCodeImage({llvm::ArrayRef<char>(*object)});
}

llvm::Error qopt::packageModule(ModuleOp scheduled,
                                artifact::ArtifactBuilder &builder) {
  return collectDiagnostics(scheduled.getContext(), "package", [&] {
    return artifact::packageProgram(scheduled, builder);
  });
}

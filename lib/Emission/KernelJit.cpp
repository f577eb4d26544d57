// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/KernelJit.h"
#include "lib/Emission/KernelBuilder.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include <cstdlib>

using namespace mlir;

namespace qopt::emission {

KernelJit::KernelJit() = default;
KernelJit::~KernelJit() = default;

llvm::SmallVector<const TargetIsa *> hostIsas() {
  llvm::SmallVector<const TargetIsa *> result;
  // The table runs from the least to the most able.
  if (const TargetIsa *best = hostTargetIsa())
    for (const TargetIsa *isa = targetIsas().begin(); isa <= best; ++isa)
      result.push_back(isa);
  return result;
}

static std::unique_ptr<llvm::Module>
translate(ModuleOp module, llvm::LLVMContext &context, const TargetIsa &isa) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context);
  if (!llvmModule)
    return nullptr;
  for (llvm::Function &function : *llvmModule) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", isa.cpu);
    function.addFnAttr("target-features", isa.features);
    function.addFnAttr("prefer-vector-width", std::to_string(isa.vectorBits));
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  return llvmModule;
}

llvm::Expected<std::unique_ptr<KernelJit>>
KernelJit::create(ModuleOp module, const TargetIsa &isa, unsigned level) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  if (failed(lowerToLLVMDialect(module)))
    return llvm::createStringError("kernel did not lower to LLVM");
  auto context = std::make_unique<llvm::LLVMContext>();
  auto llvmModule = translate(module, *context, isa);
  if (!llvmModule)
    return llvm::createStringError("kernel did not translate to LLVM IR");

  llvm::orc::JITTargetMachineBuilder builder{
      llvm::Triple(llvm::sys::getProcessTriple())};
  builder.setCPU(isa.cpu.str());
  builder.addFeatures(llvm::SubtargetFeatures(isa.features).getFeatures());
  builder.setCodeGenOptLevel(level ? llvm::CodeGenOptLevel::Aggressive
                                   : llvm::CodeGenOptLevel::None);
  auto machine = builder.createTargetMachine();
  if (!machine)
    return machine.takeError();
  llvmModule->setDataLayout((*machine)->createDataLayout());
  llvmModule->setTargetTriple((*machine)->getTargetTriple());
  if (llvm::Error error =
          makeOptimizingTransformer(level, 0, machine->get())(llvmModule.get()))
    return std::move(error);
  // A debugging aid: QOPT_DUMP_KERNEL=1 prints the optimized LLVM IR.
  if (std::getenv("QOPT_DUMP_KERNEL"))
    llvmModule->print(llvm::errs(), nullptr);

  auto jit =
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error = (*jit)->addIRModule(llvm::orc::ThreadSafeModule(
          std::move(llvmModule), std::move(context))))
    return std::move(error);
  std::unique_ptr<KernelJit> result(new KernelJit());
  result->jit = std::move(*jit);
  return result;
}

llvm::Expected<KernelJit::Kernel> KernelJit::lookup(llvm::StringRef name) {
  auto run = jit->lookup(name);
  if (!run)
    return run.takeError();
  auto units = jit->lookup((name + "_units").str());
  if (!units)
    return units.takeError();
  auto scratch = jit->lookup((name + "_scratch").str());
  if (!scratch)
    return scratch.takeError();
  return Kernel{run->toPtr<Run>(), units->toPtr<Count>(),
                scratch->toPtr<Count>()};
}

} // namespace qopt::emission

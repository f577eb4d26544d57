// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ObjectEmitter.h"
#include "lib/Support/Errors.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Operator.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"
#include <mutex>

using namespace llvm;
using namespace qopt::emission;

// What code generation may call behind our back. Plain byte loops: the
// vectorizer widens them, and "no-builtins" keeps it from seeing themselves in
// them.
static constexpr const char supportIR[] = R"(
define weak_odr hidden ptr @memcpy(ptr noalias %to, ptr noalias %from,
                                         i64 %n) nounwind {
entry:
  %any = icmp ne i64 %n, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %src = getelementptr i8, ptr %from, i64 %i
  %dst = getelementptr i8, ptr %to, i64 %i
  %byte = load i8, ptr %src
  store i8 %byte, ptr %dst
  %next = add nuw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret ptr %to
}
define weak_odr hidden ptr @memset(ptr %to, i32 %value, i64 %n) nounwind {
entry:
  %byte = trunc i32 %value to i8
  %any = icmp ne i64 %n, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %dst = getelementptr i8, ptr %to, i64 %i
  store i8 %byte, ptr %dst
  %next = add nuw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret ptr %to
}
define weak_odr hidden ptr @memmove(ptr %to, ptr %from, i64 %n) nounwind {
entry:
  %t = ptrtoint ptr %to to i64
  %f = ptrtoint ptr %from to i64
  %distance = sub i64 %t, %f
  %overlaps = icmp ult i64 %distance, %n
  br i1 %overlaps, label %backwards, label %forwards
forwards:
  %any = icmp ne i64 %n, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i64 [ 0, %forwards ], [ %next, %loop ]
  %src = getelementptr i8, ptr %from, i64 %i
  %dst = getelementptr i8, ptr %to, i64 %i
  %byte = load i8, ptr %src
  store i8 %byte, ptr %dst
  %next = add nuw i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
backwards:
  %k = phi i64 [ %n, %entry ], [ %k1, %backwards ]
  %k1 = sub i64 %k, 1
  %bsrc = getelementptr i8, ptr %from, i64 %k1
  %bdst = getelementptr i8, ptr %to, i64 %k1
  %bbyte = load i8, ptr %bsrc
  store i8 %bbyte, ptr %bdst
  %bmore = icmp ne i64 %k1, 0
  br i1 %bmore, label %backwards, label %done
done:
  ret ptr %to
}
)";

// What goes wrong here is our own emitters' fault.
static Error internal(const Twine &text) {
  return qopt::makeFailure(qopt::ExitCode::Internal, text);
}

static Expected<std::unique_ptr<TargetMachine>>
createTargetMachine(const TargetIsa &isa, int optLevel) {
  static std::once_flag once;
  std::call_once(once, [] {
    InitializeAllTargetInfos();
    InitializeAllTargets();
    InitializeAllTargetMCs();
    InitializeAllAsmPrinters();
    InitializeAllAsmParsers();
  });
  std::string message;
  Triple triple(isa.triple);
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return internal("no code generator for " + isa.triple + ": " + message);
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Strict;
  options.FunctionSections = false;
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, isa.cpu, isa.features, options, Reloc::PIC_, CodeModel::Small,
      optLevel == 0 ? CodeGenOptLevel::None : CodeGenOptLevel::Aggressive));
}

static Error addSupportFunctions(Module &module) {
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> support =
      parseAssemblyString(supportIR, diagnostic, module.getContext());
  if (!support)
    return internal("support functions: " + diagnostic.getMessage());
  support->setDataLayout(module.getDataLayout());
  support->setTargetTriple(module.getTargetTriple());
  if (Linker::linkModules(module, std::move(support)))
    return internal("cannot add the support functions");
  // Code generation refers to them only after the last chance to drop them.
  SmallVector<GlobalValue *> kept;
  for (StringRef name : {"memcpy", "memmove", "memset"})
    kept.push_back(module.getFunction(name));
  appendToCompilerUsed(module, kept);
  return Error::success();
}

static void setFunctionAttributes(Module &module, const TargetIsa &isa) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", isa.cpu);
    if (!isa.features.empty())
      function.addFnAttr("target-features", isa.features);
    function.addFnAttr("prefer-vector-width", Twine(isa.vectorBits).str());
    function.addFnAttr("no-builtins");
    function.addFnAttr(Attribute::NoUnwind);
    function.setDSOLocal(true);
  }
}

// Everything that would let the optimizer or the code generator choose between
// roundings: see the stated arithmetic in DESIGN's chapter 8.
static Error checkBitExact(Module &module) {
  for (Function &function : module)
    for (Instruction &instruction : instructions(function)) {
      auto *intrinsic = dyn_cast<IntrinsicInst>(&instruction);
      if (intrinsic && intrinsic->getIntrinsicID() == Intrinsic::fmuladd)
        return internal("function '" + function.getName() +
                        "' contains llvm.fmuladd, whose rounding is "
                        "unspecified; emit math.fma instead of vector.fma");
      auto *math = dyn_cast<FPMathOperator>(&instruction);
      if (math && math->getFastMathFlags().any())
        return internal("function '" + function.getName() +
                        "' carries fast-math flags on '" +
                        instruction.getOpcodeName() + "'");
    }
  return Error::success();
}

static Error generate(Module &module, const TargetIsa &isa, int optLevel,
                      CodeGenFileType type, SmallVectorImpl<char> &out) {
  auto machine = createTargetMachine(isa, optLevel);
  if (!machine)
    return machine.takeError();
  module.setDataLayout((*machine)->createDataLayout());
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setPICLevel(PICLevel::BigPIC);
  if (Error error = checkBitExact(module))
    return error;
  if (Error error = addSupportFunctions(module))
    return error;
  setFunctionAttributes(module, isa);
  auto optimize = mlir::makeOptimizingTransformer(optLevel, /*sizeLevel=*/0,
                                                  machine->get());
  if (Error error = optimize(&module))
    return error;

  raw_svector_ostream stream(out);
  legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, type))
    return internal("the code generator of " + isa.name +
                    " cannot write this kind of file");
  passes.run(module);
  return Error::success();
}

static Expected<std::unique_ptr<Module>> translate(mlir::ModuleOp module,
                                                   LLVMContext &context) {
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, context, "kernels");
  if (!llvmModule)
    return internal("translation to LLVM IR failed (the diagnostics say why)");
  return llvmModule;
}

void qopt::emission::registerObjectTranslations(
    mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

Expected<SmallVector<char>>
qopt::emission::emitObject(Module &module, const TargetIsa &isa, int optLevel) {
  SmallVector<char> object;
  if (Error error =
          generate(module, isa, optLevel, CodeGenFileType::ObjectFile, object))
    return error;
  return object;
}

Expected<SmallVector<char>> qopt::emission::emitObject(mlir::ModuleOp module,
                                                       const TargetIsa &isa,
                                                       int optLevel) {
  LLVMContext context;
  auto llvmModule = translate(module, context);
  if (!llvmModule)
    return llvmModule.takeError();
  return emitObject(**llvmModule, isa, optLevel);
}

Expected<std::string> qopt::emission::emitAssembly(mlir::ModuleOp module,
                                                   const TargetIsa &isa,
                                                   int optLevel) {
  LLVMContext context;
  auto llvmModule = translate(module, context);
  if (!llvmModule)
    return llvmModule.takeError();
  SmallVector<char> text;
  if (Error error = generate(**llvmModule, isa, optLevel,
                             CodeGenFileType::AssemblyFile, text))
    return error;
  return std::string(text.data(), text.size());
}

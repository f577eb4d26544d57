// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hands each kernel to the first emitter that takes it.

#include "passes/CPU/LowerKernels.h"
#include "lib/Emission/AttentionEmitter.h"
#include "lib/Emission/ContractionEmitter.h"
#include "lib/Emission/CopyEmitter.h"
#include "lib/Emission/ElementwiseEmitter.h"
#include "lib/Emission/KernelShapes.h"
#include "lib/Emission/RecurrenceEmitter.h"
#include "lib/Emission/ReduceEmitter.h"
#include "lib/Emission/RowEmitter.h"
#include "lib/Emission/SizeChecks.h"
#include "lib/Emission/WindowEmitter.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/CPU/NaiveKernel.h"
#include "passes/CPU/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "passes/CPU/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

static SmallVector<RankedTensorType> operandTypes(exec::KernelDefOp kernel) {
  SmallVector<RankedTensorType> types;
  for (Type type : kernel.getInputTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type)) // the rest: indices
      types.push_back(tensor);
  for (Type type : kernel.getOutputTypes())
    types.push_back(cast<RankedTensorType>(type));
  return types;
}

/// Emitters read and write plain numbers; formats have been split by now.
static bool isComputable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type.isIndex() || type.isInteger();
  Type element = tensor.getElementType();
  auto integer = dyn_cast<IntegerType>(element);
  return isa<Float32Type, Float64Type, Float16Type, BFloat16Type>(element) ||
         emission::isNarrowFloat(element) ||
         element.isIndex() ||
         (integer && integer.getWidth() <= 64);
}

static LogicalResult verifyTypes(exec::KernelDefOp kernel) {
  for (Operation &op : kernel.getBody().front())
    for (Type type : op.getResultTypes())
      if (!isComputable(type))
        return op.emitError("expects float or integer elements, got ")
               << type;
  for (Type type : kernel.getInputTypes())
    if (!isComputable(type))
      return kernel.emitError("expects inputs of floats or integers, got ")
             << type;
  return success();
}

namespace {

/// An optimized emitter: failure means that the kernel is not of its kind.
struct Emitter {
  StringRef name;
  LogicalResult (*emit)(emission::KernelBuilder &kb, Block &body);
};

// The first that takes a kernel writes it.
const Emitter emitters[] = {
    // Before contractions: a depthwise convolution is one too.
    {"window", emission::emitWindow},
    {"contraction", emission::emitContraction},
    {"elementwise", emission::emitElementwise},
    {"rows", emission::emitRows},
    {"reduce", emission::emitReduce},
    {"attention", emission::emitAttention},
    {"recurrence", emission::emitRecurrence},
    {"copy", emission::emitCopy},
};

} // namespace

FailureOr<StringRef> qopt::lowerKernel(exec::KernelDefOp kernel,
                                       ModuleOp target,
                                       const emission::TargetIsa &isa,
                                       unsigned optLevel) {
  if (failed(verifyTypes(kernel)))
    return failure();
  Block &body = kernel.getBody().front();
  unsigned indices = body.getNumArguments() - emission::numTensorInputs(body);
  emission::KernelBuilder kb(target, kernel.getSymName(), operandTypes(kernel),
                             isa, kernel.getLoc(), indices);
  kb.setPrecondition([&] { return emission::emitSizeChecks(kb, body); });
  if (optLevel > 0)
    for (const Emitter &emitter : emitters) {
      if (succeeded(emitter.emit(kb, body)))
        return emitter.name;
      kb.discard();
    }
  if (failed(naive::emitNaiveKernel(kb, body)))
    return failure();
  return StringRef("naive");
}

namespace {

class LowerKernelsPass
    : public qopt::impl::LowerKernelsPassBase<LowerKernelsPass> {
  using LowerKernelsPassBase::LowerKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const emission::TargetIsa *target = emission::findTargetIsa(isa);
    if (!target) {
      module.emitError("expects the name of an instruction set, got '")
          << isa << "'";
      return signalPassFailure();
    }
    for (auto program :
         llvm::make_early_inc_range(module.getOps<exec::ProgramOp>()))
      program.erase();
    SmallVector<exec::KernelDefOp> kernels(module.getOps<exec::KernelDefOp>());
    for (exec::KernelDefOp kernel : kernels) {
      if (failed(lowerKernel(kernel, module, *target, optLevel)))
        return signalPassFailure();
      kernel.erase();
    }
  }
};

} // namespace

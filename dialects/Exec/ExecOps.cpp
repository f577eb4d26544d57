// Registration and verifiers of the exec dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Exec/ExecOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

#include "dialects/Exec/ExecDialect.cpp.inc"

using namespace mlir;
using namespace qopt::exec;

void ExecDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Exec/ExecOps.cpp.inc"
      >();
}

static int64_t countDynamicDims(TypeRange types) {
  int64_t count = 0;
  for (Type type : types)
    count += cast<RankedTensorType>(type).getNumDynamicDims();
  return count;
}

static LogicalResult verifyResultDims(Operation *op, OperandRange dims,
                                      StringRef label) {
  int64_t expected = countDynamicDims(op->getResultTypes());
  if (expected == int64_t(dims.size()))
    return success();
  return op->emitOpError("(") << label << ") expects " << expected
                              << " dynamic result dimensions, got "
                              << dims.size();
}

LogicalResult KernelOp::verify() {
  if (getBody().getArgumentTypes() != getInputs().getTypes())
    return emitOpError("(kernel_c1) expects region arguments of the operands' "
                       "types");
  Operation *yield = getBody().front().getTerminator();
  if (yield->getOperandTypes() != getResultTypes())
    return emitOpError("(kernel_c1) expects to yield the results' types");
  return verifyResultDims(*this, getResultDims(), "kernel_c2");
}

LogicalResult ProgramOp::verify() {
  if (getInputNames().size() != getBody().getNumArguments())
    return emitOpError("expects ") << getBody().getNumArguments()
                                   << " input names, got "
                                   << getInputNames().size();
  Operation *ret = getBody().front().getTerminator();
  if (getOutputNames().size() != ret->getNumOperands())
    return emitOpError("expects ") << ret->getNumOperands()
                                   << " output names, got "
                                   << getOutputNames().size();
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<KernelDefOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("expects a kernel_def named ") << getKernel();
  if (kernel.getInputTypes() != getInputs().getTypes() ||
      kernel.getOutputTypes() != TypeRange(getResultTypes()))
    return emitOpError("(launch_c1) expects the operand and result types of @")
           << getKernel();
  return verifyResultDims(*this, getResultDims(), "launch_c2");
}

/// Argument and result types of a function or program; nothing if \p symbol is
/// neither.
static std::optional<std::pair<SmallVector<Type>, SmallVector<Type>>>
signatureOf(Operation *symbol) {
  if (auto program = dyn_cast_if_present<ProgramOp>(symbol))
    return std::pair(
        SmallVector<Type>(program.getBody().getArgumentTypes()),
        SmallVector<Type>(
            program.getBody().front().getTerminator()->getOperandTypes()));
  auto function = dyn_cast_if_present<FunctionOpInterface>(symbol);
  if (!function)
    return std::nullopt;
  return std::pair(SmallVector<Type>(function.getArgumentTypes()),
                   SmallVector<Type>(function.getResultTypes()));
}

/// Equal element types and ranks; sizes are compared at run time. Types
/// from \p stackedFrom on have one axis more on the left.
static bool agree(TypeRange left, TypeRange right, size_t stackedFrom = ~0ull) {
  if (left.size() != right.size())
    return false;
  for (size_t i = 0; i < left.size(); ++i) {
    auto a = dyn_cast<RankedTensorType>(left[i]);
    auto b = dyn_cast<RankedTensorType>(right[i]);
    if (!a || !b || a.getElementType() != b.getElementType() ||
        a.getRank() != b.getRank() + (i >= stackedFrom ? 1 : 0))
      return false;
  }
  return true;
}

LogicalResult BranchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  for (FlatSymbolRefAttr name : {getThenProgramAttr(), getElseProgramAttr()}) {
    auto signature =
        signatureOf(symbols.lookupNearestSymbolFrom(*this, name));
    if (!signature)
      return emitOpError("expects a function or program named ") << name;
    if (!agree(getInputs().getTypes(), signature->first) ||
        !agree(getOutputs().getTypes(), signature->second))
      return emitOpError("(branch_c1) expects the argument and result types of ")
             << name;
  }
  return success();
}

LogicalResult LoopOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto signature = signatureOf(
      symbols.lookupNearestSymbolFrom(*this, getBodyProgramAttr()));
  if (!signature)
    return emitOpError("expects a function or program named ")
           << getBodyProgramAttr();
  SmallVector<Type> passed(getCarried().getTypes());
  llvm::append_range(passed, getCaptured().getTypes());
  ArrayRef<Type> taken(signature->first), given(signature->second);
  if (taken.size() < 2 || given.empty() ||
      getOutputs().size() < getCarried().size() ||
      !agree(passed, taken.drop_front(2)) ||
      !agree(getOutputs().getTypes(), given.drop_front(),
             getCarried().size()))
    return emitOpError("(loop_c1) expects the argument and result types of ")
           << getBodyProgramAttr();
  return success();
}

#define GET_OP_CLASSES
#include "dialects/Exec/ExecOps.cpp.inc"

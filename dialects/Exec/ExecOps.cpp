// Registration and verifiers of the exec dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Exec/ExecOps.h"
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

#define GET_OP_CLASSES
#include "dialects/Exec/ExecOps.cpp.inc"

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One kernel to code: the step --qopt-lower-kernels repeats.

#ifndef QOPT_PASSES_CPU_LOWERKERNELS_H
#define QOPT_PASSES_CPU_LOWERKERNELS_H

#include "dialects/Exec/ExecOps.h"
#include "lib/Emission/Targets.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// Emits the functions of \p kernel into \p target. \p optLevel 0 asks for
/// naive code. Returns the name of the emitter that took the kernel ("naive",
/// "elementwise", ...); fails, blaming an op, when none did.
mlir::FailureOr<llvm::StringRef> lowerKernel(exec::KernelDefOp kernel,
                                             mlir::ModuleOp target,
                                             const emission::TargetIsa &isa,
                                             unsigned optLevel);

} // namespace qopt

#endif // QOPT_PASSES_CPU_LOWERKERNELS_H

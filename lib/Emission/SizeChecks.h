// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Do sizes that are known only at run time go together? Where they do not, a
// kernel would read beyond its operands.

#ifndef QOPT_LIB_EMISSION_SIZECHECKS_H
#define QOPT_LIB_EMISSION_SIZECHECKS_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// An i1 for the units function: dynamic sizes of the operands of \p body's
/// elementwise ops, broadcasts, matrix products and concatenations are equal,
/// or 1 where they repeat, and its reshapes keep the number of elements. Null
/// where the types alone say so.
mlir::Value emitSizeChecks(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_SIZECHECKS_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention without the score matrix: the scores of a block of queries live in
// scratch, as long as that block is worked on.

#ifndef QOPT_LIB_EMISSION_ATTENTIONEMITTER_H
#define QOPT_LIB_EMISSION_ATTENTIONEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails when the body is anything else than one attention on inputs.
mlir::LogicalResult emitAttention(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_ATTENTIONEMITTER_H

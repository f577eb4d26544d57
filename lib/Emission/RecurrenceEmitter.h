// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// RNN, GRU and LSTM: all steps of a few batch items in one unit of work.

#ifndef QOPT_LIB_EMISSION_RECURRENCEEMITTER_H
#define QOPT_LIB_EMISSION_RECURRENCEEMITTER_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

/// Fails when the body is anything else than one recurrence on inputs.
mlir::LogicalResult emitRecurrence(KernelBuilder &kb, mlir::Block &body);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_RECURRENCEEMITTER_H

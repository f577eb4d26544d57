// The operators of the nn dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNOPS_H
#define QOPT_DIALECTS_NN_NNOPS_H

#include "dialects/NN/NNDialect.h"
#include "dialects/NN/NNShapes.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace qopt::nn {

/// Marks ops whose result element depends on one element of each operand,
/// after numpy broadcasting.
template <typename ConcreteType>
class Pointwise : public mlir::OpTrait::TraitBase<ConcreteType, Pointwise> {};

/// Marks ops that only move elements.
template <typename ConcreteType>
class DataMovement
    : public mlir::OpTrait::TraitBase<ConcreteType, DataMovement> {};

} // namespace qopt::nn

#include "dialects/NN/NNEnums.h.inc"

namespace qopt::nn {
/// Gates that lie side by side in a recurrence's x and weights.
constexpr int64_t numGates(RecurrentCell cell) {
  return cell == RecurrentCell::rnn ? 1 : cell == RecurrentCell::gru ? 3 : 4;
}
} // namespace qopt::nn

#define GET_OP_CLASSES
#include "dialects/NN/NNOps.h.inc"

#endif

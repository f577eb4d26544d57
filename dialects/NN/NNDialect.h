// The nn dialect: what a network computes, on immutable ranked tensors.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNDIALECT_H
#define QOPT_DIALECTS_NN_NNDIALECT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"

#include "dialects/NN/NNDialect.h.inc"

#endif

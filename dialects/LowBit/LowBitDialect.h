// The lowbit dialect: number formats, encoding and code arithmetic.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITDIALECT_H
#define QOPT_DIALECTS_LOWBIT_LOWBITDIALECT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"

#include "dialects/LowBit/LowBitDialect.h.inc"

#endif

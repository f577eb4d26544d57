// The exec dialect: kernels and the program that launches them.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_EXEC_EXECDIALECT_H
#define QOPT_DIALECTS_EXEC_EXECDIALECT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dialect.h"

#include "dialects/Exec/ExecDialect.h.inc"

#endif

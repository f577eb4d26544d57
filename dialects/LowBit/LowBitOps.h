// The operators of the lowbit dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITOPS_H
#define QOPT_DIALECTS_LOWBIT_LOWBITOPS_H

#include "dialects/LowBit/LowBitDialect.h"
#include "dialects/LowBit/LowBitTypes.h"
#include "dialects/NN/NNOps.h"

#define GET_OP_CLASSES
#include "dialects/LowBit/LowBitOps.h.inc"

#endif

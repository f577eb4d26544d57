// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The instruction sets kernels are compiled for: a table, so that a new one is
// a row here and a row in the runtime's CPU detection (runtime/cpu).
#ifndef QOPT_EMISSION_TARGETS_H
#define QOPT_EMISSION_TARGETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace qopt::emission {

struct TargetIsa {
  llvm::StringRef name;     // section name in the artifact
  llvm::StringRef triple;   // LLVM target triple
  llvm::StringRef cpu;      // LLVM's -mcpu
  llvm::StringRef features; // LLVM's -mattr, beyond the cpu
  unsigned vectorBits;      // widest vector register
  bool hasVnni;             // an 8-bit dot product into 32 bits
};

// All of them, from the least to the most able.
llvm::ArrayRef<TargetIsa> targetIsas();

// The row called `name`, or null.
const TargetIsa *findTargetIsa(llvm::StringRef name);

// The most able row that this machine's CPU executes; null on a foreign CPU.
const TargetIsa *hostTargetIsa();

} // namespace qopt::emission

#endif // QOPT_EMISSION_TARGETS_H

// The phases of a compilation: the one list that drives `--to`,
// `--dump-phases`, progress and documentation.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_PHASES_H
#define QOPT_LIB_DRIVER_PHASES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace qopt {

enum class Phase {
  Import,
  Simplify,
  Calibrate,
  Equalize,
  Allocate,
  Quantize,
  Fuse,
  Schedule,
  Codegen,
  Package,
};

struct PhaseInfo {
  Phase phase;
  llvm::StringLiteral name;
  llvm::StringLiteral description;
};

/// In the order in which they run.
llvm::ArrayRef<PhaseInfo> allPhases();
const PhaseInfo &describe(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

} // namespace qopt

#endif

// The names users gave to nodes of their model, kept as locations.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_ANALYSIS_LOCATIONNAMES_H
#define QOPT_LIB_ANALYSIS_LOCATIONNAMES_H

#include "mlir/IR/Location.h"
#include <string>

namespace qopt {

/// The first name in \p location, or \p fallback.
std::string nameOf(mlir::Location location, llvm::StringRef fallback);

} // namespace qopt

#endif

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The equations of Einsum: "bij,bjk->bik".
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

/// One label an axis: a letter's code, or for an axis of the ellipsis
/// ellipsisLabel + its number counted from the last.
using Labels = llvm::SmallVector<int>;
constexpr int ellipsisLabel = 256;

struct EinsumEquation {
  std::vector<Labels> inputs;
  Labels output;
};

/// The equation for inputs of these ranks; BadModel when it does not fit them.
/// Without "->" the output has the ellipsis, then the letters that stand once,
/// in alphabetical order.
EinsumEquation parseEinsum(NodeImport &node, llvm::StringRef equation,
                           llvm::ArrayRef<int64_t> ranks);

} // namespace qopt::import

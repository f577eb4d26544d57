// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of values that outlive rewriting: statistics, plans and reports speak
// of values by the id on the op that makes them (or on the argument).
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace qopt {

// Gives every tensor-producing op and every argument of `function` an
// `nn.value_id`: the name in its location, made unique by a number where one
// node became several ops. Existing ids stay.
void assignValueIds(mlir::func::FuncOp function);

// The id of a value; empty if it has none.
llvm::StringRef valueId(mlir::Value value);

// The range a value is to be coded for (`lowbit.range`), set by Calibrate.
struct CodedRange {
  float low = 0, high = 0;
};
std::optional<CodedRange> rangeOf(mlir::Value value);
void setRange(mlir::Value value, std::optional<CodedRange> range);

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nn ops as their descriptions say, in double precision: the judge of rewrites
// that must not change what a network computes. Static shapes only.
#pragma once
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <vector>

namespace qopt {

// Dense row-major; integers and truth values are doubles too.
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> data;

  Array() = default;
  explicit Array(llvm::ArrayRef<int64_t> shape, double value = 0);
  int64_t size() const { return int64_t(data.size()); }
  int64_t rank() const { return int64_t(shape.size()); }
};

// The results of `function` for `inputs`. Aborts on an op it does not know.
std::vector<Array> interpret(mlir::func::FuncOp function,
                             llvm::ArrayRef<Array> inputs);

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A constant as numbers that can be changed along one axis.
#pragma once
#include "dialects/NN/ChannelAxes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace qopt {

class ConstantFibers {
public:
  // The elements of an arith.constant of floats or integers; nothing otherwise.
  static std::optional<ConstantFibers> of(mlir::Value constant);
  // A vector of `size` equal numbers along `axis` of `rank` axes.
  static ConstantFibers splat(mlir::Type element, double value, int64_t rank,
                              unsigned axis, int64_t size);

  mlir::RankedTensorType type() const { return tensorType; }

  // Repeats along an axis of size 1, counted in a shape of `rank` axes to which
  // this one aligns at the last; leading axes are added as needed.
  void repeat(int64_t rank, unsigned axis, int64_t size);
  // The axis of this constant that is `axis` of `rank` when aligned at the last.
  unsigned alignedAxis(int64_t rank, unsigned axis) const {
    return axis - (rank - tensorType.getRank());
  }

  // Calls `act` on each fiber: the elements at `span`, for all positions of the
  // other axes, or those in `within` only.
  void
  forEachFiber(nn::AxisSpan span, llvm::ArrayRef<nn::AxisSpan> within,
               llvm::function_ref<void(llvm::MutableArrayRef<double>)> act);

  // An arith.constant of the same element type; numbers are rounded to it.
  mlir::Value materialize(mlir::OpBuilder &builder, mlir::Location loc,
                          llvm::StringRef name) const;

private:
  mlir::RankedTensorType tensorType;
  std::vector<double> values;
};

} // namespace qopt

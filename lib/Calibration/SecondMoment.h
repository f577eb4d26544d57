// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// XᵀX of the rows a contraction multiplies with its weights: what a change of
// the weights costs is tr(ΔW XᵀX ΔWᵀ). Rows are sampled evenly up to a cap, so
// the work is bounded; which rows is a function of the shapes alone.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace qopt {

// How rows are read off an activation.
struct RowGeometry {
  // Matmul: the slices of the last axis. Conv: the patches [KH, KW, C] of an
  // [N, H, W, C] value under each output position, padding as zeros.
  bool isConv = false;
  std::array<int64_t, 2> kernel{1, 1}, strides{1, 1}, dilations{1, 1};
  std::array<int64_t, 4> pads{0, 0, 0, 0};

  bool operator==(const RowGeometry &) const = default;
};

// "id" for slices, "id|k3x3s2x2d1x1p1,1,1,1" for patches.
std::string momentKey(llvm::StringRef id, const RowGeometry &geometry);

class SecondMoment {
public:
  SecondMoment() = default;
  SecondMoment(int64_t rowsPerCall, int64_t rowsInAll)
      : rowsPerCall(rowsPerCall), rowsInAll(rowsInAll) {}

  // Adds rows of a value of `shape`. Rows with NaN or infinity are skipped.
  void add(llvm::ArrayRef<float> values, llvm::ArrayRef<int64_t> shape,
           const RowGeometry &geometry);
  void merge(const SecondMoment &other);

  // The matrix has size() rows and columns, row-major, symmetric.
  int64_t size() const { return dimension; }
  int64_t rows() const { return rowCount; }
  llvm::ArrayRef<float> matrix() const { return sums; }

  // As if every row had been multiplied elementwise by `factors`.
  void scaleChannels(llvm::ArrayRef<float> factors);

private:
  int64_t rowsPerCall = 512, rowsInAll = 4096;
  int64_t dimension = 0, rowCount = 0;
  std::vector<float> sums;
};

// tr(D M Dᵀ) for D of [outputs, size] given by columns: delta[k * outputs + o].
double quadraticError(llvm::ArrayRef<float> moment, int64_t size,
                      llvm::ArrayRef<float> delta, int64_t outputs);

} // namespace qopt

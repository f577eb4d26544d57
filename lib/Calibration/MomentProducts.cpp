// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Eigen on one thread, compiled for x86-64-v3 (see CMakeLists.txt). Eigen cuts
// its loops by the sizes of the caches, and with them the order of sums: fixed
// sizes make results the same on every machine.
#include "lib/Calibration/MomentProducts.h"
#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace qopt {

using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

static void fixBlocking() {
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 8 << 20);
}

void addGram(const float *rows, int64_t count, int64_t width, float *sums) {
  if (count == 0)
    return;
  fixBlocking();
  Eigen::Map<const Matrix> x(rows, count, width);
  Eigen::Map<Matrix> m(sums, width, width);
  m.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
  m.triangularView<Eigen::StrictlyUpper>() = m.transpose();
}

double quadraticForm(const float *moment, int64_t size, const float *delta,
                     int64_t outputs) {
  fixBlocking();
  Eigen::Map<const Matrix> m(moment, size, size);
  Eigen::Map<const Matrix> d(delta, size, outputs);
  Matrix product = m * d;
  double sum = 0;
  for (int64_t k = 0; k < size; ++k)
    for (int64_t o = 0; o < outputs; ++o)
      sum += double(product(k, o)) * double(d(k, o));
  return sum;
}

bool inverseFactor(const float *moment, int64_t size, float *factor) {
  fixBlocking();
  // In double: the inverse of a nearly singular matrix is all that matters.
  using Wide = Eigen::MatrixXd;
  Wide m = Eigen::Map<const Matrix>(moment, size, size).cast<double>();
  Eigen::LLT<Wide> first(m);
  if (first.info() != Eigen::Success)
    return false;
  Wide inverse = first.solve(Wide::Identity(size, size));
  Eigen::LLT<Wide> second(inverse);
  if (second.info() != Eigen::Success)
    return false;
  Eigen::Map<Matrix>(factor, size, size) =
      Wide(second.matrixU()).cast<float>();
  return true;
}

void subtractProduct(const float *f, int64_t stride, const float *errors,
                     int64_t count, int64_t width, int64_t outputs,
                     float *target) {
  if (count == 0 || width == 0)
    return;
  fixBlocking();
  Eigen::Map<const Matrix, 0, Eigen::OuterStride<>> a(
      f, count, width, Eigen::OuterStride<>(stride));
  Eigen::Map<const Matrix> e(errors, count, outputs);
  Eigen::Map<Matrix>(target, width, outputs).noalias() -= a.transpose() * e;
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far an output is from what was expected.
#ifndef QRUN_METRICS_H
#define QRUN_METRICS_H

#include "Tensor.h"

namespace qrun {

struct Comparison {
  double sqnr = 0;     // dB: 10 log10(sum b^2 / sum (a - b)^2)
  double maxabs = 0;   // max |a - b|
  double relative = 0; // max |a - b| / max |b|
  double cosine = 0;   // <a, b> / (|a| |b|)
  double top1 = 0;     // per cent of rows (last axis) with equal argmax
  bool identical = false;

  double byName(const std::string &metric) const;
};

// `a` is judged by `b`, the reference. Types may differ, shapes may not.
// Equal infinities and a NaN for a NaN are no error; any other is infinite.
Failure compare(const Tensor &a, const Tensor &b, Comparison &result);

// Per cent of rows of `scores` whose argmax is the label.
Failure accuracy(const Tensor &scores, const Tensor &labels, double &percent);

} // namespace qrun

#endif // QRUN_METRICS_H

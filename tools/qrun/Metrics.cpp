// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Metrics.h"
#include <cmath>

using namespace qrun;

double Comparison::byName(const std::string &metric) const {
  return metric == "sqnr"       ? sqnr
         : metric == "maxabs"   ? maxabs
         : metric == "relative" ? relative
         : metric == "cosine"   ? cosine
                                : top1;
}

// The first of equals; NaN never wins.
static int64_t argmax(const Tensor &tensor, int64_t begin, int64_t count) {
  int64_t best = 0;
  double most = -INFINITY;
  for (int64_t i = 0; i < count; ++i) {
    double value = tensor.at(begin + i);
    if (value > most) {
      most = value;
      best = i;
    }
  }
  return best;
}

static double agreement(const Tensor &a, const Tensor &b) {
  int64_t row = a.shape.empty() ? 1 : a.shape.back();
  int64_t rows = row ? a.elements() / row : 0, equal = 0;
  for (int64_t i = 0; i < rows; ++i)
    equal += argmax(a, i * row, row) == argmax(b, i * row, row);
  return rows ? 100.0 * double(equal) / double(rows) : 100;
}

Failure qrun::compare(const Tensor &a, const Tensor &b, Comparison &result) {
  if (a.shape != b.shape)
    return Failure(ExitBadInput,
                   format("output '%s' is %s, but the reference %s",
                          a.name.c_str(), a.type().c_str(), b.type().c_str()));
  double signal = 0, noise = 0, dot = 0, norm = 0, largest = 0;
  result = {};
  result.identical = true;
  for (int64_t i = 0, count = a.elements(); i < count; ++i) {
    double x = a.at(i), y = b.at(i);
    bool same = x == y || (std::isnan(x) && std::isnan(y));
    if (same && !std::isfinite(x))
      continue;
    result.identical &= same;
    bool finite = std::isfinite(x) && std::isfinite(y);
    double error = finite ? std::fabs(x - y) : INFINITY;
    signal += y * y;
    noise += error * error;
    dot += x * y;
    norm += x * x;
    result.maxabs = std::fmax(result.maxabs, error);
    largest = std::fmax(largest, std::fabs(y));
  }
  // An error without end is the worst there is, whatever the signal.
  result.sqnr = noise == 0          ? INFINITY
                : std::isinf(noise) ? -INFINITY
                                    : 10 * std::log10(signal / noise);
  result.relative = result.maxabs == 0 ? 0 : result.maxabs / largest;
  result.cosine = result.identical ? 1 : dot / std::sqrt(norm * signal);
  result.top1 = agreement(a, b);
  return {};
}

Failure qrun::accuracy(const Tensor &scores, const Tensor &labels,
                       double &percent) {
  int64_t classes = scores.shape.empty() ? 0 : scores.shape.back();
  int64_t rows = classes ? scores.elements() / classes : 0, right = 0;
  if (!rows || labels.elements() != rows)
    return Failure(ExitBadInput,
                   format("output '%s' is %s: expects %lld labels, found %s",
                          scores.name.c_str(), scores.type().c_str(),
                          (long long)rows, labels.type().c_str()));
  for (int64_t i = 0; i < rows; ++i)
    right += double(argmax(scores, i * classes, classes)) == labels.at(i);
  percent = 100.0 * double(right) / double(rows);
  return {};
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The whole network first: where it is near enough, one run answers.
#include "passes/Allocate/FloatLayers.h"
#include "llvm/ADT/STLExtras.h"

namespace qopt {
namespace {

using Layers = std::vector<FloatLayers::Layer>;

// All open layers, the largest error first.
llvm::Expected<Layers> measureEach(Sensitivity &sensitivity,
                                   const std::vector<bool> &open) {
  Layers layers;
  for (size_t i = 0; i < open.size(); ++i) {
    if (!open[i])
      continue;
    llvm::Expected<double> error = sensitivity.ofLayer(i);
    if (!error)
      return error.takeError();
    layers.push_back({i, *error});
  }
  llvm::sort(layers, [](const auto &a, const auto &b) {
    return a.error != b.error ? a.error > b.error : a.index < b.index;
  });
  return layers;
}

} // namespace

llvm::Expected<FloatLayers> keepNetworkClose(Sensitivity &sensitivity,
                                             const std::vector<bool> &quantized,
                                             const std::vector<bool> &open,
                                             double limit) {
  FloatLayers result;
  llvm::Expected<double> whole = sensitivity.ofLayers(quantized);
  if (!whole)
    return whole.takeError();
  result.error = *whole;
  if (*whole <= limit || !llvm::is_contained(open, true))
    return result;
  llvm::Expected<Layers> layers = measureEach(sensitivity, open);
  if (!layers)
    return layers.takeError();
  auto errorWithout = [&](size_t count) {
    std::vector<bool> rest = quantized;
    for (const FloatLayers::Layer &layer : llvm::ArrayRef(*layers).take_front(count))
      rest[layer.index] = false;
    return sensitivity.ofLayers(rest);
  };
  // Bisection between what is too few and what is held to be enough.
  size_t few = 0, enough = layers->size();
  while (enough - few > 1) {
    size_t middle = few + (enough - few) / 2;
    llvm::Expected<double> error = errorWithout(middle);
    if (!error)
      return error.takeError();
    (*error <= limit ? enough : few) = middle;
  }
  llvm::Expected<double> error = errorWithout(enough);
  if (!error)
    return error.takeError();
  result.error = *error;
  result.floats.assign(layers->begin(), layers->begin() + enough);
  return result;
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The report as text.
#include "passes/Allocate/AllocationReport.h"
#include "llvm/Support/Format.h"
#include <algorithm>
#include <cmath>

using namespace llvm;

namespace qopt {

static double decibels(double error) {
  return error > 0 ? -10 * std::log10(error) : 999;
}

void AllocationReport::print(raw_ostream &os) const {
  size_t width = 5;
  for (const AllocatedLayer &layer : layers)
    width = std::max(width, layer.id.size());
  os << left_justify("layer", width)
     << "  format     bits     bytes   "
     << (measured ? "SNR at the outputs\n" : "predicted SNR\n");
  for (const AllocatedLayer &layer : layers) {
    os << left_justify(layer.id, width) << "  "
       << left_justify(layer.format, 8) << format(" %6.2f", layer.bits())
       << format(" %9lld", (long long)layer.bytes);
    if (layer.error > 0)
      os << format("  %7.1f dB", decibels(layer.error));
    else
      os << "    exact";
    os << '\n';
  }
  os << "size of constants: " << totalBytes << " bytes (" << otherBytes
     << " beside the weights)";
  if (budgetBytes)
    os << ", budget " << *budgetBytes << " bytes";
  os << '\n';
  if (solved)
    os << "rule " << rule << ": predicted error "
       << format("%.6g, bound %.6g, gap %.4f %%", objective, bound, 100 * gap)
       << format("; one more KiB saves %.3g\n", pricePerKiB);
  else if (!rule.empty())
    os << "rule " << rule << ": predicted error "
       << format("%.6g\n", objective);
}

} // namespace qopt

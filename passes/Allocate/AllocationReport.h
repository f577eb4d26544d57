// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What allocation decided and how sure it is.
#pragma once
#include "lib/Calibration/RangeChoice.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

struct AllocatedLayer {
  std::string id;
  std::string format; // As in a plan.
  int64_t elements = 0, bytes = 0;
  double error = 0; // Predicted, relative to the energy of the output.
  double bits() const { return elements ? 8.0 * double(bytes) / elements : 0; }
};

struct AllocationReport {
  std::vector<AllocatedLayer> layers;
  std::string rule;
  int64_t otherBytes = 0; // Constants that are no weight, and overhead.
  int64_t totalBytes = 0;
  std::optional<int64_t> budgetBytes;
  double objective = 0, bound = 0, gap = 0;
  double pricePerKiB = 0; // Error saved by one more KiB.
  bool solved = false;    // By the integer program.
  bool measured = false;  // Errors are those of the network's outputs.
  // Of all 8-bit layers together, without a budget.
  std::optional<double> networkError;
  // How many activations took which range, where ranges were searched.
  std::map<RangeMethod, size_t> ranges;

  // A table, one layer a line, and the totals.
  void print(llvm::raw_ostream &os) const;
};

} // namespace qopt

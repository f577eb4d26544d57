// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What calibration knows of each value: gathered batch by batch, so memory does
// not grow with the data, and mergeable: shards added in any order agree in
// counts and extremes, in sorted order to the last bit.
#pragma once
#include "lib/Calibration/Histogram.h"
#include "lib/Calibration/SecondMoment.h"
#include "lib/Execution/HostTensor.h"
#include <map>
#include <string>

namespace qopt {

struct ValueStatistics {
  uint64_t elements = 0; // Finite ones.
  uint64_t nonFinite = 0;
  float min = 0, max = 0; // Of finite elements; 0 before the first.
  LogHistogram histogram;

  // By index along the last axis.
  uint64_t rows = 0;
  std::vector<float> channelAbsMax;
  std::vector<double> channelSum, channelSquares;

  // Adds a float32 value.
  void add(const TensorView &value);
  void merge(const ValueStatistics &other);

  double meanSquare() const;
};

struct Statistics {
  // Keyed by value id (the id of the lowbit.observe op).
  std::map<std::string, ValueStatistics> values;
  // Keyed by momentKey: a value read by convolutions of different windows has
  // several.
  std::map<std::string, SecondMoment> moments;

  void merge(const Statistics &other);
  const ValueStatistics *find(llvm::StringRef id) const;
  const SecondMoment *findMoment(llvm::StringRef id,
                                 const RowGeometry &geometry) const;
};

} // namespace qopt

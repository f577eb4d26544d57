// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scale (and zero point) of one group of values.
#pragma once
#include "lib/Numerics/ElementCodec.h"
#include "lib/Numerics/Quantize.h"
#include "lib/Numerics/TensorCodec.h"

namespace qopt::numerics {

class ScaleSearch {
public:
  ScaleSearch(const FormatSpec &spec, ScaleRule rule);

  // NaN members are ignored; a group of zeros gets scale 1. `weights` is empty
  // or as long as `values`. The scale is what the format can store (f16).
  QuantParams find(std::span<const float> values,
                   std::span<const float> weights) const;

  // Sum of weight * (decode(encode(x)) - x)^2 over the group.
  double error(std::span<const float> values, std::span<const float> weights,
               QuantParams params) const;

private:
  QuantParams asymmetric(float low, float high) const;
  QuantParams stored(float scale, int zeroPoint) const;

  FormatSpec spec;
  ScaleRule rule;
  ElementCodec codec;
};

} // namespace qopt::numerics

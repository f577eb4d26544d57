// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What Allocate decides and Quantize carries out: a format for every weight. A
// plan is a JSON file that one may edit and feed back:
//
//   {"weights": {"/fc1/MatMul": "int4", "/head/Gemm": "float"},
//    "block": 32}
//
// A format is int8 (per output channel), int4 (blocks along the input channels),
// float, or any other in full: "int<4>, block = [64, 1], scale = f16".
#pragma once
#include "lib/Analysis/Contractions.h"
#include "llvm/Support/Error.h"
#include <map>
#include <optional>

namespace qopt {

// The attribute Allocate leaves on a contraction: the name of its weight's
// format.
constexpr llvm::StringLiteral weightFormatName = "lowbit.weight_format";
// On a contraction that Allocate keeps float for accuracy: the relative squared
// error of the outputs that 8 bits in it alone would make.
constexpr llvm::StringLiteral outputErrorName = "lowbit.output_error";

struct QuantPlan {
  // By Contraction::id.
  std::map<std::string, std::string> weights;
  int64_t block = 32;

  // The format's name for a weight; "int8" where the plan is silent.
  llvm::StringRef nameFor(llvm::StringRef id) const;

  std::string toJson() const;
};

llvm::Expected<QuantPlan> parsePlan(llvm::StringRef json);
llvm::Expected<QuantPlan> readPlan(llvm::StringRef path);
llvm::Error writePlan(const QuantPlan &plan, llvm::StringRef path);

// "REGEX=FORMAT" of --set.
struct FormatOverride {
  std::string pattern, format;
};
llvm::Expected<FormatOverride> parseOverride(llvm::StringRef text);

// The format's name the last matching override sets for `id`, if any.
llvm::Expected<std::optional<std::string>>
overrideFor(llvm::StringRef id, llvm::ArrayRef<FormatOverride> overrides);

// The format behind a plan's name, for one weight; nothing for "float". Fails
// with the reason when the weight cannot take it.
llvm::Expected<std::optional<numerics::FormatSpec>>
resolveFormat(const Contraction &contraction, llvm::StringRef name,
              int64_t block);

} // namespace qopt

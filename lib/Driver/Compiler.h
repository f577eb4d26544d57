// One compilation: an ONNX model, calibration data and a budget go in, an
// artifact comes out.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_COMPILER_H
#define QOPT_LIB_DRIVER_COMPILER_H

#include "lib/Analysis/Budget.h"
#include "lib/Driver/Backend.h"
#include "lib/Driver/Phases.h"
#include "lib/Support/Progress.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// What decides the formats when the user says nothing else.
enum class Preset {
  FP32, // nothing is quantized
  Int8, // every contraction with a constant weight, 8-bit weights and inputs
  Auto, // int8 where calibration data is given, else fp32
};

struct CompileOptions {
  std::string model;
  std::string output;
  Preset preset = Preset::Auto;
  Budget budget;
  std::string calibration;
  int64_t calibrationBatch = 32;
  /// "static", "dynamic" or "auto": how matmul inputs are encoded.
  std::string activations = "auto";
  /// "auto", "minmax", "percentile", "mse" or "entropy".
  std::string range = "auto";
  /// (regular expression on node names, format) of `--set`, in order.
  std::vector<std::pair<std::string, std::string>> overrides;
  bool requantize = false; // drop quantization the model came with
  bool equalize = true;
  std::string planInput;
  std::string planOutput;
  bool planOnly = false;
  bool largestFirst = false;
  unsigned optLevel = 2;
  /// Names of ISAs, "native" for the best of this machine; none: all.
  std::vector<std::string> isas;
  std::map<std::string, std::vector<int64_t>> shapes;
  /// Inputs that become constants: their elements, or one for all.
  std::map<std::string, std::vector<double>> frozen;
  /// "ort" or "tensorrt": write an ONNX model after phase Quantize instead of
  /// an artifact. Empty: do not.
  std::string exportProfile;
  std::optional<Phase> to;
  std::string dumpPhases;
  unsigned threads = 0;
};

/// What a compilation did, for people and for `--json`.
struct CompileReport {
  llvm::json::Object json;
  /// Lines for the terminal.
  std::vector<std::string> lines;
  /// The module after the phase of `--to`, printed.
  std::string module;
};

/// Runs the phases in order. Errors carry the exit code they lead to; nothing
/// is left behind when one is returned.
llvm::Expected<CompileReport> compile(const CompileOptions &options,
                                      Progress &progress);

} // namespace qopt

#endif

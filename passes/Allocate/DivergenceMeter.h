// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far the network's outputs move when weights change and activations travel
// in codes. The float network is compiled once, with its weights as arguments and
// on every value that may be coded a rounding whose step and bounds are arguments;
// a trial replaces some of them.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Execution/CompileAndRun.h"
#include "lib/Numerics/Quantize.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

using SampleBatches = std::vector<std::vector<HostTensor>>;

// What a trial changes; the rest computes as the network does.
struct Trial {
  struct Weight {
    size_t index; // As findContractions lists them.
    llvm::ArrayRef<float> values;
    // In place of its bias, if it has one (biasOperand) and this is not empty.
    llvm::ArrayRef<float> bias;
  };
  struct Codes {
    size_t index; // As EncodedEdges lists its values.
    numerics::QuantParams params; // Of unsigned 8-bit codes.
  };
  std::vector<Weight> weights;
  std::vector<Codes> codes;
};

class DivergenceMeter {
public:
  // Contractions of @main are counted as findContractions lists them, coded
  // values as the EncodedEdges of those that `policy` makes static do.
  static llvm::Expected<std::unique_ptr<DivergenceMeter>>
  create(mlir::ModuleOp module, CompileAndRun &runner,
         const SampleBatches &samples, ActivationMode policy);

  // Whether there is an output to measure: others have no distance.
  bool hasFloatOutput() const;

  // Squared distance of a floating-point output from that of the network as it is,
  // over its energy, both where that is finite; of all outputs the largest. Never
  // NaN; infinite where a finite element became none.
  llvm::Expected<double> measure(const Trial &trial);

private:
  using Outputs = std::vector<std::vector<HostTensor>>; // Of each sample.
  // What goes in place of which argument, as bytes.
  using Replacements = std::vector<std::pair<size_t, std::vector<char>>>;

  llvm::Expected<Outputs> runAll(Replacements replaced);
  double divergenceOf(llvm::ArrayRef<std::vector<HostTensor>> outputs,
                      size_t k) const;

  std::unique_ptr<Executable> program;
  // Of each sample: the batch, the weights, the biases, the roundings.
  std::vector<std::vector<HostTensor>> arguments;
  Outputs reference;
  size_t firstWeight = 0, firstBias = 0, firstRounding = 0;
};

} // namespace qopt

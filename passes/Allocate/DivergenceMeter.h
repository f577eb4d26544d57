// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How far the network's outputs move when weights change. The network is compiled
// once with its weights as arguments; a trial replaces one or some of them.
#pragma once
#include "lib/Execution/CompileAndRun.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

using SampleBatches = std::vector<std::vector<HostTensor>>;

// Contraction `index` computing with `weight`.
struct WeightTrial {
  size_t index;
  std::vector<float> weight;
};

class DivergenceMeter {
public:
  // Contractions of @main are counted as findContractions lists them.
  static llvm::Expected<std::unique_ptr<DivergenceMeter>>
  create(mlir::ModuleOp module, CompileAndRun &runner,
         const SampleBatches &samples);

  // Squared distance of a float32 output from that of the network as it is, over
  // its energy, with all of `trials` at once; of all outputs the largest.
  llvm::Expected<double> measure(llvm::ArrayRef<WeightTrial> trials);

private:
  llvm::Error runAll(std::vector<std::vector<HostTensor>> &outputs);
  double divergenceOf(llvm::ArrayRef<std::vector<HostTensor>> outputs,
                      size_t k) const;

  std::unique_ptr<Executable> program;
  // Of each sample: the batch, then the weights.
  std::vector<std::vector<HostTensor>> arguments;
  std::vector<std::vector<HostTensor>> reference;
  size_t inputs = 0;
};

} // namespace qopt

// The table of phases.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/Phases.h"

using namespace qopt;

static constexpr PhaseInfo table[] = {
    {Phase::Import, "import", "ONNX to the nn dialect"},
    {Phase::Simplify, "simplify",
     "fold constants and batch norms, name decomposed ops, pick layouts"},
    {Phase::Calibrate, "calibrate",
     "run the compiled fp32 program over data and collect statistics"},
    {Phase::Equalize, "equalize",
     "equivalent rewrites that make tensors easier to quantize"},
    {Phase::Allocate, "allocate", "a format for every weight, under a budget"},
    {Phase::Quantize, "quantize", "encode weights, insert encode and decode"},
    {Phase::Fuse, "fuse", "state the arithmetic and cut the graph into kernels"},
    {Phase::Schedule, "schedule",
     "pack weights, share equal kernels, write the program"},
    {Phase::Codegen, "codegen", "kernels to machine code, for each ISA"},
    {Phase::Package, "package", "write the artifact"},
};

llvm::ArrayRef<PhaseInfo> qopt::allPhases() { return table; }

const PhaseInfo &qopt::describe(Phase phase) {
  return table[static_cast<size_t>(phase)];
}

std::optional<Phase> qopt::parsePhase(llvm::StringRef name) {
  for (const PhaseInfo &info : table)
    if (info.name == name)
      return info.phase;
  return std::nullopt;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of importers, keyed by domain and op. A family of ops is one file,
// which adds its rows.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

using ImportFunction = void (*)(NodeImport &);

struct OpEntry {
  llvm::StringLiteral op;
  unsigned minInputs, maxInputs; // required inputs must be present
  ImportFunction function;
};

constexpr unsigned anyNumber = ~0u;
inline constexpr llvm::StringLiteral contribDomain = "com.microsoft";
inline constexpr llvm::StringLiteral trainingDomain =
    "ai.onnx.preview.training";

inline constexpr llvm::StringLiteral classicalDomain = "ai.onnx.ml";
inline constexpr llvm::StringLiteral previewDomain = "ai.onnx.preview";

/// The importer of an op, or null.
const OpEntry *findImporter(llvm::StringRef domain, llvm::StringRef op);
/// "Add, AveragePool, ...": every op of the table, sorted.
std::vector<std::string> supportedOps();

// The families. Each row holds for the newest opset (see OpsetAdapters).
llvm::ArrayRef<OpEntry> elementwiseOps();
llvm::ArrayRef<OpEntry> activationOps();
llvm::ArrayRef<OpEntry> attentionOps();
llvm::ArrayRef<OpEntry> contractionOps();
llvm::ArrayRef<OpEntry> convolutionOps();
llvm::ArrayRef<OpEntry> poolingOps();
llvm::ArrayRef<OpEntry> normalizationOps();
llvm::ArrayRef<OpEntry> quantizationOps();
llvm::ArrayRef<OpEntry> reductionOps();
llvm::ArrayRef<OpEntry> movementOps();
llvm::ArrayRef<OpEntry> selectionOps();
llvm::ArrayRef<OpEntry> positionOps();
llvm::ArrayRef<OpEntry> resizeOps();
llvm::ArrayRef<OpEntry> lossOps();
llvm::ArrayRef<OpEntry> recurrentOps();
llvm::ArrayRef<OpEntry> shapeOps();
llvm::ArrayRef<OpEntry> controlFlowOps();
llvm::ArrayRef<OpEntry> dataDependentOps();
llvm::ArrayRef<OpEntry> indexingOps();
llvm::ArrayRef<OpEntry> cumulativeOps();
llvm::ArrayRef<OpEntry> einsumOps();
llvm::ArrayRef<OpEntry> samplingOps();
llvm::ArrayRef<OpEntry> borderOps();
llvm::ArrayRef<OpEntry> signalOps();
llvm::ArrayRef<OpEntry> statefulOps();
llvm::ArrayRef<OpEntry> ngramOps();
/// Of the domain ai.onnx.ml.
llvm::ArrayRef<OpEntry> classicalOps();
/// Of the domain ai.onnx.preview.
llvm::ArrayRef<OpEntry> previewOps();
/// Optimizer steps, of the domain ai.onnx.preview.training.
llvm::ArrayRef<OpEntry> trainingOps();
/// ONNX Runtime's own ops, of the domain com.microsoft.
llvm::ArrayRef<OpEntry> contribOps();
llvm::ArrayRef<OpEntry> attentionContribOps();
llvm::ArrayRef<OpEntry> qlinearOps();
llvm::ArrayRef<OpEntry> blockWeightOps();

} // namespace qopt::import

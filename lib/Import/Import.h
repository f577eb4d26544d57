// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The importer's public face: an ONNX file becomes a module of the nn dialect
// with one function, @main. Its arguments carry `nn.name` and `nn.dims` (the
// symbolic name of each dimension, "" where it has none; equal names mean equal
// sizes), its results `nn.name`. Node names are the ops' locations.
#pragma once

#include "lib/Support/Progress.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <map>

namespace qopt::import {

struct ImportOptions {
  /// Sizes that replace an input's own ("--shape x=1x3x48x320"); -1 leaves a
  /// dimension dynamic. A size given to a symbolic dimension holds for every
  /// dimension of that name.
  std::map<std::string, std::vector<int64_t>> shapes;
  /// Inputs that become constants ("--freeze sr=16000"), and their elements: one
  /// for all, or as many as the input has.
  std::map<std::string, std::vector<double>> frozen;
  /// Drops the model's own quantization: weights are decoded to float.
  bool requantize = false;
  Progress *progress = nullptr;
};

/// BadModel for a model that contradicts itself, Unsupported for what we cannot
/// express (all such nodes are named), Usage for options that do not fit the
/// model, IO when the file cannot be read.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importOnnx(mlir::MLIRContext &context, llvm::StringRef path,
           const ImportOptions &options = {});

struct CheckReport {
  struct TensorInfo {
    std::string name, type; // "input_ids", "batch x sequence x int64"
  };
  struct Problem {
    std::string node, reason; // "node '/x' (Foo)", "this op is not supported"
  };
  int64_t opset = 0;
  std::string producer;
  std::vector<TensorInfo> inputs, outputs;
  std::map<std::string, uint64_t> ops; // op type -> number of nodes
  uint64_t parameters = 0;             // elements of all initializers
  std::vector<Problem> unsupported;    // every node we cannot import

  bool isSupported() const { return unsupported.empty(); }
};

/// Reads the model and tries to import it. An error only when the model cannot
/// be read or contradicts itself; what is unsupported stands in the report.
llvm::Expected<CheckReport> checkModel(llvm::StringRef path,
                                       const ImportOptions &options = {});

} // namespace qopt::import

// Import, Simplify, and the analysis.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/ModelSpaces.h"
#include "lib/Driver/Backend.h"
#include "passes/Pipeline/Registration.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;
using namespace qopt;

llvm::Error qopt::printModelSpaces(const std::string &model,
                                   const import::ImportOptions &options,
                                   const ChannelSpacesOptions &spacesOptions,
                                   const ChannelSpacesStyle &style,
                                   llvm::raw_ostream &os) {
  MLIRContext context;
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.disableMultithreading();
  auto module = import::importOnnx(context, model, options);
  if (!module)
    return module.takeError();
  if (llvm::Error error = runPipeline(
          **module, "simplify", [](OpPassManager &pm) { buildSimplify(pm); }))
    return error;
  for (auto function : (*module)->getOps<func::FuncOp>())
    printChannelSpaces(ChannelSpaces(function, spacesOptions), os, style);
  return llvm::Error::success();
}

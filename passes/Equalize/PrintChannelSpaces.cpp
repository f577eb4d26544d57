// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The analysis, shown.
#include "lib/Analysis/ChannelSpacesText.h"
#include "passes/Equalize/Passes.h"

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_PRINTCHANNELSPACESPASS
#include "passes/Equalize/Passes.h.inc"

namespace {

struct PrintChannelSpaces
    : impl::PrintChannelSpacesPassBase<PrintChannelSpaces> {
  using PrintChannelSpacesPassBase::PrintChannelSpacesPassBase;

  void runOnOperation() override {
    // One function after another: the output is the same each time.
    for (auto function : getOperation().getOps<func::FuncOp>())
      print(function);
    markAllAnalysesPreserved();
  }

  void print(func::FuncOp function) {
    std::string text;
    llvm::raw_string_ostream os(text);
    ChannelSpacesOptions options;
    options.privateState = privateState;
    printChannelSpaces(ChannelSpaces(function, options), os, {});
    // As comments: the module that follows stays readable.
    llvm::outs() << "// channel spaces of @" << function.getSymName() << "\n";
    for (StringRef line : llvm::split(StringRef(text).rtrim('\n'), '\n'))
      llvm::outs() << "// " << line << "\n";
  }
};

} // namespace
} // namespace qopt

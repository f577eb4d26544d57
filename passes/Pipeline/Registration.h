// What a tool must register to read and transform the project's IR.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_PIPELINE_REGISTRATION_H
#define QOPT_PASSES_PIPELINE_REGISTRATION_H

namespace mlir {
class DialectRegistry;
}

namespace qopt {

/// The project's dialects and those of upstream that its phases use.
void registerDialects(mlir::DialectRegistry &registry);

/// Every pass of every phase, and the upstream ones handy in lit tests.
void registerPasses();

} // namespace qopt

#endif

// The exec dialect: how work is cut up and where it lives.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_EXEC_EXECDIALECT_TD
#define QOPT_DIALECTS_EXEC_EXECDIALECT_TD

include "mlir/IR/OpBase.td"

def Exec_Dialect : Dialect {
  let name = "exec";
  let cppNamespace = "::qopt::exec";
  let summary = "Kernels and the program that launches them";
  let description = [{
    Fuse cuts the network into `exec.kernel` regions; Schedule outlines them to
    `exec.kernel_def` symbols and writes the `exec.program` that launches them.
    The program becomes the artifact's command table.
  }];
}

#endif

// The passes of phase CPU.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_CPU_TD
#define QOPT_PASSES_CPU_TD

include "mlir/Pass/PassBase.td"

def LowerKernelsPass : Pass<"qopt-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "exec.kernel_def -> functions of scf, arith and vector ops";
  let description = [{
    Replaces each `exec.kernel_def @k` by `func.func @k`, `@k_units` and
    `@k_scratch` on raw pointers (see docs on the kernel interface), for one
    ISA. Drops `exec.program`s, so that what is left is code alone.

    At `opt-level` 0 every op becomes a scalar loop nest. From 1 on the first
    emitter that takes the kernel writes it: contractions, attention, windows,
    rows, elementwise; the naive form is the last resort. All of them give the
    same bits. Fails on an op without a CPU form, blaming it.
  }];
  let options = [
    Option<"isa", "isa", "std::string", "\"x86-64-v3\"",
           "instruction set, a name of lib/Emission/Targets">,
    Option<"optLevel", "opt-level", "unsigned", "2",
           "0: naive code; above: optimized emitters">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
  ];
}

#endif

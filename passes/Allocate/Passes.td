// The passes of phase Allocate.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_ALLOCATE_TD
#define QOPT_PASSES_ALLOCATE_TD

include "mlir/Pass/PassBase.td"

def AllocateFormatsPass : Pass<"qopt-allocate-formats", "::mlir::ModuleOp"> {
  let summary = "Chooses a format for every weight under a budget";
  let description = [{
    Each matmul and conv with a constant weight takes int8 per output channel,
    int4 in blocks (matmul) or float, such that the predicted error is least
    and the constants fit `budget`. The error of a format is the change of the
    layer's output, tr(ΔWᵀ XᵀX ΔW), over its energy tr(Wᵀ XᵀX W); without
    statistics XᵀX is the identity. With sample batches and a runner it is
    scaled to what the layer does to the network's outputs, measured by running
    the network with its worst format in that one layer.

    ```mlir
    %y = nn.matmul %x, %w : ...
    // becomes, under a tight budget
    %y = nn.matmul %x, %w {lowbit.weight_format = "int4"} : ...
    ```

    Fails, naming the budget and what the smallest choice takes, when nothing
    fits. Without a size it writes down int8 and what is overridden; with sample
    batches and a runner, float for the layers that would move the network's
    outputs beyond the budget's error (20 dB where it names none).
  }];
  let options = [
    Option<"budgetText", "budget", "std::string", "\"\"", "size=BYTES[KiB|MiB|GiB],error=NUMBER(dB|%)">,
    Option<"ruleName", "rule", "std::string", "\"ilp\"",
           "ilp, or largest-first: the largest weights to int4 until the rest fits">,
    ListOption<"sets", "set", "std::string",
               "REGEX=FORMAT for weights whose id matches">,
  ];
}

#endif

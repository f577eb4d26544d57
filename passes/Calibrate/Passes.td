// The passes of phase Calibrate.
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_PASSES_CALIBRATE_TD
#define QOPT_PASSES_CALIBRATE_TD

include "mlir/Pass/PassBase.td"

def InsertObserversPass : Pass<"qopt-insert-observers", "::mlir::func::FuncOp"> {
  let summary = "Shows the values to be quantized to the calibrator";
  let description = [{
    Gives every value an `nn.value_id` and observes the inputs of contractions
    with constant weights and the other values that could travel as codes.

    ```mlir
    %y = nn.matmul %x, %w : ...
    // becomes
    lowbit.observe %x as "x" : tensor<4x8xf32>
    %y = nn.matmul %x, %w {nn.value_id = "matmul"} : ...
    ```

    Declines values that are not float32 and constants.
  }];
  let dependentDialects = ["::qopt::lowbit::LowBitDialect"];
}

def CollectStatisticsPass : Pass<"qopt-collect-statistics", "::mlir::ModuleOp"> {
  let summary = "Runs the module over the calibration data";
  let description = [{
    Compiles the module with its observers through CompileAndRun, runs every
    batch and adds what the observers see to the statistics. Does nothing
    without a data set: ranges that values already carry stay.
  }];
}

def AttachRangesPass : Pass<"qopt-attach-ranges", "::mlir::func::FuncOp"> {
  let summary = "Chooses the range of each observed value";
  let description = [{
    Replaces each observer by a range on the value it shows, chosen from the
    statistics by the range method.

    ```mlir
    %y = nn.relu %x {nn.value_id = "relu"} : ...
    lowbit.observe %y as "relu" : tensor<4x8xf32>
    // becomes
    %y = nn.relu %x {lowbit.range = array<f32: 0.0, 5.8>, nn.value_id = "relu"} : ...
    ```

    Without statistics of a value it is left without a range.
  }];
}

#endif

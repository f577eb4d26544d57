// RUN: qopt-opt %s --qopt-allocate-formats | FileCheck %s --check-prefix=FREE
// RUN: qopt-opt %s --qopt-allocate-formats='budget=size=150B' | FileCheck %s --check-prefix=TIGHT
// RUN: qopt-opt %s --qopt-allocate-formats='budget=size=150B rule=largest-first' | FileCheck %s --check-prefix=LARGEST
// RUN: qopt-opt %s --qopt-allocate-formats='budget=size=150B set=easy=int8' | FileCheck %s --check-prefix=SET

// "easy" sits on int4's grid and loses nothing there; "hard" does not.
// FREE-LABEL: func @two
// FREE: {lowbit.weight_format = "int8", nn.value_id = "easy"}
// FREE: {lowbit.weight_format = "int8", nn.value_id = "hard"}

// Least error: the layer that loses nothing pays, though it is the smaller one.
// TIGHT-LABEL: func @two
// TIGHT: {lowbit.weight_format = "int4", nn.value_id = "easy"}
// TIGHT: {lowbit.weight_format = "int8", nn.value_id = "hard"}

// LARGEST-LABEL: func @two
// LARGEST: {lowbit.weight_format = "int8", nn.value_id = "easy"}
// LARGEST: {lowbit.weight_format = "int4", nn.value_id = "hard"}

// SET-LABEL: func @two
// SET: {lowbit.weight_format = "int8", nn.value_id = "easy"}
// SET: {lowbit.weight_format = "int4", nn.value_id = "hard"}
func.func @two(%x: tensor<1x32xf32>) -> (tensor<1x2xf32>, tensor<1x3xf32>) {
  %e = arith.constant dense<-1.0> : tensor<32x2xf32>
  %h = arith.constant dense<[[1.288, 1.449, 0.066], [-0.765, -1.092, 0.031], [-1.022, -1.437, 0.199], [0.133, 0.546, -0.914], [0.005, -0.065, -1.506], [0.538, 0.321, 2.389], [0.203, -0.145, 1.233], [0.199, 0.909, -0.366], [0.218, 1.024, 0.696], [0.128, -1.082, 0.445], [0.077, 0.720, 0.216], [1.088, -0.052, 0.202], [0.667, -1.087, -0.402], [-0.500, 1.981, -0.093], [0.652, 0.619, -0.281], [-1.551, 0.965, -0.407], [0.718, -1.305, -0.438], [1.257, 1.431, -1.302], [-1.333, -0.044, 0.728], [0.161, 0.304, -0.989], [0.587, 1.117, -0.436], [-1.433, -0.759, 0.762], [-1.734, -0.092, -0.991], [-0.131, -0.245, 0.016], [1.501, 0.421, 1.334], [-0.141, -0.480, 0.379], [-2.836, -0.040, 0.160], [-1.235, 0.464, -0.559], [-2.459, -0.213, -0.979], [-0.521, -0.152, 1.251], [0.103, -0.028, 0.389], [-1.812, 1.240, -1.077]]> : tensor<32x3xf32>
  %0 = nn.matmul %x, %e {nn.value_id = "easy"} : (tensor<1x32xf32>, tensor<32x2xf32>) -> tensor<1x2xf32>
  %1 = nn.matmul %x, %h {nn.value_id = "hard"} : (tensor<1x32xf32>, tensor<32x3xf32>) -> tensor<1x3xf32>
  return %0, %1 : tensor<1x2xf32>, tensor<1x3xf32>
}

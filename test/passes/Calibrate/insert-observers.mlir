// RUN: qopt-opt %s --qopt-insert-observers | FileCheck %s
// RUN: qopt-opt %s --qopt-insert-observers --qopt-collect-statistics --qopt-attach-ranges | FileCheck %s --check-prefix=GONE

// Without statistics observers vanish and ids stay.
// GONE-NOT: lowbit.observe
// GONE-NOT: lowbit.range

// Inputs of contractions with constant weights are observed under unique ids.
// CHECK-LABEL: func @inputs
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32> {nn.value_id = "x"}
// GONE-LABEL: func @inputs
// GONE: nn.value_id = "fc"
func.func @inputs(%x: tensor<4x8xf32> loc("x")) -> tensor<4x2xf32> {
  %w0 = arith.constant dense<1.0> : tensor<8x8xf32>
  %w1 = arith.constant dense<1.0> : tensor<8x2xf32>
  // CHECK: lowbit.observe %[[X]] as "x"
  // CHECK: %[[H:.*]] = nn.matmul {{.*}}nn.value_id = "fc"
  // CHECK: lowbit.observe %[[H]] as "fc"
  // CHECK: nn.matmul {{.*}}nn.value_id = "fc#2"
  // CHECK-NOT: lowbit.observe
  %0 = nn.matmul %x, %w0 : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("fc")
  %1 = nn.matmul %0, %w1 : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32> loc("fc")
  return %1 : tensor<4x2xf32>
}

// A product of two computed values has no weight to quantize.
// CHECK-LABEL: func @computed
// CHECK-NOT: lowbit.observe
func.func @computed(%a: tensor<4x8xf32>, %b: tensor<8x2xf32>) -> tensor<4x2xf32> {
  %0 = nn.matmul %a, %b : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// The end of an epilogue that flows on to a contraction is observed, values
// inside the epilogue are not.
// CHECK-LABEL: func @residual
func.func @residual(%x: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %w = arith.constant dense<1.0> : tensor<8x1x1x8xf32>
  %b = arith.constant dense<1.0> : tensor<8xf32>
  // CHECK: nn.conv
  // CHECK-NOT: lowbit.observe
  // CHECK: nn.add
  // CHECK-NOT: lowbit.observe
  // CHECK: %[[SUM:.*]] = nn.add
  // CHECK: lowbit.observe %[[SUM]]
  // CHECK: nn.conv
  %0 = nn.conv %x, %w : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  %1 = nn.add %0, %b : (tensor<1x4x4x8xf32>, tensor<8xf32>) -> tensor<1x4x4x8xf32>
  %2 = nn.add %1, %x : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %3 = nn.conv %2, %w : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  return %3 : tensor<1x4x4x8xf32>
}

// RUN: qopt-opt %s --qopt-fold-constants | FileCheck %s

// CHECK-LABEL: @transposed_weight
func.func @transposed_weight() -> tensor<3x2xf32> {
  // CHECK: dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]>
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  // CHECK-NOT: nn.transpose
  %t = nn.transpose %w {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %t : tensor<3x2xf32>
}

// CHECK-LABEL: @chain
func.func @chain() -> tensor<2xf32> {
  // CHECK: dense<[3.000000e+00, 5.000000e+00]>
  %a = arith.constant dense<[4.0, 16.0]> : tensor<2xf32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %r = nn.sqrt %a : (tensor<2xf32>) -> tensor<2xf32>
  %s = nn.add %r, %one : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  return %s : tensor<2xf32>
}

// A result all of one value stays one value.
// CHECK-LABEL: @splat
func.func @splat() -> tensor<128x4xf32> {
  // CHECK: dense<2.000000e+00> : tensor<128x4xf32>
  %a = arith.constant dense<4.0> : tensor<128x4xf32>
  %r = nn.sqrt %a : (tensor<128x4xf32>) -> tensor<128x4xf32>
  return %r : tensor<128x4xf32>
}

// CHECK-LABEL: @slice_and_concat
func.func @slice_and_concat() -> tensor<2x3xi64> {
  // CHECK: dense<{{\[\[}}1, 2, 2], [3, 4, 4]]> : tensor<2x3xi64>
  %a = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi64>
  %s = nn.slice %a [0, 1] [2, 1] {strides = array<i64: 1, 1>} : (tensor<2x2xi64>) -> tensor<2x1xi64>
  %c = nn.concat %a, %s {axis = 1 : i64} : (tensor<2x2xi64>, tensor<2x1xi64>) -> tensor<2x3xi64>
  return %c : tensor<2x3xi64>
}

// Near miss: an operand is no constant.
// CHECK-LABEL: @argument
func.func @argument(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: nn.sqrt
  %r = nn.sqrt %x : (tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// Near miss: the result is far larger than what it is made of.
// CHECK-LABEL: @large_broadcast
func.func @large_broadcast() -> tensor<1024x1024xf32> {
  // CHECK: nn.broadcast_to
  %a = arith.constant dense<1.0> : tensor<f32>
  %b = nn.broadcast_to %a to [1024, 1024] : (tensor<f32>) -> tensor<1024x1024xf32>
  return %b : tensor<1024x1024xf32>
}

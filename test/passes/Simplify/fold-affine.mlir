// RUN: qopt-opt %s --qopt-fold-affine | FileCheck %s

// CHECK-LABEL: @batch_norm
func.func @batch_norm(%x: tensor<1x4x4x1xf32>) -> tensor<1x4x4x2xf32> {
  // CHECK-DAG: %[[W:.*]] = arith.constant dense<{{.*}}[2.000000e+00]{{.*}}[9.000000e+00]{{.*}}> : tensor<2x1x1x1xf32>
  // CHECK-DAG: %[[B:.*]] = arith.constant dense<[8.000000e+00, 1.600000e+01]> : tensor<2xf32>
  // CHECK: %[[Y:.*]] = nn.conv %arg0, %[[W]]
  // CHECK-NOT: nn.mul
  // CHECK: nn.add %[[Y]], %[[B]]
  %w = arith.constant dense<[[[[1.0]]], [[[3.0]]]]> : tensor<2x1x1x1xf32>
  %bias = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %gain = arith.constant dense<[[[[2.0, 3.0]]]]> : tensor<1x1x1x2xf32>
  %offset = arith.constant dense<[[[[6.0, 10.0]]]]> : tensor<1x1x1x2xf32>
  %y = nn.conv %x, %w : (tensor<1x4x4x1xf32>, tensor<2x1x1x1xf32>) -> tensor<1x4x4x2xf32>
  %b = nn.add %y, %bias : (tensor<1x4x4x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %m = nn.mul %b, %gain : (tensor<1x4x4x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x4x4x2xf32>
  %a = nn.add %m, %offset : (tensor<1x4x4x2xf32>, tensor<1x1x1x2xf32>) -> tensor<1x4x4x2xf32>
  return %a : tensor<1x4x4x2xf32>
}

// CHECK-LABEL: @matmul_scale
func.func @matmul_scale(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 6.000000e+00], [6.000000e+00, 1.200000e+01]]>
  // CHECK: nn.matmul %arg0, %[[W]]
  // CHECK-NOT: nn.mul
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %y = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %m = nn.mul %c, %y : (tensor<2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %m : tensor<?x2xf32>
}

// Depthwise: input channel 1 belongs to the second filter.
// CHECK-LABEL: @scale_of_input
func.func @scale_of_input(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
  // CHECK: dense<{{.*}}[1.000000e+01]{{.*}}[4.000000e+02]{{.*}}> : tensor<2x1x1x1xf32>
  // CHECK-NOT: nn.mul
  %w = arith.constant dense<[[[[1.0]]], [[[4.0]]]]> : tensor<2x1x1x1xf32>
  %c = arith.constant dense<[10.0, 100.0]> : tensor<2xf32>
  %m = nn.mul %x, %c : (tensor<1x4x4x2xf32>, tensor<2xf32>) -> tensor<1x4x4x2xf32>
  %y = nn.conv %m, %w {groups = 2 : i64} : (tensor<1x4x4x2xf32>, tensor<2x1x1x1xf32>) -> tensor<1x4x4x2xf32>
  return %y : tensor<1x4x4x2xf32>
}

// CHECK-LABEL: @power_of_two
func.func @power_of_two(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: dense<2.500000e-01>
  // CHECK: nn.mul
  %c = arith.constant dense<4.0> : tensor<f32>
  %y = nn.div %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// Near miss: a third has no exact reciprocal.
// CHECK-LABEL: @no_power_of_two
func.func @no_power_of_two(%x: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: nn.div
  %c = arith.constant dense<3.0> : tensor<f32>
  %y = nn.div %x, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// Near miss: someone else reads the unscaled product.
// CHECK-LABEL: @other_user
func.func @other_user(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  // CHECK: nn.mul
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %y = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %m = nn.mul %y, %c : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  return %y, %m : tensor<?x2xf32>, tensor<?x2xf32>
}

// Near miss: factors along the rows.
// CHECK-LABEL: @other_axis
func.func @other_axis(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  // CHECK: nn.mul
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %c = arith.constant dense<[[2.0], [3.0]]> : tensor<2x1xf32>
  %y = nn.matmul %x, %w : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %m = nn.mul %y, %c : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %m : tensor<2x2xf32>
}

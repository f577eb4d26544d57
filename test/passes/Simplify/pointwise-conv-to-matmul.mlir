// RUN: qopt-opt %s --qopt-pointwise-conv-to-matmul | FileCheck %s

// The filter is transposed; its name stays.
// CHECK-LABEL: @pointwise
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}1.{{.*}}, 3.{{.*}}, 5.{{.*}}], [2.{{.*}}, 4.{{.*}}, 6.{{.*}}]]> : tensor<2x3xf32>
// CHECK: nn.matmul %{{.*}}, %[[W]] : (tensor<?x4x4x2xf32>, tensor<2x3xf32>) -> tensor<?x4x4x3xf32>
func.func @pointwise(%x: tensor<?x4x4x2xf32>) -> tensor<?x4x4x3xf32> {
  %f = arith.constant dense<[[[[1., 2.]]], [[[3., 4.]]], [[[5., 6.]]]]> : tensor<3x1x1x2xf32>
  %0 = nn.conv %x, %f : (tensor<?x4x4x2xf32>, tensor<3x1x1x2xf32>) -> tensor<?x4x4x3xf32>
  return %0 : tensor<?x4x4x3xf32>
}

// Skipping pixels or adding some is more than a matmul.
// CHECK-LABEL: @strided_and_padded
// CHECK: nn.conv
// CHECK: nn.conv
func.func @strided_and_padded(%x: tensor<?x4x4x2xf32>) -> (tensor<?x2x2x3xf32>, tensor<?x5x5x3xf32>) {
  %f = arith.constant dense<1.> : tensor<3x1x1x2xf32>
  %g = arith.constant dense<2.> : tensor<3x1x1x2xf32>
  %0 = nn.conv %x, %f {strides = array<i64: 2, 2>} : (tensor<?x4x4x2xf32>, tensor<3x1x1x2xf32>) -> tensor<?x2x2x3xf32>
  %1 = nn.conv %x, %g {pads = array<i64: 0, 0, 1, 1>} : (tensor<?x4x4x2xf32>, tensor<3x1x1x2xf32>) -> tensor<?x5x5x3xf32>
  return %0, %1 : tensor<?x2x2x3xf32>, tensor<?x5x5x3xf32>
}

// CHECK-LABEL: @grouped
// CHECK: nn.conv
func.func @grouped(%x: tensor<?x4x4x4xf32>) -> tensor<?x4x4x2xf32> {
  %f = arith.constant dense<1.> : tensor<2x1x1x2xf32>
  %0 = nn.conv %x, %f {groups = 2 : i64} : (tensor<?x4x4x4xf32>, tensor<2x1x1x2xf32>) -> tensor<?x4x4x2xf32>
  return %0 : tensor<?x4x4x2xf32>
}

// A computed filter would have to be transposed at run time.
// CHECK-LABEL: @computed_filter
// CHECK: nn.conv
func.func @computed_filter(%x: tensor<?x4x4x2xf32>, %f: tensor<3x1x1x2xf32>) -> tensor<?x4x4x3xf32> {
  %0 = nn.conv %x, %f : (tensor<?x4x4x2xf32>, tensor<3x1x1x2xf32>) -> tensor<?x4x4x3xf32>
  return %0 : tensor<?x4x4x3xf32>
}

// RUN: qopt-opt %s --qopt-trim-constants | FileCheck %s

// A bias of the rank of its tensor becomes a vector, a weight a matrix.
// CHECK-LABEL: @bias_and_weight
// CHECK: nn.add {{.*}} : (tensor<?x4x2xf32>, tensor<2xf32>)
// CHECK: nn.matmul {{.*}} : (tensor<?x4x2xf32>, tensor<2x2xf32>)
func.func @bias_and_weight(%x: tensor<?x4x2xf32>) -> tensor<?x4x2xf32> {
  %b = arith.constant dense<[[[1., 2.]]]> : tensor<1x1x2xf32>
  %w = arith.constant dense<[[[1., 2.], [3., 4.]]]> : tensor<1x2x2xf32>
  %0 = nn.add %x, %b : (tensor<?x4x2xf32>, tensor<1x1x2xf32>) -> tensor<?x4x2xf32>
  %1 = nn.matmul %0, %w : (tensor<?x4x2xf32>, tensor<1x2x2xf32>) -> tensor<?x4x2xf32>
  return %1 : tensor<?x4x2xf32>
}

// One element becomes a scalar, also in front.
// CHECK-LABEL: @scalar
// CHECK: nn.sub {{.*}} : (tensor<f32>, tensor<?x2xf32>)
func.func @scalar(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %c = arith.constant dense<1.> : tensor<1x1xf32>
  %0 = nn.sub %c, %x : (tensor<1x1xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// A column of one entry a row stays a column.
// CHECK-LABEL: @column
// CHECK: nn.add {{.*}} : (tensor<?x4x2xf32>, tensor<4x1xf32>)
func.func @column(%x: tensor<?x4x2xf32>) -> tensor<?x4x2xf32> {
  %b = arith.constant dense<[[[1.], [2.], [3.], [4.]]]> : tensor<1x4x1xf32>
  %0 = nn.add %x, %b : (tensor<?x4x2xf32>, tensor<1x4x1xf32>) -> tensor<?x4x2xf32>
  return %0 : tensor<?x4x2xf32>
}

// The constant alone gives the result its rank.
// CHECK-LABEL: @gives_the_rank
// CHECK: nn.add {{.*}} : (tensor<2xf32>, tensor<1x2xf32>)
// CHECK: nn.matmul {{.*}} : (tensor<4x2xf32>, tensor<1x2x2xf32>)
func.func @gives_the_rank(%x: tensor<2xf32>, %y: tensor<4x2xf32>) -> (tensor<1x2xf32>, tensor<1x4x2xf32>) {
  %b = arith.constant dense<[[1., 2.]]> : tensor<1x2xf32>
  %w = arith.constant dense<[[[1., 2.], [3., 4.]]]> : tensor<1x2x2xf32>
  %0 = nn.add %x, %b : (tensor<2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = nn.matmul %y, %w : (tensor<4x2xf32>, tensor<1x2x2xf32>) -> tensor<1x4x2xf32>
  return %0, %1 : tensor<1x2xf32>, tensor<1x4x2xf32>
}

// What is computed keeps its shape.
// CHECK-LABEL: @not_constant
// CHECK: nn.add {{.*}} : (tensor<?x2xf32>, tensor<1x2xf32>)
func.func @not_constant(%x: tensor<?x2xf32>, %b: tensor<1x2xf32>) -> tensor<?x2xf32> {
  %0 = nn.add %x, %b : (tensor<?x2xf32>, tensor<1x2xf32>) -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// RUN: qopt-opt %s --qopt-centre-variance | FileCheck %s

// As Flax writes a norm, over another axis than the last.
// CHECK-LABEL: @sums
func.func @sums(%x: tensor<?x512x256xf32>) -> tensor<?x256xf32> {
  // CHECK: %[[MEAN:.*]] = nn.reduce_mean %arg0 {axes = array<i64: 1>} {{.*}} -> tensor<?x1x256xf32>
  // CHECK: %[[CENTRED:.*]] = nn.sub %arg0, %[[MEAN]]
  // CHECK: %[[ENERGY:.*]] = nn.mul %[[CENTRED]], %[[CENTRED]]
  // CHECK: %[[V:.*]] = nn.reduce_mean %[[ENERGY]] {axes = array<i64: 1>, keepdims = false}
  // CHECK: return %[[V]]
  %n = arith.constant dense<0.001953125> : tensor<f32>
  %s = nn.reduce_sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x512x256xf32>) -> tensor<?x256xf32>
  %q = nn.mul %x, %x : (tensor<?x512x256xf32>, tensor<?x512x256xf32>) -> tensor<?x512x256xf32>
  %t = nn.reduce_sum %q {axes = array<i64: 1>, keepdims = false} : (tensor<?x512x256xf32>) -> tensor<?x256xf32>
  %a = nn.mul %t, %n : (tensor<?x256xf32>, tensor<f32>) -> tensor<?x256xf32>
  %m = nn.mul %s, %n : (tensor<?x256xf32>, tensor<f32>) -> tensor<?x256xf32>
  %b = nn.mul %m, %m : (tensor<?x256xf32>, tensor<?x256xf32>) -> tensor<?x256xf32>
  %v = nn.sub %a, %b : (tensor<?x256xf32>, tensor<?x256xf32>) -> tensor<?x256xf32>
  return %v : tensor<?x256xf32>
}

// Means and a power, over the pixels of images.
// CHECK-LABEL: @means
func.func @means(%x: tensor<2x8x8x16xf32>) -> tensor<2x1x1x16xf32> {
  // CHECK: nn.reduce_mean %arg0 {axes = array<i64: 1, 2>}
  // CHECK: %[[V:.*]] = nn.reduce_mean %{{.*}} {axes = array<i64: 1, 2>}
  // CHECK: return %[[V]]
  %two = arith.constant dense<2.0> : tensor<f32>
  %q = nn.pow %x, %two : (tensor<2x8x8x16xf32>, tensor<f32>) -> tensor<2x8x8x16xf32>
  %a = nn.reduce_mean %q {axes = array<i64: 1, 2>} : (tensor<2x8x8x16xf32>) -> tensor<2x1x1x16xf32>
  %m = nn.reduce_mean %x {axes = array<i64: 1, 2>} : (tensor<2x8x8x16xf32>) -> tensor<2x1x1x16xf32>
  %b = nn.pow %m, %two : (tensor<2x1x1x16xf32>, tensor<f32>) -> tensor<2x1x1x16xf32>
  %v = nn.sub %a, %b : (tensor<2x1x1x16xf32>, tensor<2x1x1x16xf32>) -> tensor<2x1x1x16xf32>
  return %v : tensor<2x1x1x16xf32>
}

// Near miss: the means are over different axes.
// CHECK-LABEL: @axes
func.func @axes(%x: tensor<8x8xf32>) -> tensor<8xf32> {
  // CHECK: nn.sub %{{.*}} : (tensor<8xf32>, tensor<8xf32>)
  %q = nn.mul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %a = nn.reduce_mean %q {axes = array<i64: 0>, keepdims = false} : (tensor<8x8xf32>) -> tensor<8xf32>
  %m = nn.reduce_mean %x {axes = array<i64: 1>, keepdims = false} : (tensor<8x8xf32>) -> tensor<8xf32>
  %b = nn.mul %m, %m : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %v = nn.sub %a, %b : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %v : tensor<8xf32>
}

// Near miss: the sum is not over its number of elements.
// CHECK-LABEL: @factor
func.func @factor(%x: tensor<8x4xf32>) -> tensor<8xf32> {
  // CHECK: nn.sub %{{.*}} : (tensor<8xf32>, tensor<8xf32>)
  %n = arith.constant dense<0.5> : tensor<f32>
  %q = nn.mul %x, %x : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %s = nn.reduce_sum %q {axes = array<i64: 1>, keepdims = false} : (tensor<8x4xf32>) -> tensor<8xf32>
  %a = nn.mul %s, %n : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %m = nn.reduce_mean %x {axes = array<i64: 1>, keepdims = false} : (tensor<8x4xf32>) -> tensor<8xf32>
  %b = nn.mul %m, %m : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %v = nn.sub %a, %b : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %v : tensor<8xf32>
}

// Near miss: the constant's axis makes the sums [1], which no mean of %x is.
// CHECK-LABEL: @rank_of_factor
func.func @rank_of_factor(%x: tensor<4x6xf32>) -> tensor<1xf32> {
  // CHECK: nn.sub %{{.*}} : (tensor<1xf32>, tensor<1xf32>)
  %n = arith.constant dense<0.0416666679> : tensor<1xf32>
  %q = nn.mul %x, %x : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %t = nn.reduce_sum %q {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x6xf32>) -> tensor<f32>
  %s = nn.reduce_sum %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x6xf32>) -> tensor<f32>
  %a = nn.mul %t, %n : (tensor<f32>, tensor<1xf32>) -> tensor<1xf32>
  %m = nn.mul %s, %n : (tensor<f32>, tensor<1xf32>) -> tensor<1xf32>
  %b = nn.mul %m, %m : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %v = nn.sub %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  return %v : tensor<1xf32>
}

// Near miss: so does the exponent's.
// CHECK-LABEL: @rank_of_exponent
func.func @rank_of_exponent(%x: tensor<4x6xf32>) -> tensor<1xf32> {
  // CHECK: nn.sub %{{.*}} : (tensor<f32>, tensor<1xf32>)
  %two = arith.constant dense<2.0> : tensor<1xf32>
  %q = nn.mul %x, %x : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %a = nn.reduce_mean %q {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x6xf32>) -> tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 0, 1>, keepdims = false} : (tensor<4x6xf32>) -> tensor<f32>
  %b = nn.pow %m, %two : (tensor<f32>, tensor<1xf32>) -> tensor<1xf32>
  %v = nn.sub %a, %b : (tensor<f32>, tensor<1xf32>) -> tensor<1xf32>
  return %v : tensor<1xf32>
}

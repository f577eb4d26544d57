// RUN: qopt-opt %s | qopt-opt | FileCheck %s

// CHECK-LABEL: @elementwise
func.func @elementwise(%x: tensor<?x8xf32>, %b: tensor<8xf32>) -> tensor<?x8xi1> {
  // CHECK: nn.relu %{{.*}} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %0 = nn.relu %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.clip %{{.*}} {hi = 6.000000e+00 : f32, lo = 0.000000e+00 : f32}
  %1 = nn.clip %0 {lo = 0.0 : f32, hi = 6.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.add
  %2 = nn.add %1, %b : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.cast %{{.*}} to i32
  %3 = nn.cast %2 to i32 : (tensor<?x8xf32>) -> tensor<?x8xi32>
  // CHECK: nn.less
  %4 = nn.less %3, %3 : (tensor<?x8xi32>, tensor<?x8xi32>) -> tensor<?x8xi1>
  return %4 : tensor<?x8xi1>
}

// CHECK-LABEL: @bit_cast
func.func @bit_cast(%x: tensor<?x8xf32>, %b: tensor<8xi1>) -> (tensor<?x8xi32>, tensor<8xui8>) {
  // CHECK: nn.bit_cast %{{.*}} to i32 : (tensor<?x8xf32>) -> tensor<?x8xi32>
  %0 = nn.bit_cast %x to i32 : (tensor<?x8xf32>) -> tensor<?x8xi32>
  // CHECK: nn.bit_cast %{{.*}} to ui8
  %1 = nn.bit_cast %b to ui8 : (tensor<8xi1>) -> tensor<8xui8>
  return %0, %1 : tensor<?x8xi32>, tensor<8xui8>
}

// CHECK-LABEL: @contractions
func.func @contractions(%x: tensor<?x28x28x16xf32>, %f: tensor<32x3x3x16xf32>, %q: tensor<2x4x?x8xf32>) -> (tensor<?x14x14x32xf32>, tensor<2x4x?x8xf32>) {
  // CHECK: nn.conv
  %0 = nn.conv %x, %f {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x28x28x16xf32>, tensor<32x3x3x16xf32>) -> tensor<?x14x14x32xf32>
  // CHECK: nn.attention %{{.*}}, %{{.*}}, %{{.*}} {scale = 5.000000e-01 : f32}
  %1 = nn.attention %q, %q, %q {scale = 0.5 : f32} : (tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>, tensor<2x4x?x8xf32>) -> tensor<2x4x?x8xf32>
  return %0, %1 : tensor<?x14x14x32xf32>, tensor<2x4x?x8xf32>
}

// CHECK-LABEL: @integers
func.func @integers(%x: tensor<4x16xui8>, %w: tensor<16x8xi8>) -> tensor<4x8xi32> {
  // CHECK: nn.matmul %{{.*}} : (tensor<4x16xui8>, tensor<16x8xi8>) -> tensor<4x8xi32>
  %0 = nn.matmul %x, %w : (tensor<4x16xui8>, tensor<16x8xi8>) -> tensor<4x8xi32>
  return %0 : tensor<4x8xi32>
}

// CHECK-LABEL: @movement
func.func @movement(%x: tensor<?x64xf32>, %n: index) -> tensor<?x4x8xf32> {
  // CHECK: nn.reshape %{{.*}} to [%{{.*}}, 4, 16]
  %0 = nn.reshape %x to [%n, 4, 16] : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
  // CHECK: nn.slice %{{.*}}[0, 0, 8] [%{{.*}}, 4, 8] {strides = array<i64: 1, 1, 1>}
  %1 = nn.slice %0 [0, 0, 8] [%n, 4, 8] {strides = array<i64: 1, 1, 1>} : (tensor<?x4x16xf32>) -> tensor<?x4x8xf32>
  return %1 : tensor<?x4x8xf32>
}

// CHECK-LABEL: @positions
func.func @positions(%x: tensor<4x9xf32>, %b: tensor<1x6x4xf32>, %s: tensor<1x2x6xf32>, %t: tensor<1xf32>, %n: index) {
  // CHECK: nn.iota [%{{.*}}] : () -> tensor<?xi64>
  %0 = nn.iota [%n] : () -> tensor<?xi64>
  // CHECK: nn.sizes [%{{.*}}, 4] : () -> tensor<2xi64>
  %1 = nn.sizes [%n, 4] : () -> tensor<2xi64>
  // CHECK: nn.nonzero %{{.*}} : (tensor<4x9xf32>) -> tensor<37xi64>
  %2 = nn.nonzero %x : (tensor<4x9xf32>) -> tensor<37xi64>
  // CHECK: nn.top_k %{{.*}} to [5] {largest = false} : (tensor<4x9xf32>) -> tensor<4x5xi64>
  %3 = nn.top_k %x to [5] {largest = false} : (tensor<4x9xf32>) -> tensor<4x5xi64>
  // CHECK: nn.unique %{{.*}} : (tensor<4x9xf32>) -> tensor<3x5xi64>
  %4 = nn.unique %x : (tensor<4x9xf32>) -> tensor<3x5xi64>
  // CHECK: nn.non_max_suppression %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} to [3]
  %5 = nn.non_max_suppression %b, %s, %t, %t to [3] : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<7x3xi64>
  return
}

// CHECK-LABEL: @sequential
func.func @sequential(%x: tensor<?x8xf32>, %at: tensor<?xi64>, %u: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<8xf32>) {
  // CHECK: nn.scatter %{{.*}}, %{{.*}}, %{{.*}} {mode = 1 : i32}
  %0 = nn.scatter %x, %at, %u {mode = 1 : i32} : (tensor<?x8xf32>, tensor<?xi64>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.cumsum %{{.*}} {axis = 0 : i64}
  %1 = nn.cumsum %0 {axis = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.cumprod %{{.*}} {axis = 1 : i64, exclusive = true, reverse = true}
  %2 = nn.cumprod %1 {axis = 1 : i64, exclusive = true, reverse = true} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.reduce_prod
  %3 = nn.reduce_prod %2 {axes = array<i64: 0>, keepdims = false} : (tensor<?x8xf32>) -> tensor<8xf32>
  return %2, %3 : tensor<?x8xf32>, tensor<8xf32>
}

// CHECK-LABEL: @recurrence
func.func @recurrence(%x: tensor<?x?x16xf32>, %w: tensor<4x16xf32>, %h: tensor<?x4xf32>, %n: tensor<?xi32>) -> tensor<?x?x8xf32> {
  // CHECK: nn.recurrence %{{.*}}, %{{.*}} h %{{.*}} lengths %{{.*}} {
  %0 = nn.recurrence %x, %w h %h lengths %n {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f32: 0., 0., 0.>, betas = array<f32: 0., 0., 0.>, cell = 2 : i32} : (tensor<?x?x16xf32>, tensor<4x16xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

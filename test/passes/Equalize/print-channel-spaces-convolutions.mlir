// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s

// conv, relu, conv.
// CHECK-LABEL: channel spaces of @conv_relu
// CHECK: D1 8 free f1[0] b1[0] -> f2[3]
// CHECK: P1 8 free f1[0] b1[0] -> f2[3]
// CHECK: O1 8 pinned f1[0] b1[0] -> nothing
// CHECK-NEXT: nn.relu: nonlinear
// CHECK: O2 8 pinned nothing -> f2[3]
// CHECK-NEXT: nn.relu: nonlinear
func.func @conv_relu(%x: tensor<?x6x6x3xf32>) -> tensor<?x6x6x5xf32> {
  %f1 = arith.constant dense<1.0> : tensor<8x3x3x3xf32> loc("f1")
  %b1 = arith.constant dense<1.0> : tensor<8xf32> loc("b1")
  %f2 = arith.constant dense<1.0> : tensor<5x1x1x8xf32> loc("f2")
  %0 = nn.conv %x, %f1 {pads = array<i64: 1, 1, 1, 1>} : (tensor<?x6x6x3xf32>, tensor<8x3x3x3xf32>) -> tensor<?x6x6x8xf32>
  %1 = nn.add %0, %b1 : (tensor<?x6x6x8xf32>, tensor<8xf32>) -> tensor<?x6x6x8xf32>
  %2 = nn.relu %1 : (tensor<?x6x6x8xf32>) -> tensor<?x6x6x8xf32>
  %3 = nn.conv %2, %f2 : (tensor<?x6x6x8xf32>, tensor<5x1x1x8xf32>) -> tensor<?x6x6x5xf32>
  return %3 : tensor<?x6x6x5xf32>
}

// A depthwise filter absorbs diagonals on both sides and moves with channels.
// CHECK-LABEL: channel spaces of @depthwise_clip
// CHECK: D1 8 free f1[0] relu6.bounds -> dw[0]
// CHECK: D2 8 free dw[0] -> f2[3]
// CHECK: P1 8 free f1[0] dw[0] -> f2[3]
// CHECK: O1 8 pinned f1[0] -> nothing
// CHECK-NEXT: nn.clip (relu6): nonlinear
// CHECK: O2 8 pinned nothing -> f2[3]
// CHECK-NEXT: nn.conv (depthwise): each channel has a filter of its own
func.func @depthwise_clip(%x: tensor<?x6x6x3xf32>) -> tensor<?x6x6x5xf32> {
  %f1 = arith.constant dense<1.0> : tensor<8x1x1x3xf32> loc("f1")
  %dw = arith.constant dense<1.0> : tensor<8x3x3x1xf32> loc("dw")
  %f2 = arith.constant dense<1.0> : tensor<5x1x1x8xf32> loc("f2")
  %0 = nn.conv %x, %f1 : (tensor<?x6x6x3xf32>, tensor<8x1x1x3xf32>) -> tensor<?x6x6x8xf32>
  %1 = nn.clip %0 {lo = 0.0 : f32, hi = 6.0 : f32} : (tensor<?x6x6x8xf32>) -> tensor<?x6x6x8xf32> loc("relu6")
  %2 = nn.conv %1, %dw {groups = 8 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x6x6x8xf32>, tensor<8x3x3x1xf32>) -> tensor<?x6x6x8xf32> loc("depthwise")
  %3 = nn.conv %2, %f2 : (tensor<?x6x6x8xf32>, tensor<5x1x1x8xf32>) -> tensor<?x6x6x5xf32>
  return %3 : tensor<?x6x6x5xf32>
}

// Groups: each has a space of its own on either side.
// CHECK-LABEL: channel spaces of @grouped
// CHECK: D1 2 x 4 free f1[0] -> fg[3]
// CHECK: D2 2 x 6 free fg[0] -> f2[3]
// CHECK: P1 2 x 4 free f1[0] -> fg[3]
// CHECK: P2 2 x 6 free fg[0] -> f2[3]
// CHECK: O1 2 x 4 free f1[0] -> fg[3]
// CHECK: O2 2 x 6 free fg[0] -> f2[3]
func.func @grouped(%x: tensor<?x6x6x3xf32>) -> tensor<?x6x6x5xf32> {
  %f1 = arith.constant dense<1.0> : tensor<8x1x1x3xf32> loc("f1")
  %fg = arith.constant dense<1.0> : tensor<12x3x3x4xf32> loc("fg")
  %f2 = arith.constant dense<1.0> : tensor<5x1x1x12xf32> loc("f2")
  %0 = nn.conv %x, %f1 : (tensor<?x6x6x3xf32>, tensor<8x1x1x3xf32>) -> tensor<?x6x6x8xf32>
  %1 = nn.conv %0, %fg {groups = 2 : i64, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x6x6x8xf32>, tensor<12x3x3x4xf32>) -> tensor<?x6x6x12xf32>
  %2 = nn.conv %1, %f2 : (tensor<?x6x6x12xf32>, tensor<5x1x1x12xf32>) -> tensor<?x6x6x5xf32>
  return %2 : tensor<?x6x6x5xf32>
}

// Pooling: the maximum lets no rotation pass, the average does.
// CHECK-LABEL: channel spaces of @pools
// CHECK: D1 8 free f1[0] -> f2[3]
// CHECK: D2 12 free f2[0] -> w[0]
// CHECK: P1 8 free f1[0] -> f2[3]
// CHECK: P2 12 free f2[0] -> w[0]
// CHECK: O1 8 pinned f1[0] -> nothing
// CHECK-NEXT: nn.max_pool: nonlinear
// CHECK: O2 8 pinned nothing -> f2[3]
// CHECK-NEXT: nn.max_pool: nonlinear
// CHECK: O3 12 free f2[0] -> w[0]
func.func @pools(%x: tensor<?x6x6x3xf32>) -> tensor<?x4xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x6x6x3xf32>
  %f1 = arith.constant dense<1.0> : tensor<8x1x1x3xf32> loc("f1")
  %f2 = arith.constant dense<1.0> : tensor<12x1x1x8xf32> loc("f2")
  %w = arith.constant dense<1.0> : tensor<12x4xf32> loc("w")
  %0 = nn.conv %x, %f1 : (tensor<?x6x6x3xf32>, tensor<8x1x1x3xf32>) -> tensor<?x6x6x8xf32>
  %1 = nn.max_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>} : (tensor<?x6x6x8xf32>) -> tensor<?x3x3x8xf32>
  %2 = nn.conv %1, %f2 : (tensor<?x3x3x8xf32>, tensor<12x1x1x8xf32>) -> tensor<?x3x3x12xf32>
  %3 = nn.avg_pool %2 {kernel = array<i64: 2, 2>} : (tensor<?x3x3x12xf32>) -> tensor<?x2x2x12xf32>
  %4 = nn.reduce_mean %3 {axes = array<i64: 1, 2>} : (tensor<?x2x2x12xf32>) -> tensor<?x1x1x12xf32>
  %5 = nn.reshape %4 to [%n, 12] : (tensor<?x1x1x12xf32>) -> tensor<?x12xf32>
  %6 = nn.matmul %5, %w : (tensor<?x12xf32>, tensor<12x4xf32>) -> tensor<?x4xf32>
  return %6 : tensor<?x4xf32>
}

// Squeeze and excite: the pooled branch ends in a gate that is pinned.
// CHECK-LABEL: channel spaces of @squeeze_excite
// CHECK: D1 8 free f1[0] -> squeeze[3] f2[3]
// CHECK: D2 2 free squeeze[0] -> excite[3]
// CHECK: D3 8 pinned excite[0] -> nothing
// CHECK-NEXT: nn.sigmoid: nonlinear
// CHECK: P1 8 free f1[0] excite[0] -> squeeze[3] f2[3]
// CHECK: P2 2 free squeeze[0] -> excite[3]
// CHECK: O1 8 pinned f1[0] -> squeeze[3]
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O2 2 pinned squeeze[0] -> nothing
// CHECK-NEXT: nn.relu: nonlinear
// CHECK: O3 2 pinned nothing -> excite[3]
// CHECK-NEXT: nn.relu: nonlinear
// CHECK: O4 8 pinned excite[0] -> nothing
// CHECK-NEXT: nn.sigmoid: nonlinear
// CHECK: O5 8 pinned nothing -> f2[3]
// CHECK-NEXT: nn.mul: elementwise product
func.func @squeeze_excite(%x: tensor<?x6x6x3xf32>) -> tensor<?x6x6x5xf32> {
  %f1 = arith.constant dense<1.0> : tensor<8x1x1x3xf32> loc("f1")
  %s1 = arith.constant dense<1.0> : tensor<2x1x1x8xf32> loc("squeeze")
  %s2 = arith.constant dense<1.0> : tensor<8x1x1x2xf32> loc("excite")
  %f2 = arith.constant dense<1.0> : tensor<5x1x1x8xf32> loc("f2")
  %0 = nn.conv %x, %f1 : (tensor<?x6x6x3xf32>, tensor<8x1x1x3xf32>) -> tensor<?x6x6x8xf32>
  %1 = nn.reduce_mean %0 {axes = array<i64: 1, 2>} : (tensor<?x6x6x8xf32>) -> tensor<?x1x1x8xf32>
  %2 = nn.conv %1, %s1 : (tensor<?x1x1x8xf32>, tensor<2x1x1x8xf32>) -> tensor<?x1x1x2xf32>
  %3 = nn.relu %2 : (tensor<?x1x1x2xf32>) -> tensor<?x1x1x2xf32>
  %4 = nn.conv %3, %s2 : (tensor<?x1x1x2xf32>, tensor<8x1x1x2xf32>) -> tensor<?x1x1x8xf32>
  %5 = nn.sigmoid %4 : (tensor<?x1x1x8xf32>) -> tensor<?x1x1x8xf32>
  %6 = nn.mul %0, %5 : (tensor<?x6x6x8xf32>, tensor<?x1x1x8xf32>) -> tensor<?x6x6x8xf32>
  %7 = nn.conv %6, %f2 : (tensor<?x6x6x8xf32>, tensor<5x1x1x8xf32>) -> tensor<?x6x6x5xf32>
  return %7 : tensor<?x6x6x5xf32>
}

// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s

// concat and a slice across its border cut [0, 14) into 8, 2 and 4 channels.
// CHECK-LABEL: channel spaces of @concat_slice
// CHECK: D1 6 free w1[1:0..6] -> r1[0:0..6]
// CHECK: D2 2 free w1[1:6..8] -> r1[0:6..8] r2[0:0..2]
// CHECK: D3 2 free w2[1:0..2] -> r1[0:8..10] r2[0:2..4]
// CHECK: D4 4 free w2[1:2..6] -> r1[0:10..14]
// CHECK: P1 6 free w1[1:0..6] -> r1[0:0..6]
// CHECK: P2 2 free w1[1:6..8] -> r1[0:6..8] r2[0:0..2]
// CHECK: P3 2 free w2[1:0..2] -> r1[0:8..10] r2[0:2..4]
// CHECK: P4 4 free w2[1:2..6] -> r1[0:10..14]
// CHECK: O1 6 free w1[1:0..6] -> r1[0:0..6]
// CHECK: O2 2 free w1[1:6..8] -> r1[0:6..8] r2[0:0..2]
// CHECK: O3 2 free w2[1:0..2] -> r1[0:8..10] r2[0:2..4]
// CHECK: O4 4 free w2[1:2..6] -> r1[0:10..14]
func.func @concat_slice(%x: tensor<?x3xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x3xf32>
  %w1 = arith.constant dense<1.0> : tensor<3x8xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<3x6xf32> loc("w2")
  %r1 = arith.constant dense<1.0> : tensor<14x2xf32> loc("r1")
  %r2 = arith.constant dense<1.0> : tensor<4x2xf32> loc("r2")
  %0 = nn.matmul %x, %w1 : (tensor<?x3xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  %1 = nn.matmul %x, %w2 : (tensor<?x3xf32>, tensor<3x6xf32>) -> tensor<?x6xf32>
  %2 = nn.concat %0, %1 {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x6xf32>) -> tensor<?x14xf32>
  %3 = nn.matmul %2, %r1 : (tensor<?x14xf32>, tensor<14x2xf32>) -> tensor<?x2xf32>
  %4 = nn.slice %2 [0, 6] [%n, 4] {strides = array<i64: 1, 1>} : (tensor<?x14xf32>) -> tensor<?x4xf32>
  %5 = nn.matmul %4, %r2 : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return %3, %5 : tensor<?x2xf32>, tensor<?x2xf32>
}

// A slice with a stride tells channels apart in no way a group could follow.
// CHECK-LABEL: channel spaces of @strided
// CHECK: D1 8 pinned w1[1] -> nothing
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
// CHECK: D2 4 pinned nothing -> r1[0]
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
// CHECK: P1 8 pinned w1[1] -> nothing
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
// CHECK: P2 4 pinned nothing -> r1[0]
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
// CHECK: O1 8 pinned w1[1] -> nothing
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
// CHECK: O2 4 pinned nothing -> r1[0]
// CHECK-NEXT: nn.slice: sliced with a stride or at run time
func.func @strided(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x3xf32>
  %w1 = arith.constant dense<1.0> : tensor<3x8xf32> loc("w1")
  %r1 = arith.constant dense<1.0> : tensor<4x2xf32> loc("r1")
  %0 = nn.matmul %x, %w1 : (tensor<?x3xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  %1 = nn.slice %0 [0, 0] [%n, 4] {strides = array<i64: 1, 2>} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %2 = nn.matmul %1, %r1 : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Flattened images: the reader sees each channel once a position.
// CHECK-LABEL: channel spaces of @flatten
// CHECK: D1 4 free f[0] -> w[0]
// CHECK: P1 4 free f[0] -> w[0]
// CHECK: O1 4 free f[0] -> w[0]
func.func @flatten(%x: tensor<?x2x2x3xf32>) -> tensor<?x5xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x2x2x3xf32>
  %f = arith.constant dense<1.0> : tensor<4x1x1x3xf32> loc("f")
  %w = arith.constant dense<1.0> : tensor<16x5xf32> loc("w")
  %0 = nn.conv %x, %f : (tensor<?x2x2x3xf32>, tensor<4x1x1x3xf32>) -> tensor<?x2x2x4xf32>
  %1 = nn.reshape %0 to [%n, 16] : (tensor<?x2x2x4xf32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w : (tensor<?x16xf32>, tensor<16x5xf32>) -> tensor<?x5xf32>
  return %2 : tensor<?x5xf32>
}

// Channel shuffle: an axis that numbers blocks becomes part of channels.
// CHECK-LABEL: channel spaces of @shuffle
// CHECK: D1 2 x 4 pinned w1[1] -> nothing
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
// CHECK: D2 4 x 2 pinned nothing -> w2[0]
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
// CHECK: P1 2 x 4 pinned w1[1] -> nothing
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
// CHECK: P2 4 x 2 pinned nothing -> w2[0]
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
// CHECK: O1 2 x 4 pinned w1[1] -> nothing
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
// CHECK: O2 4 x 2 pinned nothing -> w2[0]
// CHECK-NEXT: nn.reshape: numbers blocks of channels
// CHECK-NEXT: nn.transpose: numbers blocks of channels
func.func @shuffle(%x: tensor<?x3xf32>) -> tensor<?x5xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x3xf32>
  %w1 = arith.constant dense<1.0> : tensor<3x8xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<8x5xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x3xf32>, tensor<3x8xf32>) -> tensor<?x8xf32>
  %1 = nn.reshape %0 to [%n, 2, 4] : (tensor<?x8xf32>) -> tensor<?x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1>} : (tensor<?x2x4xf32>) -> tensor<?x4x2xf32>
  %3 = nn.reshape %2 to [%n, 8] : (tensor<?x4x2xf32>) -> tensor<?x8xf32>
  %4 = nn.matmul %3, %w2 : (tensor<?x8xf32>, tensor<8x5xf32>) -> tensor<?x5xf32>
  return %4 : tensor<?x5xf32>
}

// A class token joins a sequence and writes its channels.
// CHECK-LABEL: channel spaces of @class_token
// CHECK: D1 8 free w1[1] token[2] -> w2[0]
// CHECK: P1 8 free w1[1] token[2] -> w2[0]
// CHECK: O1 8 free w1[1] token[2] -> w2[0]
func.func @class_token(%x: tensor<1x4x3xf32>) -> tensor<1x5x2xf32> {
  %token = arith.constant dense<1.0> : tensor<1x1x8xf32> loc("token")
  %w1 = arith.constant dense<1.0> : tensor<3x8xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<8x2xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<1x4x3xf32>, tensor<3x8xf32>) -> tensor<1x4x8xf32>
  %1 = nn.concat %token, %0 {axis = 1 : i64} : (tensor<1x1x8xf32>, tensor<1x4x8xf32>) -> tensor<1x5x8xf32>
  %2 = nn.matmul %1, %w2 : (tensor<1x5x8xf32>, tensor<8x2xf32>) -> tensor<1x5x2xf32>
  return %2 : tensor<1x5x2xf32>
}

// Pieces are counted: 2048 blocks of two segments are as many as an axis takes.
// CHECK-LABEL: channel spaces of @most_pieces
// CHECK: D1 2048 x 2 free w1[1:0..2,4..6,{{.*}}] -> w2[0]
func.func @most_pieces(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %w1 = arith.constant dense<1.0> : tensor<3x8192xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<4096x3xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<1x3xf32>, tensor<3x8192xf32>) -> tensor<1x8192xf32>
  %1 = nn.reshape %0 to [1, 2048, 4] : (tensor<1x8192xf32>) -> tensor<1x2048x4xf32>
  %2 = nn.slice %1 [0, 0, 0] [1, 2048, 2] {strides = array<i64: 1, 1, 1>} : (tensor<1x2048x4xf32>) -> tensor<1x2048x2xf32>
  %3 = nn.reshape %2 to [1, 4096] : (tensor<1x2048x2xf32>) -> tensor<1x4096xf32>
  %4 = nn.matmul %3, %w2 : (tensor<1x4096xf32>, tensor<4096x3xf32>) -> tensor<1x3xf32>
  return %4 : tensor<1x3xf32>
}

// One block more, and the slice cuts no more.
// CHECK-LABEL: channel spaces of @too_many_pieces
// CHECK: D1 2049 x 4 pinned w1[1] -> nothing
// CHECK-NEXT: nn.slice: thousands of pieces
func.func @too_many_pieces(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %w1 = arith.constant dense<1.0> : tensor<3x8196xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<4098x3xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<1x3xf32>, tensor<3x8196xf32>) -> tensor<1x8196xf32>
  %1 = nn.reshape %0 to [1, 2049, 4] : (tensor<1x8196xf32>) -> tensor<1x2049x4xf32>
  %2 = nn.slice %1 [0, 0, 0] [1, 2049, 2] {strides = array<i64: 1, 1, 1>} : (tensor<1x2049x4xf32>) -> tensor<1x2049x2xf32>
  %3 = nn.reshape %2 to [1, 4098] : (tensor<1x2049x2xf32>) -> tensor<1x4098xf32>
  %4 = nn.matmul %3, %w2 : (tensor<1x4098xf32>, tensor<4098x3xf32>) -> tensor<1x3xf32>
  return %4 : tensor<1x3xf32>
}

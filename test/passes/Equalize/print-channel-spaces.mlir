// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s

// Two layers around a relu: diagonals and permutations pass, rotations do not.
// CHECK-LABEL: channel spaces of @mlp
// CHECK: D1 16 free w1[1] b1[0] -> w2[0]
// CHECK: P1 16 free w1[1] b1[0] -> w2[0]
// CHECK: O1 16 pinned w1[1] b1[0] -> nothing
// CHECK-NEXT: nn.relu: nonlinear
// CHECK: O2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.relu: nonlinear
func.func @mlp(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %b1 = arith.constant dense<1.0> : tensor<16xf32> loc("b1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.add %0, %b1 : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %2 = nn.relu %1 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %3 = nn.matmul %2, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}

// Nothing between the layers: any group.
// CHECK-LABEL: channel spaces of @linear
// CHECK: D1 16 free w1[1] -> w2[0]
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O1 16 free w1[1] -> w2[0]
func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.matmul %0, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// gelu: permutations only.
// CHECK-LABEL: channel spaces of @gelu
// CHECK: D1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.gelu: nonlinear
// CHECK: D2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.gelu: nonlinear
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.gelu: nonlinear
// CHECK: O2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.gelu: nonlinear
func.func @gelu(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.gelu %0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// up * silu(gate): a diagonal goes through up; the gate is pinned.
// CHECK-LABEL: channel spaces of @gated
// CHECK: D1 16 pinned gate[1] -> nothing
// CHECK-NEXT: nn.silu: nonlinear
// CHECK: D2 16 free up[1] -> down[0]
// CHECK: P1 16 free gate[1] up[1] -> down[0]
// CHECK: O1 16 pinned gate[1] -> nothing
// CHECK-NEXT: nn.silu: nonlinear
// CHECK: O2 16 pinned up[1] -> nothing
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O3 16 pinned nothing -> down[0]
// CHECK-NEXT: nn.mul: elementwise product
func.func @gated(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %wg = arith.constant dense<1.0> : tensor<8x16xf32> loc("gate")
  %wu = arith.constant dense<1.0> : tensor<8x16xf32> loc("up")
  %wd = arith.constant dense<1.0> : tensor<16x4xf32> loc("down")
  %g = nn.matmul %x, %wg : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %a = nn.silu %g : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %u = nn.matmul %x, %wu : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %p = nn.mul %a, %u : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = nn.matmul %p, %wd : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// Nothing pins either factor: the second is.
// CHECK-LABEL: channel spaces of @bilinear
// CHECK: D1 16 free a[1] -> down[0]
// CHECK: D2 16 pinned b[1] -> nothing
// CHECK-NEXT: nn.mul: the second factor of a product
// CHECK: P1 16 free a[1] b[1] -> down[0]
// CHECK: O1 16 pinned a[1] -> nothing
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O2 16 pinned b[1] -> nothing
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O3 16 pinned nothing -> down[0]
// CHECK-NEXT: nn.mul: elementwise product
func.func @bilinear(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %wg = arith.constant dense<1.0> : tensor<8x16xf32> loc("a")
  %wu = arith.constant dense<1.0> : tensor<8x16xf32> loc("b")
  %wd = arith.constant dense<1.0> : tensor<16x4xf32> loc("down")
  %g = nn.matmul %x, %wg : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %u = nn.matmul %x, %wu : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %p = nn.mul %g, %u : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = nn.matmul %p, %wd : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// A vector absorbs on both sides; one number for all channels lets rotations by.
// CHECK-LABEL: channel spaces of @scales
// CHECK: D1 16 free w1[1] -> scale[0]
// CHECK: D2 16 free scale[0] -> w2[0]
// CHECK: D3 12 free w2[1] -> w3[0]
// CHECK: P1 16 free w1[1] scale[0] -> w2[0]
// CHECK: P2 12 free w2[1] -> w3[0]
// CHECK: O1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.mul: elementwise product
// CHECK: O3 12 free w2[1] -> w3[0]
func.func @scales(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %s = arith.constant dense<[1., 2., 3., 4., 5., 6., 7., 8., 1., 2., 3., 4., 5., 6., 7., 8.]> : tensor<16xf32> loc("scale")
  %w2 = arith.constant dense<1.0> : tensor<16x12xf32> loc("w2")
  %half = arith.constant dense<0.5> : tensor<f32> loc("half")
  %w3 = arith.constant dense<1.0> : tensor<12x4xf32> loc("w3")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.mul %0, %s : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x16xf32>, tensor<16x12xf32>) -> tensor<?x12xf32>
  %3 = nn.mul %2, %half : (tensor<?x12xf32>, tensor<f32>) -> tensor<?x12xf32>
  %4 = nn.matmul %3, %w3 : (tensor<?x12xf32>, tensor<12x4xf32>) -> tensor<?x4xf32>
  return %4 : tensor<?x4xf32>
}

// Division: the constant takes the inverse.
// CHECK-LABEL: channel spaces of @divisor
// CHECK: D1 4 free w1[1] -> scale^-1[0]
// CHECK: D2 4 free scale^-1[0] -> w2[0]
// CHECK: P1 4 free w1[1] scale[0] -> w2[0]
// CHECK: O1 4 pinned w1[1] -> nothing
// CHECK-NEXT: nn.div: elementwise product
// CHECK: O2 4 pinned nothing -> w2[0]
// CHECK-NEXT: nn.div: elementwise product
func.func @divisor(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x4xf32> loc("w1")
  %s = arith.constant dense<[1., 2., 3., 4.]> : tensor<4xf32> loc("scale")
  %w2 = arith.constant dense<1.0> : tensor<4x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %1 = nn.div %0, %s : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// One number added to all channels becomes a vector.
// CHECK-LABEL: channel spaces of @scalar_term
// CHECK: D1 16 free w1[1] +one -> w2[0]
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O1 16 free w1[1] +one -> w2[0]
func.func @scalar_term(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %one = arith.constant dense<1.0> : tensor<f32> loc("one")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.add %0, %one : (tensor<?x16xf32>, tensor<f32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// A computed term that is the same for all channels cannot follow.
// CHECK-LABEL: channel spaces of @computed_term
// CHECK: D1 16 pinned w1[1] -> w2[0]
// CHECK-NEXT: nn.add: an operand is the same along it
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O1 16 pinned w1[1] -> w2[0]
// CHECK-NEXT: nn.add: an operand is the same along it
func.func @computed_term(%x: tensor<?x8xf32>, %t: tensor<?x1xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.add %0, %t : (tensor<?x16xf32>, tensor<?x1xf32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// softmax sums along channels; their order is free.
// CHECK-LABEL: channel spaces of @softmax
// CHECK: D1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.softmax: softmax along it
// CHECK: D2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.softmax: softmax along it
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.softmax: softmax along it
// CHECK: O2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.softmax: softmax along it
func.func @softmax(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.softmax %0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %2 = nn.matmul %1, %w2 : (tensor<?x16xf32>, tensor<16x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// An op that says nothing pins what it touches.
// CHECK-LABEL: channel spaces of @unknown_op
// CHECK: D1 16 pinned w1[1] -> w2[0]
// CHECK-NEXT: nn.top_k: says nothing of channels
// CHECK: P1 16 pinned w1[1] -> w2[0]
// CHECK-NEXT: nn.top_k: says nothing of channels
// CHECK: O1 16 pinned w1[1] -> w2[0]
// CHECK-NEXT: nn.top_k: says nothing of channels
func.func @unknown_op(%x: tensor<3x8xf32>) -> tensor<3x4xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x4xf32> loc("w2")
  %0 = nn.matmul %x, %w1 : (tensor<3x8xf32>, tensor<8x16xf32>) -> tensor<3x16xf32>
  %positions = nn.top_k %0 to [16] {largest = true} : (tensor<3x16xf32>) -> tensor<3x16xi64>
  %1 = nn.matmul %0, %w2 : (tensor<3x16xf32>, tensor<16x4xf32>) -> tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

// x xT carries g and 1/g at once.
// CHECK-LABEL: channel spaces of @own_inverse
// CHECK: D1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.matmul: meets its own inverse
// CHECK: P1 16 free w1[1] -> nothing
// CHECK: O1 16 free w1[1] -> nothing
func.func @own_inverse(%x: tensor<?x8xf32>) -> tensor<?x?xf32> {
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %0 = nn.matmul %x, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %1 = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<?x16xf32>) -> tensor<16x?xf32>
  %2 = nn.matmul %0, %1 : (tensor<?x16xf32>, tensor<16x?xf32>) -> tensor<?x?xf32>
  return %2 : tensor<?x?xf32>
}

// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s

// Embedding and head are one constant: its writer wants w g, its reader w / g.
// A permutation or rotation is the same for both.
// CHECK-LABEL: channel spaces of @tied
// CHECK: D0 8 free table[1] table^-1[1] -> nothing
// CHECK-NEXT: clones table for 320 bytes
// CHECK: P0 8 free table[1] -> nothing
// CHECK: O0 8 free table[1] -> nothing
func.func @tied(%ids: tensor<?xi64>) -> tensor<?x10xf32> {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %t = nn.transpose %table {perm = array<i64: 1, 0>} : (tensor<10x8xf32>) -> tensor<8x10xf32>
  %y = nn.matmul %x, %t : (tensor<?x8xf32>, tensor<8x10xf32>) -> tensor<?x10xf32>
  return %y : tensor<?x10xf32>
}

// One matrix used by two layers.
// CHECK-LABEL: channel spaces of @shared
// CHECK: D1 8 free w[1] -> w[0]
// CHECK-NEXT: clones w for 256 bytes
// CHECK: P1 8 free w[1] -> w[0]
// CHECK-NEXT: clones w for 256 bytes
// CHECK: O1 8 pinned w[1] -> nothing
// CHECK-NEXT: nn.relu: nonlinear
// CHECK: O2 8 pinned nothing -> w[0]
// CHECK-NEXT: nn.relu: nonlinear
func.func @shared(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = arith.constant dense<1.0> : tensor<8x8xf32> loc("w")
  %0 = nn.matmul %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = nn.relu %0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = nn.matmul %1, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

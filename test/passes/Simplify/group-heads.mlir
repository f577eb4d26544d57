// RUN: qopt-opt %s --qopt-group-heads --canonicalize | FileCheck %s

// A cache of three heads for nine of queries, as repeat_kv is exported.
// CHECK-LABEL: @repeat_kv
// CHECK-SAME: (%[[Q:.*]]: tensor<?x9x?x64xf32>, %[[K:.*]]: tensor<?x3x?x64xf32> {{.*}}, %[[V:.*]]: tensor<?x3x?x64xf32> {{.*}}, %[[M:.*]]: tensor<?x1x?x?xf32>)
func.func @repeat_kv(%q: tensor<?x9x?x64xf32>, %k: tensor<?x3x?x64xf32> {nn.dims = ["b", "", "l", ""]}, %v: tensor<?x3x?x64xf32> {nn.dims = ["b", "", "l", ""]}, %mask: tensor<?x1x?x?xf32>) -> tensor<?x9x?x64xf32> {
  // CHECK-NOT: nn.broadcast_to
  // CHECK-DAG: %[[KEYS:.*]] = nn.reshape %[[K]] to [%{{.*}}, 3, 1, %{{.*}}, 64]
  // CHECK-DAG: %[[VALUES:.*]] = nn.reshape %[[V]] to [%{{.*}}, 3, 1, %{{.*}}, 64]
  // CHECK-DAG: %[[MASK:.*]] = nn.reshape %[[M]] to [%{{.*}}, 1, 1, %{{.*}}, %{{.*}}]
  // CHECK-DAG: %[[QUERIES:.*]] = nn.reshape %[[Q]] to [%{{.*}}, 3, 3, %{{.*}}, 64]
  // CHECK: %[[O:.*]] = nn.attention %[[QUERIES]], %[[KEYS]], %[[VALUES]], %[[MASK]] {scale = 1.250000e-01 : f32} {{.*}} -> tensor<?x3x3x?x64xf32>
  // CHECK: %[[R:.*]] = nn.reshape %[[O]] to [%{{.*}}, 9, %{{.*}}, 64]
  // CHECK: return %[[R]]
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %k, %c0 : tensor<?x3x?x64xf32>
  %l = tensor.dim %k, %c2 : tensor<?x3x?x64xf32>
  %k1 = nn.reshape %k to [%b, 3, 1, %l, 64] : (tensor<?x3x?x64xf32>) -> tensor<?x3x1x?x64xf32>
  %k3 = nn.broadcast_to %k1 to [%b, 3, 3, %l, 64] : (tensor<?x3x1x?x64xf32>) -> tensor<?x3x3x?x64xf32>
  %k9 = nn.reshape %k3 to [%b, 9, %l, 64] : (tensor<?x3x3x?x64xf32>) -> tensor<?x9x?x64xf32>
  %v1 = nn.reshape %v to [%b, 3, 1, %l, 64] : (tensor<?x3x?x64xf32>) -> tensor<?x3x1x?x64xf32>
  %v3 = nn.broadcast_to %v1 to [%b, 3, 3, %l, 64] : (tensor<?x3x1x?x64xf32>) -> tensor<?x3x3x?x64xf32>
  %v9 = nn.reshape %v3 to [%b, 9, %l, 64] : (tensor<?x3x3x?x64xf32>) -> tensor<?x9x?x64xf32>
  %o = nn.attention %q, %k9, %v9, %mask {scale = 0.125 : f32} : (tensor<?x9x?x64xf32>, tensor<?x9x?x64xf32>, tensor<?x9x?x64xf32>, tensor<?x1x?x?xf32>) -> tensor<?x9x?x64xf32>
  return %o : tensor<?x9x?x64xf32>
}

// A mask with a row for each head is split; one without heads stays.
// CHECK-LABEL: @masks
func.func @masks(%q: tensor<2x12x5x8xf32>, %k1: tensor<2x3x1x7x8xf32>, %each: tensor<12x5x7xf32>, %all: tensor<5x7xf32>) -> (tensor<2x12x5x8xf32>, tensor<2x12x5x8xf32>) {
  // CHECK: %[[EACH:.*]] = nn.reshape %arg2 to [3, 4, 5, 7]
  // CHECK: nn.attention %{{.*}}, %arg1, %arg1, %[[EACH]]
  // CHECK: nn.attention %{{.*}}, %arg1, %arg1, %arg3
  %k4 = nn.broadcast_to %k1 to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %a = nn.attention %q, %k, %k, %each {scale = 0.5 : f32} : (tensor<2x12x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<12x5x7xf32>) -> tensor<2x12x5x8xf32>
  %b = nn.attention %q, %k, %k, %all {scale = 0.5 : f32} : (tensor<2x12x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<5x7xf32>) -> tensor<2x12x5x8xf32>
  return %a, %b : tensor<2x12x5x8xf32>, tensor<2x12x5x8xf32>
}

// Near miss: only the keys are repeated.
// CHECK-LABEL: @keys_only
func.func @keys_only(%q: tensor<2x12x5x8xf32>, %k1: tensor<2x3x1x7x8xf32>, %v: tensor<2x12x7x8xf32>) -> tensor<2x12x5x8xf32> {
  // CHECK: nn.attention %arg0, %{{.*}}, %arg2
  %k4 = nn.broadcast_to %k1 to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %o = nn.attention %q, %k, %v {scale = 0.5 : f32} : (tensor<2x12x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x12x5x8xf32>
  return %o : tensor<2x12x5x8xf32>
}

// Near miss: the axis that repeats stands before the heads, so that head i reads
// head i % 3.
// CHECK-LABEL: @tiled
func.func @tiled(%q: tensor<2x12x5x8xf32>, %k1: tensor<2x1x3x7x8xf32>) -> tensor<2x12x5x8xf32> {
  // CHECK: nn.attention %arg0
  %k4 = nn.broadcast_to %k1 to [2, 4, 3, 7, 8] : (tensor<2x1x3x7x8xf32>) -> tensor<2x4x3x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x4x3x7x8xf32>) -> tensor<2x12x7x8xf32>
  %o = nn.attention %q, %k, %k {scale = 0.5 : f32} : (tensor<2x12x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x12x5x8xf32>
  return %o : tensor<2x12x5x8xf32>
}

// Near miss: nobody says that the batch in the middle is that of the ends.
// CHECK-LABEL: @other_batch
func.func @other_batch(%q: tensor<?x12x5x8xf32>, %k1: tensor<?x3x1x7x8xf32>, %b: index) -> tensor<?x12x5x8xf32> {
  // CHECK: nn.attention %arg0
  %k4 = nn.broadcast_to %k1 to [%b, 3, 4, 7, 8] : (tensor<?x3x1x7x8xf32>) -> tensor<?x3x4x7x8xf32>
  %k = nn.reshape %k4 to [%b, 12, 7, 8] : (tensor<?x3x4x7x8xf32>) -> tensor<?x12x7x8xf32>
  %o = nn.attention %q, %k, %k {scale = 0.5 : f32} : (tensor<?x12x5x8xf32>, tensor<?x12x7x8xf32>, tensor<?x12x7x8xf32>) -> tensor<?x12x5x8xf32>
  return %o : tensor<?x12x5x8xf32>
}

// Near miss: a mask of an unknown number of heads.
// CHECK-LABEL: @open_mask
func.func @open_mask(%q: tensor<2x12x5x8xf32>, %k1: tensor<2x3x1x7x8xf32>, %mask: tensor<?x5x7xf32>) -> tensor<2x12x5x8xf32> {
  // CHECK: nn.attention %arg0
  %k4 = nn.broadcast_to %k1 to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %o = nn.attention %q, %k, %k, %mask {scale = 0.5 : f32} : (tensor<2x12x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<?x5x7xf32>) -> tensor<2x12x5x8xf32>
  return %o : tensor<2x12x5x8xf32>
}

// The second reads the first as it is.
// CHECK-LABEL: @in_a_row
func.func @in_a_row(%q: tensor<2x12x7x8xf32>, %k1: tensor<2x3x1x7x8xf32>) -> tensor<2x12x7x8xf32> {
  // CHECK: %[[A:.*]] = nn.attention %{{.*}}, %arg1, %arg1 {{.*}} -> tensor<2x3x4x7x8xf32>
  // CHECK: nn.attention %{{.*}}, %arg1, %arg1 {{.*}} -> tensor<2x3x4x7x8xf32>
  %k4 = nn.broadcast_to %k1 to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %a = nn.attention %q, %k, %k {scale = 0.5 : f32} : (tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x12x7x8xf32>
  %b = nn.attention %a, %k, %k {scale = 0.5 : f32} : (tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x12x7x8xf32>
  return %b : tensor<2x12x7x8xf32>
}

// Heads that are themselves what an attention gives.
// CHECK-LABEL: @heads_of_attention
func.func @heads_of_attention(%q5: tensor<2x3x1x7x8xf32>, %k5: tensor<2x3x1x7x8xf32>, %q: tensor<2x12x7x8xf32>) -> tensor<2x12x7x8xf32> {
  // CHECK: %[[A:.*]] = nn.attention %{{.*}} -> tensor<2x3x1x1x7x8xf32>
  // CHECK: %[[H:.*]] = nn.reshape %[[A]] to [2, 3, 1, 7, 8]
  // CHECK: nn.attention %{{.*}}, %[[H]], %[[H]] {{.*}} -> tensor<2x3x4x7x8xf32>
  %k6 = nn.reshape %k5 to [2, 3, 1, 1, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x1x1x7x8xf32>
  %w = nn.broadcast_to %k6 to [2, 3, 1, 1, 7, 8] : (tensor<2x3x1x1x7x8xf32>) -> tensor<2x3x1x1x7x8xf32>
  %k = nn.reshape %w to [2, 3, 1, 7, 8] : (tensor<2x3x1x1x7x8xf32>) -> tensor<2x3x1x7x8xf32>
  %a = nn.attention %q5, %k, %k {scale = 0.5 : f32} : (tensor<2x3x1x7x8xf32>, tensor<2x3x1x7x8xf32>, tensor<2x3x1x7x8xf32>) -> tensor<2x3x1x7x8xf32>
  %a4 = nn.broadcast_to %a to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %h = nn.reshape %a4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %b = nn.attention %q, %h, %h {scale = 0.5 : f32} : (tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x12x7x8xf32>
  return %b : tensor<2x12x7x8xf32>
}

// Near miss: queries of an unknown number of heads.
// CHECK-LABEL: @open_queries
func.func @open_queries(%q: tensor<2x?x5x8xf32>, %k1: tensor<2x3x1x7x8xf32>) -> tensor<2x?x5x8xf32> {
  // CHECK: nn.attention %arg0
  %k4 = nn.broadcast_to %k1 to [2, 3, 4, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x4x7x8xf32>
  %k = nn.reshape %k4 to [2, 12, 7, 8] : (tensor<2x3x4x7x8xf32>) -> tensor<2x12x7x8xf32>
  %o = nn.attention %q, %k, %k {scale = 0.5 : f32} : (tensor<2x?x5x8xf32>, tensor<2x12x7x8xf32>, tensor<2x12x7x8xf32>) -> tensor<2x?x5x8xf32>
  return %o : tensor<2x?x5x8xf32>
}

// Near miss: no head is repeated.
// CHECK-LABEL: @no_times
func.func @no_times(%q: tensor<2x0x5x8xf32>, %k1: tensor<2x3x1x7x8xf32>, %mask: tensor<1x5x7xf32>) -> tensor<2x0x5x8xf32> {
  // CHECK: nn.attention %arg0
  %k0 = nn.broadcast_to %k1 to [2, 3, 0, 7, 8] : (tensor<2x3x1x7x8xf32>) -> tensor<2x3x0x7x8xf32>
  %k = nn.reshape %k0 to [2, 0, 7, 8] : (tensor<2x3x0x7x8xf32>) -> tensor<2x0x7x8xf32>
  %o = nn.attention %q, %k, %k, %mask {scale = 0.5 : f32} : (tensor<2x0x5x8xf32>, tensor<2x0x7x8xf32>, tensor<2x0x7x8xf32>, tensor<1x5x7xf32>) -> tensor<2x0x5x8xf32>
  return %o : tensor<2x0x5x8xf32>
}

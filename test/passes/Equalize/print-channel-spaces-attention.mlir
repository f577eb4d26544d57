// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s
// RUN: qopt-opt %s --qopt-print-channel-spaces=private-state -o /dev/null \
// RUN:   | FileCheck %s --check-prefix=PRIVATE

// One product makes q, k and v; a split and a reshape cut it into heads. Values
// may be rotated in each head; q and k carry a diagonal and its inverse.
// CHECK-LABEL: channel spaces of @fused_qkv
// CHECK: D1 2 x 4 free wqkv[1:0..8] wqkv^-1[1:8..16] bqkv[0:0..8] bqkv^-1[0:8..16] -> nothing
// CHECK: D2 2 x 4 free wqkv[1:16..24] bqkv[0:16..24] -> wo[0]
// CHECK: P1 2 x 4 free wqkv[1:0..16] bqkv[0:0..16] -> nothing
// CHECK: P2 2 x 4 free wqkv[1:16..24] bqkv[0:16..24] -> wo[0]
// CHECK: O1 2 x 4 free wqkv[1:0..16] bqkv[0:0..16] -> nothing
// CHECK: O2 2 x 4 free wqkv[1:16..24] bqkv[0:16..24] -> wo[0]
func.func @fused_qkv(%x: tensor<1x5x8xf32>) -> tensor<1x5x8xf32> {
  %w = arith.constant dense<1.0> : tensor<8x24xf32> loc("wqkv")
  %b = arith.constant dense<1.0> : tensor<24xf32> loc("bqkv")
  %wo = arith.constant dense<1.0> : tensor<8x8xf32> loc("wo")
  %0 = nn.matmul %x, %w : (tensor<1x5x8xf32>, tensor<8x24xf32>) -> tensor<1x5x24xf32>
  %1 = nn.add %0, %b : (tensor<1x5x24xf32>, tensor<24xf32>) -> tensor<1x5x24xf32>
  %q0 = nn.slice %1 [0, 0, 0] [1, 5, 8] {strides = array<i64: 1, 1, 1>} : (tensor<1x5x24xf32>) -> tensor<1x5x8xf32>
  %k0 = nn.slice %1 [0, 0, 8] [1, 5, 8] {strides = array<i64: 1, 1, 1>} : (tensor<1x5x24xf32>) -> tensor<1x5x8xf32>
  %v0 = nn.slice %1 [0, 0, 16] [1, 5, 8] {strides = array<i64: 1, 1, 1>} : (tensor<1x5x24xf32>) -> tensor<1x5x8xf32>
  %q1 = nn.reshape %q0 to [1, 5, 2, 4] : (tensor<1x5x8xf32>) -> tensor<1x5x2x4xf32>
  %k1 = nn.reshape %k0 to [1, 5, 2, 4] : (tensor<1x5x8xf32>) -> tensor<1x5x2x4xf32>
  %v1 = nn.reshape %v0 to [1, 5, 2, 4] : (tensor<1x5x8xf32>) -> tensor<1x5x2x4xf32>
  %q = nn.transpose %q1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x5x2x4xf32>) -> tensor<1x2x5x4xf32>
  %k = nn.transpose %k1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x5x2x4xf32>) -> tensor<1x2x5x4xf32>
  %v = nn.transpose %v1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x5x2x4xf32>) -> tensor<1x2x5x4xf32>
  %o = nn.attention %q, %k, %v {scale = 0.5 : f32} : (tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>) -> tensor<1x2x5x4xf32>
  %o1 = nn.transpose %o {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x5x4xf32>) -> tensor<1x5x2x4xf32>
  %o2 = nn.reshape %o1 to [1, 5, 8] : (tensor<1x5x2x4xf32>) -> tensor<1x5x8xf32>
  %y = nn.matmul %o2, %wo : (tensor<1x5x8xf32>, tensor<8x8xf32>) -> tensor<1x5x8xf32>
  return %y : tensor<1x5x8xf32>
}

// The same with [3, heads, size] in one reshape, and products written out.
// CHECK-LABEL: channel spaces of @packed_qkv
// CHECK: D1 2 x 4 free wqkv[1:0..8] wqkv^-1[1:8..16] -> nothing
// CHECK: D2 2 x 4 free wqkv[1:16..24] -> wo[0]
// CHECK: P1 2 x 4 free wqkv[1:0..16] -> nothing
// CHECK: P2 2 x 4 free wqkv[1:16..24] -> wo[0]
// CHECK: O1 2 x 4 free wqkv[1:0..16] -> nothing
// CHECK: O2 2 x 4 free wqkv[1:16..24] -> wo[0]
func.func @packed_qkv(%x: tensor<?x5x8xf32>) -> tensor<?x5x8xf32> {
  %zero = arith.constant 0 : index
  %n = tensor.dim %x, %zero : tensor<?x5x8xf32>
  %w = arith.constant dense<1.0> : tensor<8x24xf32> loc("wqkv")
  %wo = arith.constant dense<1.0> : tensor<8x8xf32> loc("wo")
  %0 = nn.matmul %x, %w : (tensor<?x5x8xf32>, tensor<8x24xf32>) -> tensor<?x5x24xf32>
  %1 = nn.reshape %0 to [%n, 5, 3, 2, 4] : (tensor<?x5x24xf32>) -> tensor<?x5x3x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 2, 0, 3, 1, 4>} : (tensor<?x5x3x2x4xf32>) -> tensor<3x?x2x5x4xf32>
  %q0 = nn.slice %2 [0, 0, 0, 0, 0] [1, %n, 2, 5, 4] {strides = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x?x2x5x4xf32>) -> tensor<1x?x2x5x4xf32>
  %k0 = nn.slice %2 [1, 0, 0, 0, 0] [1, %n, 2, 5, 4] {strides = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x?x2x5x4xf32>) -> tensor<1x?x2x5x4xf32>
  %v0 = nn.slice %2 [2, 0, 0, 0, 0] [1, %n, 2, 5, 4] {strides = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x?x2x5x4xf32>) -> tensor<1x?x2x5x4xf32>
  %kt = nn.transpose %k0 {perm = array<i64: 0, 1, 2, 4, 3>} : (tensor<1x?x2x5x4xf32>) -> tensor<1x?x2x4x5xf32>
  %s = nn.matmul %q0, %kt : (tensor<1x?x2x5x4xf32>, tensor<1x?x2x4x5xf32>) -> tensor<1x?x2x5x5xf32>
  %p = nn.softmax %s : (tensor<1x?x2x5x5xf32>) -> tensor<1x?x2x5x5xf32>
  %o = nn.matmul %p, %v0 : (tensor<1x?x2x5x5xf32>, tensor<1x?x2x5x4xf32>) -> tensor<1x?x2x5x4xf32>
  %o1 = nn.transpose %o {perm = array<i64: 1, 3, 0, 2, 4>} : (tensor<1x?x2x5x4xf32>) -> tensor<?x5x1x2x4xf32>
  %o2 = nn.reshape %o1 to [%n, 5, 8] : (tensor<?x5x1x2x4xf32>) -> tensor<?x5x8xf32>
  %y = nn.matmul %o2, %wo : (tensor<?x5x8xf32>, tensor<8x8xf32>) -> tensor<?x5x8xf32>
  return %y : tensor<?x5x8xf32>
}

// Four query heads share two heads of keys and values: two blocks, each twice
// in wo and wq.
// CHECK-LABEL: channel spaces of @grouped_queries
// CHECK: D1 2 x 4 free wq[1] wk^-1[1] -> nothing
// CHECK: D2 2 x 4 free wv[1] -> wo[0]
// CHECK: P1 2 x 4 free wq[1] wk[1] -> nothing
// CHECK: P2 2 x 4 free wv[1] -> wo[0]
// CHECK: O1 2 x 4 free wq[1] wk[1] -> nothing
// CHECK: O2 2 x 4 free wv[1] -> wo[0]
func.func @grouped_queries(%x: tensor<1x?x8xf32>) -> tensor<1x?x8xf32> {
  %one = arith.constant 1 : index
  %s = tensor.dim %x, %one : tensor<1x?x8xf32>
  %wq = arith.constant dense<1.0> : tensor<8x16xf32> loc("wq")
  %wk = arith.constant dense<1.0> : tensor<8x8xf32> loc("wk")
  %wv = arith.constant dense<1.0> : tensor<8x8xf32> loc("wv")
  %wo = arith.constant dense<1.0> : tensor<16x8xf32> loc("wo")
  %q0 = nn.matmul %x, %wq : (tensor<1x?x8xf32>, tensor<8x16xf32>) -> tensor<1x?x16xf32>
  %k0 = nn.matmul %x, %wk : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  %v0 = nn.matmul %x, %wv : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  %q1 = nn.reshape %q0 to [1, %s, 4, 4] : (tensor<1x?x16xf32>) -> tensor<1x?x4x4xf32>
  %k1 = nn.reshape %k0 to [1, %s, 2, 4] : (tensor<1x?x8xf32>) -> tensor<1x?x2x4xf32>
  %v1 = nn.reshape %v0 to [1, %s, 2, 4] : (tensor<1x?x8xf32>) -> tensor<1x?x2x4xf32>
  %q = nn.transpose %q1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x4x4xf32>) -> tensor<1x4x?x4xf32>
  %k2 = nn.transpose %k1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32>) -> tensor<1x2x?x4xf32>
  %v2 = nn.transpose %v1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32>) -> tensor<1x2x?x4xf32>
  %k3 = nn.reshape %k2 to [1, 2, 1, %s, 4] : (tensor<1x2x?x4xf32>) -> tensor<1x2x1x?x4xf32>
  %v3 = nn.reshape %v2 to [1, 2, 1, %s, 4] : (tensor<1x2x?x4xf32>) -> tensor<1x2x1x?x4xf32>
  %k4 = nn.broadcast_to %k3 to [1, 2, 2, %s, 4] : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %v4 = nn.broadcast_to %v3 to [1, 2, 2, %s, 4] : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %k = nn.reshape %k4 to [1, 4, %s, 4] : (tensor<1x2x2x?x4xf32>) -> tensor<1x4x?x4xf32>
  %v = nn.reshape %v4 to [1, 4, %s, 4] : (tensor<1x2x2x?x4xf32>) -> tensor<1x4x?x4xf32>
  %o = nn.attention %q, %k, %v {scale = 0.5 : f32} : (tensor<1x4x?x4xf32>, tensor<1x4x?x4xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x?x4xf32>
  %o1 = nn.transpose %o {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x4x?x4xf32>) -> tensor<1x?x4x4xf32>
  %o2 = nn.reshape %o1 to [1, %s, 16] : (tensor<1x?x4x4xf32>) -> tensor<1x?x16xf32>
  %y = nn.matmul %o2, %wo : (tensor<1x?x16xf32>, tensor<16x8xf32>) -> tensor<1x?x8xf32>
  return %y : tensor<1x?x8xf32>
}

// Rotary positions, written out: channel i and i + 2 are a pair. A diagonal is
// constant in a pair; a permutation moves pairs, with the table of frequencies.
// CHECK-LABEL: channel spaces of @rotary
// CHECK: D1 2 pinned frequencies[1] -> nothing
// CHECK-NEXT: nn.cos: nonlinear
// CHECK-NEXT: nn.sin: nonlinear
// CHECK: D2 2 free wq[1] wk^-1[1] -> nothing
// CHECK: P1 2 free frequencies[1] wq[1] wk[1] -> nothing
// CHECK: O1 2 pinned frequencies[1] -> nothing
// CHECK-NEXT: nn.cos: nonlinear
// CHECK-NEXT: nn.sin: nonlinear
// CHECK: O2 2 pinned wq[1:0..2] -> nothing
// CHECK-NEXT: nn.mul (2 of them): elementwise product
// CHECK: O3 2 pinned wq[1:2..4] -> nothing
// CHECK-NEXT: nn.mul (2 of them): elementwise product
// CHECK: O4 2 pinned wk[1:0..2] -> nothing
// CHECK-NEXT: nn.mul (2 of them): elementwise product
// CHECK: O5 2 pinned wk[1:2..4] -> nothing
// CHECK-NEXT: nn.mul (2 of them): elementwise product
func.func @rotary(%x: tensor<1x2x?x8xf32>, %position: tensor<?x1xf32>) -> tensor<1x2x?x?xf32> {
  %two = arith.constant 2 : index
  %s = tensor.dim %x, %two : tensor<1x2x?x8xf32>
  %wq = arith.constant dense<1.0> : tensor<8x4xf32> loc("wq")
  %wk = arith.constant dense<1.0> : tensor<8x4xf32> loc("wk")
  %frequencies = arith.constant dense<1.0> : tensor<1x2xf32> loc("frequencies")
  %angle = nn.matmul %position, %frequencies : (tensor<?x1xf32>, tensor<1x2xf32>) -> tensor<?x2xf32>
  %angles = nn.concat %angle, %angle {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %cos = nn.cos %angles : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %sin = nn.sin %angles : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %q = nn.matmul %x, %wq : (tensor<1x2x?x8xf32>, tensor<8x4xf32>) -> tensor<1x2x?x4xf32>
  %k = nn.matmul %x, %wk : (tensor<1x2x?x8xf32>, tensor<8x4xf32>) -> tensor<1x2x?x4xf32>
  %q1 = nn.slice %q [0, 0, 0, 0] [1, 2, %s, 2] {strides = array<i64: 1, 1, 1, 1>} : (tensor<1x2x?x4xf32>) -> tensor<1x2x?x2xf32>
  %q2 = nn.slice %q [0, 0, 0, 2] [1, 2, %s, 2] {strides = array<i64: 1, 1, 1, 1>} : (tensor<1x2x?x4xf32>) -> tensor<1x2x?x2xf32>
  %q3 = nn.neg %q2 : (tensor<1x2x?x2xf32>) -> tensor<1x2x?x2xf32>
  %qt = nn.concat %q3, %q1 {axis = 3 : i64} : (tensor<1x2x?x2xf32>, tensor<1x2x?x2xf32>) -> tensor<1x2x?x4xf32>
  %qc = nn.mul %q, %cos : (tensor<1x2x?x4xf32>, tensor<?x4xf32>) -> tensor<1x2x?x4xf32>
  %qs = nn.mul %qt, %sin : (tensor<1x2x?x4xf32>, tensor<?x4xf32>) -> tensor<1x2x?x4xf32>
  %qr = nn.add %qc, %qs : (tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
  %k1 = nn.slice %k [0, 0, 0, 0] [1, 2, %s, 2] {strides = array<i64: 1, 1, 1, 1>} : (tensor<1x2x?x4xf32>) -> tensor<1x2x?x2xf32>
  %k2 = nn.slice %k [0, 0, 0, 2] [1, 2, %s, 2] {strides = array<i64: 1, 1, 1, 1>} : (tensor<1x2x?x4xf32>) -> tensor<1x2x?x2xf32>
  %k3 = nn.neg %k2 : (tensor<1x2x?x2xf32>) -> tensor<1x2x?x2xf32>
  %kt = nn.concat %k3, %k1 {axis = 3 : i64} : (tensor<1x2x?x2xf32>, tensor<1x2x?x2xf32>) -> tensor<1x2x?x4xf32>
  %kc = nn.mul %k, %cos : (tensor<1x2x?x4xf32>, tensor<?x4xf32>) -> tensor<1x2x?x4xf32>
  %ks = nn.mul %kt, %sin : (tensor<1x2x?x4xf32>, tensor<?x4xf32>) -> tensor<1x2x?x4xf32>
  %kr = nn.add %kc, %ks : (tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
  %krt = nn.transpose %kr {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %y = nn.matmul %qr, %krt : (tensor<1x2x?x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x?x?xf32>
  return %y : tensor<1x2x?x?xf32>
}

// Norms inside each head: q and k have a gain each, and no element frees both.
// CHECK-LABEL: channel spaces of @query_key_norm
// CHECK: D1 2 x 4 pinned wq[1] -> nothing
// CHECK-NEXT: nn.rms_norm: its statistics change
// CHECK: D2 2 x 4 pinned wk[1] -> nothing
// CHECK-NEXT: nn.rms_norm: its statistics change
// CHECK: D3 4 free gq[0] gk^-1[0] -> nothing
// CHECK: P1 4 free wq[1] wk[1] gq[0] gk[0] -> nothing
// CHECK: O1 2 x 4 pinned wq[1] -> nothing
// CHECK-NEXT: nn.rms_norm: its gain and that of another norm act on one space
// CHECK: O2 2 x 4 pinned wk[1] -> nothing
// CHECK-NEXT: nn.rms_norm: its gain and that of another norm act on one space
func.func @query_key_norm(%x: tensor<1x?x8xf32>) -> tensor<1x2x?x?xf32> {
  %one = arith.constant 1 : index
  %s = tensor.dim %x, %one : tensor<1x?x8xf32>
  %wq = arith.constant dense<1.0> : tensor<8x8xf32> loc("wq")
  %wk = arith.constant dense<1.0> : tensor<8x8xf32> loc("wk")
  %gq = arith.constant dense<[1., 2., 3., 4.]> : tensor<4xf32> loc("gq")
  %gk = arith.constant dense<[1., 2., 3., 4.]> : tensor<4xf32> loc("gk")
  %q0 = nn.matmul %x, %wq : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  %k0 = nn.matmul %x, %wk : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  %q1 = nn.reshape %q0 to [1, %s, 2, 4] : (tensor<1x?x8xf32>) -> tensor<1x?x2x4xf32>
  %k1 = nn.reshape %k0 to [1, %s, 2, 4] : (tensor<1x?x8xf32>) -> tensor<1x?x2x4xf32>
  %q2 = nn.rms_norm %q1, %gq {epsilon = 1.0e-5 : f32} : (tensor<1x?x2x4xf32>, tensor<4xf32>) -> tensor<1x?x2x4xf32>
  %k2 = nn.rms_norm %k1, %gk {epsilon = 1.0e-5 : f32} : (tensor<1x?x2x4xf32>, tensor<4xf32>) -> tensor<1x?x2x4xf32>
  %q = nn.transpose %q2 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32>) -> tensor<1x2x?x4xf32>
  %k = nn.transpose %k2 {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x?x2x4xf32>) -> tensor<1x2x4x?xf32>
  %y = nn.matmul %q, %k : (tensor<1x2x?x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x?x?xf32>
  return %y : tensor<1x2x?x?xf32>
}

// Sizes known only at run time do not hide heads: both reshapes name them alike.
// CHECK-LABEL: channel spaces of @open_sizes
// CHECK: D1 2 x 4 free wv[1] -> wo[0]
// CHECK: P1 2 x 4 free wv[1] -> wo[0]
// CHECK: O1 2 x 4 free wv[1] -> wo[0]
func.func @open_sizes(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = tensor.dim %x, %zero : tensor<?x?x8xf32>
  %s = tensor.dim %x, %one : tensor<?x?x8xf32>
  %wv = arith.constant dense<1.0> : tensor<8x8xf32> loc("wv")
  %wo = arith.constant dense<1.0> : tensor<8x8xf32> loc("wo")
  %0 = nn.matmul %x, %wv : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %1 = nn.reshape %0 to [%n, %s, 2, 4] : (tensor<?x?x8xf32>) -> tensor<?x?x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %3 = nn.reshape %2 to [1, %n, 2, %s, 4] : (tensor<?x2x?x4xf32>) -> tensor<1x?x2x?x4xf32>
  %4 = nn.transpose %3 {perm = array<i64: 0, 1, 3, 2, 4>} : (tensor<1x?x2x?x4xf32>) -> tensor<1x?x?x2x4xf32>
  %5 = nn.reshape %4 to [%n, %s, 8] : (tensor<1x?x?x2x4xf32>) -> tensor<?x?x8xf32>
  %6 = nn.matmul %5, %wo : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  return %6 : tensor<?x?x8xf32>
}

// Near miss: positions and batches change places, and with them what a head is.
// CHECK-LABEL: channel spaces of @swapped_sizes
// CHECK: D1 4 free wv[1] -> wo[0]
// CHECK: P1 4 free wv[1] -> wo[0]
// CHECK: O1 4 free wv[1] -> wo[0]
func.func @swapped_sizes(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %n = tensor.dim %x, %zero : tensor<?x?x8xf32>
  %s = tensor.dim %x, %one : tensor<?x?x8xf32>
  %wv = arith.constant dense<1.0> : tensor<8x8xf32> loc("wv")
  %wo = arith.constant dense<1.0> : tensor<8x8xf32> loc("wo")
  %0 = nn.matmul %x, %wv : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  %1 = nn.reshape %0 to [%n, %s, 2, 4] : (tensor<?x?x8xf32>) -> tensor<?x?x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x4xf32>) -> tensor<?x2x?x4xf32>
  %3 = nn.reshape %2 to [%s, 2, %n, 4] : (tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  %4 = nn.transpose %3 {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x2x?x4xf32>) -> tensor<?x?x2x4xf32>
  %5 = nn.reshape %4 to [%s, %n, 8] : (tensor<?x?x2x4xf32>) -> tensor<?x?x8xf32>
  %6 = nn.matmul %5, %wo : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  return %6 : tensor<?x?x8xf32>
}

// A cache of values is an input and an output: others see it, unless we are told
// that it is the program's own.
// CHECK-LABEL: channel spaces of @cache
// CHECK: D1 2 x 4 pinned wv[1] -> wo[0]
// CHECK-NEXT: graph input
// CHECK-NEXT: func.return: graph output
// PRIVATE-LABEL: channel spaces of @cache
// PRIVATE: D1 2 x 4 free wv[1] -> wo[0]
// PRIVATE: P1 2 x 4 free wv[1] -> wo[0]
// PRIVATE: O1 2 x 4 free wv[1] -> wo[0]
func.func @cache(%x: tensor<1x?x8xf32>, %past: tensor<1x2x?x4xf32>) -> (tensor<1x?x8xf32>, tensor<1x2x?x4xf32>) {
  %one = arith.constant 1 : index
  %s = tensor.dim %x, %one : tensor<1x?x8xf32>
  %wv = arith.constant dense<1.0> : tensor<8x8xf32> loc("wv")
  %wo = arith.constant dense<1.0> : tensor<8x8xf32> loc("wo")
  %0 = nn.matmul %x, %wv : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  %1 = nn.reshape %0 to [1, %s, 2, 4] : (tensor<1x?x8xf32>) -> tensor<1x?x2x4xf32>
  %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x?x2x4xf32>) -> tensor<1x2x?x4xf32>
  %3 = nn.concat %past, %2 {axis = 2 : i64} : (tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
  %4 = nn.cumsum %3 {axis = 2 : i64} : (tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
  %5 = nn.transpose %4 {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x2x?x4xf32>) -> tensor<1x?x2x4xf32>
  %6 = tensor.dim %5, %one : tensor<1x?x2x4xf32>
  %7 = nn.reshape %5 to [1, %6, 8] : (tensor<1x?x2x4xf32>) -> tensor<1x?x8xf32>
  %8 = nn.matmul %7, %wo : (tensor<1x?x8xf32>, tensor<8x8xf32>) -> tensor<1x?x8xf32>
  return %8, %3 : tensor<1x?x8xf32>, tensor<1x2x?x4xf32>
}

// Near miss: an output that something else makes of the input as well.
// PRIVATE-LABEL: channel spaces of @read_elsewhere
// PRIVATE: D1 4 pinned wv[1] -> nothing
// PRIVATE-NEXT: graph input
func.func @read_elsewhere(%x: tensor<?x8xf32>, %past: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %wv = arith.constant dense<1.0> : tensor<8x4xf32> loc("wv")
  %0 = nn.matmul %x, %wv : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %1 = nn.concat %past, %0 {axis = 0 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = nn.sigmoid %past : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>
}

// Four heads of queries share one of a constant cache, which has one element for
// them all.
// CHECK-LABEL: channel spaces of @grouped_constants
// CHECK: D1 3 x 4 free wq[1] -> k[3]
// CHECK: D2 3 x 4 free v[3] -> wo[0]
// CHECK: P1 3 x 4 free wq[1] -> k[3]
// CHECK: P2 3 x 4 free v[3] -> wo[0]
// CHECK: O1 3 x 4 free wq[1] -> k[3]
// CHECK: O2 3 x 4 free v[3] -> wo[0]
func.func @grouped_constants(%x: tensor<49x48xf32>) -> tensor<49x8xf32> {
  %wq = arith.constant dense<1.0> : tensor<48x48xf32> loc("wq")
  %k = arith.constant dense<1.0> : tensor<3x1x7x4xf32> loc("k")
  %v = arith.constant dense<1.0> : tensor<3x1x7x4xf32> loc("v")
  %wo = arith.constant dense<1.0> : tensor<48x8xf32> loc("wo")
  %q = nn.matmul %x, %wq : (tensor<49x48xf32>, tensor<48x48xf32>) -> tensor<49x48xf32>
  %q1 = nn.reshape %q to [49, 3, 4, 4] : (tensor<49x48xf32>) -> tensor<49x3x4x4xf32>
  %q2 = nn.transpose %q1 {perm = array<i64: 1, 2, 0, 3>} : (tensor<49x3x4x4xf32>) -> tensor<3x4x49x4xf32>
  %o = nn.attention %q2, %k, %v {scale = 0.125 : f32} : (tensor<3x4x49x4xf32>, tensor<3x1x7x4xf32>, tensor<3x1x7x4xf32>) -> tensor<3x4x49x4xf32>
  %o1 = nn.transpose %o {perm = array<i64: 2, 0, 1, 3>} : (tensor<3x4x49x4xf32>) -> tensor<49x3x4x4xf32>
  %o2 = nn.reshape %o1 to [49, 48] : (tensor<49x3x4x4xf32>) -> tensor<49x48xf32>
  %y = nn.matmul %o2, %wo : (tensor<49x48xf32>, tensor<48x8xf32>) -> tensor<49x8xf32>
  return %y : tensor<49x8xf32>
}

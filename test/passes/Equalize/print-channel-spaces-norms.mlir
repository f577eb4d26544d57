// RUN: qopt-opt %s --qopt-print-channel-spaces -o /dev/null | FileCheck %s

// A residual stream under rms_norm: rotations pass every norm once its gain is
// in the readers; a diagonal acts behind a norm only.
// CHECK-LABEL: channel spaces of @rms_stream
// CHECK: D0 8 pinned table[1] w2[1] -> nothing
// CHECK-NEXT: nn.rms_norm (norm1 and 1 more): its statistics change
// CHECK: D1 8 free g1[0] -> w1[0]
// CHECK: D2 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.silu: nonlinear
// CHECK: D3 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.silu: nonlinear
// CHECK: D4 8 free g2[0] -> head[0]
// CHECK: P0 8 free table[1] g1[0] w2[1] g2[0] -> w1[0] head[0]
// CHECK: P1 16 free w1[1] -> w2[0]
// CHECK: O0 8 free table[1] w2[1] -> w1[0] head[0]
// CHECK-NEXT: needs the gain of nn.rms_norm (norm1 and 1 more) moved into its readers
// CHECK: O1 16 pinned w1[1] -> nothing
// CHECK-NEXT: nn.silu: nonlinear
// CHECK: O2 16 pinned nothing -> w2[0]
// CHECK-NEXT: nn.silu: nonlinear
func.func @rms_stream(%ids: tensor<?xi64>) -> tensor<?x6xf32> {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %g1 = arith.constant dense<[1., 2., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g1")
  %w1 = arith.constant dense<1.0> : tensor<8x16xf32> loc("w1")
  %w2 = arith.constant dense<1.0> : tensor<16x8xf32> loc("w2")
  %g2 = arith.constant dense<[1., 2., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g2")
  %head = arith.constant dense<1.0> : tensor<8x6xf32> loc("head")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %n1 = nn.rms_norm %x, %g1 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm1")
  %h = nn.matmul %n1, %w1 : (tensor<?x8xf32>, tensor<8x16xf32>) -> tensor<?x16xf32>
  %a = nn.silu %h : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %d = nn.matmul %a, %w2 : (tensor<?x16xf32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %y = nn.add %x, %d : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %n2 = nn.rms_norm %y, %g2 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm2")
  %z = nn.matmul %n2, %head : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// layer_norm before the layer: the writers take over the mean.
// CHECK-LABEL: channel spaces of @pre_norm
// CHECK: D0 8 pinned table[1] -> nothing
// CHECK-NEXT: nn.layer_norm (norm1): its statistics change
// CHECK: D1 8 free g1[0] b1[0] -> head[0]
// CHECK: P0 8 free table[1] g1[0] b1[0] -> head[0]
// CHECK: O0 8 free table[1] b1[0] -> head[0]
// CHECK-NEXT: needs the gain of nn.layer_norm (norm1) moved into its readers
// CHECK-NEXT: needs the mean that nn.layer_norm (norm1) subtracts taken out of the writers
func.func @pre_norm(%ids: tensor<?xi64>) -> tensor<?x6xf32> {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %g1 = arith.constant dense<[1., 2., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g1")
  %b1 = arith.constant dense<1.0> : tensor<8xf32> loc("b1")
  %head = arith.constant dense<1.0> : tensor<8x6xf32> loc("head")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %n1 = nn.layer_norm %x, %g1, %b1 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm1")
  %z = nn.matmul %n1, %head : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// layer_norm after the addition, as in BERT: the gain stays on the residual path.
// CHECK-LABEL: channel spaces of @post_norm
// CHECK: D0 8 pinned table[1] -> nothing
// CHECK-NEXT: nn.layer_norm (norm1): its statistics change
// CHECK: D1 8 pinned g1[0] w[1] -> w[0]
// CHECK-NEXT: nn.layer_norm (norm2): its statistics change
// CHECK: D2 8 free g2[0] -> head[0]
// CHECK: P0 8 free table[1] g1[0] w[1] g2[0] -> w[0] head[0]
// CHECK: O0 8 pinned table[1] -> nothing
// CHECK-NEXT: nn.layer_norm (norm1): its gain cannot move into its readers
// CHECK: O1 8 pinned w[1] -> w[0]
// CHECK-NEXT: nn.layer_norm (norm1): its gain cannot move into its readers
// CHECK-NEXT: nn.layer_norm (norm2): its input is read with its mean
// CHECK: O2 8 pinned nothing -> head[0]
// CHECK-NEXT: nn.layer_norm (norm2): its input is read with its mean
func.func @post_norm(%ids: tensor<?xi64>) -> tensor<?x6xf32> {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %g1 = arith.constant dense<[1., 2., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g1")
  %w = arith.constant dense<1.0> : tensor<8x8xf32> loc("w")
  %g2 = arith.constant dense<[1., 2., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g2")
  %head = arith.constant dense<1.0> : tensor<8x6xf32> loc("head")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %n1 = nn.layer_norm %x, %g1 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm1")
  %d = nn.matmul %n1, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %y = nn.add %n1, %d : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %n2 = nn.layer_norm %y, %g2 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm2")
  %z = nn.matmul %n2, %head : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// Near miss of @pre_norm: someone reads the stream with its mean.
// CHECK-LABEL: channel spaces of @mean_is_read
// CHECK: D0 8 pinned table[1] -> other[0]
// CHECK-NEXT: nn.layer_norm (norm1): its statistics change
// CHECK: D1 8 free g1[0] -> head[0]
// CHECK: P0 8 free table[1] g1[0] -> head[0] other[0]
// CHECK: O0 8 pinned table[1] -> other[0]
// CHECK-NEXT: nn.layer_norm (norm1): its input is read with its mean
// CHECK: O1 8 pinned nothing -> head[0]
// CHECK-NEXT: nn.layer_norm (norm1): its input is read with its mean
func.func @mean_is_read(%ids: tensor<?xi64>) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %g1 = arith.constant dense<2.0> : tensor<8xf32> loc("g1")
  %head = arith.constant dense<1.0> : tensor<8x6xf32> loc("head")
  %other = arith.constant dense<1.0> : tensor<8x6xf32> loc("other")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %n1 = nn.layer_norm %x, %g1 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm1")
  %z = nn.matmul %n1, %head : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  %v = nn.matmul %x, %other : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  return %z, %v : tensor<?x6xf32>, tensor<?x6xf32>
}

// A gain of zero cannot leave.
// CHECK-LABEL: channel spaces of @zero_gain
// CHECK: D0 8 pinned table[1] -> nothing
// CHECK-NEXT: nn.rms_norm (norm1): its statistics change
// CHECK: D1 8 free g1[0] -> head[0]
// CHECK: P0 8 free table[1] g1[0] -> head[0]
// CHECK: O0 8 pinned table[1] -> nothing
// CHECK-NEXT: nn.rms_norm (norm1): its gain has a zero
// CHECK: O1 8 pinned nothing -> head[0]
// CHECK-NEXT: nn.rms_norm (norm1): its gain has a zero
func.func @zero_gain(%ids: tensor<?xi64>) -> tensor<?x6xf32> {
  %table = arith.constant dense<1.0> : tensor<10x8xf32> loc("table")
  %g1 = arith.constant dense<[1., 0., 1., 1., 1., 1., 1., 1.]> : tensor<8xf32> loc("g1")
  %head = arith.constant dense<1.0> : tensor<8x6xf32> loc("head")
  %x = nn.gather %table, %ids : (tensor<10x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  %n1 = nn.rms_norm %x, %g1 {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm1")
  %z = nn.matmul %n1, %head : (tensor<?x8xf32>, tensor<8x6xf32>) -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// RUN: qopt-opt %s -split-input-file -verify-diagnostics

func.func @matmul_c1(%x: tensor<4x16xf32>, %w: tensor<15x8xf32>) {
  // expected-error @+2 {{(matmul_c1) expects equal inner dimensions, got 16 and 15}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.matmul %x, %w : (tensor<4x16xf32>, tensor<15x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @conv_c2(%x: tensor<1x8x8x6xf32>, %f: tensor<4x3x3x4xf32>) {
  // expected-error @+2 {{(conv_c2) expects 1 groups of 4 channels, got 6 channels}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.conv %x, %f : (tensor<1x8x8x6xf32>, tensor<4x3x3x4xf32>) -> tensor<1x6x6x4xf32>
  return
}

// -----

func.func @add_c1(%x: tensor<4x3xf32>, %y: tensor<4xf32>) {
  // expected-error @+2 {{(add_c1) expects dimensions that are equal or 1, got 3 and 4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.add %x, %y : (tensor<4x3xf32>, tensor<4xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @relu_result(%x: tensor<4x3xf32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<4x3xf32>' are incompatible with return type(s) of operation 'tensor<4x4xf32>'}}
  %0 = nn.relu %x : (tensor<4x3xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @transpose_c1(%x: tensor<4x3xf32>) {
  // expected-error @+2 {{(transpose_c1) expects a permutation of the axes}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.transpose %x {perm = array<i64: 0, 0>} : (tensor<4x3xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @reshape_c1(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{(reshape_c1) expects 12 elements, got 13}}
  %0 = nn.reshape %x to [13] : (tensor<4x3xf32>) -> tensor<13xf32>
  return
}

// -----

func.func @concat_c1(%x: tensor<4x3xf32>, %y: tensor<5x2xf32>) {
  // expected-error @+2 {{(concat_c1) expects equal sizes on axis 1, got 3 and 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.concat %x, %y {axis = 0 : i64} : (tensor<4x3xf32>, tensor<5x2xf32>) -> tensor<9x3xf32>
  return
}

// -----

func.func @unique_c1(%x: tensor<4xf32>) {
  // expected-error @+2 {{(unique_c1) expects an operand of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.unique %x : (tensor<4xf32>) -> tensor<3x5xi64>
  return
}

// -----

func.func @scatter_c1(%x: tensor<4x3xf32>, %at: tensor<2xi64>, %u: tensor<5x3xf32>) {
  // expected-error @+2 {{(scatter_c1) expects a vector of i64 indices, one a row of updates}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.scatter %x, %at, %u : (tensor<4x3xf32>, tensor<2xi64>, tensor<5x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @non_max_suppression_c1(%b: tensor<1x6x5xf32>, %s: tensor<1x2x6xf32>, %t: tensor<1xf32>) {
  // expected-error @+2 {{(non_max_suppression_c1) expects f32 boxes [B, N, 4], f32 scores [B, C, N] and one size}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.non_max_suppression %b, %s, %t, %t to [3] : (tensor<1x6x5xf32>, tensor<1x2x6xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<7x3xi64>
  return
}

// -----

func.func @scatter_c2(%x: tensor<4x3xf32>, %at: tensor<2xi64>, %u: tensor<2x4xf32>) {
  // expected-error @+2 {{(scatter_c2) expects rows of data and updates of one shape and element type}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.scatter %x, %at, %u : (tensor<4x3xf32>, tensor<2xi64>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @top_k_c1(%x: tensor<f32>) {
  // expected-error @+2 {{(top_k_c1) expects one size and an operand of rank 1 or more}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.top_k %x to [5] : (tensor<f32>) -> tensor<5xi64>
  return
}

// -----

func.func @cumsum_c1(%x: tensor<4x3xf32>) {
  // expected-error @+2 {{(cumsum_c1) expects an axis in [0, 2), got 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.cumsum %x {axis = 2 : i64} : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @cumprod_c1(%x: tensor<4x3xf32>) {
  // expected-error @+2 {{(cumprod_c1) expects an axis in [0, 2), got -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.cumprod %x {axis = -1 : i64} : (tensor<4x3xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @recurrence_c1(%x: tensor<5x2x16xf32>, %w: tensor<4x12xf32>) {
  // expected-error @+2 {{(recurrence_c1) expects x [T, B, 4 * H], weights [H, 4 * H] of fixed H}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.recurrence %x, %w {activations = ["sigmoid", "tanh", "tanh"], alphas = array<f32: 0., 0., 0.>, betas = array<f32: 0., 0., 0.>, cell = 2 : i32} : (tensor<5x2x16xf32>, tensor<4x12xf32>) -> tensor<6x2x8xf32>
  return
}

// -----

func.func @recurrence_c2(%x: tensor<5x2x4xf32>, %w: tensor<4x4xf32>) {
  // expected-error @+1 {{(recurrence_c2) expects 1 activations, alphas and betas, got 2, 1 and 1}}
  %0 = nn.recurrence %x, %w {activations = ["tanh", "tanh"], alphas = array<f32: 0.>, betas = array<f32: 0.>, cell = 0 : i32} : (tensor<5x2x4xf32>, tensor<4x4xf32>) -> tensor<6x2x4xf32>
  return
}

// -----

func.func @recurrence_activation(%x: tensor<5x2x4xf32>, %w: tensor<4x4xf32>) {
  // expected-error @+1 {{(recurrence_c2) expects a known activation, got 'gelu'}}
  %0 = nn.recurrence %x, %w {activations = ["gelu"], alphas = array<f32: 0.>, betas = array<f32: 0.>, cell = 0 : i32} : (tensor<5x2x4xf32>, tensor<4x4xf32>) -> tensor<6x2x4xf32>
  return
}

// -----

func.func @bit_cast_c1(%x: tensor<4xf32>) {
  // expected-error @+2 {{(bit_cast_c1) expects element types of one size, got 32 and 64 bits}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.bit_cast %x to i64 : (tensor<4xf32>) -> tensor<4xi64>
  return
}

// -----

func.func @attention_c1(%q: tensor<2x4x5x8xf32>, %k: tensor<2x4x6x7xf32>, %v: tensor<2x4x6x8xf32>) {
  // expected-error @+2 {{(attention_c1) expects q [.., Sq, D], k [.., Sk, D], v [.., Sk, Dv]}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.attention %q, %k, %v {scale = 0.5 : f32} : (tensor<2x4x5x8xf32>, tensor<2x4x6x7xf32>, tensor<2x4x6x8xf32>) -> tensor<2x4x5x8xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x6x8xf32>) {
  // expected-error @+2 {{(attention_c2) expects 4 or 1 on axis 1 of k and v, got 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.attention %q, %k, %k {scale = 0.5 : f32} : (tensor<2x4x5x8xf32>, tensor<2x2x6x8xf32>, tensor<2x2x6x8xf32>) -> tensor<2x4x5x8xf32>
  return
}

// RUN: qopt-opt %s -split-input-file -verify-diagnostics

func.func @encode_c2(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{(encode_c2) expects scales of shape [8], got [4]}}
  %0 = lowbit.encode %x, %s : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8x!lowbit.q<int<8>, axis = 1>>
  return
}

// -----

func.func @encode_c1(%x: tensor<4x8xf16>, %s: tensor<f32>) {
  // expected-error @+1 {{(encode_c1) expects a result encoded from 'f16'}}
  %0 = lowbit.encode %x, %s : (tensor<4x8xf16>, tensor<f32>) -> tensor<4x8x!lowbit.q<int<8>>>
  return
}

// -----

func.func @decode_c1(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(decode_c1) expects an operand that encodes 'f32', got 'f32'}}
  %0 = lowbit.decode %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @block_matmul_c2(%x: tensor<4x64xi8>, %c: tensor<64x8xui8>, %s: tensor<4x8xf16>) {
  // expected-error @+1 {{(block_matmul_c2) expects scales of shape [2, 8], got [4, 8]}}
  %0 = lowbit.block_matmul %x, %c, %s {block = 32 : i64} : (tensor<4x64xi8>, tensor<64x8xui8>, tensor<4x8xf16>) -> tensor<4x8xf32>
  return
}

// -----

// expected-error @+1 {{bits}}
func.func private @bad_bits() -> tensor<4x!lowbit.q<int<9>>>

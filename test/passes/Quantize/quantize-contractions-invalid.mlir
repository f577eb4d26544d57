// RUN: qopt-opt %s --qopt-quantize-contractions=set='.*=int4' --split-input-file --verify-diagnostics

// expected-error @+1 {{'fc' cannot take int4: its 8 input channels are no multiple of the block 32}}
func.func @narrow(%x: tensor<4x8xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<0.5> : tensor<8x2xf32>
  %0 = nn.matmul %x, %w {nn.value_id = "fc"} : (tensor<4x8xf32>, tensor<8x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// -----

// expected-error @+1 {{int4 weights need a matmul, this is a convolution}}
func.func @conv(%x: tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32> {
  %w = arith.constant dense<0.5> : tensor<32x1x1x32xf32>
  %0 = nn.conv %x, %w : (tensor<1x4x4x32xf32>, tensor<32x1x1x32xf32>) -> tensor<1x4x4x32xf32>
  return %0 : tensor<1x4x4x32xf32>
}

// RUN: qopt-opt %s --qopt-quantize-contractions=set='.*=int4' --split-input-file --verify-diagnostics

// expected-error @+1 {{'fc' cannot take int4: its 12 input channels divide into blocks of neither 32 nor a smaller multiple of 8}}
func.func @narrow(%x: tensor<4x12xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<0.5> : tensor<12x2xf32>
  %0 = nn.matmul %x, %w {nn.value_id = "fc"} : (tensor<4x12xf32>, tensor<12x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// -----

// expected-error @+1 {{int4 weights need a matmul, or a 1x1 convolution}}
func.func @conv(%x: tensor<1x4x4x32xf32>) -> tensor<1x2x2x32xf32> {
  %w = arith.constant dense<0.5> : tensor<32x3x3x32xf32>
  %0 = nn.conv %x, %w : (tensor<1x4x4x32xf32>, tensor<32x3x3x32xf32>) -> tensor<1x2x2x32xf32>
  return %0 : tensor<1x2x2x32xf32>
}

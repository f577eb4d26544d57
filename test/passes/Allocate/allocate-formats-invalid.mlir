// RUN: qopt-opt %s --qopt-allocate-formats=budget=size=80B --split-input-file --verify-diagnostics

// 32 codes in 4 bits and one f16 scale take 18 bytes, the other constant 128.
// expected-error @+1 {{budget: the smallest formats take 146 bytes, of which 128 are beside the weights; the budget is 80 bytes}}
func.func @too_tight(%x: tensor<1x32xf32>) -> tensor<1x1xf32> {
  %b = arith.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0]> : tensor<32xf32>
  %w = arith.constant dense<1.0> : tensor<32x1xf32>
  %0 = nn.add %x, %b : (tensor<1x32xf32>, tensor<32xf32>) -> tensor<1x32xf32>
  %1 = nn.matmul %0, %w : (tensor<1x32xf32>, tensor<32x1xf32>) -> tensor<1x1xf32>
  return %1 : tensor<1x1xf32>
}

// RUN: qopt-opt %s --qopt-raise-normalization | FileCheck %s

// torch.nn.LayerNorm before opset 17.
// CHECK-LABEL: @layer_norm
func.func @layer_norm(%x: tensor<?x9x64xf32>, %g: tensor<64xf32>, %b: tensor<64xf32>) -> tensor<?x9x64xf32> {
  // CHECK: nn.layer_norm %arg0, %arg1, %arg2 {epsilon = 9.99999996E-13 : f32}
  // CHECK-NEXT: return
  %eps = arith.constant dense<1.0e-12> : tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 2>} : (tensor<?x9x64xf32>) -> tensor<?x9x1xf32>
  %d = nn.sub %x, %m : (tensor<?x9x64xf32>, tensor<?x9x1xf32>) -> tensor<?x9x64xf32>
  %q = nn.mul %d, %d : (tensor<?x9x64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 2>} : (tensor<?x9x64xf32>) -> tensor<?x9x1xf32>
  %e = nn.add %v, %eps : (tensor<?x9x1xf32>, tensor<f32>) -> tensor<?x9x1xf32>
  %s = nn.sqrt %e : (tensor<?x9x1xf32>) -> tensor<?x9x1xf32>
  %n = nn.div %d, %s : (tensor<?x9x64xf32>, tensor<?x9x1xf32>) -> tensor<?x9x64xf32>
  %h = nn.mul %n, %g : (tensor<?x9x64xf32>, tensor<64xf32>) -> tensor<?x9x64xf32>
  %y = nn.add %h, %b : (tensor<?x9x64xf32>, tensor<64xf32>) -> tensor<?x9x64xf32>
  return %y : tensor<?x9x64xf32>
}

// LlamaRMSNorm: x * rsqrt(mean(x^2) + eps), then weight first.
// CHECK-LABEL: @rms_norm
func.func @rms_norm(%x: tensor<?x9x64xf32>, %g: tensor<64xf32>) -> tensor<?x9x64xf32> {
  // CHECK: nn.rms_norm %arg0, %arg1 {epsilon = 9.99999974E-6 : f32}
  // CHECK-NEXT: return
  %eps = arith.constant dense<1.0e-05> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %q = nn.mul %x, %x : (tensor<?x9x64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 2>} : (tensor<?x9x64xf32>) -> tensor<?x9x1xf32>
  %e = nn.add %v, %eps : (tensor<?x9x1xf32>, tensor<f32>) -> tensor<?x9x1xf32>
  %s = nn.sqrt %e : (tensor<?x9x1xf32>) -> tensor<?x9x1xf32>
  %i = nn.div %one, %s : (tensor<f32>, tensor<?x9x1xf32>) -> tensor<?x9x1xf32>
  %n = nn.mul %x, %i : (tensor<?x9x64xf32>, tensor<?x9x1xf32>) -> tensor<?x9x64xf32>
  %y = nn.mul %g, %n : (tensor<64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  return %y : tensor<?x9x64xf32>
}

// Without gain and bias the gain is 1.
// CHECK-LABEL: @plain
func.func @plain(%x: tensor<9x64xf32>) -> tensor<9x64xf32> {
  // CHECK: %[[ONES:.*]] = arith.constant dense<1.000000e+00> : tensor<64xf32>
  // CHECK: nn.layer_norm %arg0, %[[ONES]] {epsilon
  %eps = arith.constant dense<1.0e-05> : tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %d = nn.sub %x, %m : (tensor<9x64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  %q = nn.mul %d, %d : (tensor<9x64xf32>, tensor<9x64xf32>) -> tensor<9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %e = nn.add %v, %eps : (tensor<9x1xf32>, tensor<f32>) -> tensor<9x1xf32>
  %r = nn.rsqrt %e : (tensor<9x1xf32>) -> tensor<9x1xf32>
  %n = nn.mul %d, %r : (tensor<9x64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  return %n : tensor<9x64xf32>
}

// Near miss: the variance is of another value.
// CHECK-LABEL: @other_variance
func.func @other_variance(%x: tensor<9x64xf32>, %z: tensor<9x64xf32>) -> tensor<9x64xf32> {
  // CHECK-NOT: _norm
  // CHECK: return
  %eps = arith.constant dense<1.0e-05> : tensor<f32>
  %q = nn.mul %z, %z : (tensor<9x64xf32>, tensor<9x64xf32>) -> tensor<9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %e = nn.add %v, %eps : (tensor<9x1xf32>, tensor<f32>) -> tensor<9x1xf32>
  %r = nn.rsqrt %e : (tensor<9x1xf32>) -> tensor<9x1xf32>
  %n = nn.mul %x, %r : (tensor<9x64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  return %n : tensor<9x64xf32>
}

// Near miss: an instance norm, over space and not over rows.
// CHECK-LABEL: @instance_norm
func.func @instance_norm(%x: tensor<2x3x4x5xf32>) -> tensor<2x3x4x5xf32> {
  // CHECK-NOT: _norm
  // CHECK: return
  %eps = arith.constant dense<1.0e-05> : tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 2, 3>} : (tensor<2x3x4x5xf32>) -> tensor<2x3x1x1xf32>
  %d = nn.sub %x, %m : (tensor<2x3x4x5xf32>, tensor<2x3x1x1xf32>) -> tensor<2x3x4x5xf32>
  %q = nn.mul %d, %d : (tensor<2x3x4x5xf32>, tensor<2x3x4x5xf32>) -> tensor<2x3x4x5xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 2, 3>} : (tensor<2x3x4x5xf32>) -> tensor<2x3x1x1xf32>
  %e = nn.add %v, %eps : (tensor<2x3x1x1xf32>, tensor<f32>) -> tensor<2x3x1x1xf32>
  %r = nn.rsqrt %e : (tensor<2x3x1x1xf32>) -> tensor<2x3x1x1xf32>
  %n = nn.mul %d, %r : (tensor<2x3x4x5xf32>, tensor<2x3x1x1xf32>) -> tensor<2x3x4x5xf32>
  return %n : tensor<2x3x4x5xf32>
}

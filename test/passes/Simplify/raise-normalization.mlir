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

// Flax through jax2tf and tf2onnx: sums without kept axes, the variance as a
// difference held above zero, the gain multiplied with the root first.
// CHECK-LABEL: @flax
func.func @flax(%x: tensor<?x512xf32>, %g: tensor<512xf32>, %b: tensor<512xf32>, %n: index) -> tensor<?x512xf32> {
  // CHECK: nn.layer_norm %arg0, %arg1, %arg2 {epsilon = 9.99999997E-7 : f32}
  // CHECK-NEXT: return
  %zero = arith.constant dense<0.0> : tensor<f32>
  %eps = arith.constant dense<1.0e-06> : tensor<f32>
  %part = arith.constant dense<0.001953125> : tensor<f32>
  %s = nn.reduce_sum %x {axes = array<i64: 1>, keepdims = false} : (tensor<?x512xf32>) -> tensor<?xf32>
  %m = nn.mul %s, %part : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %q = nn.mul %x, %x : (tensor<?x512xf32>, tensor<?x512xf32>) -> tensor<?x512xf32>
  %t = nn.reduce_sum %q {axes = array<i64: 1>, keepdims = false} : (tensor<?x512xf32>) -> tensor<?xf32>
  %u = nn.mul %t, %part : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %mm = nn.mul %m, %m : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %d = nn.sub %u, %mm : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %v = nn.max %zero, %d : (tensor<f32>, tensor<?xf32>) -> tensor<?xf32>
  %e = nn.add %v, %eps : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %r = nn.sqrt %e : (tensor<?xf32>) -> tensor<?xf32>
  %i = nn.reciprocal %r : (tensor<?xf32>) -> tensor<?xf32>
  %ik = nn.reshape %i to [%n, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %f = nn.mul %ik, %g : (tensor<?x1xf32>, tensor<512xf32>) -> tensor<?x512xf32>
  %mk = nn.reshape %m to [%n, 1] : (tensor<?xf32>) -> tensor<?x1xf32>
  %c = nn.sub %x, %mk : (tensor<?x512xf32>, tensor<?x1xf32>) -> tensor<?x512xf32>
  %h = nn.mul %c, %f : (tensor<?x512xf32>, tensor<?x512xf32>) -> tensor<?x512xf32>
  %y = nn.add %h, %b : (tensor<?x512xf32>, tensor<512xf32>) -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// Keras through tf2onnx: x * s + (bias - mean * s).
// CHECK-LABEL: @keras
func.func @keras(%x: tensor<?x9x64xf32>, %g: tensor<64xf32>, %b: tensor<64xf32>) -> tensor<?x9x64xf32> {
  // CHECK: nn.layer_norm %arg0, %arg1, %arg2 {epsilon = 1.000000e-03 : f32}
  // CHECK-NEXT: return
  %eps = arith.constant dense<1.0e-03> : tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 2>} : (tensor<?x9x64xf32>) -> tensor<?x9x1xf32>
  %d = nn.sub %x, %m : (tensor<?x9x64xf32>, tensor<?x9x1xf32>) -> tensor<?x9x64xf32>
  %q = nn.mul %d, %d : (tensor<?x9x64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 2>} : (tensor<?x9x64xf32>) -> tensor<?x9x1xf32>
  %e = nn.add %v, %eps : (tensor<?x9x1xf32>, tensor<f32>) -> tensor<?x9x1xf32>
  %r = nn.sqrt %e : (tensor<?x9x1xf32>) -> tensor<?x9x1xf32>
  %i = nn.reciprocal %r : (tensor<?x9x1xf32>) -> tensor<?x9x1xf32>
  %s = nn.mul %i, %g : (tensor<?x9x1xf32>, tensor<64xf32>) -> tensor<?x9x64xf32>
  %p = nn.mul %x, %s : (tensor<?x9x64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %w = nn.mul %m, %s : (tensor<?x9x1xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %o = nn.sub %b, %w : (tensor<64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  %y = nn.add %p, %o : (tensor<?x9x64xf32>, tensor<?x9x64xf32>) -> tensor<?x9x64xf32>
  return %y : tensor<?x9x64xf32>
}

// Near miss: the sums are over 512, divided by 500.
// CHECK-LABEL: @wrong_count
func.func @wrong_count(%x: tensor<3x512xf32>) -> tensor<3x512xf32> {
  // CHECK-NOT: _norm
  // CHECK: return
  %eps = arith.constant dense<1.0e-06> : tensor<f32>
  %part = arith.constant dense<0.002> : tensor<f32>
  %q = nn.mul %x, %x : (tensor<3x512xf32>, tensor<3x512xf32>) -> tensor<3x512xf32>
  %t = nn.reduce_sum %q {axes = array<i64: 1>} : (tensor<3x512xf32>) -> tensor<3x1xf32>
  %u = nn.mul %t, %part : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %e = nn.add %u, %eps : (tensor<3x1xf32>, tensor<f32>) -> tensor<3x1xf32>
  %r = nn.rsqrt %e : (tensor<3x1xf32>) -> tensor<3x1xf32>
  %y = nn.mul %x, %r : (tensor<3x512xf32>, tensor<3x1xf32>) -> tensor<3x512xf32>
  return %y : tensor<3x512xf32>
}

// Near miss: the offset subtracts the mean of another value.
// CHECK-LABEL: @other_mean
func.func @other_mean(%x: tensor<9x64xf32>, %z: tensor<9x64xf32>, %b: tensor<64xf32>) -> tensor<9x64xf32> {
  // CHECK-NOT: _norm
  // CHECK: return
  %eps = arith.constant dense<1.0e-03> : tensor<f32>
  %m = nn.reduce_mean %x {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %n = nn.reduce_mean %z {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %d = nn.sub %x, %m : (tensor<9x64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  %q = nn.mul %d, %d : (tensor<9x64xf32>, tensor<9x64xf32>) -> tensor<9x64xf32>
  %v = nn.reduce_mean %q {axes = array<i64: 1>} : (tensor<9x64xf32>) -> tensor<9x1xf32>
  %e = nn.add %v, %eps : (tensor<9x1xf32>, tensor<f32>) -> tensor<9x1xf32>
  %i = nn.rsqrt %e : (tensor<9x1xf32>) -> tensor<9x1xf32>
  %p = nn.mul %x, %i : (tensor<9x64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  %w = nn.mul %n, %i : (tensor<9x1xf32>, tensor<9x1xf32>) -> tensor<9x1xf32>
  %o = nn.sub %b, %w : (tensor<64xf32>, tensor<9x1xf32>) -> tensor<9x64xf32>
  %y = nn.add %p, %o : (tensor<9x64xf32>, tensor<9x64xf32>) -> tensor<9x64xf32>
  return %y : tensor<9x64xf32>
}

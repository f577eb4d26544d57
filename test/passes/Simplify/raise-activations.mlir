// RUN: qopt-opt %s --qopt-raise-activations | FileCheck %s

// torch.nn.GELU: x / sqrt 2, erf, + 1, x *, * 0.5
// CHECK-LABEL: @gelu_torch
func.func @gelu_torch(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.gelu %arg0
  // CHECK-NEXT: return
  %sqrt2 = arith.constant dense<1.41421354> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant dense<0.5> : tensor<f32>
  %a = nn.div %x, %sqrt2 : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %e = nn.erf %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = nn.add %e, %one : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %p = nn.mul %x, %o : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.mul %p, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// tf2onnx: (x * 0.5) * (1 + erf(x * 0.7071))
// CHECK-LABEL: @gelu_tf
func.func @gelu_tf(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.gelu %arg0
  %c = arith.constant dense<0.707106769> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant dense<0.5> : tensor<f32>
  %a = nn.mul %x, %c : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %e = nn.erf %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = nn.add %one, %e : (tensor<f32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %h = nn.mul %x, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %y = nn.mul %h, %o : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
// CHECK-LABEL: @gelu_tanh
func.func @gelu_tanh(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.gelu_tanh %arg0
  // CHECK-NEXT: return
  %k = arith.constant dense<4.471500e-02> : tensor<f32>
  %s = arith.constant dense<0.797884583> : tensor<f32>
  %three = arith.constant dense<3.0> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant dense<0.5> : tensor<f32>
  %p = nn.pow %x, %three : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %q = nn.mul %p, %k : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %r = nn.add %x, %q : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %u = nn.mul %r, %s : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %t = nn.tanh %u : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = nn.add %t, %one : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %h = nn.mul %x, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %y = nn.mul %h, %o : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @silu
func.func @silu(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.silu %arg0
  %g = nn.sigmoid %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.mul %x, %g : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// x * relu6(x + 3) / 6
// CHECK-LABEL: @hard_swish
func.func @hard_swish(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.hard_swish %arg0
  %three = arith.constant dense<3.0> : tensor<f32>
  %six = arith.constant dense<6.0> : tensor<f32>
  %a = nn.add %x, %three : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %c = nn.clip %a {lo = 0.0 : f32, hi = 6.0 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %m = nn.mul %x, %c : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.div %m, %six : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @hard_swish_of_hard_sigmoid
func.func @hard_swish_of_hard_sigmoid(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.hard_swish %arg0
  %g = nn.hard_sigmoid %x {alpha = 0.166666672 : f32, beta = 0.5 : f32} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.mul %x, %g : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The square root of 2 as a network in f16 holds it.
// CHECK-LABEL: @gelu_of_half_precision
func.func @gelu_of_half_precision(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: nn.gelu %arg0
  %root = arith.constant dense<1.4140625> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant dense<0.5> : tensor<f32>
  %a = nn.div %x, %root : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %e = nn.erf %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = nn.add %e, %one : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %m = nn.mul %x, %o : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.mul %m, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Near miss: another factor inside erf.
// CHECK-LABEL: @no_gelu
func.func @no_gelu(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: nn.gelu
  // CHECK: nn.erf
  %c = arith.constant dense<0.8> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant dense<0.5> : tensor<f32>
  %a = nn.mul %x, %c : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %e = nn.erf %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %o = nn.add %e, %one : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %h = nn.mul %x, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %y = nn.mul %h, %o : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Near miss: the gate is of another value.
// CHECK-LABEL: @no_silu
func.func @no_silu(%x: tensor<?x8xf32>, %z: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: nn.silu
  // CHECK: nn.sigmoid
  %g = nn.sigmoid %z : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = nn.mul %x, %g : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

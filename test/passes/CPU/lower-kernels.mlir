// RUN: qopt-opt %s --qopt-lower-kernels="isa=avx512-vnni" --split-input-file | FileCheck %s
// RUN: qopt-opt %s --qopt-lower-kernels="isa=avx512-vnni opt-level=0" --split-input-file | FileCheck %s --check-prefix=NAIVE

// A kernel becomes three functions; 16 lanes at a time when optimized, one
// element at a time when not.

// CHECK-NOT: exec.kernel_def
// CHECK-LABEL: func.func @relu_units
// CHECK-LABEL: func.func @relu_scratch
// CHECK-LABEL: func.func @relu(
// CHECK: vector<16xf32>
// NAIVE-NOT: exec.kernel_def
// NAIVE-LABEL: func.func @relu(
// NAIVE-NOT: vector<
exec.kernel_def @relu {
^bb0(%x: tensor<?x64xf32>):
  %0 = nn.relu %x : (tensor<?x64xf32>) -> tensor<?x64xf32>
  exec.yield %0 : tensor<?x64xf32>
}

// -----

// No fused multiply-add but those stated: a norm has none.

// CHECK-LABEL: func.func @norm(
// CHECK-NOT: math.fma
// CHECK-NOT: fastmath<fast>
// CHECK: math.sqrt
exec.kernel_def @norm {
^bb0(%x: tensor<8x64xf32>, %g: tensor<64xf32>):
  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  exec.yield %0 : tensor<8x64xf32>
}

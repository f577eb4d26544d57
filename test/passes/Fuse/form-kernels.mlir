// RUN: qopt-opt %s --qopt-form-kernels | FileCheck %s
// RUN: qopt-opt %s --qopt-form-kernels=fuse=false | FileCheck %s --check-prefix=ALONE

// Bias, activation and residual join the product; the residual's producer does
// not depend on it.
// CHECK-LABEL: @epilogue
// CHECK: exec.kernel
// CHECK: nn.matmul
// CHECK-NEXT: nn.add
// CHECK-NEXT: nn.relu
// CHECK-NEXT: nn.add
// CHECK-NOT: exec.kernel
// CHECK: return
// ALONE-LABEL: @epilogue
// ALONE-COUNT-4: exec.kernel
func.func @epilogue(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %b: tensor<16xf32>) -> tensor<?x16xf32> {
  %0 = nn.matmul %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = nn.add %0, %b : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %2 = nn.relu %1 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %3 = nn.add %2, %x : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return %3 : tensor<?x16xf32>
}

// An operand that needs the kernel by way of another kernel must not join.
// CHECK-LABEL: @no_cycle
// CHECK: exec.kernel
// CHECK: nn.matmul
// CHECK: exec.yield
// CHECK: exec.kernel
// CHECK: nn.softmax
// CHECK-NEXT: nn.add
func.func @no_cycle(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?x16xf32> {
  %0 = nn.matmul %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = nn.softmax %0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %2 = nn.add %0, %1 : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return %2 : tensor<?x16xf32>
}

// Two dynamic shapes that nothing proves equal stay apart.
// CHECK-LABEL: @unknown_shapes
// CHECK-COUNT-2: exec.kernel
func.func @unknown_shapes(%x: tensor<?x16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = nn.relu %x : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = nn.add %0, %y : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  return %1 : tensor<?x16xf32>
}

// A constant of one value moves inside; reshapes stay outside.
// CHECK-LABEL: @constants
// CHECK: nn.reshape
// CHECK: exec.kernel "mul"(%{{[^,]*}}) :
// CHECK: arith.constant
func.func @constants(%x: tensor<4x16xf32>) -> tensor<64xf32> {
  %c = arith.constant dense<0.5> : tensor<f32>
  %0 = nn.reshape %x to [64] : (tensor<4x16xf32>) -> tensor<64xf32>
  %1 = nn.mul %0, %c : (tensor<64xf32>, tensor<f32>) -> tensor<64xf32>
  return %1 : tensor<64xf32>
}

// Kernels that may read an intermediate keep it as a second result.
// CHECK-LABEL: @two_results
// CHECK: exec.kernel {{.*}} -> (tensor<?x16xf32>, tensor<?x16xui8>, tensor<?x1xf32>)
func.func @two_results(%x: tensor<?x16xf32>, %g: tensor<16xf32>) -> (tensor<?x16xf32>, tensor<?x16xui8>, tensor<?x1xf32>) {
  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %c, %s = lowbit.quantize_rows %0 : (tensor<?x16xf32>) -> (tensor<?x16xui8>, tensor<?x1xf32>)
  return %0, %c, %s : tensor<?x16xf32>, tensor<?x16xui8>, tensor<?x1xf32>
}

// Marks of earlier phases do not enter kernels, or equal layers would differ.
// CHECK-LABEL: @marks
// CHECK: exec.kernel
// CHECK: nn.relu %{{[^{]*}} : (tensor<4xf32>) -> tensor<4xf32>
func.func @marks(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.relu %x {nn.value_id = "a", lowbit.range = array<f32: 0.0, 1.0>} : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

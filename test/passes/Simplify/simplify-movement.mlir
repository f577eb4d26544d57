// RUN: qopt-opt %s --qopt-simplify-movement | FileCheck %s

// CHECK-LABEL: @through_elementwise
func.func @through_elementwise(%x: tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: %[[C:.*]] = arith.constant dense<{{.*}}> : tensor<1x1x1x4xf32>
  // CHECK: %[[R:.*]] = nn.relu %arg0
  // CHECK: %[[M:.*]] = nn.mul %[[R]], %[[C]]
  // CHECK-NOT: nn.transpose
  // CHECK: return %[[M]]
  %c = arith.constant dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32>
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x8x8x4xf32>) -> tensor<?x4x8x8xf32>
  %r = nn.relu %t : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %m = nn.mul %r, %c : (tensor<?x4x8x8xf32>, tensor<4x1x1xf32>) -> tensor<?x4x8x8xf32>
  %u = nn.transpose %m {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x4x8x8xf32>) -> tensor<?x8x8x4xf32>
  return %u : tensor<?x8x8x4xf32>
}

// CHECK-LABEL: @residual_and_concat
func.func @residual_and_concat(%x: tensor<1x8x8x4xf32>, %y: tensor<1x8x8x4xf32>) -> tensor<1x8x8x8xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: nn.add %arg0, %arg1
  // CHECK: nn.concat {{.*}} {axis = 3 : i64}
  // CHECK-NOT: nn.transpose
  %s = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xf32>) -> tensor<1x4x8x8xf32>
  %t = nn.transpose %y {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xf32>) -> tensor<1x4x8x8xf32>
  %a = nn.add %s, %t : (tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  %c = nn.concat %a, %t {axis = 1 : i64} : (tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) -> tensor<1x8x8x8xf32>
  %u = nn.transpose %c {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %u : tensor<1x8x8x8xf32>
}

// Global average pool and flatten, as every classifier ends.
// CHECK-LABEL: @head
func.func @head(%x: tensor<?x7x7x32xf32>) -> tensor<?x32xf32> {
  // CHECK: %[[R:.*]] = nn.reduce_mean %arg0 {axes = array<i64: 1, 2>}
  // CHECK-NOT: nn.transpose
  // CHECK: nn.reshape %[[R]] to
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x7x7x32xf32>
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x7x7x32xf32>) -> tensor<?x32x7x7xf32>
  %r = nn.reduce_mean %t {axes = array<i64: 2, 3>} : (tensor<?x32x7x7xf32>) -> tensor<?x32x1x1xf32>
  %f = nn.reshape %r to [%n, 32] : (tensor<?x32x1x1xf32>) -> tensor<?x32xf32>
  return %f : tensor<?x32xf32>
}

// Squeeze and excitation: the gate has only unit axes besides the channels.
// CHECK-LABEL: @gate
func.func @gate(%x: tensor<?x7x7x32xf32>, %g: tensor<?x1x1x32xf32>) -> tensor<?x7x7x32xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: nn.sigmoid %arg1
  // CHECK: nn.mul %arg0
  // CHECK-NOT: nn.transpose
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x7x7x32xf32>) -> tensor<?x32x7x7xf32>
  %h = nn.transpose %g {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x1x1x32xf32>) -> tensor<?x32x1x1xf32>
  %s = nn.sigmoid %h : (tensor<?x32x1x1xf32>) -> tensor<?x32x1x1xf32>
  %m = nn.mul %t, %s : (tensor<?x32x7x7xf32>, tensor<?x32x1x1xf32>) -> tensor<?x32x7x7xf32>
  %u = nn.transpose %m {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x32x7x7xf32>) -> tensor<?x7x7x32xf32>
  return %u : tensor<?x7x7x32xf32>
}

// Patches to sequence: merging H and W commutes with the transpose.
// CHECK-LABEL: @patches
func.func @patches(%x: tensor<?x7x7x64xf32>) -> tensor<?x49x64xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: nn.reshape %arg0 to [%{{.*}}, 49, 64]
  // CHECK-NOT: nn.transpose
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x7x7x64xf32>
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x7x7x64xf32>) -> tensor<?x64x7x7xf32>
  %r = nn.reshape %t to [%n, 64, 49] : (tensor<?x64x7x7xf32>) -> tensor<?x64x49xf32>
  %u = nn.transpose %r {perm = array<i64: 0, 2, 1>} : (tensor<?x64x49xf32>) -> tensor<?x49x64xf32>
  return %u : tensor<?x49x64xf32>
}

// One-dimensional convolutions run with a height of 1.
// CHECK-LABEL: @one_dimensional
func.func @one_dimensional(%x: tensor<2x1x9x4xf32>) -> tensor<2x1x9x4xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK-NOT: nn.reshape
  // CHECK: nn.relu %arg0
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<2x1x9x4xf32>) -> tensor<2x4x1x9xf32>
  %s = nn.reshape %t to [2, 4, 9] : (tensor<2x4x1x9xf32>) -> tensor<2x4x9xf32>
  %r = nn.relu %s : (tensor<2x4x9xf32>) -> tensor<2x4x9xf32>
  %e = nn.reshape %r to [2, 4, 1, 9] : (tensor<2x4x9xf32>) -> tensor<2x4x1x9xf32>
  %u = nn.transpose %e {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x4x1x9xf32>) -> tensor<2x1x9x4xf32>
  return %u : tensor<2x1x9x4xf32>
}

// Equal names are equal sizes: the reshape does nothing.
// CHECK-LABEL: @same_shape
func.func @same_shape(%x: tensor<?x?x8xf32> {nn.dims = ["b", "s", ""]}) -> tensor<?x?x8xf32> {
  // CHECK-NOT: nn.reshape
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x8xf32>
  %s = tensor.dim %x, %c1 : tensor<?x?x8xf32>
  %h = nn.reshape %x to [%b, %s, 2, 4] : (tensor<?x?x8xf32>) -> tensor<?x?x2x4xf32>
  %y = nn.reshape %h to [%b, %s, 8] : (tensor<?x?x2x4xf32>) -> tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// Near miss: the other operand would have to be transposed instead.
// CHECK-LABEL: @other_operand
func.func @other_operand(%x: tensor<1x8x8x4xf32>, %y: tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32> {
  // CHECK: %[[T:.*]] = nn.transpose %arg0
  // CHECK: nn.add %[[T]], %arg1
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x8x8x4xf32>) -> tensor<1x4x8x8xf32>
  %a = nn.add %t, %y : (tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
  return %a : tensor<1x4x8x8xf32>
}

// Near miss: heads merge over a transpose that parted them.
// CHECK-LABEL: @heads
func.func @heads(%x: tensor<1x4x9x16xf32>) -> tensor<1x9x64xf32> {
  // CHECK: nn.transpose %arg0 {perm = array<i64: 0, 2, 1, 3>}
  // CHECK: nn.reshape
  %t = nn.transpose %x {perm = array<i64: 0, 2, 1, 3>} : (tensor<1x4x9x16xf32>) -> tensor<1x9x4x16xf32>
  %r = nn.reshape %t to [1, 9, 64] : (tensor<1x9x4x16xf32>) -> tensor<1x9x64xf32>
  return %r : tensor<1x9x64xf32>
}

// Keras pads with an op of its own.
// CHECK-LABEL: @pad_into_conv
func.func @pad_into_conv(%x: tensor<1x8x8x3xf32>, %f: tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32> {
  // CHECK-NOT: nn.pad
  // CHECK: nn.conv %arg0, %arg1 {pads = array<i64: 0, 0, 1, 1>, strides = array<i64: 2, 2>}
  %p = nn.pad %x {low = array<i64: 0, 0, 0, 0>, high = array<i64: 0, 1, 1, 0>} : (tensor<1x8x8x3xf32>) -> tensor<1x9x9x3xf32>
  %y = nn.conv %p, %f {strides = array<i64: 2, 2>} : (tensor<1x9x9x3xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32>
  return %y : tensor<1x4x4x4xf32>
}

// Near miss: the padding is no zero.
// CHECK-LABEL: @pad_with_one
func.func @pad_with_one(%x: tensor<1x8x8x3xf32>, %f: tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32> {
  // CHECK: nn.pad
  %p = nn.pad %x {low = array<i64: 0, 0, 0, 0>, high = array<i64: 0, 1, 1, 0>, value = 1.0 : f32} : (tensor<1x8x8x3xf32>) -> tensor<1x9x9x3xf32>
  %y = nn.conv %p, %f {strides = array<i64: 2, 2>} : (tensor<1x9x9x3xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x4x4xf32>
  return %y : tensor<1x4x4x4xf32>
}

// Channels first, the image flattens to c0p0 c0p1 c1p0 c1p1; channels last to
// c0p0 c1p0 c0p1 c1p1: rows 1 and 2 change places.
// CHECK-LABEL: @classifier
func.func @classifier(%x: tensor<?x1x2x2xf32>) -> tensor<?x1xf32> {
  // CHECK: dense<{{\[\[}}1.000000e+00], [3.000000e+00], [2.000000e+00], [4.000000e+00]]>
  // CHECK-NOT: nn.transpose
  // CHECK: nn.reshape %arg0
  // CHECK: nn.matmul
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x1x2x2xf32>
  %w = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %t = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x1x2x2xf32>) -> tensor<?x2x1x2xf32>
  %f = nn.reshape %t to [%n, 4] : (tensor<?x2x1x2xf32>) -> tensor<?x4xf32>
  %y = nn.matmul %f, %w : (tensor<?x4xf32>, tensor<4x1xf32>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// Codes of a model's own quantization move like the numbers they stand for.
// CHECK-LABEL: @quantized
// CHECK: %[[Q:.*]] = lowbit.quantize %arg0, %{{.*}} {divide} : (tensor<1x4x4x8xf32>, tensor<f32>, tensor<i32>) -> tensor<1x4x4x8xui8>
// CHECK: %[[D:.*]] = lowbit.dequantize %[[Q]]
// CHECK: return %[[D]]
func.func @quantized(%x: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %0 = nn.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x4x4x8xf32>) -> tensor<1x8x4x4xf32>
  %1 = lowbit.quantize %0, %s, %z {divide} : (tensor<1x8x4x4xf32>, tensor<f32>, tensor<i32>) -> tensor<1x8x4x4xui8>
  %2 = lowbit.dequantize %1, %s, %z : (tensor<1x8x4x4xui8>, tensor<f32>, tensor<i32>) -> tensor<1x8x4x4xf32>
  %3 = nn.transpose %2 {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x8x4x4xf32>) -> tensor<1x4x4x8xf32>
  return %3 : tensor<1x4x4x8xf32>
}

// Encoded constants are transposed with their scales; two of one type stay two.
// CHECK-LABEL: @encoded
// CHECK-DAG: lowbit.constant {codes = dense<{{\[\[}}1, 3], [2, 4]]> : tensor<2x2xi8>, scales = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>} : tensor<2x2x!lowbit.q<int<8>, axis = 1>>
// CHECK-DAG: lowbit.constant {codes = dense<{{\[\[}}5, 7], [6, 8]]> : tensor<2x2xi8>
// CHECK-NOT: nn.transpose
// CHECK: return
func.func @encoded() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %a = lowbit.constant {codes = dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>, scales = dense<[0.5, 0.25]> : tensor<2xf32>} : tensor<2x2x!lowbit.q<int<8>, axis = 0>>
  %b = lowbit.constant {codes = dense<[[5, 6], [7, 8]]> : tensor<2x2xi8>, scales = dense<[0.5, 0.25]> : tensor<2xf32>} : tensor<2x2x!lowbit.q<int<8>, axis = 0>>
  %0 = lowbit.decode %a : (tensor<2x2x!lowbit.q<int<8>, axis = 0>>) -> tensor<2x2xf32>
  %1 = lowbit.decode %b : (tensor<2x2x!lowbit.q<int<8>, axis = 0>>) -> tensor<2x2xf32>
  %2 = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %3 = nn.transpose %1 {perm = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %2, %3 : tensor<2x2xf32>, tensor<2x2xf32>
}

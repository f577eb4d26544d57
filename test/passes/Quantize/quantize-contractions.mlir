// RUN: qopt-opt %s --qopt-quantize-contractions | FileCheck %s
// RUN: qopt-opt %s --qopt-quantize-contractions=activations=static | FileCheck %s --check-prefix=STATIC
// RUN: qopt-opt %s --qopt-quantize-contractions='set=kept=float,fc$=int4' | FileCheck %s --check-prefix=SET

// Behind nothing known, a matmul is dynamic; told so, and with a range, static.
// CHECK-LABEL: func @matmul
// CHECK: %[[ROWS:.*]] = lowbit.encode_rows %arg0 : (tensor<4x32xf32>) -> tensor<4x32x!lowbit.q<int<8>, row>>
// CHECK: %[[X:.*]] = lowbit.decode %[[ROWS]]
// CHECK: %[[CODES:.*]] = lowbit.constant {{.*}} : tensor<32x2x!lowbit.q<int<8>, axis = 1>>
// CHECK: %[[W:.*]] = lowbit.decode %[[CODES]]
// CHECK: nn.matmul %[[X]], %[[W]]
// STATIC-LABEL: func @matmul
// STATIC-DAG: %[[SCALE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// STATIC-DAG: %[[ZERO:.*]] = arith.constant dense<128> : tensor<i32>
// STATIC: lowbit.encode %arg0, %[[SCALE]], %[[ZERO]] : {{.*}} -> tensor<4x32x!lowbit.q<uint<8>, zero_point>>
// SET-LABEL: func @matmul
// SET: lowbit.encode_rows
// SET: lowbit.constant {{.*}} : tensor<32x2x!lowbit.q<int<4>, block = [32, 1], scale = f16>>
func.func @matmul(%x: tensor<4x32xf32> {lowbit.range = array<f32: -128.0, 127.0>}) -> tensor<4x2xf32> {
  %w = arith.constant dense<0.5> : tensor<32x2xf32>
  %0 = nn.matmul %x, %w {nn.value_id = "fc"} : (tensor<4x32xf32>, tensor<32x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

// Rows are encoded once for all readers; other readers see the original.
// CHECK-LABEL: func @shared_rows
// CHECK: lowbit.encode_rows
// CHECK-NOT: lowbit.encode_rows
// CHECK: nn.add %arg0
func.func @shared_rows(%x: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>) {
  %w = arith.constant dense<0.5> : tensor<32x32xf32>
  %0 = nn.matmul %x, %w : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  %1 = nn.matmul %x, %w : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32>
  %2 = nn.add %x, %0 : (tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  return %0, %1, %2 : tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>
}

// A convolution is static: its output is encoded after the relu, once, and the
// residual reads the same codes.
// CHECK-LABEL: func @convs
// CHECK: lowbit.encode %arg0
// CHECK: lowbit.constant {{.*}} : tensor<8x1x1x8x!lowbit.q<int<8>, axis = 0>>
// CHECK: nn.conv
// CHECK-NOT: lowbit.encode
// CHECK: %[[RELU:.*]] = nn.relu
// CHECK: %[[Q:.*]] = lowbit.encode %[[RELU]]
// CHECK: %[[D:.*]] = lowbit.decode %[[Q]]
// CHECK: %[[CONV:.*]] = nn.conv %[[D]]
// CHECK: nn.add %[[CONV]], %[[D]]
// SET-LABEL: func @convs
// SET: lowbit.stays_float = "--set keeps it float"
func.func @convs(%x: tensor<1x4x4x8xf32> {lowbit.range = array<f32: -1.0, 1.0>}) -> tensor<1x4x4x8xf32> {
  %w = arith.constant dense<0.5> : tensor<8x1x1x8xf32>
  %0 = nn.conv %x, %w {nn.value_id = "kept"} : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  %1 = nn.relu %0 {lowbit.range = array<f32: 0.0, 2.0>} : (tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %2 = nn.conv %1, %w : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  %3 = nn.add %2, %1 : (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  return %3 : tensor<1x4x4x8xf32>
}

// Data movement shares the range of what it moves: the matmul behind a
// convolution is static, with the scale of the pooled value.
// CHECK-LABEL: func @moved
// CHECK: %[[POOL:.*]] = nn.reduce_mean
// CHECK: lowbit.encode %[[POOL]], %[[SCALE:.*]], %
// CHECK: nn.reshape
// CHECK: lowbit.encode
// CHECK-SAME: tensor<1x8xf32>
// CHECK: nn.matmul
func.func @moved(%x: tensor<1x4x4x8xf32> {lowbit.range = array<f32: 0.0, 1.0>}) -> tensor<1x2xf32> {
  %w = arith.constant dense<0.5> : tensor<8x1x1x8xf32>
  %v = arith.constant dense<0.5> : tensor<8x2xf32>
  %0 = nn.conv %x, %w : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  %1 = nn.reduce_mean %0 {axes = array<i64: 1, 2>} : (tensor<1x4x4x8xf32>) -> tensor<1x1x1x8xf32>
  %2 = nn.reshape %1 to [1, 8] {lowbit.range = array<f32: 0.0, 3.0>} : (tensor<1x1x1x8xf32>) -> tensor<1x8xf32>
  %3 = nn.matmul %2, %v : (tensor<1x8xf32>, tensor<8x2xf32>) -> tensor<1x2xf32>
  return %3 : tensor<1x2xf32>
}

// Without calibration a convolution has no scale for its input.
// CHECK-LABEL: func @no_range
// CHECK: lowbit.stays_float = "no calibration data for its input"
func.func @no_range(%x: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %w = arith.constant dense<0.5> : tensor<8x1x1x8xf32>
  %0 = nn.conv %x, %w : (tensor<1x4x4x8xf32>, tensor<8x1x1x8xf32>) -> tensor<1x4x4x8xf32>
  return %0 : tensor<1x4x4x8xf32>
}

// CHECK-LABEL: func @no_weight
// CHECK: lowbit.stays_float = "both operands are computed"
// CHECK: lowbit.stays_float = "its weight has rank 3"
func.func @no_weight(%a: tensor<2x4x8xf32>, %b: tensor<2x8x8xf32>) -> tensor<2x4x8xf32> {
  %w = arith.constant dense<0.5> : tensor<2x8x8xf32>
  %0 = nn.matmul %a, %b : (tensor<2x4x8xf32>, tensor<2x8x8xf32>) -> tensor<2x4x8xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4x8xf32>, tensor<2x8x8xf32>) -> tensor<2x4x8xf32>
  return %1 : tensor<2x4x8xf32>
}

// Where 32 does not divide the inputs, int4 takes the widest block that does.
// SET-LABEL: func @odd_block
// SET: lowbit.constant {{.*}} : tensor<48x2x!lowbit.q<int<4>, block = [24, 1], scale = f16>>
func.func @odd_block(%x: tensor<4x48xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<0.5> : tensor<48x2xf32>
  %0 = nn.matmul %x, %w {nn.value_id = "odd/fc"} : (tensor<4x48xf32>, tensor<48x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}

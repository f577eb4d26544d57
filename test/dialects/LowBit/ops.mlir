// RUN: qopt-opt %s | qopt-opt | FileCheck %s

// CHECK-LABEL: @formats
func.func @formats(%x: tensor<?x64xf32>, %s: tensor<f32>, %z: tensor<i32>) -> tensor<?x64xf32> {
  // CHECK: lowbit.encode {{.*}} -> tensor<?x64x!lowbit.q<uint<8>, zero_point>>
  %0 = lowbit.encode %x, %s, %z : (tensor<?x64xf32>, tensor<f32>, tensor<i32>) -> tensor<?x64x!lowbit.q<uint<8>, zero_point>>
  %1 = lowbit.decode %0 : (tensor<?x64x!lowbit.q<uint<8>, zero_point>>) -> tensor<?x64xf32>
  // CHECK: lowbit.encode_rows {{.*}} -> tensor<?x64x!lowbit.q<int<8>, row>>
  %2 = lowbit.encode_rows %1 : (tensor<?x64xf32>) -> tensor<?x64x!lowbit.q<int<8>, row>>
  %3 = lowbit.decode %2 : (tensor<?x64x!lowbit.q<int<8>, row>>) -> tensor<?x64xf32>
  return %3 : tensor<?x64xf32>
}

// CHECK-LABEL: @block
func.func @block() -> tensor<4x2x!lowbit.q<int<4>, block = [2, 1], scale = f16>> {
  // CHECK: lowbit.constant {{.*}} tensor<4x2x!lowbit.q<int<4>, block = [2, 1], scale = f16>>
  %0 = lowbit.constant {codes = dense<1> : tensor<4x2xi8>, scales = dense<0.5> : tensor<2x2xf16>} : tensor<4x2x!lowbit.q<int<4>, block = [2, 1], scale = f16>>
  return %0 : tensor<4x2x!lowbit.q<int<4>, block = [2, 1], scale = f16>>
}

// CHECK-LABEL: @stated
func.func @stated(%acc: tensor<?x8xi32>, %m: tensor<8xf32>, %z: tensor<i32>) -> tensor<?x8xui8> {
  // CHECK: lowbit.requantize {{.*}} {hi = 6 : i32, lo = 0 : i32}
  %0 = lowbit.requantize %acc, %m, %z {lo = 0 : i32, hi = 6 : i32} : (tensor<?x8xi32>, tensor<8xf32>, tensor<i32>) -> tensor<?x8xui8>
  return %0 : tensor<?x8xui8>
}

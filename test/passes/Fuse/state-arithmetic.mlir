// RUN: qopt-opt %s --qopt-state-arithmetic | FileCheck %s

// Bias, relu and the next layer's encode fold into one requantize:
// M = 0.5 * 0.25 / 0.125 = 1, bias = round(1 / (0.5 * 0.25)) - 3 * (1 + 2).
// CHECK-LABEL: @static
// CHECK-DAG: arith.constant dense<-1> : tensor<1xi32>
// CHECK-DAG: arith.constant dense<1.000000e+00> : tensor<1xf32>
// CHECK-DAG: %[[X:.*]] = lowbit.quantize %arg0
// CHECK-DAG: %[[ACC:.*]] = nn.matmul %[[X]], %{{.*}} : (tensor<?x2xui8>, tensor<2x1xi8>) -> tensor<?x1xi32>
// CHECK-DAG: %[[B:.*]] = nn.add %[[ACC]]
// CHECK: %[[Q:.*]] = lowbit.requantize %[[B]], {{.*}} {lo = 5 : i32}
// CHECK: lowbit.dequantize %[[Q]]
func.func @static(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %sy = arith.constant dense<0.125> : tensor<f32>
  %zy = arith.constant dense<5> : tensor<i32>
  %b = arith.constant dense<1.0> : tensor<1xf32>
  %0 = lowbit.encode %x, %s, %z : (tensor<?x2xf32>, tensor<f32>, tensor<i32>) -> tensor<?x2x!lowbit.q<uint<8>, zero_point>>
  %1 = lowbit.decode %0 : (tensor<?x2x!lowbit.q<uint<8>, zero_point>>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<1xf32>} : tensor<2x1x!lowbit.q<int<8>, axis = 1>>
  %2 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>, axis = 1>>) -> tensor<2x1xf32>
  %3 = nn.matmul %1, %2 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  %4 = nn.add %3, %b : (tensor<?x1xf32>, tensor<1xf32>) -> tensor<?x1xf32>
  %5 = nn.relu %4 : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %6 = lowbit.encode %5, %sy, %zy : (tensor<?x1xf32>, tensor<f32>, tensor<i32>) -> tensor<?x1x!lowbit.q<uint<8>, zero_point>>
  %7 = lowbit.decode %6 : (tensor<?x1x!lowbit.q<uint<8>, zero_point>>) -> tensor<?x1xf32>
  return %7 : tensor<?x1xf32>
}

// CHECK-LABEL: @rows
// CHECK: %[[C:.*]], %[[S:.*]] = lowbit.quantize_rows %arg0 : (tensor<?x2xf32>) -> (tensor<?x2xui8>, tensor<?x1xf32>)
// CHECK: %[[ACC:.*]] = nn.matmul %[[C]]
// CHECK: %[[B:.*]] = nn.add %[[ACC]]
// CHECK: lowbit.rescale %[[B]], %{{.*}}, %[[S]]
func.func @rows(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %0 = lowbit.encode_rows %x : (tensor<?x2xf32>) -> tensor<?x2x!lowbit.q<int<8>, row>>
  %1 = lowbit.decode %0 : (tensor<?x2x!lowbit.q<int<8>, row>>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<1xf32>} : tensor<2x1x!lowbit.q<int<8>, axis = 1>>
  %2 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>, axis = 1>>) -> tensor<2x1xf32>
  %3 = nn.matmul %1, %2 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %3 : tensor<?x1xf32>
}

// int4 codes become unsigned around 8.
// CHECK-LABEL: @blocks
// CHECK-DAG: arith.constant dense<{{\[\[}}9], [6]]> : tensor<2x1xui8>
// CHECK: lowbit.block_matmul %{{.*}} {block = 2 : i64} : (tensor<?x2xi8>, tensor<2x1xui8>, tensor<1x1xf16>)
func.func @blocks(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %0 = lowbit.encode_rows %x : (tensor<?x2xf32>) -> tensor<?x2x!lowbit.q<int<8>, row>>
  %1 = lowbit.decode %0 : (tensor<?x2x!lowbit.q<int<8>, row>>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [-2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<1x1xf16>} : tensor<2x1x!lowbit.q<int<4>, block = [2, 1], scale = f16>>
  %2 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<4>, block = [2, 1], scale = f16>>) -> tensor<2x1xf32>
  %3 = nn.matmul %1, %2 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %3 : tensor<?x1xf32>
}

// Near miss: scales along k cannot leave the sum; the product stays float.
// CHECK-LABEL: @wrong_axis
// CHECK: nn.matmul %{{.*}} : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
func.func @wrong_axis(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
  %0 = lowbit.encode_rows %x : (tensor<?x2xf32>) -> tensor<?x2x!lowbit.q<int<8>, row>>
  %1 = lowbit.decode %0 : (tensor<?x2x!lowbit.q<int<8>, row>>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<2xf32>} : tensor<2x1x!lowbit.q<int<8>, axis = 0>>
  %2 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>, axis = 0>>) -> tensor<2x1xf32>
  %3 = nn.matmul %1, %2 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %3 : tensor<?x1xf32>
}

// Codes of one scale are moved and compared without decoding.
// CHECK-LABEL: @moved
// CHECK: %[[Q:.*]] = lowbit.quantize %arg0
// CHECK: %[[R:.*]] = nn.reshape %[[Q]] {{.*}} -> tensor<4x2xui8>
// CHECK-NOT: lowbit.quantize
// CHECK: nn.matmul %[[R]]
func.func @moved(%x: tensor<1x2x2x2xf32>) -> tensor<4x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %0 = lowbit.encode %x, %s, %z : (tensor<1x2x2x2xf32>, tensor<f32>, tensor<i32>) -> tensor<1x2x2x2x!lowbit.q<uint<8>, zero_point>>
  %1 = lowbit.decode %0 : (tensor<1x2x2x2x!lowbit.q<uint<8>, zero_point>>) -> tensor<1x2x2x2xf32>
  %2 = nn.reshape %1 to [4, 2] : (tensor<1x2x2x2xf32>) -> tensor<4x2xf32>
  %3 = lowbit.encode %2, %s, %z : (tensor<4x2xf32>, tensor<f32>, tensor<i32>) -> tensor<4x2x!lowbit.q<uint<8>, zero_point>>
  %4 = lowbit.decode %3 : (tensor<4x2x!lowbit.q<uint<8>, zero_point>>) -> tensor<4x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<1xf32>} : tensor<2x1x!lowbit.q<int<8>, axis = 1>>
  %5 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>, axis = 1>>) -> tensor<2x1xf32>
  %6 = nn.matmul %4, %5 : (tensor<4x2xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
  return %6 : tensor<4x1xf32>
}

// Near miss: another zero point.
// CHECK-LABEL: @moved_rescaled
// CHECK: nn.reshape {{.*}} -> tensor<4x2xf32>
// CHECK: lowbit.quantize
// CHECK: nn.matmul
func.func @moved_rescaled(%x: tensor<1x2x2x2xf32>) -> tensor<4x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %y = arith.constant dense<4> : tensor<i32>
  %0 = lowbit.encode %x, %s, %z : (tensor<1x2x2x2xf32>, tensor<f32>, tensor<i32>) -> tensor<1x2x2x2x!lowbit.q<uint<8>, zero_point>>
  %1 = lowbit.decode %0 : (tensor<1x2x2x2x!lowbit.q<uint<8>, zero_point>>) -> tensor<1x2x2x2xf32>
  %2 = nn.reshape %1 to [4, 2] : (tensor<1x2x2x2xf32>) -> tensor<4x2xf32>
  %3 = lowbit.encode %2, %s, %y : (tensor<4x2xf32>, tensor<f32>, tensor<i32>) -> tensor<4x2x!lowbit.q<uint<8>, zero_point>>
  %4 = lowbit.decode %3 : (tensor<4x2x!lowbit.q<uint<8>, zero_point>>) -> tensor<4x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<1xf32>} : tensor<2x1x!lowbit.q<int<8>, axis = 1>>
  %5 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>, axis = 1>>) -> tensor<2x1xf32>
  %6 = nn.matmul %4, %5 : (tensor<4x2xf32>, tensor<2x1xf32>) -> tensor<4x1xf32>
  return %6 : tensor<4x1xf32>
}

// A model's own QuantizeLinear and DequantizeLinear (they divide): codes go in
// and out as they are, one scale serves all outputs.
// M = 0.5 * 0.25 / 0.125 = 1, bias = -(3 * (1 + 2)).
// CHECK-LABEL: @stated
// CHECK: %[[ACC:.*]] = nn.matmul %arg0, %{{.*}} : (tensor<?x2xui8>, tensor<2x1xi8>) -> tensor<?x1xi32>
// CHECK: %[[BIAS:.*]] = arith.constant dense<-9> : tensor<1xi32>
// CHECK: %[[B:.*]] = nn.add %[[ACC]], %[[BIAS]]
// CHECK: arith.constant dense<1.000000e+00> : tensor<1xf32>
// CHECK: %[[Q:.*]] = lowbit.requantize %[[B]], {{.*}} {lo = 5 : i32} {{.*}} -> tensor<?x1xi8>
// CHECK: return %[[Q]]
func.func @stated(%q: tensor<?x2xui8>) -> tensor<?x1xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %sy = arith.constant dense<0.125> : tensor<f32>
  %zy = arith.constant dense<5> : tensor<i32>
  %0 = lowbit.dequantize %q, %s, %z : (tensor<?x2xui8>, tensor<f32>, tensor<i32>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<f32>} : tensor<2x1x!lowbit.q<int<8>>>
  %1 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>>>) -> tensor<2x1xf32>
  %2 = nn.matmul %0, %1 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  %3 = nn.relu %2 : (tensor<?x1xf32>) -> tensor<?x1xf32>
  %4 = lowbit.quantize %3, %sy, %zy {divide} : (tensor<?x1xf32>, tensor<f32>, tensor<i32>) -> tensor<?x1xi8>
  return %4 : tensor<?x1xi8>
}

// Moved between dequantize and product, the codes move instead.
// CHECK-LABEL: @moved_codes
// CHECK: %[[T:.*]] = nn.transpose %arg0 {{.*}} -> tensor<3x2xi8>
// CHECK: nn.matmul %[[T]], %{{.*}} : (tensor<3x2xi8>, tensor<2x1xi8>) -> tensor<3x1xi32>
func.func @moved_codes(%q: tensor<2x3xi8>) -> tensor<3x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<-3> : tensor<i32>
  %0 = lowbit.dequantize %q, %s, %z : (tensor<2x3xi8>, tensor<f32>, tensor<i32>) -> tensor<2x3xf32>
  %t = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<f32>} : tensor<2x1x!lowbit.q<int<8>>>
  %1 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>>>) -> tensor<2x1xf32>
  %2 = nn.matmul %t, %1 : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  return %2 : tensor<3x1xf32>
}

// Near miss: codes of 16 bits have no integer kernel.
// CHECK-LABEL: @wide_codes
// CHECK: lowbit.dequantize
// CHECK: nn.matmul %{{.*}} : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
func.func @wide_codes(%q: tensor<?x2xi16>) -> tensor<?x1xf32> {
  %s = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i32>
  %0 = lowbit.dequantize %q, %s, %z : (tensor<?x2xi16>, tensor<f32>, tensor<i32>) -> tensor<?x2xf32>
  %w = lowbit.constant {codes = dense<[[1], [2]]> : tensor<2x1xi8>, scales = dense<0.25> : tensor<f32>} : tensor<2x1x!lowbit.q<int<8>>>
  %1 = lowbit.decode %w : (tensor<2x1x!lowbit.q<int<8>>>) -> tensor<2x1xf32>
  %2 = nn.matmul %0, %1 : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %2 : tensor<?x1xf32>
}

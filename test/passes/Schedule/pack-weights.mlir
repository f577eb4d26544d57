// RUN: qopt-opt %s --qopt-pack-weights | FileCheck %s

// A row of 16 outputs a step; the second panel lacks 15.
// CHECK-LABEL: @panels
// CHECK: exec.kernel "mm"(%arg0, %{{.*}}) dims(%{{.*}}) : (tensor<?x2xf32>, tensor<64xf32>)
// CHECK: exec.unpack_panels %{{.*}} {layout = "panel16x1"} : (tensor<64xf32>) -> tensor<2x17xf32>
func.func @panels(%x: tensor<?x2xf32>, %n: index) -> tensor<?x17xf32> {
  %w = arith.constant dense<0.1> : tensor<2x17xf32>
  %y = exec.kernel "mm" (%x, %w) dims(%n) : (tensor<?x2xf32>, tensor<2x17xf32>) -> tensor<?x17xf32> {
  ^bb0(%a: tensor<?x2xf32>, %b: tensor<2x17xf32>):
    %0 = nn.matmul %a, %b : (tensor<?x2xf32>, tensor<2x17xf32>) -> tensor<?x17xf32>
    exec.yield %0 : tensor<?x17xf32>
  }
  return %y : tensor<?x17xf32>
}

// Every weight is a bf16: half the bytes.
// CHECK-LABEL: @bfloat
// CHECK: exec.unpack_panels %{{.*}} : (tensor<32xbf16>) -> tensor<2x16xf32>
func.func @bfloat(%x: tensor<?x2xf32>, %n: index) -> tensor<?x16xf32> {
  %w = arith.constant dense<0.375> : tensor<2x16xf32>
  %y = exec.kernel "mm" (%x, %w) dims(%n) : (tensor<?x2xf32>, tensor<2x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%a: tensor<?x2xf32>, %b: tensor<2x16xf32>):
    %0 = nn.matmul %a, %b : (tensor<?x2xf32>, tensor<2x16xf32>) -> tensor<?x16xf32>
    exec.yield %0 : tensor<?x16xf32>
  }
  return %y : tensor<?x16xf32>
}

// Near miss: the weights are computed.
// CHECK-LABEL: @computed
// CHECK-NOT: exec.unpack_panels
func.func @computed(%x: tensor<?x2xf32>, %w: tensor<2x16xf32>, %n: index) -> tensor<?x16xf32> {
  %y = exec.kernel "mm" (%x, %w) dims(%n) : (tensor<?x2xf32>, tensor<2x16xf32>) -> tensor<?x16xf32> {
  ^bb0(%a: tensor<?x2xf32>, %b: tensor<2x16xf32>):
    %0 = nn.matmul %a, %b : (tensor<?x2xf32>, tensor<2x16xf32>) -> tensor<?x16xf32>
    exec.yield %0 : tensor<?x16xf32>
  }
  return %y : tensor<?x16xf32>
}

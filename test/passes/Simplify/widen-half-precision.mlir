// RUN: qopt-opt %s --qopt-widen-half-precision | FileCheck %s

// Inputs are cast once, the result is rounded once.
// CHECK-LABEL: @chain
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf16>)
func.func @chain(%x: tensor<?x8xf16>) -> tensor<?x8xf16> {
  // CHECK: %[[WIDE:.*]] = nn.cast %[[X]] {{.*}} -> tensor<?x8xf32>
  // CHECK: %[[E:.*]] = nn.exp %[[WIDE]] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: %[[S:.*]] = nn.softmax %[[E]] {{.*}} -> tensor<?x8xf32>
  // CHECK: %[[R:.*]] = nn.cast %[[S]] {{.*}} -> tensor<?x8xf16>
  // CHECK: return %[[R]]
  %e = nn.exp %x : (tensor<?x8xf16>) -> tensor<?x8xf16>
  %s = nn.softmax %e {axis = 1 : i64} : (tensor<?x8xf16>) -> tensor<?x8xf16>
  return %s : tensor<?x8xf16>
}

// An island of f32 in a bf16 network costs nothing.
// CHECK-LABEL: @island
// CHECK-COUNT-1: nn.cast
// CHECK-NOT: nn.cast
func.func @island(%x: tensor<4xbf16>) -> tensor<4xf32> {
  %a = nn.relu %x : (tensor<4xbf16>) -> tensor<4xbf16>
  %b = nn.cast %a to f32 : (tensor<4xbf16>) -> tensor<4xf32>
  %c = nn.exp %b : (tensor<4xf32>) -> tensor<4xf32>
  %d = nn.cast %c to bf16 : (tensor<4xf32>) -> tensor<4xbf16>
  %e = nn.neg %d : (tensor<4xbf16>) -> tensor<4xbf16>
  %f = nn.cast %e to f32 : (tensor<4xbf16>) -> tensor<4xf32>
  return %f : tensor<4xf32>
}

// A comparison's result is no float.
// CHECK-LABEL: @mask
func.func @mask(%x: tensor<4xf16>, %y: tensor<4xf16>) -> tensor<4xi1> {
  // CHECK: nn.less %{{.*}}, %{{.*}} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %0 = nn.less %x, %y : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xi1>
  return %0 : tensor<4xi1>
}

// Near miss: f64 keeps its width, integers too.
// CHECK-LABEL: @others
// CHECK-NOT: nn.cast
func.func @others(%x: tensor<4xf64>, %y: tensor<4xi32>) -> (tensor<4xf64>, tensor<4xi32>) {
  %0 = nn.neg %x : (tensor<4xf64>) -> tensor<4xf64>
  %1 = nn.neg %y : (tensor<4xi32>) -> tensor<4xi32>
  return %0, %1 : tensor<4xf64>, tensor<4xi32>
}

// Near miss: a cast whose rounding is seen stays.
// CHECK-LABEL: @rounded_output
// CHECK: nn.cast %{{.*}} -> tensor<4xf16>
func.func @rounded_output(%x: tensor<4xf32>) -> tensor<4xf16> {
  %0 = nn.cast %x to f16 : (tensor<4xf32>) -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// Near miss: a table is looked up as it is stored.
// CHECK-LABEL: @embedding
func.func @embedding(%ids: tensor<?xi64>, %table: tensor<100x8xf16>) -> tensor<?x8xf32> {
  // CHECK: %[[ROWS:.*]] = nn.gather {{.*}} -> tensor<?x8xf16>
  // CHECK: nn.cast %[[ROWS]]
  %0 = nn.gather %table, %ids {axis = 0 : i64} : (tensor<100x8xf16>, tensor<?xi64>) -> tensor<?x8xf16>
  %1 = nn.exp %0 : (tensor<?x8xf16>) -> tensor<?x8xf16>
  %2 = nn.cast %1 to f32 : (tensor<?x8xf16>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// Near miss: bits are those of the rounded number.
// CHECK-LABEL: @bits
func.func @bits(%x: tensor<4xf32>) -> tensor<4xi16> {
  // CHECK: %[[H:.*]] = nn.cast %{{.*}} to f16
  // CHECK: nn.bit_cast %[[H]] to i16 : (tensor<4xf16>) -> tensor<4xi16>
  %0 = nn.cast %x to f16 : (tensor<4xf32>) -> tensor<4xf16>
  %1 = nn.bit_cast %0 to i16 : (tensor<4xf16>) -> tensor<4xi16>
  return %1 : tensor<4xi16>
}

// RUN: qopt-opt %s --qopt-smooth-channels | FileCheck %s

// Channel 0 is an outlier of the activation, not of the weight: gain and bias
// shrink there, the weight's row grows.
// CHECK-LABEL: func @outlier
// CHECK: %[[GAIN:.*]] = arith.constant dense<[8.1{{[0-9]*}}, 1.99{{[0-9]*}}, 1.99{{[0-9]*}}, 1.99{{[0-9]*}}]> : tensor<4xf32>
// CHECK: %[[BIAS:.*]] = arith.constant dense<[0.000000e+00, 1.99
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[}}7.89{{[0-9]*}}], [0.50
// CHECK: nn.layer_norm %arg0, %[[GAIN]], %[[BIAS]] {{.*}}lowbit.smoothed
// CHECK: nn.matmul %{{.*}}, %[[W]]
func.func @outlier(%x: tensor<2x4xf32>) -> tensor<2x1xf32> {
  %g = arith.constant dense<[64.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %b = arith.constant dense<[0.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %0 = nn.layer_norm %x, %g, %b {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
  return %1 : tensor<2x1xf32>
}

// Both readers get the same factors.
// CHECK-LABEL: func @two_readers
// CHECK: nn.rms_norm {{.*}}lowbit.smoothed
func.func @two_readers(%x: tensor<2x4xf32>) -> (tensor<2x1xf32>, tensor<2x1xf32>) {
  %g = arith.constant dense<[64.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %0 = nn.rms_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
  %2 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
  return %1, %2 : tensor<2x1xf32>, tensor<2x1xf32>
}

// A residual that reads the norm would change.
// CHECK-LABEL: func @other_reader
// CHECK: nn.layer_norm {{.*}}lowbit.not_equalized = "func.return: graph output"
func.func @other_reader(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %g = arith.constant dense<[64.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %0 = nn.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %2 = nn.add %1, %0 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %2 : tensor<2x4xf32>
}

// A reshape is no other reader: channels are followed through it.
// CHECK-LABEL: func @behind_movement
// CHECK: nn.layer_norm {{.*}}lowbit.smoothed
func.func @behind_movement(%x: tensor<2x4xf32>) -> tensor<1x2x1xf32> {
  %g = arith.constant dense<[64.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %0 = nn.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.reshape %0 to [1, 2, 4] : (tensor<2x4xf32>) -> tensor<1x2x4xf32>
  %2 = nn.matmul %1, %w : (tensor<1x2x4xf32>, tensor<4x1xf32>) -> tensor<1x2x1xf32>
  return %2 : tensor<1x2x1xf32>
}

// CHECK-LABEL: func @behind_clip
// CHECK: nn.layer_norm {{.*}}lowbit.not_equalized = "a clip would need a bound for each channel"
func.func @behind_clip(%x: tensor<2x4xf32>) -> tensor<2x1xf32> {
  %g = arith.constant dense<[64.0, 1.0, 1.0, 1.0]> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x1xf32>
  %0 = nn.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.clip %0 {lo = 0.0 : f32, hi = 6.0 : f32} : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = nn.matmul %1, %w : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
  return %2 : tensor<2x1xf32>
}

// CHECK-LABEL: func @even
// CHECK: nn.layer_norm {{.*}}lowbit.not_equalized = "no strength lowers the predicted error by 2 %"
func.func @even(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %g = arith.constant dense<1.0> : tensor<4xf32>
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %0 = nn.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// CHECK-LABEL: func @computed_gain
// CHECK: nn.layer_norm {{.*}}lowbit.not_equalized = "its gain is computed"
func.func @computed_gain(%x: tensor<2x4xf32>, %g: tensor<4xf32>) -> tensor<2x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %0 = nn.layer_norm %x, %g {epsilon = 1.0e-5 : f32} : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %1 = nn.matmul %0, %w : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

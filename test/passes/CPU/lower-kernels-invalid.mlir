// RUN: qopt-opt %s --qopt-lower-kernels --split-input-file --verify-diagnostics

// Formats are split into codes and scales before code is emitted.

exec.kernel_def @encoded {
^bb0(%x: tensor<4x8xf32>, %s: tensor<f32>, %z: tensor<i32>):
  // expected-error @+1 {{expects float or integer elements, got}}
  %q = lowbit.encode %x, %s, %z : (tensor<4x8xf32>, tensor<f32>, tensor<i32>) -> tensor<4x8x!lowbit.q<uint<8>, zero_point>>
  %0 = lowbit.decode %q : (tensor<4x8x!lowbit.q<uint<8>, zero_point>>) -> tensor<4x8xf32>
  exec.yield %0 : tensor<4x8xf32>
}

// -----

exec.kernel_def @complex {
^bb0(%x: tensor<4xcomplex<f32>>):
  // expected-error @+1 {{expects float or integer elements, got 'tensor<4xcomplex<f32>>'}}
  %0 = nn.transpose %x {perm = array<i64: 0>} : (tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  exec.yield %0 : tensor<4xcomplex<f32>>
}

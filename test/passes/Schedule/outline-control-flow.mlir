// RUN: qopt-opt %s --qopt-form-kernels --qopt-outline-program | FileCheck %s

// Bodies become programs of their own; equal kernels are defined once for all.
// CHECK: exec.kernel_def @[[RELU:.*]] attributes
// CHECK-NOT: exec.kernel_def
// CHECK: exec.program @main
// The count is read where the kernel has run, and sizes what follows.
// CHECK: exec.launch @[[RELU]]
// CHECK: %[[B:.*]] = exec.branch %{{.*}}, @left, @right(%{{.*}}) : (tensor<?xf32>) -> tensor<?xf32>
// CHECK: %[[N:.*]] = tensor.dim %[[B]]
// CHECK: exec.launch @[[RELU]](%[[B]]) dims(%[[N]])
// CHECK: exec.program @left
// CHECK: exec.launch @[[RELU]]
// CHECK: exec.program @right
func.func @main(%c: tensor<i1>, %x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = nn.relu %x : (tensor<?xf32>) -> tensor<?xf32>
  %e = tensor.extract %c[] : tensor<i1>
  %i = arith.index_castui %e : i1 to index
  %1 = exec.branch %i, @left, @right(%0) : (tensor<?xf32>) -> tensor<?xf32>
  %2 = nn.relu %1 : (tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}
func.func private @left(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = nn.relu %x : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func private @right(%x: tensor<?xf32>) -> tensor<?xf32> {
  return %x : tensor<?xf32>
}

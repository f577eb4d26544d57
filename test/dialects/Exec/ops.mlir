// RUN: qopt-opt %s | qopt-opt | FileCheck %s

// CHECK-LABEL: @kernel
func.func @kernel(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  // CHECK: exec.kernel "relu"(%{{.*}}) dims(%{{.*}}) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = exec.kernel "relu" (%x) dims(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    %0 = nn.relu %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
    exec.yield %0 : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK: exec.kernel_def @relu
exec.kernel_def @relu {
^bb0(%a: tensor<?x8xf32>):
  %0 = nn.relu %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
  exec.yield %0 : tensor<?x8xf32>
}

// CHECK: exec.program @main
exec.program @main attributes {input_names = ["x"], output_names = ["y"]} {
^bb0(%x: tensor<?x8xf32>):
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  // CHECK: exec.launch @relu(%{{.*}}) dims(%{{.*}})
  %y = exec.launch @relu(%x) dims(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: exec.tap
  exec.tap %y as "y" : tensor<?x8xf32>
  // CHECK: exec.view %{{.*}} to [8, %{{.*}}]
  %v = exec.view %y to [8, %n] : (tensor<?x8xf32>) -> tensor<8x?xf32>
  exec.return %v : tensor<8x?xf32>
}

func.func private @left(%x: tensor<?xf32>) -> tensor<?xf32>
func.func private @right(%x: tensor<?xf32>) -> tensor<4xf32>
func.func private @body(%i: tensor<i64>, %c: tensor<i1>, %x: tensor<?xf32>, %w: tensor<4xf32>) -> (tensor<i1>, tensor<?xf32>, tensor<2xf32>)

// CHECK-LABEL: func.func @control_flow
func.func @control_flow(%c: index, %x: tensor<?xf32>, %w: tensor<4xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?x2xf32>) {
  // CHECK: exec.branch %{{.*}}, @left, @right(%{{.*}}) : (tensor<?xf32>) -> tensor<?xf32>
  %0 = exec.branch %c, @left, @right(%x) : (tensor<?xf32>) -> tensor<?xf32>
  // CHECK: exec.loop %{{.*}}, %{{.*}}, @body(%{{.*}}) captures(%{{.*}}) : (tensor<?xf32>) captures(tensor<4xf32>) -> tensor<?xf32>, tensor<?x2xf32>
  %1:2 = exec.loop %c, %c, @body(%0) captures(%w) : (tensor<?xf32>) captures(tensor<4xf32>) -> tensor<?xf32>, tensor<?x2xf32>
  return %0, %1#0, %1#1 : tensor<?xf32>, tensor<?xf32>, tensor<?x2xf32>
}

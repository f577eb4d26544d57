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

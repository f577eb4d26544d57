// RUN: qopt-opt %s | qopt-opt | FileCheck %s

// Offsets and sizes enter a kernel as index inputs, after the tensors.
exec.kernel_def @slice {
^bb0(%a: tensor<?xf32>, %n: index):
  %0 = nn.slice %a [0] [%n] {strides = array<i64: 1>} : (tensor<?xf32>) -> tensor<?xf32>
  exec.yield %0 : tensor<?xf32>
}

// CHECK-LABEL: exec.program @main
exec.program @main attributes {input_names = ["x"], output_names = ["y"]} {
^bb0(%x: tensor<?xf32>):
  %n = arith.constant 3 : index
  // CHECK: exec.launch @slice(%{{.*}}, %{{.*}}) dims(%{{.*}}) : (tensor<?xf32>, index) -> tensor<?xf32>
  %y = exec.launch @slice(%x, %n) dims(%n) : (tensor<?xf32>, index) -> tensor<?xf32>
  exec.return %y : tensor<?xf32>
}

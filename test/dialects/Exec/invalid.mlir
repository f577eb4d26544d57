// RUN: qopt-opt %s -split-input-file -verify-diagnostics

func.func @kernel_c2(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{(kernel_c2) expects 1 dynamic result dimensions, got 0}}
  %y = exec.kernel "k" (%x) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    exec.yield %a : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// -----

func.func @kernel_c1(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{(kernel_c1) expects region arguments of the operands' types}}
  %y = exec.kernel "k" (%x) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: tensor<8x4xf32>):
    exec.yield %a : tensor<8x4xf32>
  }
  return %y : tensor<4x8xf32>
}

// -----

exec.kernel_def @k {
^bb0(%a: tensor<4xf32>):
  exec.yield %a : tensor<4xf32>
}
exec.program @launch_c1 attributes {input_names = ["x"], output_names = ["y"]} {
^bb0(%x: tensor<8xf32>):
  // expected-error @+1 {{(launch_c1) expects the operand and result types of @k}}
  %y = exec.launch @k(%x) : (tensor<8xf32>) -> tensor<8xf32>
  exec.return %y : tensor<8xf32>
}

// -----

func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32>
func.func private @g(%x: tensor<4xf32>) -> tensor<4x1xf32>
func.func @branch_c1(%c: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{(branch_c1) expects the argument and result types of @g}}
  %0 = exec.branch %c, @f, @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @branch_to_nowhere(%c: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expects a function or program named @f}}
  %0 = exec.branch %c, @f, @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// No number of the run, no condition.
func.func private @body(%x: tensor<4xf32>) -> tensor<4xf32>
func.func @loop_c1(%c: index, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{(loop_c1) expects the argument and result types of @body}}
  %0 = exec.loop %c, %c, @body(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

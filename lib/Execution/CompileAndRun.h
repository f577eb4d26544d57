// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiling and running a module from inside a compilation: how Calibrate and
// Allocate measure. Driver implements it with the later phases and libqrt, so
// that no phase includes another.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace mlir {
class ModuleOp;
}

namespace qopt {

// Called for each lowbit.observe the run passes, in program order, with the
// op's name while the value is live; the view dies with the call.
using Observer =
    llvm::function_ref<void(llvm::StringRef name, const TensorView &value)>;

// A compiled program. Not thread-safe.
class Executable {
public:
  virtual ~Executable() = default;

  // Runs once. `inputs` come in the order of @main's arguments (names are for
  // messages); `outputs` receives the results in order. Shapes may differ from
  // call to call where @main's are dynamic.
  virtual llvm::Error run(llvm::ArrayRef<HostTensor> inputs,
                          std::vector<HostTensor> &outputs,
                          Observer observer) = 0;
};

class CompileAndRun {
public:
  virtual ~CompileAndRun() = default;

  // Compiles a module as Simplify leaves it, lowbit.observe ops included. The
  // module is cloned, not changed.
  virtual llvm::Expected<std::unique_ptr<Executable>>
  compile(mlir::ModuleOp module) = 0;
};

} // namespace qopt

// CompileAndRun by means of the backend and libqrt: the program is compiled for
// the machine at hand and run in this process.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_DRIVER_INPROCESS_H
#define QOPT_LIB_DRIVER_INPROCESS_H

#include "lib/Execution/CompileAndRun.h"

namespace qopt {

class InProcess : public CompileAndRun {
public:
  /// \p threads 0: all CPUs.
  explicit InProcess(unsigned threads = 0, unsigned optLevel = 2)
      : threads(threads), optLevel(optLevel) {}

  llvm::Expected<std::unique_ptr<Executable>>
  compile(mlir::ModuleOp module) override;

private:
  unsigned threads, optLevel;
};

} // namespace qopt

#endif

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs emitted kernels in this process: the short path from a KernelBuilder
// module to callable functions, for tests and benchmarks. Artifacts go through
// ObjectEmitter and CodeImage instead.

#ifndef QOPT_LIB_EMISSION_KERNELJIT_H
#define QOPT_LIB_EMISSION_KERNELJIT_H

#include "lib/Emission/Targets.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
}

namespace qopt::emission {

class KernelJit {
public:
  using Run = void (*)(void *const *operands, const int64_t *dims,
                       int64_t begin, int64_t end, void *scratch);
  using Count = int64_t (*)(const int64_t *dims);
  struct Kernel {
    Run run;
    Count units;
    Count scratch;
  };

  // Lowers |module| in place (KernelBuilder form or LLVM dialect) and compiles
  // it for |isa|. Optimization |level| 0 to 3.
  static llvm::Expected<std::unique_ptr<KernelJit>>
  create(mlir::ModuleOp module, const TargetIsa &isa, unsigned level = 3);
  ~KernelJit();

  llvm::Expected<Kernel> lookup(llvm::StringRef name);

private:
  KernelJit();
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

// The rows of the target table that this machine can run.
llvm::SmallVector<const TargetIsa *> hostIsas();

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_KERNELJIT_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module in the LLVM dialect to the bytes of a relocatable object.
//
// The object is position independent, freestanding (it carries its own memcpy,
// memmove and memset, should code generation want them) and bit exact: no
// fast-math flag, no unspecified fusion. lib/Artifact/CodeImage links it.
#ifndef QOPT_EMISSION_OBJECTEMITTER_H
#define QOPT_EMISSION_OBJECTEMITTER_H

#include "lib/Emission/Targets.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
} // namespace llvm

namespace qopt::emission {

// Registers the translation of the builtin and LLVM dialects. Needed before a
// multi-threaded pass manager runs emitObject; otherwise emitObject does it.
void registerObjectTranslations(mlir::DialectRegistry &registry);

// `module` holds nothing but LLVM dialect. `optLevel` is 0 (fast compilation)
// to 3. Fails when translation fails, when an instruction carries a fast-math
// flag, and when the code contains llvm.fmuladd, whose fusion is up to the
// code generator.
llvm::Expected<llvm::SmallVector<char>>
emitObject(mlir::ModuleOp module, const TargetIsa &isa, int optLevel);

// The same from LLVM IR; `module` is optimized in place.
llvm::Expected<llvm::SmallVector<char>>
emitObject(llvm::Module &module, const TargetIsa &isa, int optLevel);

// As above, but the text of the assembly, for people and tests.
llvm::Expected<std::string> emitAssembly(mlir::ModuleOp module,
                                         const TargetIsa &isa, int optLevel);

} // namespace qopt::emission

#endif // QOPT_EMISSION_OBJECTEMITTER_H

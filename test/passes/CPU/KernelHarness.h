// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs one exec.kernel_def in this process and compares what the optimized
// emitters make of it with the naive code: raw bits, on every ISA of this
// machine, for several cuts of the unit range. NaNs count as equal.

#ifndef QOPT_TEST_PASSES_CPU_KERNELHARNESS_H
#define QOPT_TEST_PASSES_CPU_KERNELHARNESS_H

#include "dialects/Exec/ExecOps.h"
#include "lib/Emission/KernelJit.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace qopt::test {

using Shape = std::vector<int64_t>;

/// One operand's memory: 64-byte aligned, with guard bytes behind.
class Buffer {
public:
  Buffer() = default;
  Buffer(Shape shape, mlir::Type element);

  void *data() { return storage.data() + offset; }
  const void *data() const { return storage.data() + offset; }
  template <class T> T *as() { return static_cast<T *>(data()); }
  template <class T> const T *as() const {
    return static_cast<const T *>(data());
  }
  int64_t size() const; // elements
  bool guardIntact() const;

  Shape shape;
  mlir::Type element;

private:
  void align();
  std::vector<char> storage;
  size_t offset = 0;
  int64_t bytes = 0;
};

/// Random contents by element type: floats in [-3, 3] with a few special
/// values, codes of the whole range, i32 within +-100000, i64 within +-3.
void fillRandom(Buffer &buffer, uint32_t seed, bool specialValues);

class Kernel {
public:
  /// \p text: a module with one exec.kernel_def.
  Kernel(const std::string &text);
  ~Kernel();

  bool parsed() const { return bool(module); }
  /// Compiles and runs. \p pieces: how often the unit range is cut.
  /// Empty outputs mean failure (already reported).
  std::vector<Buffer> run(const emission::TargetIsa &isa, unsigned optLevel,
                          std::vector<Buffer> &inputs,
                          const std::vector<Shape> &outputShapes,
                          int pieces = 1);
  std::vector<mlir::RankedTensorType> inputTypes(), outputTypes();
  std::vector<Buffer> makeInputs(const std::vector<Shape> &shapes,
                                 uint32_t seed, bool specialValues);
  /// Values of the kernel's index inputs.
  std::vector<int64_t> indices;
  /// Which emitter took the kernel the last time.
  std::string emitter;
  /// Median seconds of a run over all units, one thread.
  double time(const emission::TargetIsa &isa, unsigned optLevel,
              std::vector<Buffer> &inputs,
              const std::vector<Shape> &outputShapes, int runs = 15);

private:
  struct Compiled;
  Compiled compile(const emission::TargetIsa &isa, unsigned optLevel,
                   unsigned codegenLevel);
  std::vector<int64_t> dynamicDims(const std::vector<Buffer> &inputs,
                                   const std::vector<Buffer> &outputs);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Expects optimized == naive. Shapes may be left out where types are static.
void expectSameBits(const std::string &text, std::vector<Shape> inputs = {},
                    std::vector<Shape> outputs = {}, bool specialValues = false,
                    std::function<void(std::vector<Buffer> &)> adjust = {});
/// As above, and that \p emitter took it.
void expectEmitter(const std::string &emitter, const std::string &text,
                   std::vector<Shape> inputs = {},
                   std::vector<Shape> outputs = {}, bool specialValues = false,
                   std::function<void(std::vector<Buffer> &)> adjust = {});

/// exec.kernel_def @k of a body: "%a: tensor<..>, %b: ..", ops, yield operands.
std::string kernelText(const std::string &arguments, const std::string &body,
                       const std::string &yield);

} // namespace qopt::test

#endif // QOPT_TEST_PASSES_CPU_KERNELHARNESS_H

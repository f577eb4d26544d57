// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small artifact with everything in it, for tests of the runtime:
//
//   y[n, 4] = (x[n, 4] + w[4]) * 2,   two kernels, one temporary, n in 1 ... 8
//
// one row of y is one unit of work. Between the kernels a tap "sum".
#ifndef QOPT_TEST_RUNTIME_TESTARTIFACTS_H
#define QOPT_TEST_RUNTIME_TESTARTIFACTS_H

#include "lib/Artifact/ArtifactBuilder.h"
#include "qrt/qrt.h"
#include <string>
#include <vector>

namespace qopt::test {

// Bytes of an artifact, 64-byte aligned.
class Bytes {
public:
  Bytes() = default;
  explicit Bytes(llvm::StringRef text)
      : buffer(llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
            text.size(), "", llvm::Align(64))) {
    std::copy(text.begin(), text.end(), buffer->getBufferStart());
  }
  char &operator[](size_t index) { return buffer->getBufferStart()[index]; }
  size_t size() const { return buffer->getBufferSize(); }
  qrt_span_t span() const { return {buffer->getBufferStart(), size()}; }
  std::string str() const { return {buffer->getBufferStart(), size()}; }
  std::unique_ptr<llvm::WritableMemoryBuffer> buffer;
};

// The code image of two kernels, "add_row" and "twice", for `isa`.
artifact::CodeImage compileTestKernels(llvm::StringRef isa);

// Fills `builder` with the program above, for all ISAs of the compiler.
void buildTestProgram(artifact::ArtifactBuilder &builder);

Bytes serialize(const artifact::ArtifactBuilder &builder);

// The program above.
Bytes testArtifact();

// The message of a status, which it frees; "" for success.
std::string take(qrt_status_t status, qrt_code_t *code = nullptr);

// A description of `values` for qrt_context_set_input.
qrt_array_t arrayOf(std::vector<float> &values,
                    const std::vector<int64_t> &shape);

// Opens a model, or reports a test failure.
qrt_model_t *openModel(const Bytes &bytes, const char *isa = nullptr);

} // namespace qopt::test

#endif // QOPT_TEST_RUNTIME_TESTARTIFACTS_H

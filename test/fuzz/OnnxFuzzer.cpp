// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arbitrary bytes as an ONNX model: read, checked and imported into a module
// that verifies, or refused with an error.

#include "lib/Import/GraphImporter.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/MLIRContext.h"
#include "test/fuzz/MessageMutator.h"
#include <cstdio>
#include <cstdlib>

using namespace qopt;

// A defect of ours is a finding; whatever else an error says is right.
static void consume(llvm::Error error) {
  std::string message;
  if (consumeFailure(std::move(error), &message) == ExitCode::Internal) {
    std::fprintf(stderr, "internal error: %s\n", message.c_str());
    std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  // No such folder: nothing can be external.
  auto model = import::readModelFromBytes(bytes, "/nonexistent/model.onnx");
  if (!model) {
    consume(model.takeError());
    return 0;
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = import::GraphImporter(context, **model, {}).run();
  if (!module)
    consume(module.takeError());
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

// Random bytes seldom remain a model: most mutations change one field instead.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  onnx::ModelProto model;
  if (seed % 16 == 0 || !model.ParseFromArray(data, int(size)))
    return LLVMFuzzerMutate(data, size, maxSize);
  fuzz::MessageMutator(seed).mutate(model);
  size_t length = model.ByteSizeLong();
  if (length > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  model.SerializeToArray(data, int(length));
  return length;
}

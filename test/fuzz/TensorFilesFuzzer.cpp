// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// qrun's readers of .npy, .npz and TensorProto on arbitrary bytes.

#include "tools/qrun/TensorFiles.h"
#include <cstdint>
#include <cstdlib>

using namespace qrun;

// Whoever gets a tensor may read all elements of its shape.
static void check(const Tensor &tensor) {
  size_t bytes;
  if (!checkedBytes(tensor.dtype, tensor.shape, bytes) ||
      bytes != tensor.data.size())
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Tensor npy, proto;
  std::vector<Tensor> npz;
  if (!parseNpy(bytes, npy))
    check(npy);
  if (!parseTensorProto(bytes, proto))
    check(proto);
  if (!parseNpz(bytes, npz))
    for (const Tensor &tensor : npz)
      check(tensor);
  return 0;
}

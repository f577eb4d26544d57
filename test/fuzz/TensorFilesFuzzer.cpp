// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The readers of .npy, .npz and TensorProto on arbitrary bytes: qrun's and
// those of calibration data.

#include "lib/Calibration/NumpyFile.h"
#include "lib/Calibration/OnnxTensorFile.h"
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

static void check(llvm::Expected<qopt::HostTensor> tensor) {
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return;
  }
  size_t bytes = qopt::bytesOf(tensor->kind);
  for (int64_t size : tensor->shape)
    bytes *= size;
  if (bytes != tensor->data.size())
    std::abort();
}

static void readAsCalibrationData(llvm::StringRef bytes) {
  check(qopt::parseNpy(bytes, "fuzz"));
  check(qopt::parseOnnxTensor(bytes, "fuzz"));
  auto arrays = qopt::parseNpz(bytes);
  if (!arrays)
    return llvm::consumeError(arrays.takeError());
  for (qopt::HostTensor &tensor : *arrays)
    check(std::move(tensor));
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
  readAsCalibrationData({bytes.data(), bytes.size()});
  return 0;
}

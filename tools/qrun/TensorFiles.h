// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The files tensors come from and go to. All readers take bytes nobody has
// checked.
#ifndef QRUN_TENSORFILES_H
#define QRUN_TENSORFILES_H

#include "Tensor.h"
#include <string_view>

namespace qrun {

Failure readFile(const std::string &path, std::vector<char> &bytes);

// NumPy's .npy, versions 1 to 3, little-endian, C order.
Failure parseNpy(std::string_view bytes, Tensor &tensor);
Failure writeNpy(const std::string &path, const Tensor &tensor);

// NumPy's .npz: a zip archive of .npy members, stored or deflated. Names lose
// their ".npy".
Failure parseNpz(std::string_view bytes, std::vector<Tensor> &tensors);

// ONNX TensorProto (input_0.pb and so on).
Failure parseTensorProto(std::string_view bytes, Tensor &tensor);

// Reads the tensors of a file by its extension; of a .npz all of them. Messages
// name the file.
Failure readTensors(const std::string &path, std::vector<Tensor> &tensors);

} // namespace qrun

#endif // QRUN_TENSORFILES_H

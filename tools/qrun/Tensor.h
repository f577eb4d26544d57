// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A named array in memory, and what can be said about it in a line.
#ifndef QRUN_TENSOR_H
#define QRUN_TENSOR_H

#include "Failure.h"
#include <vector>

namespace qrun {

struct Tensor {
  std::string name;
  qrt_dtype_t dtype = QRT_DTYPE_F32;
  std::vector<int64_t> shape;
  std::vector<char> data;

  int64_t elements() const { return elementsOf(shape); }
  // Elements of one entry along axis 0.
  int64_t rowElements() const;
  size_t rowBytes() const { return rowElements() * qrt_dtype_size(dtype); }
  // "f32[1x3x224x224]".
  std::string type() const { return typeOf(dtype, shape); }
  double at(int64_t index) const { return valueAt(dtype, data.data(), index); }

  static int64_t elementsOf(const std::vector<int64_t> &shape);
  static std::string typeOf(qrt_dtype_t dtype,
                            const std::vector<int64_t> &shape);
  // Any type as a double (i64 may round).
  static double valueAt(qrt_dtype_t dtype, const void *data, int64_t index);
  static Tensor copyOf(const char *name, const qrt_array_t &array);
};

// Bytes that `shape` needs; false if negative, overflowing or absurd.
bool checkedBytes(qrt_dtype_t dtype, const std::vector<int64_t> &shape,
                  size_t &bytes);

// Bits an element has in ONNX files: 2 or 4 for types that take a byte here.
unsigned bitsOf(qrt_dtype_t dtype);
// The low bits of `code` as an element of such a type, extended by its sign.
char extended(qrt_dtype_t dtype, unsigned code);

struct Summary {
  double min = 0, max = 0, mean = 0;
  int64_t nans = 0;
};
Summary summarize(const Tensor &tensor);

// "min -1.2 mean 0.1 max 3 | 0.5 0.25 ...".
std::string describe(const Tensor &tensor);

} // namespace qrun

#endif // QRUN_TENSOR_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The matrix arithmetic of second moments, behind plain pointers: their file
// is compiled for a newer processor and must share no inline code with others.
#pragma once
#include <cstdint>

namespace qopt {

// sums += rowsᵀ rows; rows is [count, width], sums [width, width], row-major.
void addGram(const float *rows, int64_t count, int64_t width, float *sums);

// tr(Dᵀ M D) with M [size, size] and D [size, outputs], row-major.
double quadraticForm(const float *moment, int64_t size, const float *delta,
                     int64_t outputs);

// The upper triangular U with UᵀU = M⁻¹, M [size, size] symmetric, row-major;
// false if M is not positive definite.
bool inverseFactor(const float *moment, int64_t size, float *factor);

// target [width, outputs] -= Fᵀ errors, F [count, width] with row stride
// `stride`, errors [count, outputs]; all row-major.
void subtractProduct(const float *f, int64_t stride, const float *errors,
                     int64_t count, int64_t width, int64_t outputs,
                     float *target);

} // namespace qopt

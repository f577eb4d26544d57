// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Evaluates the integer expressions of an artifact for given input shapes.
#ifndef QRT_CORE_EXPRESSIONS_H
#define QRT_CORE_EXPRESSIONS_H

#include "runtime/core/Tables.h"

namespace qrt {

class Expressions {
public:
  // `shapes`: for each input, QRT_MAX_RANK dimensions.
  qrt_status_t evaluate(const Table<qrt_expr_t> &exprs, const int64_t *shapes,
                        const qrt_allocator_t &allocator);

  // False if the value overflowed or was divided by zero.
  bool get(uint32_t id, int64_t &out) const {
    out = values[id];
    return valid[id];
  }

private:
  Array<int64_t> values;
  Array<bool> valid;
};

// a / b towards minus and plus infinity; false if undefined.
bool floorDivide(int64_t a, int64_t b, int64_t &out);
bool ceilDivide(int64_t a, int64_t b, int64_t &out);

} // namespace qrt

#endif // QRT_CORE_EXPRESSIONS_H

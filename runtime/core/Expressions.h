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
  qrt_status_t allocate(uint32_t count, const qrt_allocator_t &allocator);
  // Those of one stage; what they read was set, earlier stages are evaluated.
  // `stages`: one an expression, or NULL where all are of one stage. `shapes`:
  // for each input, QRT_MAX_RANK dimensions.
  void evaluate(const Table<qrt_expr_t> &exprs, const int64_t *shapes,
                const uint32_t *stages = nullptr, uint32_t stage = 0);
  // The value of an expression that reads; false if it is as it was.
  bool set(uint32_t id, int64_t value, bool isValid) {
    bool changed = values[id] != value || valid[id] != isValid;
    values[id] = value;
    valid[id] = isValid;
    return changed;
  }

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

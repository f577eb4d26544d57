// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Expressions.h"

using namespace qrt;

bool qrt::floorDivide(int64_t a, int64_t b, int64_t &out) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return false;
  out = a / b - (a % b != 0 && (a < 0) != (b < 0));
  return true;
}

bool qrt::ceilDivide(int64_t a, int64_t b, int64_t &out) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return false;
  out = a / b + (a % b != 0 && (a < 0) == (b < 0));
  return true;
}

static bool apply(uint32_t op, int64_t a, int64_t b, int64_t &out) {
  switch (op) {
  case QRT_EXPR_ADD:
    return !__builtin_add_overflow(a, b, &out);
  case QRT_EXPR_SUB:
    return !__builtin_sub_overflow(a, b, &out);
  case QRT_EXPR_MUL:
    return !__builtin_mul_overflow(a, b, &out);
  case QRT_EXPR_FLOORDIV:
    return floorDivide(a, b, out);
  case QRT_EXPR_CEILDIV:
    return ceilDivide(a, b, out);
  case QRT_EXPR_MOD:
    if (!floorDivide(a, b, out))
      return false;
    out = a - b * out;
    return true;
  case QRT_EXPR_MAX:
    out = a > b ? a : b;
    return true;
  case QRT_EXPR_MIN:
    out = a < b ? a : b;
    return true;
  case QRT_EXPR_EQ:
    out = a == b;
    return true;
  case QRT_EXPR_NE:
    out = a != b;
    return true;
  case QRT_EXPR_LT:
    out = a < b;
    return true;
  case QRT_EXPR_LE:
    out = a <= b;
    return true;
  }
  return false;
}

qrt_status_t Expressions::allocate(uint32_t count,
                                   const qrt_allocator_t &allocator) {
  QRT_TRY(values.allocate(allocator, count));
  return valid.allocate(allocator, count);
}

void Expressions::evaluate(const Table<qrt_expr_t> &exprs,
                           const int64_t *shapes, const uint32_t *stages,
                           uint32_t stage) {
  for (uint32_t i = 0; i < exprs.size(); ++i) {
    const qrt_expr_t &expr = exprs[i];
    if ((stages && stages[i] != stage) || expr.op == QRT_EXPR_ELEMENT ||
        expr.op == QRT_EXPR_RESULT_DIM)
      continue;
    if (expr.op == QRT_EXPR_CONST) {
      values[i] = expr.value;
      valid[i] = true;
    } else if (expr.op == QRT_EXPR_DIM) {
      values[i] = shapes[size_t(expr.a) * QRT_MAX_RANK + expr.b];
      valid[i] = true;
    } else if (expr.op == QRT_EXPR_SELECT) {
      uint32_t chosen = values[expr.a] ? expr.b : expr.c;
      values[i] = values[chosen];
      valid[i] = valid[expr.a] && valid[chosen];
    } else {
      valid[i] = valid[expr.a] && valid[expr.b] &&
                 apply(expr.op, values[expr.a], values[expr.b], values[i]);
    }
  }
}

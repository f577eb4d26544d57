// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shape expressions: each operation on edge values, validity, and agreement
// with the builder's constant folding.

#include "runtime/core/Expressions.h"
#include "lib/Artifact/ArtifactBuilder.h"
#include "gtest/gtest.h"
#include <optional>

using namespace qopt;

namespace {

// Value of the last of `exprs` for one input of the given sizes.
std::optional<int64_t> evaluate(std::vector<qrt_expr_t> exprs,
                                std::vector<int64_t> sizes = {}) {
  sizes.resize(QRT_MAX_RANK);
  qrt::Table<qrt_expr_t> table(reinterpret_cast<const char *>(exprs.data()),
                               exprs.size(), sizeof(qrt_expr_t));
  qrt::Expressions values;
  EXPECT_EQ(values.allocate(table.size(), qrt::defaultAllocator()), nullptr);
  values.evaluate(table, sizes.data());
  int64_t value;
  if (!values.get(exprs.size() - 1, value))
    return std::nullopt;
  return value;
}

qrt_expr_t constant(int64_t value) { return {QRT_EXPR_CONST, 0, 0, 0, value}; }

std::optional<int64_t> apply(qrt_expr_op_t op, int64_t a, int64_t b) {
  return evaluate({constant(a), constant(b), {uint32_t(op), 0, 1, 0, 0}});
}

TEST(Expressions, divideTowardsInfinities) {
  EXPECT_EQ(apply(QRT_EXPR_FLOORDIV, 7, 2), 3);
  EXPECT_EQ(apply(QRT_EXPR_FLOORDIV, -7, 2), -4);
  EXPECT_EQ(apply(QRT_EXPR_FLOORDIV, 7, -2), -4);
  EXPECT_EQ(apply(QRT_EXPR_FLOORDIV, -8, 2), -4);
  EXPECT_EQ(apply(QRT_EXPR_CEILDIV, 7, 2), 4);
  EXPECT_EQ(apply(QRT_EXPR_CEILDIV, -7, 2), -3);
  EXPECT_EQ(apply(QRT_EXPR_CEILDIV, 8, 2), 4);
  EXPECT_EQ(apply(QRT_EXPR_MOD, 7, 3), 1);
  EXPECT_EQ(apply(QRT_EXPR_MOD, -7, 3), 2);
}

TEST(Expressions, compareAndSelect) {
  EXPECT_EQ(apply(QRT_EXPR_MAX, -1, 3), 3);
  EXPECT_EQ(apply(QRT_EXPR_MIN, -1, 3), -1);
  EXPECT_EQ(apply(QRT_EXPR_EQ, 3, 3), 1);
  EXPECT_EQ(apply(QRT_EXPR_NE, 3, 3), 0);
  EXPECT_EQ(apply(QRT_EXPR_LT, 3, 3), 0);
  EXPECT_EQ(apply(QRT_EXPR_LE, 3, 3), 1);
  for (int64_t chosen : {0, 1, -5})
    EXPECT_EQ(evaluate({constant(chosen),
                        constant(10),
                        constant(20),
                        {QRT_EXPR_SELECT, 0, 1, 2, 0}}),
              chosen ? 10 : 20);
}

TEST(Expressions, overflowAndDivisionByZeroAreInvalid) {
  EXPECT_EQ(apply(QRT_EXPR_ADD, INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(apply(QRT_EXPR_SUB, INT64_MIN, 1), std::nullopt);
  EXPECT_EQ(apply(QRT_EXPR_MUL, INT64_MAX, 2), std::nullopt);
  EXPECT_EQ(apply(QRT_EXPR_MUL, INT64_MAX, 1), INT64_MAX);
  for (auto op : {QRT_EXPR_FLOORDIV, QRT_EXPR_CEILDIV, QRT_EXPR_MOD}) {
    EXPECT_EQ(apply(op, 1, 0), std::nullopt);
    EXPECT_EQ(apply(op, INT64_MIN, -1), std::nullopt);
  }
}

TEST(Expressions, invalidityPassesOnUnlessDiscarded) {
  // 0: 0, 1: 5, 2: 5 / 0, 3: x + 1
  std::vector<qrt_expr_t> head = {
      constant(0), constant(5), {QRT_EXPR_FLOORDIV, 1, 0, 0, 0}};
  auto with = [&](qrt_expr_t last) {
    std::vector<qrt_expr_t> all = head;
    all.push_back(last);
    return evaluate(all);
  };
  EXPECT_EQ(with({QRT_EXPR_ADD, 2, 1, 0, 0}), std::nullopt);
  EXPECT_EQ(with({QRT_EXPR_SELECT, 1, 2, 1, 0}), std::nullopt);
  EXPECT_EQ(with({QRT_EXPR_SELECT, 0, 2, 1, 0}), 5);
  EXPECT_EQ(with({QRT_EXPR_SELECT, 2, 1, 1, 0}), std::nullopt);
}

TEST(Expressions, readDimensions) {
  EXPECT_EQ(evaluate({{QRT_EXPR_DIM, 0, 1, 0, 0}}, {3, 17}), 17);
}

TEST(Expressions, builderFoldsToTheSameValues) {
  const int64_t values[] = {-7, -1, 0, 1, 2, 13, INT64_MAX};
  for (uint32_t op = QRT_EXPR_ADD; op <= QRT_EXPR_LE; ++op)
    for (int64_t a : values)
      for (int64_t b : values) {
        artifact::ArtifactBuilder builder;
        // Compare through the runtime: serialize as an output's only size.
        auto folded = builder.expr(qrt_expr_op_t(op), builder.constant(a),
                                   builder.constant(b));
        auto expected = apply(qrt_expr_op_t(op), a, b);
        auto again = expected ? builder.constant(*expected) : folded;
        // Folding is optional (divisors below 1 are left to the runtime), but
        // a folded value is the runtime's.
        if (b > 0 && expected)
          EXPECT_EQ(folded, again) << op << ": " << a << ", " << b;
      }
}

TEST(Expressions, builderStoresEachOnce) {
  artifact::ArtifactBuilder builder;
  auto n = builder.dim(0, 0);
  auto two = builder.constant(2);
  auto twice = builder.expr(QRT_EXPR_MUL, n, two);
  EXPECT_EQ(builder.expr(QRT_EXPR_MUL, n, two), twice);
  EXPECT_NE(builder.expr(QRT_EXPR_ADD, n, two), twice);
  EXPECT_EQ(builder.expr(QRT_EXPR_MUL, n, builder.constant(1)), n);
  EXPECT_EQ(builder.byteSize(QRT_DTYPE_I8, {n}), n);
}

} // namespace

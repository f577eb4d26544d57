// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on numbers known at import: constants fold, and what depends on a
// dynamic dimension becomes index arithmetic in the IR. Equal expressions give
// equal SSA values, so that equal sizes can be recognized as equal.
#pragma once

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include <map>

namespace qopt::import {

/// One number: an integer, a float, or an index value of the IR.
struct Scalar {
  enum class Kind { Int, Float, Index };

  static Scalar ofInt(int64_t value) {
    Scalar scalar;
    scalar.integer = value;
    scalar.nonNegative = value >= 0;
    return scalar;
  }
  static Scalar ofFloat(double value) {
    Scalar scalar;
    scalar.kind = Kind::Float;
    scalar.real = value;
    return scalar;
  }
  static Scalar ofIndex(mlir::Value value, bool nonNegative) {
    Scalar scalar;
    scalar.kind = Kind::Index;
    scalar.value = value;
    scalar.nonNegative = nonNegative;
    return scalar;
  }

  bool isInt() const { return kind == Kind::Int; }
  bool isInt(int64_t n) const { return isInt() && integer == n; }
  bool isFloat() const { return kind == Kind::Float; }
  bool isIndex() const { return kind == Kind::Index; }
  /// A constant as a double.
  double asDouble() const { return isFloat() ? real : double(integer); }
  bool operator==(const Scalar &other) const {
    return kind == other.kind && integer == other.integer &&
           real == other.real && value == other.value;
  }

  Kind kind = Kind::Int;
  int64_t integer = 0;
  double real = 0;
  mlir::Value value;
  bool nonNegative = false;
};

using Scalars = llvm::SmallVector<Scalar, 4>;

/// The remainder with the sign of `b`, which is positive.
inline int64_t floorMod(int64_t a, int64_t b) {
  int64_t rest = a % b;
  return rest < 0 ? rest + b : rest;
}

class IndexMath {
public:
  explicit IndexMath(mlir::OpBuilder &builder) : builder(builder) {}

  // Integers and index values only; division truncates, as in ONNX.
  Scalar add(Scalar a, Scalar b);
  Scalar sub(Scalar a, Scalar b);
  Scalar mul(Scalar a, Scalar b);
  Scalar div(Scalar a, Scalar b);
  Scalar mod(Scalar a, Scalar b);
  Scalar min(Scalar a, Scalar b);
  Scalar max(Scalar a, Scalar b);
  /// a == b ? yes : no, and a < b ? yes : no.
  Scalar ifEqual(Scalar a, Scalar b, Scalar yes, Scalar no);
  Scalar ifLess(Scalar a, Scalar b, Scalar yes, Scalar no);

  /// product(numerator) / product(denominator), cancelling equal factors;
  /// nullopt when constants alone show a remainder or a zero divisor.
  std::optional<Scalar> quotient(llvm::ArrayRef<Scalar> numerator,
                                 llvm::ArrayRef<Scalar> denominator);
  Scalar product(llvm::ArrayRef<Scalar> factors);

  /// The index value of an integer scalar.
  mlir::Value materialize(Scalar scalar);
  mlir::OpFoldResult asFoldResult(Scalar scalar);

  /// The first value equal to `value`; a constant becomes a number.
  Scalar intern(mlir::Value value, bool nonNegative);

private:
  template <typename OpTy> Scalar emit(Scalar a, Scalar b, bool nonNegative);
  Scalar select(bool isLess, Scalar a, Scalar b, Scalar yes, Scalar no);

  mlir::OpBuilder &builder;
  std::map<std::vector<const void *>, mlir::Value> known;
  // Not a DenseMap, whose reserved keys are numbers that saturation gives.
  std::map<int64_t, mlir::Value> constants;
};

} // namespace qopt::import

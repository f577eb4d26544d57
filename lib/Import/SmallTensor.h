// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small tensors whose elements the importer knows: constants, and the results
// of shape arithmetic. Evaluating them here keeps shape computations off the
// data path: "Shape -> Gather -> Mul -> Concat" becomes index values.
#pragma once

#include "lib/Import/IndexMath.h"
#include "lib/Import/TensorData.h"

namespace qopt::import {

struct SmallTensor {
  /// Larger ones are left to the IR.
  static constexpr int64_t maxElements = 1024;

  OnnxType type = OnnxType::Int64;
  llvm::SmallVector<int64_t> shape;
  Scalars elements;

  bool isFloat() const {
    return type == OnnxType::Float || type == OnnxType::Double;
  }
  /// All elements are numbers, none an index value.
  bool isConstant() const;
  int64_t rank() const { return shape.size(); }

  static SmallTensor scalar(Scalar element, OnnxType type = OnnxType::Int64);
  static SmallTensor vector(llvm::ArrayRef<Scalar> elements,
                            OnnxType type = OnnxType::Int64);
  /// Of bytes; nullopt when too large or of a type we do not evaluate.
  static std::optional<SmallTensor> of(const TensorData &data);
};

enum class Unary { Neg, Abs, Floor, Ceil, Sqrt, Reciprocal, Exp, Log, Not };
enum class Binary {
  Add,
  Sub,
  Mul,
  Div,
  Mod,
  Pow,
  Min,
  Max,
  Equal,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  And,
  Or
};

// Each returns nullopt when the result cannot be known or is too large.
std::optional<SmallTensor> evaluate(Unary op, const SmallTensor &x,
                                    IndexMath &math);
std::optional<SmallTensor> evaluate(Binary op, const SmallTensor &a,
                                    const SmallTensor &b, IndexMath &math);
std::optional<SmallTensor> evaluateCast(const SmallTensor &x, OnnxType to);
std::optional<SmallTensor> evaluateSelect(const SmallTensor &condition,
                                          const SmallTensor &a,
                                          const SmallTensor &b);

/// The elements at `position(result index) -> operand index`, both as
/// multi-dimensional positions: every movement of data is one.
std::optional<SmallTensor>
rearrange(const SmallTensor &x, llvm::ArrayRef<int64_t> shape,
          llvm::function_ref<void(llvm::ArrayRef<int64_t>,
                                  llvm::MutableArrayRef<int64_t>)>
              position);
std::optional<SmallTensor> evaluateConcat(llvm::ArrayRef<const SmallTensor *>,
                                          int64_t axis);
/// Numpy broadcast of two constant shapes.
std::optional<llvm::SmallVector<int64_t>>
broadcastShape(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);

} // namespace qopt::import

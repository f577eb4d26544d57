// Reading and making constant tensors, whatever attribute holds their data.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_CONSTANTS_H
#define QOPT_DIALECTS_NN_CONSTANTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace qopt::nn {

/// The data of a constant: dense row-major bytes, or one element if `isSplat`.
/// Elements lie in their natural width, i1 one byte each.
class ConstantView {
public:
  /// The constant behind \p value (an arith.constant), if it is one whose data
  /// is at hand.
  static std::optional<ConstantView> of(mlir::Value value);
  static std::optional<ConstantView> of(mlir::Attribute attribute);

  mlir::RankedTensorType type() const { return tensorType; }
  bool isSplat() const { return splat; }
  int64_t numElements() const { return tensorType.getNumElements(); }
  /// All elements, splats expanded, converted to T. Fails (nullopt) when the
  /// element type is neither float nor integer.
  template <typename T> std::optional<std::vector<T>> values() const;
  /// The raw bytes; a splat has one element's bytes.
  llvm::ArrayRef<char> bytes() const {
    return owned.empty() ? raw : llvm::ArrayRef<char>(owned);
  }

private:
  mlir::RankedTensorType tensorType;
  llvm::ArrayRef<char> raw; // where the attribute keeps bytes
  std::vector<char> owned;  // where it does not: i1
  bool splat = false;
};

/// The bytes an element takes in a buffer; i1 and every type below 8 bits
/// takes one.
unsigned elementBytes(mlir::Type element);

/// An arith.constant holding \p data (row-major, exactly the bytes of \p type):
/// `dense` when small, a `dense_resource` blob named after \p name otherwise.
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           llvm::ArrayRef<char> data,
                           llvm::StringRef name = "constant");

template <typename T>
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type,
                           const std::vector<T> &data,
                           llvm::StringRef name = "constant") {
  return createConstant(
      builder, loc, type,
      llvm::ArrayRef<char>(reinterpret_cast<const char *>(data.data()),
                           data.size() * sizeof(T)),
      name);
}

} // namespace qopt::nn

#endif

// One shape function an op, used twice: with no builder it infers result types,
// with a builder it emits the index arithmetic of dynamic result dimensions.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_NN_NNSHAPES_H
#define QOPT_DIALECTS_NN_NNSHAPES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

namespace qopt::nn::detail {

/// A dimension: a number, or an index value, or (without a builder) unknown.
struct Dim {
  int64_t size = mlir::ShapedType::kDynamic;
  mlir::Value value;

  bool isStatic() const { return !mlir::ShapedType::isDynamic(size); }
  bool is(int64_t n) const { return size == n; }
};

/// Arithmetic on dimensions. With a null builder dynamic results are unknown.
class ShapeCalculator {
public:
  ShapeCalculator(mlir::OpBuilder *builder, std::optional<mlir::Location> loc)
      : builder(builder), loc(loc) {}

  Dim constant(int64_t n) const { return Dim{n, {}}; }
  /// Axis \p axis of \p tensor.
  Dim dim(mlir::Value tensor, int64_t axis);
  llvm::SmallVector<Dim> shape(mlir::Value tensor);
  Dim add(Dim a, Dim b);
  Dim mul(Dim a, Dim b);
  Dim floorDiv(Dim a, int64_t b);
  Dim max(Dim a, Dim b);
  Dim min(Dim a, Dim b);
  /// A mixed list of static sizes and index operands.
  llvm::SmallVector<Dim> mixed(llvm::ArrayRef<int64_t> staticSizes,
                               mlir::ValueRange dynamicSizes);
  /// Index value of a dimension; needs a builder.
  mlir::Value materialize(Dim d);
  /// Emits an error at the op, if there is a place for one.
  llvm::LogicalResult fail(const llvm::Twine &message);
  std::optional<mlir::Location> location() const { return loc; }

private:
  mlir::OpBuilder *builder;
  std::optional<mlir::Location> loc;
};

/// The result type of an op before it becomes a tensor type.
struct Inferred {
  llvm::SmallVector<Dim> dims;
  mlir::Type element;
};

template <typename Adaptor>
llvm::LogicalResult inferTypes(Adaptor op, mlir::MLIRContext *context,
                               std::optional<mlir::Location> location,
                               llvm::SmallVectorImpl<mlir::Type> &types);
template <typename Adaptor>
llvm::LogicalResult reifyShapes(Adaptor adaptor, mlir::Operation *op,
                                mlir::OpBuilder &builder,
                                mlir::ReifiedRankedShapedTypeDims &shapes);

/// Same element type, and shapes that do not contradict each other.
bool areCompatible(mlir::TypeRange inferred, mlir::TypeRange actual);

/// Numpy broadcast of several shapes; reports \p label when they contradict.
llvm::FailureOr<llvm::SmallVector<Dim>>
broadcastShapes(llvm::ArrayRef<llvm::SmallVector<Dim>> shapes,
                ShapeCalculator &calc, llvm::StringRef label);

} // namespace qopt::nn::detail

#endif

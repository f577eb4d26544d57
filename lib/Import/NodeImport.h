// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op's importer sees of its node: inputs as tensors or known elements,
// attributes with defaults, and a way to make nn ops that turns a shape error
// into a message naming the ONNX node. Importers fail by throwing; the graph
// importer catches, so exceptions never leave this room.
#pragma once

#include "dialects/NN/NNOps.h"
#include "lib/Import/GraphImporter.h"
#include "lib/Support/Errors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace qopt::import {

/// Thrown by importers, caught by GraphImporter.
struct ImportFailure {
  ExitCode code;
  std::string message;
};

class NodeImport {
public:
  NodeImport(GraphImporter &graph, const onnx::NodeProto &node, int index,
             int64_t opset);

  llvm::StringRef op() const { return opType; }
  int64_t opset() const { return version; }
  mlir::Location loc() const { return location; }
  mlir::OpBuilder &builder() { return graph.getBuilder(); }
  IndexMath &math() { return graph.getMath(); }
  GraphImporter &importer() { return graph; }
  const onnx::NodeProto &getProto() const { return proto; }

  [[noreturn]] void fail(ExitCode code, const llvm::Twine &message);
  [[noreturn]] void unsupported(const llvm::Twine &message) {
    fail(ExitCode::Unsupported, message);
  }
  [[noreturn]] void bad(const llvm::Twine &message) {
    fail(ExitCode::BadModel, message);
  }

  // Attributes.
  bool hasAttribute(llvm::StringRef name) const {
    return attributes.contains(name);
  }
  const onnx::AttributeProto *attribute(llvm::StringRef name) const {
    return attributes.lookup(name);
  }
  int64_t integer(llvm::StringRef name, int64_t otherwise);
  double real(llvm::StringRef name, double otherwise);
  std::string text(llvm::StringRef name, llvm::StringRef otherwise);
  llvm::SmallVector<int64_t> integers(llvm::StringRef name,
                                      llvm::ArrayRef<int64_t> otherwise = {});
  llvm::SmallVector<double> reals(llvm::StringRef name);
  void setInteger(llvm::StringRef name, int64_t value);
  void setText(llvm::StringRef name, llvm::StringRef value);
  void removeAttribute(llvm::StringRef name) { attributes.erase(name); }

  // Inputs.
  size_t numInputs() const { return inputs.size(); }
  bool hasInput(size_t i) const { return i < inputs.size() && inputs[i]; }
  bool hasPoison() const;
  mlir::Value input(size_t i);
  /// The elements of input `i` if known.
  const SmallTensor *known(size_t i);
  /// The elements of a one-dimensional or scalar integer input, read at run time
  /// when they depend on the data; Unsupported when their number is not known.
  /// `what` is its role ("axes").
  Scalars numbers(size_t i, llvm::StringRef what);
  /// Element `position` of an integer or boolean tensor, read at run time.
  Scalar element(mlir::Value tensor, int64_t position, bool nonNegative = false);
  /// The number that scalar input `i` is, read at run time unless known.
  Scalar scalarInput(size_t i, llvm::StringRef what, bool nonNegative = false);
  /// As above where only constants will do.
  llvm::SmallVector<int64_t> constantIntegers(size_t i, llvm::StringRef what);
  /// The constant scalar behind input `i`.
  std::optional<double> constantReal(size_t i);
  /// The constant behind a tensor as doubles, whatever its size.
  std::optional<std::vector<double>> constantReals(mlir::Value tensor);
  void setInput(size_t i, SmallTensor value);
  void setInput(size_t i, mlir::Value tensor);
  /// These and no others.
  void setInputs(llvm::ArrayRef<mlir::Value> tensors);
  /// Input from becomes input to; its old place is empty.
  void moveInput(size_t from, size_t to);

  // Outputs.
  size_t numOutputs() const { return outputs.size(); }
  bool wantsOutput(size_t i) const {
    return i < outputs.size() && !outputs[i].empty();
  }
  void result(mlir::Value tensor, size_t i = 0);
  void result(SmallTensor known, size_t i = 0);
  /// The tensor given as output 0, to go on from it.
  mlir::Value takeResult();
  /// Output 0 is input `i`, in whatever form that is known.
  void forward(size_t i);
  /// The rank the model declares output `i` to have.
  std::optional<int64_t> declaredRank(size_t i = 0);
  /// Unsupported if output `i` is used.
  void rejectOutput(size_t i, llvm::StringRef name);

  // Making ops.
  template <typename OpTy>
  mlir::Value create(mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attrs = {}) {
    return createNamed(OpTy::getOperationName(), operands, attrs);
  }
  mlir::NamedAttribute attr(llvm::StringRef name, mlir::Attribute value) {
    return builder().getNamedAttr(name, value);
  }
  mlir::NamedAttribute attr(llvm::StringRef name,
                            llvm::ArrayRef<int64_t> values) {
    return attr(name, builder().getDenseI64ArrayAttr(values));
  }
  /// x itself where it has the type.
  mlir::Value cast(mlir::Value x, mlir::Type to);
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> perm);
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<Scalar> sizes);
  mlir::Value broadcastTo(mlir::Value x, llvm::ArrayRef<Scalar> sizes);
  mlir::Value slice(mlir::Value x, llvm::ArrayRef<Scalar> offsets,
                    llvm::ArrayRef<Scalar> sizes,
                    llvm::ArrayRef<int64_t> strides = {});
  mlir::Value concat(llvm::ArrayRef<mlir::Value> parts, int64_t axis);
  /// 0 .. size - 1 as a vector of i64, counted at run time.
  mlir::Value iota(const Scalar &size);
  /// x with the sizes of the axes from `first` on known; where its type does
  /// not tell them, they are checked when the model runs.
  mlir::Value withSizes(mlir::Value x, int64_t first,
                        llvm::ArrayRef<int64_t> sizes);
  template <typename OpTy>
  mlir::Value reduce(mlir::Value x, llvm::ArrayRef<int64_t> axes,
                     bool keepdims = true) {
    return create<OpTy>(x, {attr("axes", axes),
                            attr("keepdims", builder().getBoolAttr(keepdims))});
  }
  /// A constant of `like`'s element type with every element `value`.
  mlir::Value splat(double value, mlir::Value like,
                    llvm::ArrayRef<int64_t> shape = {});
  /// Unsupported where a constant of `sizes` would have more than 2^22 elements.
  void limitConstant(llvm::ArrayRef<int64_t> sizes);
  mlir::Value constant(llvm::ArrayRef<double> values,
                       llvm::ArrayRef<int64_t> shape, mlir::Type element,
                       llvm::StringRef name);

  // Shapes.
  mlir::RankedTensorType typeOf(mlir::Value tensor) {
    return mlir::cast<mlir::RankedTensorType>(tensor.getType());
  }
  int64_t rank(mlir::Value tensor) { return typeOf(tensor).getRank(); }
  mlir::Type elementOf(mlir::Value tensor) {
    return typeOf(tensor).getElementType();
  }
  bool isFloat(mlir::Value tensor) {
    return mlir::isa<mlir::FloatType>(elementOf(tensor));
  }
  const Scalars &dims(mlir::Value tensor) { return graph.dims(tensor); }
  /// `axis` counted from the front; BadModel when out of range.
  int64_t axis(int64_t axis, int64_t rank);

private:
  mlir::Value createNamed(llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attrs);

  GraphImporter &graph;
  const onnx::NodeProto &proto;
  std::string opType;
  int64_t version;
  mlir::Location location;
  llvm::StringMap<const onnx::AttributeProto *> attributes;
  std::vector<std::unique_ptr<onnx::AttributeProto>> ownAttributes;
  std::vector<GraphValue *> inputs; // null: absent
  std::vector<std::unique_ptr<GraphValue>> ownInputs;
  std::vector<std::string> outputs;

public:
  // For GraphImporter, which knows the names.
  void addInput(GraphValue *value) { inputs.push_back(value); }
  std::vector<std::unique_ptr<GraphValue>> results;
};

} // namespace qopt::import

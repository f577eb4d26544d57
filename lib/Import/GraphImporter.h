// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of one import: the values of the graph by name, each known in as
// many forms as needed so far, and the dimensions of every tensor as numbers
// or index values that go back to the function's arguments.
#pragma once

#include "lib/Import/Import.h"
#include "lib/Import/IndexMath.h"
#include "lib/Import/ModelReader.h"
#include "lib/Import/SmallTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qopt::import {

/// A value of the ONNX graph. At least one form is present.
struct GraphValue {
  mlir::Value tensor;                          // in the IR
  std::optional<SmallTensor> known;            // element by element
  const onnx::TensorProto *constant = nullptr; // not loaded yet
  std::string name;
  bool isPoison = false; // the result of a node we could not import
};

using llvm::Error;
using llvm::Expected;

class NodeImport;

/// A function made of an inner graph (the body of an If, Loop or Scan). Its
/// arguments are those the caller asked for, then the values it captured.
struct Body {
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::Value> captured; // values of the outer function
};

class GraphImporter {
public:
  GraphImporter(mlir::MLIRContext &context, const Model &model,
                const ImportOptions &options);

  /// Nodes that cannot be imported are collected and their users skipped.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> run();
  const std::vector<CheckReport::Problem> &getUnsupported() const {
    return unsupported;
  }

  mlir::OpBuilder &getBuilder() { return builder; }
  IndexMath &getMath() { return math; }
  /// Whether the model's own quantization is dropped.
  bool requantizes() const { return options.requantize; }
  const Model &getModel() const { return model; }

  /// The tensor of `value`, made now if it was known otherwise.
  llvm::Expected<mlir::Value> materialize(GraphValue &value,
                                          mlir::Location loc);
  /// The dimensions of a tensor.
  const Scalars &dims(mlir::Value tensor);
  /// A constant that lives on the data path.
  llvm::Expected<GraphValue *> addConstant(const onnx::TensorProto &tensor,
                                           llvm::StringRef name);
  /// Notes that the dimension `size` of an argument must not exceed `limit`.
  /// False if `size` is no argument's dimension.
  bool limitDimension(const Scalar &size, int64_t limit);

  mlir::Type elementType(OnnxType type);

  /// Makes a function of `graph`, an attribute of a node. Its first arguments
  /// have `types`; `bind` gives values to the graph's inputs (a name may be
  /// defined once) and may ask for captures. Captures of `body` from an earlier
  /// import come first. Unsupported nodes are named in one failure. The results
  /// are those of the graph, behind those `results` puts in front.
  llvm::Error importBody(const onnx::GraphProto &graph, llvm::StringRef role,
                         llvm::ArrayRef<mlir::Type> types,
                         llvm::function_ref<void(GraphImporter &)> bind,
                         Body &body);
  /// In a body: the argument that is `value` of the outer function.
  mlir::Value capture(mlir::Value value, mlir::Location loc);
  /// In a body: its function's argument.
  mlir::Value argument(unsigned i) { return block().getArgument(i); }
  void define(llvm::StringRef name, mlir::Value tensor);
  /// Imports the nodes of `graph` here; its outputs have names then.
  llvm::Error importInline(const onnx::GraphProto &graph);
  /// The value of a name, captured if it is of an outer graph; null if unknown.
  GraphValue *find(llvm::StringRef name);

private:
  explicit GraphImporter(GraphImporter &outer);
  mlir::Block &block() { return *builder.getBlock(); }
  void addInitializers(const onnx::GraphProto &graph);
  llvm::Error finishBody(const onnx::GraphProto &graph, Body &body);
  void nameCapturedSizes(Body &body);
  std::string describeUnsupported() const;
  llvm::Error createArguments(mlir::func::FuncOp function);
  llvm::Expected<mlir::RankedTensorType>
  argumentType(const onnx::ValueInfoProto &input, mlir::ArrayAttr &dimNames);
  llvm::Error applyShapeOptions();
  llvm::Error checkFrozenNames();
  /// The constant that the options make of an input of this type.
  llvm::Expected<SmallTensor> frozenValue(const onnx::ValueInfoProto &input,
                                          mlir::RankedTensorType type);
  OnnxType typeOf(const GraphValue &value);
  llvm::Error checkSchema(const onnx::NodeProto &proto);
  llvm::Error importNode(const onnx::NodeProto &node, int index);
  llvm::Error createResults(mlir::func::FuncOp function);
  mlir::Value materializeKnown(const SmallTensor &known, mlir::Location loc,
                               llvm::StringRef name);
  llvm::Expected<mlir::Value> materializeConstant(const onnx::TensorProto &,
                                                  mlir::Location loc,
                                                  llvm::StringRef name);
  Scalars computeDims(mlir::Value tensor);

  mlir::MLIRContext &context;
  const Model &model;
  const ImportOptions &options;
  mlir::OpBuilder builder;
  IndexMath math;
  llvm::StringMap<std::unique_ptr<GraphValue>> values;
  llvm::DenseMap<mlir::Value, Scalars> knownDims;
  llvm::StringMap<int64_t> symbolSizes; // from options
  llvm::StringMap<Scalar> symbols;      // the first dimension of each name
  llvm::MapVector<mlir::Value, int64_t> dimLimits; // tensor.dim of an argument
  std::vector<CheckReport::Problem> unsupported;
  // Of a body.
  GraphImporter *outer = nullptr;
  Body *body = nullptr;
  llvm::MapVector<mlir::Value, mlir::Value> captures; // outer -> argument
};

} // namespace qopt::import

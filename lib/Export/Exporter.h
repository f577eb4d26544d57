// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops to ONNX nodes. ONNX keeps channels first, we keep them last: values of
// convolutions have a name in ONNX's order, pass it on through elementwise ops,
// and are transposed only where something else reads them, so that the runtime
// finds QuantizeLinear beside its convolution.
#pragma once

#include "dialects/LowBit/LowBitOps.h"
#include "lib/Export/Export.h"
#include "lib/Export/GraphWriter.h"
#include "lib/Numerics/TensorCodec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace qopt::onnx_export {

class Exporter {
public:
  Exporter(mlir::func::FuncOp function, Profile profile,
           onnx::GraphProto &graph)
      : function(function), profile(profile), graph(graph), writer(graph) {}

  /// Throws ExportFailure.
  void run();

private:
  // The name of a value, made now if need be: a tensor as we have it, or a
  // number (an int64 scalar).
  std::string name(mlir::Value value);
  // The name of an image with channels first.
  std::string imageName(mlir::Value value);
  bool isImageOnly(mlir::Value value) const {
    return images.count(value) && !plain.count(value);
  }
  void set(mlir::Value value, std::string name) { plain[value] = name; }
  void setImage(mlir::Value value, std::string name) { images[value] = name; }
  [[noreturn]] void refuse(mlir::Operation *op, llvm::StringRef why = "");

  void visit(mlir::Operation *op);
  void visitReturn(mlir::Operation *op);
  bool visitIndex(mlir::Operation *op);
  bool visitPointwise(mlir::Operation *op);
  bool visitQuantization(mlir::Operation *op);
  bool visitContraction(mlir::Operation *op);
  bool visitMovement(mlir::Operation *op);
  bool visitRows(mlir::Operation *op);

  // Elementwise: `emit` gets the operands' names, all in one order.
  using Emit = llvm::function_ref<std::string(Names)>;
  void pointwise(mlir::Operation *op, mlir::ValueRange operands, Emit emit);
  bool canBeImages(mlir::Operation *op, mlir::ValueRange operands) const;
  std::string imageOperand(mlir::Value value);
  std::string emitUnary(mlir::Operation *op, const std::string &x);
  std::string emitBinary(mlir::Operation *op, Names x);

  void visitConv(mlir::Operation *op);
  void visitMatMul(mlir::Operation *op);
  void visitPool(mlir::Operation *op);
  void visitReduce(mlir::Operation *op);
  std::string filterName(mlir::Operation *conv);
  // The constant added to a contraction and nothing else, folded into it.
  mlir::Operation *foldableBias(mlir::Operation *op);
  std::string biasName(mlir::Operation *conv, mlir::Operation *add);
  std::string dequantizeConstant(const numerics::EncodedTensor &tensor,
                                 llvm::StringRef wanted);
  std::string blockProduct(mlir::Value x, const numerics::EncodedTensor &w);
  std::string rowProduct(mlir::Value x, const numerics::EncodedTensor &w);

  std::string sizes(llvm::ArrayRef<int64_t> fixed, mlir::ValueRange dynamic);
  std::string vectorOf(llvm::ArrayRef<std::string> scalars);

  mlir::func::FuncOp function;
  Profile profile;
  onnx::GraphProto &graph;
  GraphWriter writer;
  llvm::DenseMap<mlir::Value, std::string> plain, images;
  llvm::DenseSet<mlir::Operation *> done; // written with an earlier op
};

} // namespace qopt::onnx_export

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An ONNX graph that grows: nodes, initializers and fresh names. Sizes are
// int64 scalars in ONNX; equal constants are one initializer.
#pragma once

#include "dialects/NN/NNOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <onnx/onnx_pb.h>
#include <variant>

namespace qopt::onnx_export {

/// Element type numbers of onnx.proto that our protobuf may not know by name.
enum ElementNumber : int32_t { kInt4 = 22 };

/// Thrown for what cannot be written; `exportOnnx` catches it.
struct ExportFailure {
  std::string message;
};

using Names = llvm::ArrayRef<std::string>;

struct Attribute {
  llvm::StringRef name;
  std::variant<int64_t, float, std::string, std::vector<int64_t>> value;
};

class GraphWriter {
public:
  explicit GraphWriter(onnx::GraphProto &graph) : graph(graph) {}

  /// A name nothing else has, close to `wanted`.
  std::string fresh(llvm::StringRef wanted);
  /// Adds a node of one output, and returns that.
  std::string node(llvm::StringRef op, Names inputs,
                   llvm::ArrayRef<Attribute> attributes = {},
                   llvm::StringRef domain = "");
  /// Nodes are named after `name` from here on.
  void setOrigin(llvm::StringRef name) { origin = name.str(); }

  std::string constant(llvm::StringRef wanted, int32_t type,
                       llvm::ArrayRef<int64_t> shape, llvm::StringRef bytes);
  template <typename T>
  std::string constant(llvm::StringRef wanted, int32_t type,
                       llvm::ArrayRef<int64_t> shape,
                       const std::vector<T> &values) {
    return constant(wanted, type, shape,
                    llvm::StringRef(reinterpret_cast<const char *>(values.data()),
                                    values.size() * sizeof(T)));
  }
  std::string integers(llvm::ArrayRef<int64_t> values);
  std::string integer(int64_t value);
  std::string real(float value);
  /// Any constant of the IR.
  std::string constant(mlir::Value value, llvm::StringRef wanted);

  onnx::ValueInfoProto valueInfo(llvm::StringRef name, mlir::Type type,
                                 mlir::ArrayAttr dims);
  void rename(llvm::StringRef from, llvm::StringRef to);

private:
  onnx::GraphProto &graph;
  llvm::StringMap<int> used;
  llvm::StringMap<std::string> known; // bytes of small constants -> name
  std::string origin;
};

/// The number of an element type in onnx.proto; throws for what it lacks.
int32_t elementNumber(mlir::Type element);

} // namespace qopt::onnx_export

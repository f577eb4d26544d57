// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads an ONNX file into a validated model. After this every name resolves,
// nodes are in topological order, every tensor's bytes match its shape and are
// in reach, and nesting and sizes are within limits: the importers need not
// check any of it again. The model is untrusted until then.
#pragma once

#include "lib/Import/TensorData.h"

namespace qopt::import {

struct ReadLimits {
  uint64_t maxBytes = (uint64_t(1) << 31) - 1; // protobuf's own limit
  unsigned maxNesting = 32;                    // graphs within graphs
  uint64_t maxNodes = 1u << 18;                // of one graph
  uint64_t maxNameLength = 1u << 16;           // bytes
};

/// The opsets of the default domain we accept.
constexpr int64_t minOpset = 1, maxOpset = 28;

class Model : public std::enable_shared_from_this<Model> {
public:
  const onnx::ModelProto &getProto() const { return proto; }
  const onnx::GraphProto &getGraph() const { return proto.graph(); }
  llvm::StringRef getPath() const { return path; }

  /// The opset imported for `domain` ("" and "ai.onnx" are one), or 0.
  int64_t getOpset(llvm::StringRef domain) const;

  /// The bytes of one of this model's tensors; they keep the model alive.
  llvm::Expected<TensorData> getTensor(const onnx::TensorProto &tensor) const;

private:
  friend llvm::Expected<std::shared_ptr<Model>>
  readModelFromBytes(llvm::StringRef, llvm::StringRef, const ReadLimits &);
  explicit Model(llvm::StringRef path) : path(path), external(path) {}

  std::string path;
  onnx::ModelProto proto;
  mutable ExternalData external;
};

/// Reads and validates the model at `path`: IO when the file cannot be read,
/// BadModel when it is no valid ONNX model, Resources beyond a limit.
llvm::Expected<std::shared_ptr<Model>> readModel(llvm::StringRef path,
                                                 const ReadLimits & = {});

/// The same of bytes in memory; external data is looked for beside `path`.
llvm::Expected<std::shared_ptr<Model>>
readModelFromBytes(llvm::StringRef bytes, llvm::StringRef path,
                   const ReadLimits & = {});

/// "node '/a/Conv' (Conv)", or "node #12 (Conv)" when it has no name.
std::string describeNode(const onnx::NodeProto &node, int index);

} // namespace qopt::import

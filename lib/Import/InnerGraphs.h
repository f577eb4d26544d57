// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inner graphs that importers write themselves: the body of a Scan that an
// operator stands for.
#pragma once

#include "lib/Import/NodeImport.h"

namespace qopt::import {

class GraphWriter {
public:
  explicit GraphWriter(llvm::StringRef name) { graph.set_name(name.str()); }

  void input(llvm::StringRef name) {
    graph.add_input()->set_name(name.str());
  }
  void output(llvm::StringRef name) {
    graph.add_output()->set_name(name.str());
  }
  /// A node of the default domain with one output; returns that.
  std::string node(llvm::StringRef op,
                   std::initializer_list<llvm::StringRef> inputs);
  onnx::GraphProto graph;
};

/// The results of a Scan (of opset 9 on) of `states` and `scanned` along axis 0,
/// whose body is `graph`: the last states, then the stacked outputs.
llvm::SmallVector<mlir::Value> scan(NodeImport &node,
                                    llvm::ArrayRef<mlir::Value> states,
                                    llvm::ArrayRef<mlir::Value> scanned,
                                    const onnx::GraphProto &graph);

/// The one result of the graph in attribute `name`, which takes x alone, with
/// its nodes imported here.
mlir::Value applyGraph(NodeImport &node, llvm::StringRef name, mlir::Value x);

} // namespace qopt::import

// Which ops of a function share a kernel.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_LIB_ANALYSIS_KERNELCLUSTERS_H
#define QOPT_LIB_ANALYSIS_KERNELCLUSTERS_H

#include "lib/Analysis/TensorSizes.h"
#include <set>

namespace qopt {

/// What an op asks of the kernel that holds it.
enum class OpClass {
  Free,        // costs nothing: constants, views, index arithmetic, observers
  Pointwise,   // any index space
  Row,         // whole rows (last axis): norms, softmax, quantize_rows
  Contraction, // matmul, conv, block_matmul
  Window,      // pooling, depthwise convolution
  Other,       // alone: attention, data movement, other reductions
};

OpClass classify(mlir::Operation *op);

/// Ops that become one kernel, in program order.
struct KernelCluster {
  OpClass kind = OpClass::Free;
  llvm::SmallVector<mlir::Operation *> ops;
  /// The value whose shape is the kernel's index space.
  mlir::Value space;
  /// Every cluster this one needs, directly or not.
  std::set<unsigned> needs;
};

/// Greedy clustering in program order. Pointwise ops join the latest producer
/// of an operand whose index space is their result's and whose cluster none of
/// their other operands needs; row ops join row and pointwise clusters likewise.
/// With \p fuse false every op stays alone. Clusters are returned in an order
/// in which each follows all it needs.
std::vector<KernelCluster> clusterKernels(mlir::Block &block,
                                          const TensorSizes &sizes, bool fuse);

} // namespace qopt

#endif

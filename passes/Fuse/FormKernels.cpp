// Moves clusters of ops into exec.kernel regions.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Exec/ExecOps.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/KernelClusters.h"
#include "lib/Analysis/LocationNames.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Fuse/Passes.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_FORMKERNELSPASS
#include "passes/Fuse/Passes.h.inc"
} // namespace qopt

namespace {

/// Constants of one value are part of what a nn op computes. Those of lowbit
/// ops (scales, zero points) differ from layer to layer: as operands they let
/// equal kernels be shared.
bool belongsInside(Value value, const KernelCluster &cluster) {
  std::optional<nn::ConstantView> constant = nn::ConstantView::of(value);
  if (!constant || (!constant->isSplat() && constant->numElements() != 1))
    return false;
  return llvm::none_of(cluster.ops, [&](Operation *op) {
    return isa<lowbit::LowBitDialect>(op->getDialect()) &&
           llvm::is_contained(op->getOperands(), value);
  });
}

class KernelFormer {
public:
  KernelFormer(func::FuncOp func, const TensorSizes &sizes)
      : block(func.getBody().front()), sizes(sizes) {}

  void form(const KernelCluster &cluster) {
    if (cluster.kind == OpClass::Free) {
      for (Operation *op : cluster.ops)
        op->moveBefore(block.getTerminator());
      return;
    }
    SmallVector<Value> inputs, constants, outputs;
    collect(cluster, inputs, constants, outputs);
    SmallVector<Value> dims;
    for (Value output : outputs)
      llvm::append_range(dims, sizes.dynamicSizes(output));

    OpBuilder builder(block.getTerminator());
    SmallVector<Location> locations;
    for (Operation *op : cluster.ops)
      locations.push_back(op->getLoc());
    // The op that gives the kernel its name: its root comes first.
    Operation *root = cluster.ops.front();
    for (Operation *op : cluster.ops)
      if (!op->hasTrait<nn::Pointwise>()) {
        root = op;
        break;
      }
    std::swap(locations.front(),
              locations[llvm::find(cluster.ops, root) - cluster.ops.begin()]);
    auto kernel = exec::KernelOp::create(
        builder, builder.getFusedLoc(locations), ValueRange(outputs).getTypes(),
        nameOf(root->getLoc(), root->getName().stripDialect()), inputs, dims);
    fill(kernel, cluster, inputs, constants, outputs);
    for (auto [output, result] : llvm::zip_equal(outputs, kernel.getOutputs()))
      output.replaceAllUsesWith(result);
    for (Operation *op : llvm::reverse(cluster.ops))
      op->erase();
  }

private:
  void collect(const KernelCluster &cluster, SmallVector<Value> &inputs,
               SmallVector<Value> &constants, SmallVector<Value> &outputs) {
    SmallVector<Value> indices;
    llvm::SmallPtrSet<Operation *, 8> members(cluster.ops.begin(),
                                              cluster.ops.end());
    for (Operation *op : cluster.ops) {
      for (Value operand : op->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (producer && members.contains(producer))
          continue;
        auto &list = operand.getType().isIndex()        ? indices
                     : belongsInside(operand, cluster) ? constants
                                                       : inputs;
        if (!llvm::is_contained(list, operand))
          list.push_back(operand);
      }
      for (Value result : op->getResults())
        if (llvm::any_of(result.getUsers(), [&](Operation *user) {
              return !members.contains(user);
            }))
          outputs.push_back(result);
    }
    // The binary interface wants index operands last.
    llvm::append_range(inputs, indices);
  }

  void fill(exec::KernelOp kernel, const KernelCluster &cluster,
            ArrayRef<Value> inputs, ArrayRef<Value> constants,
            ArrayRef<Value> outputs) {
    OpBuilder builder(kernel.getContext());
    Block *body = builder.createBlock(&kernel.getBody());
    IRMapping map;
    for (Value input : inputs)
      map.map(input, body->addArgument(input.getType(), input.getLoc()));
    for (Value constant : constants)
      builder.clone(*constant.getDefiningOp(), map);
    // Marks that phases left on ops (value ids, ranges) differ from layer to
    // layer; without them equal kernels are found equal.
    for (Operation *op : cluster.ops)
      builder.clone(*op, map)->setDiscardableAttrs(
          builder.getDictionaryAttr({}));
    SmallVector<Value> yielded;
    for (Value output : outputs)
      yielded.push_back(map.lookup(output));
    exec::YieldOp::create(builder, kernel.getLoc(), yielded);
  }

  Block &block;
  const TensorSizes &sizes;
};

class FormKernels : public qopt::impl::FormKernelsPassBase<FormKernels> {
public:
  using FormKernelsPassBase::FormKernelsPassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (!func.getBody().hasOneBlock()) {
      func.emitError("expects a function of one block");
      return signalPassFailure();
    }
    FailureOr<TensorSizes> sizes = TensorSizes::compute(func);
    if (failed(sizes))
      return signalPassFailure();
    Block &block = func.getBody().front();
    std::vector<KernelCluster> clusters =
        clusterKernels(block, *sizes, fuse);
    KernelFormer former(func, *sizes);
    for (const KernelCluster &cluster : clusters)
      former.form(cluster);
  }
};

} // namespace

// Greedy clustering of ops into kernels.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Analysis/KernelClusters.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

static bool isDepthwise(nn::ConvOp conv) {
  auto filter = cast<RankedTensorType>(conv.getFilter().getType());
  return conv.getGroups() > 1 && filter.getDimSize(3) == 1 &&
         filter.getDimSize(0) == int64_t(conv.getGroups());
}

OpClass qopt::classify(Operation *op) {
  return llvm::TypeSwitch<Operation *, OpClass>(op)
      .Case<nn::ReshapeOp, lowbit::ObserveOp>(
          [](auto) { return OpClass::Free; })
      .Case<nn::MatMulOp, lowbit::BlockMatMulOp>(
          [](auto) { return OpClass::Contraction; })
      .Case<nn::ConvOp>([](nn::ConvOp conv) {
        return isDepthwise(conv) ? OpClass::Window : OpClass::Contraction;
      })
      .Case<nn::MaxPoolOp, nn::AvgPoolOp>([](auto) { return OpClass::Window; })
      .Case<nn::LayerNormOp, nn::RMSNormOp, nn::SoftmaxOp,
            lowbit::QuantizeRowsOp>([](auto) { return OpClass::Row; })
      .Default([](Operation *op) {
        if (op->hasTrait<nn::Pointwise>())
          return OpClass::Pointwise;
        StringRef dialect = op->getName().getDialectNamespace();
        return dialect == "nn" || dialect == "lowbit" ? OpClass::Other
                                                      : OpClass::Free;
      });
}

namespace {

class Clusterer {
public:
  Clusterer(const TensorSizes &sizes, bool fuse) : sizes(sizes), fuse(fuse) {}

  std::vector<KernelCluster> run(Block &block) {
    for (Operation &op : block.without_terminator())
      place(&op);
    return inOrder();
  }

private:
  void place(Operation *op) {
    OpClass kind = classify(op);
    std::optional<unsigned> home;
    if (fuse && (kind == OpClass::Pointwise || kind == OpClass::Row))
      home = findHome(op, kind);
    if (!home) {
      home = clusters.size();
      clusters.push_back({kind, {}, {}, {}});
      if (op->getNumResults())
        clusters.back().space = op->getResult(0);
    }
    join(op, *home, kind);
  }

  /// The clusters that produce the operands of \p op.
  std::set<unsigned> producers(Operation *op) const {
    std::set<unsigned> result;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        if (auto it = clusterOf.find(producer); it != clusterOf.end())
          result.insert(it->second);
    return result;
  }

  std::optional<unsigned> findHome(Operation *op, OpClass kind) const {
    std::set<unsigned> all = producers(op);
    // The latest producer: what the others compute is at hand by then.
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
      const KernelCluster &cluster = clusters[*it];
      bool accepts = cluster.kind == OpClass::Pointwise ||
                     cluster.kind == OpClass::Row ||
                     (kind == OpClass::Pointwise &&
                      (cluster.kind == OpClass::Contraction ||
                       cluster.kind == OpClass::Window));
      if (!accepts || !sizes.haveSameShape(op->getResult(0), cluster.space))
        continue;
      bool cyclic = llvm::any_of(all, [&](unsigned other) {
        return other != *it && clusters[other].needs.count(*it);
      });
      if (!cyclic)
        return *it;
    }
    return std::nullopt;
  }

  void join(Operation *op, unsigned home, OpClass kind) {
    KernelCluster &cluster = clusters[home];
    if (kind == OpClass::Row)
      cluster.kind = OpClass::Row;
    cluster.ops.push_back(op);
    clusterOf[op] = home;
    std::set<unsigned> added;
    for (unsigned producer : producers(op)) {
      if (producer == home)
        continue;
      added.insert(producer);
      added.insert(clusters[producer].needs.begin(),
                   clusters[producer].needs.end());
    }
    cluster.needs.insert(added.begin(), added.end());
    for (KernelCluster &other : clusters)
      if (other.needs.count(home))
        other.needs.insert(added.begin(), added.end());
  }

  std::vector<KernelCluster> inOrder() {
    // Clusters are numbered by their first op; take the lowest number whose
    // needs are all out.
    std::vector<KernelCluster> result;
    std::vector<bool> out(clusters.size(), false);
    for (size_t taken = 0; taken < clusters.size(); ++taken) {
      for (size_t i = 0; i < clusters.size(); ++i) {
        if (out[i] || !llvm::all_of(clusters[i].needs,
                                    [&](unsigned n) { return out[n]; }))
          continue;
        out[i] = true;
        result.push_back(clusters[i]);
        break;
      }
    }
    return result;
  }

  const TensorSizes &sizes;
  bool fuse;
  std::vector<KernelCluster> clusters;
  llvm::DenseMap<Operation *, unsigned> clusterOf;
};

} // namespace

std::vector<KernelCluster> qopt::clusterKernels(Block &block,
                                                const TensorSizes &sizes,
                                                bool fuse) {
  return Clusterer(sizes, fuse).run(block);
}

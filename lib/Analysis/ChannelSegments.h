// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The pieces into which a graph cuts the axes of its tensors.
//
// concat, slice, grouped convolutions and reshapes cut an axis into *segments*.
// A reshape that splits an axis of 768 into (12, 64) makes the axis of 64 into
// *fibers*: one for each of the 12 positions of its neighbour, the *block axis*:
//
//   [s, 768]     axis 1: segments [0, 64) [64, 128) ...
//   [s, 12, 64]  axis 2: one segment [0, 64) in each of 12 blocks (axis 1)
//   [12, s, 64]  axis 2: the same after a transpose, block axis 0
//
// Every piece is a *node*: what acts on channels acts on a node as a whole.
// Cuts and block axes travel along the indices of all ops until nothing
// changes, so pieces that meet are of one size.
#pragma once
#include "dialects/NN/ChannelAxes.h"
#include "lib/Analysis/StatePairs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include <set>
#include <vector>

namespace qopt {

// One axis of one value that is no constant.
struct ChannelFibers {
  mlir::Value value;
  unsigned axis = 0;
  std::vector<unsigned> blockAxes; // Ascending.
  std::vector<int64_t> cuts;       // Ascending, from 0 to the axis's size.
  unsigned firstNode = 0;          // Blocks row-major, segments innermost.

  int64_t size() const { return cuts.back(); }
  unsigned numSegments() const { return unsigned(cuts.size()) - 1; }
  unsigned numBlocks() const;
  // Positions on the block axes of block `block`, and back.
  std::vector<int64_t> blockPosition(unsigned block) const;
  unsigned blockAt(llvm::ArrayRef<int64_t> position) const;
  // The segment that begins at `begin`.
  unsigned segmentAt(int64_t begin) const;
  unsigned node(unsigned block, unsigned segment) const {
    return firstNode + block * numSegments() + segment;
  }
};

// A node, spelled out.
struct ChannelSegment {
  const ChannelFibers *fibers = nullptr;
  unsigned block = 0, segment = 0;
  int64_t begin() const { return fibers->cuts[segment]; }
  int64_t size() const { return fibers->cuts[segment + 1] - begin(); }
};

struct ChannelSpacesOptions {
  // What grows from run to run (StatePairs.h) is nobody's but the program's:
  // its channels are as free as those of other values. It must start empty, or
  // with contents that took the same elements.
  bool privateState = false;
};

class ChannelSegments {
public:
  // Reads what every op of `function` states; ops that state nothing pin.
  ChannelSegments(mlir::func::FuncOp function,
                  const ChannelSpacesOptions &options);

  // Private state among inputs and outputs.
  llvm::ArrayRef<StatePair> states() const { return privateStates; }

  // What the ops state, in program order.
  llvm::ArrayRef<nn::ChannelAxes> ops() const { return stated; }
  // In the order of the values in the program.
  llvm::ArrayRef<ChannelFibers> allFibers() const { return fibersList; }
  // Null for constants, and for axes of size 1 or of a size not known.
  const ChannelFibers *find(mlir::Value value, unsigned axis) const;
  unsigned numNodes() const { return nodeCount; }
  ChannelSegment segment(unsigned node) const;
  // Whether `index` runs along axes of one known size within their tensors, all
  // of them with nodes or none, and cut alike.
  bool isTracked(const nn::ChannelAxes &op,
                 const nn::ChannelIndex &index) const;
  // Whether the axes of `index` are not cut alike for want of pieces.
  bool isUncut(const nn::ChannelIndex &index) const {
    return uncut.contains(&index);
  }
  bool isUncut(const nn::Regrouping &regrouping) const {
    return uncut.contains(&regrouping);
  }

private:
  void addValue(mlir::Value value);
  ChannelFibers *findMutable(mlir::Value value, unsigned axis);
  bool refine(const nn::ChannelAxes &op);
  bool refineIndex(const nn::ChannelAxes &op, const nn::ChannelIndex &index);
  bool refineBlocks(const nn::ChannelAxes &op, const nn::ChannelIndex &index);
  bool refineRegrouping(const nn::ChannelAxes &op,
                        const nn::Regrouping &regrouping);
  bool addBlockAxes(ChannelFibers &fibers, llvm::ArrayRef<unsigned> axes);
  bool addCuts(llvm::ArrayRef<std::pair<ChannelFibers *, int64_t>> origins,
               const std::set<int64_t> &cuts, const void *stated);

  nn::ChannelAxes stateOf(mlir::Operation *op) const;
  void stateOutputs(nn::ChannelAxes &axes) const;

  std::vector<StatePair> privateStates;
  std::vector<nn::ChannelAxes> stated;
  std::vector<ChannelFibers> fibersList;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, unsigned> fibersOf;
  llvm::DenseSet<const void *> uncut; // Indices and regroupings in `stated`.
  unsigned nodeCount = 0;
};

// A regrouping as seen by its innermost axes: `step` positions of either run
// together, numbered alike.
struct InnermostRegrouping {
  const ChannelFibers *from = nullptr, *to = nullptr;
  int64_t step = 0;
  // Axes of the group other than the innermost, of more than one position.
  std::vector<unsigned> fromBlocks, toBlocks;
};
// Nothing where a side has no axis that is tracked, neither innermost size
// divides the other, or the pieces would be too many.
std::optional<InnermostRegrouping>
innermost(const ChannelSegments &segments, const nn::ChannelAxes &op,
          const nn::Regrouping &regrouping);

} // namespace qopt

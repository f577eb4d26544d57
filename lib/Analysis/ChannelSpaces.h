// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Channel spaces: what in a network has to be changed together so that its
// output stays the same.
//
// A group element g acts on the channels of an activation, x -> x g. For that to
// leave no trace, whatever is computed from x has to follow. Each op says which
// axes of its tensors carry the same element (dialects/NN/ChannelAxes.h). So:
//
//  1. Cut axes into segments, the nodes (ChannelSegments.h).
//  2. For each kind of group (D diagonal, P permutation, O orthogonal), unite
//     the nodes that ops join. A class of nodes is a *space*: one free element.
//  3. A constant joins nothing: it *absorbs*. As a *writer* its axis becomes
//     part of an activation and takes g itself; as a *reader* it is multiplied
//     with the activation and takes the inverse transpose g^-T, which for
//     permutations and orthogonal maps is g again.
//  4. A node on which an op allows nothing is *pinned*, and so is its space.
//
// Two things need more than a union:
//
//  - D: in y = a * b the elements multiply. One factor must be pinned: whichever
//    is anyway (the gate behind a nonlinearity), else the right one.
//  - O: a norm passes a rotation only where its gain is one number. A gain is
//    moved into the readers first, which is an element of D: the O space asks
//    the D space of the norm's result. A layer_norm also subtracts the mean:
//    the writers must take that over, and nobody else may read their sum.
//
// Spaces that differ only in where they lie, as those of attention heads, are
// the *blocks* of one space: each block takes an element of its own. Grouped
// queries make one block occur several times in the same reader.
#pragma once
#include "lib/Analysis/ChannelSegments.h"

namespace qopt {

enum class ChannelRole : uint8_t { Writer, Reader };

// Where a constant absorbs: `op`'s operand `operand` is an arith.constant.
struct ChannelSite {
  mlir::Operation *op = nullptr;
  // Negative: the bounds in the op's attributes, which become vectors.
  int operand = -1;
  // One number for all channels, which has to become a vector first.
  bool becomesVector = false;
  // The channels: on an axis of the constant, of the op's result where the
  // constant has none.
  nn::AxisSpan span;
  // Other axes, limited to these positions.
  llvm::SmallVector<nn::AxisSpan, 1> within;
  ChannelRole role = ChannelRole::Writer;
  // D: takes 1/g rather than g. P and O: always the element itself.
  bool inverse = false;
  // Writes what a norm takes the mean of: see NormCondition::removeMean.
  bool losesMean = false;

  mlir::Value constant() const {
    return operand < 0 ? mlir::Value() : op->getOperand(operand);
  }
};

// Why nothing may act. `op` is null for inputs of the graph.
struct ChannelPin {
  mlir::Operation *op = nullptr;
  std::string reason;
};

// What has to be done before an orthogonal element may pass a norm.
struct NormCondition {
  mlir::Operation *norm = nullptr;
  bool moveGain = false;   // Into the readers: an element of D.
  bool removeMean = false; // The writers' part in it.
};

// A constant that other uses want as it was: they must agree, or it is cloned.
struct TiedConstant {
  mlir::Operation *user = nullptr; // The first in the space, ...
  unsigned operand = 0;            // ... and where it uses the constant.
  int64_t cloneBytes = 0;
};

struct ChannelBlock {
  std::vector<ChannelSegment> segments; // Program order.
  std::vector<bool> inverse;            // D: segment i carries 1/g.
  std::vector<ChannelSite> sites;       // Program order.
};

struct ChannelSpace {
  nn::Groups kind = nn::Groups::None; // One of the three.
  unsigned number = 0;                // Counted from 0 for each kind.
  int64_t blockSize = 0;
  std::vector<ChannelBlock> blocks;
  std::vector<ChannelPin> pins;
  std::vector<NormCondition> conditions;
  std::vector<TiedConstant> ties;
  // D: a member is homogeneous for positive factors only.
  bool positiveOnly = false;

  bool isFree() const { return pins.empty(); }
  std::string name() const; // "D3"
};

class ChannelSpaces {
public:
  // Analyses one function; nothing is changed. The result refers to ops and
  // values of `function` and is stale once they change.
  explicit ChannelSpaces(mlir::func::FuncOp function,
                         const ChannelSpacesOptions &options = {});

  // Spaces in which some constant absorbs, by kind, then in program order.
  llvm::ArrayRef<ChannelSpace> spaces() const { return found; }
  const ChannelSegments &segments() const { return allSegments; }
  mlir::func::FuncOp function() const { return analysed; }

private:
  mlir::func::FuncOp analysed;
  ChannelSegments allSegments;
  std::vector<ChannelSpace> found;
};

} // namespace qopt

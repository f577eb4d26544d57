// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Applies group elements to channel spaces: the one place where weights change
// because channels do.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "passes/Equalize/ChannelElements.h"
#include "passes/Equalize/ConstantFibers.h"
#include "llvm/ADT/MapVector.h"
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace qopt {

constexpr unsigned gainOperand = 1, biasOperand = 2; // Of norms.

class ChannelRewriter {
public:
  explicit ChannelRewriter(mlir::MLIRContext *context) : builder(context) {}

  // Bytes that clones of constants may cost in one call of `apply`.
  int64_t mostCloneBytes = std::numeric_limits<int64_t>::max();
  // Bounds of clips stay one number: no longer exact, unless the caller has
  // seen to it that nothing reaches them.
  bool keepBounds = false;

  // Folds `element` into all writers and readers of `space`. Returns "" or why
  // it was not done; then nothing has changed. Spaces of one analysis may be
  // changed one after another as long as they are of one kind; another kind
  // asks for a new analysis, as diagonals make gains and factors uneven.
  std::string apply(const ChannelSpace &space, const ChannelElement &element);

  // Meets the conditions of an O space: gains of norms move into their readers,
  // writers take over the mean, and layer_norm becomes rms_norm and an add.
  // The analysis is stale afterwards. Returns "" or why it was not done to the
  // end; the network computes the same in either case.
  std::string prepareNorms(const ChannelSpaces &spaces,
                           const ChannelSpace &space);

private:
  using FiberAction =
      std::function<void(const ChannelSite &, llvm::MutableArrayRef<double>)>;
  struct SiteAction {
    ChannelSite site;
    int64_t key; // Equal actions have equal keys.
    FiberAction act;
  };

  // What is done to one use of a constant, in a form that can be compared.
  using ActionKey = std::vector<int64_t>;
  // Uses of one constant that ask for the same share its replacement.
  struct Replacement {
    std::optional<ConstantFibers> fibers;
    std::vector<mlir::OpOperand *> uses;
  };
  using Replacements =
      llvm::MapVector<mlir::Value, std::map<ActionKey, Replacement>>;

  // A clip that becomes max and min, and their vectors; none for a bound that
  // is infinite.
  struct SpreadClip {
    std::optional<ConstantFibers> low, high;
  };
  using SpreadClips = llvm::MapVector<mlir::Operation *, SpreadClip>;

  std::string rewrite(llvm::ArrayRef<SiteAction> actions);
  bool plan(mlir::OpOperand &use, llvm::ArrayRef<SiteAction> wanted,
            Replacements &replacements);
  static SiteAction onVector(SiteAction action, mlir::Operation *half);
  bool planBounds(const SiteAction &action, SpreadClips &clips);
  int64_t cloneBytesOf(const Replacements &replacements) const;
  void install(const Replacements &replacements);
  void install(const SpreadClips &clips);
  std::string moveGain(const ChannelSpaces &spaces, mlir::Operation *norm);
  void subtractNoMean(mlir::Operation *layerNorm);

  mlir::OpBuilder builder;
  // clip -> the ops that took its place, whose second operands are bounds.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Operation *, 2>>
      spread;
};

} // namespace qopt

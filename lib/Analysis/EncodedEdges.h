// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which values travel as 8-bit codes between kernels when activations are
// static. A value does if
//  - a contraction with static activations reads it, or
//  - it ends the epilogue of such a contraction (the chain of pointwise ops on
//    it) and flows on to another through ops that keep the value's range:
//    residual sums, poolings, concatenations, data movement.
// Values related by data movement, max pooling or concatenation share one range
// (a class), so that codes pass through unchanged.
#pragma once
#include "lib/Analysis/Contractions.h"
#include "lib/Numerics/Quantize.h"
#include "llvm/ADT/MapVector.h"

namespace qopt {

class EncodedEdges {
public:
  EncodedEdges(llvm::ArrayRef<Contraction> statics);

  // The values to encode, in program order. Those moved from an encoded value
  // are listed too: see movedFrom.
  const std::vector<mlir::Value> &values() const { return order; }
  bool contains(mlir::Value value) const { return classes.contains(value); }
  // The place of `value` among them; nothing if it is none.
  std::optional<size_t> indexOf(mlir::Value value) const;

  // All encoded values that share `value`'s range.
  std::vector<mlir::Value> classOf(mlir::Value value) const;

private:
  void add(mlir::Value value);
  void addWithSources(mlir::Value value);
  void join(mlir::Value a, mlir::Value b);
  mlir::Value leader(mlir::Value value) const;

  // Union-find: value -> parent.
  llvm::MapVector<mlir::Value, mlir::Value> classes;
  std::vector<mlir::Value> order;
};

// Scale and zero point of the codes (ui8) a value's class travels in, from the
// ranges its members carry; nothing if none does.
std::optional<numerics::QuantParams> staticParams(const EncodedEdges &edges,
                                                  mlir::Value value);

} // namespace qopt

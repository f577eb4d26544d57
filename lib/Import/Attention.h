// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention ops of several domains share. Tensors of heads are
// [batch, heads, sequence, head size].
#pragma once

#include "lib/Import/NodeImport.h"
#include <limits>

namespace qopt::import {

/// [B, S, heads * D] to [B, heads, S, D].
mlir::Value splitHeads(NodeImport &node, mlir::Value x, int64_t heads);
/// [B, heads, S, D] to [B, S, heads * D].
mlir::Value mergeHeads(NodeImport &node, mlir::Value x);
/// Each head `times` times in a row.
mlir::Value repeatHeads(NodeImport &node, mlir::Value x, int64_t times);

/// x with (x1, x2) of every head turned by the angle whose cosine and sine are
/// given, [S or B x S, D / 2]; x is [B, S, heads, D].
struct Rotation {
  mlir::Value cos, sin;
  bool interleaved = false; // pairs are neighbours, not halves
  int64_t size = 0;         // leading elements of a head that turn; 0: all
};
mlir::Value rotate(NodeImport &node, mlir::Value x, const Rotation &rotation);

/// 0, 1, .. along a new vector, in `element`. A dynamic size must be a sum of
/// dimensions of graph inputs, which are limited to 2^16 elements together.
mlir::Value countUp(NodeImport &node, const Scalar &size, mlir::Type element);

/// Which keys a query may look at, as f32 numbers to add to the scores: 0 or
/// -infinity. Conditions are joined; an empty mask is null.
class AttentionMask {
public:
  AttentionMask(NodeImport &node, mlir::Value q, mlir::Value k);

  /// Keys up to the query's own position, which is its number plus `offset` (an
  /// i64 tensor that broadcasts; null: 0).
  void causal(mlir::Value offset);
  /// No key more than `size` - 1 positions before the query's own.
  void window(mlir::Value offset, int64_t size);
  /// Only the first `lengths` (i64, broadcasts to [B, 1, 1, 1]) keys.
  void keysBelow(mlir::Value lengths);
  /// Where `condition` (i1, broadcasts to the scores) is true.
  void where(mlir::Value condition);
  /// A bias as it is.
  void add(mlir::Value bias);
  /// What `where` and the others write where a key is hidden.
  double hidden = -std::numeric_limits<double>::infinity();

  mlir::Value get() const { return bias; }
  mlir::Value queryPositions(mlir::Value offset);
  mlir::Value keyPositions();

private:
  NodeImport &node;
  mlir::Value q, k, bias;
};

/// softmax(softcap(q kT scale) + bias) v. Rows that see no key are 0 where
/// `guarded`. `scores`, if not null, receives the matrix `stage` asks for.
struct AttentionProblem {
  mlir::Value q, k, v, bias;
  double scale = 1, softcap = 0;
  bool guarded = false;
};
enum class ScoreStage { Raw, Capped, Biased, Softmax };
mlir::Value attend(NodeImport &node, const AttentionProblem &problem,
                   ScoreStage stage, mlir::Value *scores);

} // namespace qopt::import

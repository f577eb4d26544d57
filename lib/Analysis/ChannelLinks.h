// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which segments an op brings together.
//
// Two axes of an index meet segment by segment. Their blocks meet where the
// block axes run along a common index, position by position; a tensor without
// the block axis meets all blocks of the other:
//
//   mul  x[s, h, d] * cos[s, 1, d]    every block h of x meets the one of cos
#pragma once
#include "lib/Analysis/ChannelSegments.h"

namespace qopt {

using NodePairVisitor = llvm::function_ref<void(unsigned, unsigned)>;

// All pairs (node of `first`, node of `second`) that meet along `index`.
void forEachMeeting(const ChannelSegments &segments, const nn::ChannelAxes &op,
                    const nn::ChannelIndex &index, const nn::IndexedAxis &first,
                    const nn::IndexedAxis &second, NodePairVisitor visit);

// All pairs of a reshape's innermost axes; false if they cannot be told.
bool forEachRegrouped(const ChannelSegments &segments,
                      const nn::ChannelAxes &op,
                      const nn::Regrouping &regrouping, NodePairVisitor visit);

// The nodes of `fibers` that lie in `span`, cut there or not.
void forEachNode(const ChannelFibers &fibers, nn::AxisSpan span,
                 llvm::function_ref<void(unsigned)> visit);

// Where a constant runs along `index`, the part that node `segment` of the
// tensor `beside` meets: the span of channels first, then other axes limited to
// the block of the node. Nothing if they do not meet.
std::optional<llvm::SmallVector<nn::AxisSpan>>
constantPart(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
             const ChannelSegment &segment, const nn::IndexedAxis &beside,
             const nn::IndexedAxis &constant);

} // namespace qopt

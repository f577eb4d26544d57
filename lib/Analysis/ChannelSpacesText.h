// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Channel spaces as a table for people.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "llvm/Support/raw_ostream.h"

namespace qopt {

struct ChannelSpacesStyle {
  bool freeOnly = false;
  // Of writers and of readers; the others are counted.
  size_t mostNames = 1000;
  // The name of the function first, where its module has several.
  bool nameFunctions = false;
};

// One line a space, then what it asks for or why it is pinned:
//
//   D4   12 x 64   free    wv[1] bv[0] -> wo[0]
//
// Writers stand left of the arrow, readers right; `w[1:0..64]` is a part of
// axis 1 of constant w. `^-1`: takes the inverse of what others on its side of
// the arrow take. `+`: is one number for all channels and becomes a vector.
void printChannelSpaces(const ChannelSpaces &spaces, llvm::raw_ostream &os,
                        const ChannelSpacesStyle &style);

} // namespace qopt

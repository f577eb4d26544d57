// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Channel spaces as a table for people.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "llvm/Support/raw_ostream.h"

namespace qopt {

// One line a space, then what it asks for or why it is pinned:
//
//   D4  12 x 64  wv[1] bv[0] -> wo[0]                  free
//
// Writers stand left of the arrow, readers right; `w[1:0..64)` is a part of
// axis 1 of constant w, a leading `1/` says that it takes the inverse where the
// others take g (or that it takes g where readers take the inverse), `+` that
// the constant becomes a vector. Pinned spaces are left out unless
// `showPinned`.
void printChannelSpaces(const ChannelSpaces &spaces, llvm::raw_ostream &os,
                        bool showPinned);

} // namespace qopt

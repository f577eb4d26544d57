// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Links relocatable objects into a code image: bytes that run wherever they
// are mapped, without a loader.
//
//   [0, textSize)            executable code, textSize a multiple of 4096
//   [textSize, bytes.size()) read-only constants
//
// The linker is our own and small on purpose. An image may contain nothing a
// loader would have to fix, so whatever needs one (absolute addresses, a GOT,
// writable data, thread-local storage, undefined symbols) is an error here
// rather than a relocation there. lld would do as well, but it resets all
// command line options of the process, keeps global state and wants files.
#ifndef QOPT_ARTIFACT_CODEIMAGE_H
#define QOPT_ARTIFACT_CODEIMAGE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace qopt::artifact {

struct CodeImage {
  llvm::SmallVector<char, 0> bytes;
  uint64_t textSize = 0;
  // Offsets of all global, default-visibility functions.
  llvm::StringMap<uint64_t> entries;
};

// Links ELF objects of one architecture (x86-64 so far). The bytes are a
// function of the objects and their order alone.
llvm::Expected<CodeImage>
linkCodeImage(llvm::ArrayRef<llvm::ArrayRef<char>> objects);

} // namespace qopt::artifact

#endif // QOPT_ARTIFACT_CODEIMAGE_H

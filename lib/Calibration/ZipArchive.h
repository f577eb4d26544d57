// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading zip archives as numpy writes them: members stored or deflated, zip64
// sizes understood, checksums verified. No encryption, no splitting.
#pragma once
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace qopt {

struct ZipMember {
  std::string name;
  uint16_t method = 0; // 0 stored, 8 deflated.
  uint32_t crc = 0;
  uint64_t compressedSize = 0;
  uint64_t size = 0;
  uint64_t headerOffset = 0;
};

// The central directory.
llvm::Expected<std::vector<ZipMember>> listZip(llvm::StringRef bytes);

// A member's content. Inflation stops at the size the directory states.
llvm::Expected<std::string> extract(llvm::StringRef bytes,
                                    const ZipMember &member);

} // namespace qopt

// Names of nodes from locations.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Analysis/LocationNames.h"
#include "llvm/ADT/StringRef.h"

using namespace mlir;

std::string qopt::nameOf(Location location, llvm::StringRef fallback) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations()) {
      std::string name = nameOf(part, "");
      if (!name.empty())
        return name;
    }
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return nameOf(call.getCallee(), fallback);
  return fallback.str();
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/Targets.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace qopt::emission;

static constexpr TargetIsa isas[] = {
    {"x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3", "", 256, false},
    // LLVM prefers 256-bit vectors on x86-64-v4, for the sake of old CPUs that
    // clocked down; those with VNNI do not.
    {"avx512-vnni", "x86_64-unknown-linux-gnu", "x86-64-v4",
     "+avx512vnni,-prefer-256-bit", 512, true},
};

llvm::ArrayRef<TargetIsa> qopt::emission::targetIsas() { return isas; }

const TargetIsa *qopt::emission::findTargetIsa(llvm::StringRef name) {
  const TargetIsa *isa =
      llvm::find_if(isas, [&](const TargetIsa &i) { return i.name == name; });
  return isa == std::end(isas) ? nullptr : isa;
}

const TargetIsa *qopt::emission::hostTargetIsa() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](llvm::StringRef feature) { return features.lookup(feature); };
  if (!has("avx2") || !has("fma") || !has("bmi2") || !has("f16c"))
    return nullptr;
  bool wide = has("avx512f") && has("avx512bw") && has("avx512dq") &&
              has("avx512vl") && has("avx512cd") && has("avx512vnni");
  return findTargetIsa(wide ? "avx512-vnni" : "x86-64-v3");
}

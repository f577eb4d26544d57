// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cpu/CpuIsa.h"
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>

namespace {

struct Leaf {
  uint32_t eax, ebx, ecx, edx;
};

Leaf cpuid(uint32_t leaf, uint32_t subleaf) {
  Leaf r = {0, 0, 0, 0};
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// The register state that the operating system saves on a context switch; an
// instruction set without it faults or, worse, is corrupted.
uint64_t enabledState(const Leaf &leaf1) {
  if (!(leaf1.ecx & bit_OSXSAVE))
    return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

constexpr uint64_t ymmState = 0x6, zmmState = 0xe6;

struct Features {
  bool v3, avxVnni, avx512Vnni, avx512Fp16;
};

Features detect() {
  Leaf leaf1 = cpuid(1, 0), leaf7 = cpuid(7, 0), leaf7a = cpuid(7, 1);
  Leaf extended = cpuid(0x80000001, 0);
  uint64_t state = enabledState(leaf1);
  auto all = [](uint32_t have, uint32_t want) { return (have & want) == want; };
  Features features;
  features.v3 = (state & ymmState) == ymmState &&
                all(leaf1.ecx, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE) &&
                all(leaf7.ebx, bit_AVX2 | bit_BMI | bit_BMI2) &&
                all(extended.ecx, bit_LZCNT);
  features.avxVnni = features.v3 && all(leaf7a.eax, 1u << 4);
  features.avx512Vnni =
      features.v3 && (state & zmmState) == zmmState &&
      all(leaf7.ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL |
                         bit_AVX512CD) &&
      all(leaf7.ecx, bit_AVX512VNNI);
  features.avx512Fp16 = features.avx512Vnni && all(leaf7.edx, 1u << 23);
  return features;
}

} // namespace

int qrt::isaRank(const char *name) {
  Features features = detect();
  const struct {
    const char *name;
    bool supported;
  } rows[] = {{"x86-64-v3", features.v3},
              {"avx-vnni", features.avxVnni},
              {"avx512-vnni", features.avx512Vnni},
              {"avx512-fp16", features.avx512Fp16}};
  int rank = 0;
  for (auto &row : rows) {
    ++rank;
    if (std::strcmp(row.name, name) == 0)
      return row.supported ? rank : 0;
  }
  return 0;
}

#elif defined(__aarch64__)

int qrt::isaRank(const char *name) {
  return std::strcmp(name, "aarch64") == 0 ? 1 : 0;
}

#else

int qrt::isaRank(const char *) { return 0; }

#endif

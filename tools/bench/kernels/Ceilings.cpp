// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/bench/kernels/Ceilings.h"
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <immintrin.h>
#include <vector>

namespace qopt::bench {

namespace {
// Short enough to fall between two preemptions.
constexpr int64_t kRounds = 20000;
// Independent chains: more than latency times throughput.
constexpr int kChains = 12;

// Keeps the compiler from seeing through a register. Macros, for they must
// share their user's target attribute.
#define HIDE(value) asm volatile("" : "+x"(value))
// Unrolled, so that the chains live in registers.
#define FOR_EACH(i, count)                                                     \
  _Pragma("clang loop unroll(full)") for (int i = 0; i < (count); ++i)

#define PROBE(name, features, type, start, step, operations)                   \
  __attribute__((target(features))) double name() {                            \
    type sums[kChains], a = start, b = a;                                      \
    HIDE(a);                                                                   \
    HIDE(b);                                                                   \
    FOR_EACH(c, kChains) sums[c] = a;                                          \
    for (int64_t i = 0; i < kRounds; ++i)                                      \
      FOR_EACH(c, kChains) {                                                   \
        type sum = sums[c];                                                    \
        sums[c] = step;                                                        \
        HIDE(sums[c]);                                                         \
      }                                                                        \
    return double(kRounds) * kChains * (operations);                           \
  }

PROBE(dotProducts, "avx512f,avx512vnni", __m512i, _mm512_set1_epi32(1),
      _mm512_dpbusd_epi32(sum, a, b), 64 * 2)
PROBE(fmas512, "avx512f", __m512, _mm512_set1_ps(0.5f),
      _mm512_fmadd_ps(a, b, sum), 16 * 2)
PROBE(fmas256, "avx2,fma", __m256, _mm256_set1_ps(0.5f),
      _mm256_fmadd_ps(a, b, sum), 8 * 2)

// The product must not leave the loop: its operand is hidden at each step.
__attribute__((target("avx2"))) double maddWords256() {
  __m256i sums[kChains], a = _mm256_set1_epi16(3), b = a;
  FOR_EACH(c, kChains) sums[c] = a;
  for (int64_t i = 0; i < kRounds; ++i)
    FOR_EACH(c, kChains) {
      HIDE(b);
      sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(a, b));
      HIDE(sums[c]);
    }
  return double(kRounds) * kChains * 16 * 2;
}

// Eight streams, as a kernel reads eight panels: one alone leaves the
// prefetchers idle.
__attribute__((target("avx2"))) double readL3() {
  static std::vector<char> buffer(16 << 20, 1);
  constexpr size_t stream = (16 << 20) / 8;
  __m256i sums[8];
  FOR_EACH(i, 8) sums[i] = _mm256_setzero_si256();
  const char *data = buffer.data();
  for (size_t at = 0; at < stream; at += 32)
    FOR_EACH(i, 8)
      sums[i] = _mm256_or_si256(
          sums[i], _mm256_loadu_si256(reinterpret_cast<const __m256i *>(
                       data + i * stream + at)));
  FOR_EACH(i, 8) HIDE(sums[i]);
  return buffer.size();
}

double best(double (*work)(), int tries) {
  double rate = 0;
  for (int i = 0; i < tries; ++i) {
    double start = threadSeconds();
    double amount = work();
    rate = std::max(rate, amount / (threadSeconds() - start));
  }
  return rate;
}
} // namespace

double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

double probe(Ceiling ceiling) {
  bool wide = __builtin_cpu_supports("avx512vnni");
  switch (ceiling) {
  case Ceiling::DotProduct512:
    return wide ? best(dotProducts, 30) : 0;
  case Ceiling::Fma512:
    return wide ? best(fmas512, 30) : 0;
  case Ceiling::Fma256:
    return best(fmas256, 30);
  case Ceiling::MaddWords256:
    return best(maddWords256, 30);
  case Ceiling::L3Read:
    return best(readL3, 10);
  }
  return 0;
}

} // namespace qopt::bench

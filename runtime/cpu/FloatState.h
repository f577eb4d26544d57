// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The floating-point environment kernels are specified in: round to nearest,
// no flushing of denormals, no traps. Set around kernels, on every thread; the
// caller's settings come back afterwards.
#ifndef QRT_CPU_FLOATSTATE_H
#define QRT_CPU_FLOATSTATE_H

#include <cstdint>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace qrt {

class FloatState {
public:
  FloatState(const FloatState &) = delete;
#if defined(__x86_64__)
  FloatState() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatState() { _mm_setcsr(saved); }

private:
  unsigned saved;
#elif defined(__aarch64__)
  FloatState() {
    uint64_t standard = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(standard));
  }
  ~FloatState() { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }

private:
  uint64_t saved;
#else
  FloatState() {}
#endif
};

} // namespace qrt

#endif // QRT_CPU_FLOATSTATE_H

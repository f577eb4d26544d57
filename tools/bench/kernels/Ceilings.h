// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one core of this machine can do at best, measured now: the machine may
// be shared and its clock may move, so every figure is given as a share of a
// ceiling probed in the same run.

#ifndef QOPT_TOOLS_BENCH_KERNELS_CEILINGS_H
#define QOPT_TOOLS_BENCH_KERNELS_CEILINGS_H

#include <cstddef>

namespace qopt::bench {

enum class Ceiling {
  DotProduct512, // vpdpbusd on registers alone, operations (2 a multiply-add)
  Fma512,        // f32 fused multiply-add on registers alone, operations
  Fma256,
  MaddWords256,  // vpmaddwd + vpaddd, multiply-adds counted as two operations
  L3Read,        // bytes of 16 MiB read again and again
};

// Per second: operations or bytes, the best of a few short tries. Zero where
// the CPU lacks the instructions.
double probe(Ceiling ceiling);

// CPU time of this thread: what others do to the machine counts less.
double threadSeconds();

} // namespace qopt::bench

#endif // QOPT_TOOLS_BENCH_KERNELS_CEILINGS_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which of the ISAs that the compiler knows (lib/Emission/Targets) this CPU and
// its operating system support.
#ifndef QRT_CPU_CPUISA_H
#define QRT_CPU_CPUISA_H

namespace qrt {

// 0: unknown here or unsupported. Otherwise the higher, the more able.
int isaRank(const char *name);

} // namespace qrt

#endif // QRT_CPU_CPUISA_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel emitter may know about the instruction set it emits for.
// Emitters ask for properties, never for names: a new ISA is a new value of
// this struct, not a new `if`.

#ifndef QOPT_LIB_EMISSION_TARGETISA_H
#define QOPT_LIB_EMISSION_TARGETISA_H

namespace qopt::emission {

struct TargetIsa {
  // Name of the artifact's code section and of `--isa`, e.g. "avx512-vnni".
  const char *name;
  // Bits of the widest vector register worth using.
  unsigned vectorBits;
  // Architectural vector registers of that width.
  unsigned vectorRegisters;
  // vpdpbusd on registers of `vectorBits`.
  bool hasVnni;
  // Byte loads and stores under a mask are single instructions.
  bool hasByteMasks;
};

// The two ISAs every artifact carries.
inline constexpr TargetIsa kX86_64V3Isa{"x86-64-v3", 256, 16, false, false};
inline constexpr TargetIsa kAvx512VnniIsa{"avx512-vnni", 512, 32, true, true};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_TARGETISA_H

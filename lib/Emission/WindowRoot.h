// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What depthwise conv, max_pool and avg_pool have in common: a window slides
// over an image and each channel is on its own.

#ifndef QOPT_LIB_EMISSION_WINDOWROOT_H
#define QOPT_LIB_EMISSION_WINDOWROOT_H

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/Lanes.h"

namespace qopt::emission {

struct WindowRoot {
  enum class Kind { depthwise, maximum, average };
  Kind kind;
  mlir::Operation *op;
  mlir::Value input, filter; // filter: depthwise only
  int64_t kernel[2], stride[2], dilation[2], padLow[2];
  int64_t padValue = 0;
  bool countsPadding = false;

  /// Nullopt for other ops.
  static std::optional<WindowRoot> of(mlir::Operation *op);

  mlir::Type inputElement() const;
  bool isInteger() const;
  int64_t taps() const { return kernel[0] * kernel[1]; }

  // Taps of one kernel column that one instruction takes together, as bytes or
  // halfwords of each i32 lane: 4 u8 by VNNI, 2 by pmaddwd; 1 for floats,
  // pools.
  int64_t rowsTogether(KernelBuilder &kb) const;
  int64_t rowGroups(KernelBuilder &kb) const;
  /// One i32 (f32 for 1) of up to rowsTogether weights or inputs; vectors too.
  mlir::Value combine(KernelBuilder &kb, llvm::ArrayRef<mlir::Value> taps,
                      bool areWeights) const;

  // Vectors of 16 channels.
  mlir::Value start(KernelBuilder &kb) const;
  /// What a tap in the padding reads, so that it changes nothing (pools) or
  /// multiplies as stated (conv): one stored element.
  mlir::Value padding(KernelBuilder &kb) const;
  /// One tap, or several combined ones; `weight` null for pools.
  mlir::Value step(KernelBuilder &kb, mlir::Value accumulated, mlir::Value x,
                   mlir::Value weight) const;
  /// After the last tap; `count`: elements inside the window (i64).
  mlir::Value finish(KernelBuilder &kb, mlir::Value accumulated,
                     mlir::Value count) const;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_WINDOWROOT_H

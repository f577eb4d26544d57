// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Networks nobody designed: norms of both kinds before and after layers, gated
// and bilinear layers, grouped queries, fused projections, rotary positions,
// tied and shared constants, concat and split, grouped and depthwise
// convolutions, branches that pin. All in f64, all sizes static.
#pragma once
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qopt {

// One function @main of f64 tensors; the same for the same seed.
mlir::OwningOpRef<mlir::ModuleOp> randomNetwork(mlir::MLIRContext *context,
                                                unsigned seed);

} // namespace qopt

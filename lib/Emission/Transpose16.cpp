// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Four rounds of two-source shuffles. Round d exchanges blocks of d lanes
// between rows i and i + d:
//
//   row i     a0 a1 | a2 a3        a0 a1 | b0 b1
//   row i+2   b0 b1 | b2 b3   ->   a2 a3 | b2 b3        (d = 2, 4 lanes)

#include "lib/Emission/Transpose16.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

SmallVector<Value> qopt::emission::transpose16(KernelBuilder &kb,
                                               ArrayRef<Value> rows) {
  SmallVector<Value> current(rows);
  for (int64_t d : {8, 4, 2, 1}) {
    SmallVector<int64_t> low, high; // of the concatenation of both rows
    for (int64_t lane = 0; lane < 16; ++lane) {
      bool second = lane & d;
      low.push_back(second ? 16 + lane - d : lane);
      high.push_back(second ? 16 + lane : lane + d);
    }
    for (int64_t i = 0; i < 16; ++i) {
      if (i & d)
        continue;
      Value a = current[i], b = current[i + d];
      current[i] = kb.create<vector::ShuffleOp>(a, b, low);
      current[i + d] = kb.create<vector::ShuffleOp>(a, b, high);
    }
  }
  return current;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one step of nn.recurrence does with the sums of its gates, on scalars or
// vectors: shared by naive and optimized code.

#ifndef QOPT_LIB_EMISSION_RECURRENTCELL_H
#define QOPT_LIB_EMISSION_RECURRENTCELL_H

#include "dialects/NN/NNOps.h"
#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

class RecurrentCell {
public:
  using Value = mlir::Value;

  RecurrentCell(KernelBuilder &kb, nn::RecurrenceOp op) : kb(kb), op(op) {}

  int64_t gates() { return nn::numGates(op.getCell()); }
  bool isLstm() { return op.getCell() == nn::RecurrentCell::lstm; }
  /// The reset gate acts on h before it meets the weights, so that no sum of
  /// the last gate can start before all reset gates are known.
  bool resetsFirst() {
    return op.getCell() == nn::RecurrentCell::gru &&
           !op.getLinearBeforeReset();
  }

  /// The next hidden state of rnn.
  Value rnn(Value sum) { return activate(0, clip(sum)); }
  /// z or r of gru.
  Value gate(Value sum) { return activate(0, clip(sum)); }
  /// The next hidden state of gru; `candidate` is what enters g.
  Value gru(Value z, Value candidate, Value h);
  struct State {
    Value h, c;
  };
  /// `sums` of i, o, f, c; `peepholes` of i, o, f or none.
  State lstm(llvm::ArrayRef<Value> sums, Value c,
             llvm::ArrayRef<Value> peepholes);

private:
  Value activate(unsigned number, Value x);
  Value clip(Value x);
  Value one(Value like) { return kb.constantLike(like.getType(), 1); }

  KernelBuilder &kb;
  nn::RecurrenceOp op;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_RECURRENTCELL_H

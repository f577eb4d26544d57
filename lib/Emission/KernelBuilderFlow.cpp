// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// KernelBuilder's loops and branches.

#include "lib/Emission/KernelBuilder.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace qopt::emission {

void KernelBuilder::forLoop(Value lb, Value ub, Value step, LoopBody body) {
  forLoop(lb, ub, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::forLoop(Value lb, Value ub, Value step,
                                          ValueRange inits, CarryBody body) {
  auto loop = create<scf::ForOp>(
      lb, ub, step, inits,
      [&](OpBuilder &nested, Location, Value iv, ValueRange carried) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(nested.saveInsertionPoint());
        create<scf::YieldOp>(body(iv, carried));
      });
  return llvm::to_vector(ValueRange(loop.getResults()));
}

void KernelBuilder::forVectors(
    Value n, llvm::function_ref<void(Value, LiveLanes)> body) {
  forVectors(n, ValueRange(), [&](Value index, LiveLanes live, ValueRange) {
    body(index, live);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::forVectors(
    Value n, ValueRange inits,
    llvm::function_ref<SmallVector<Value>(Value, LiveLanes, ValueRange)> body) {
  Value whole = mul(div(n, lanes), lanes);
  SmallVector<Value> carried(inits.begin(), inits.end());
  std::optional<int64_t> wholeConstant = constantOf(whole);
  if (wholeConstant == lanes)
    carried = body(i64(0), LiveLanes(), carried);
  else if (wholeConstant != 0)
    carried = forLoop(i64(0), whole, i64(lanes), carried,
                      [&](Value index, ValueRange values) {
                        return body(index, LiveLanes(), values);
                      });
  Value rest = sub(n, whole);
  if (std::optional<int64_t> constant = constantOf(rest)) {
    if (*constant == 0)
      return carried;
    return body(whole, LiveLanes{rest}, carried);
  }
  SmallVector<Type> types;
  for (Value value : carried)
    types.push_back(value.getType());
  return ifThenElse(
      cmp(arith::CmpIPredicate::ne, rest, i64(0)), types,
      [&] { return body(whole, LiveLanes{rest}, carried); },
      [&] { return carried; });
}

void KernelBuilder::ifThen(Value condition, llvm::function_ref<void()> body) {
  ifThenElse(condition, body, nullptr);
}

void KernelBuilder::ifThenElse(Value condition,
                               llvm::function_ref<void()> thenBody,
                               llvm::function_ref<void()> elseBody) {
  if (std::optional<int64_t> constant = constantOf(condition)) {
    if (*constant)
      thenBody();
    else if (elseBody)
      elseBody();
    return;
  }
  auto branch = create<scf::IfOp>(condition, /*withElseRegion=*/bool(elseBody));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  thenBody();
  if (!elseBody)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  elseBody();
}

SmallVector<Value>
KernelBuilder::ifThenElse(Value condition, TypeRange types,
                          llvm::function_ref<SmallVector<Value>()> thenBody,
                          llvm::function_ref<SmallVector<Value>()> elseBody) {
  if (std::optional<int64_t> constant = constantOf(condition))
    return *constant ? thenBody() : elseBody();
  if (types.empty()) {
    ifThenElse(condition, [&] { thenBody(); }, [&] { elseBody(); });
    return {};
  }
  auto branch = create<scf::IfOp>(types, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  create<scf::YieldOp>(thenBody());
  b.setInsertionPointToStart(branch.elseBlock());
  create<scf::YieldOp>(elseBody());
  return llvm::to_vector(ValueRange(branch.getResults()));
}

} // namespace qopt::emission

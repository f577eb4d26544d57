// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edges are found forward from each contraction's epilogue and backward from
// each contraction's input.
#include "lib/Analysis/EncodedEdges.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/ValueIds.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace qopt {
namespace {

bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

// The result has the codes of the operand, moved.
bool movesCodes(Operation *op) {
  return isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::MaxPoolOp>(op);
}

bool isPoolOrMean(Operation *op) {
  return isa<nn::AvgPoolOp, nn::ReduceMeanOp, nn::ReduceMaxOp>(op);
}

// Follows the pointwise ops a kernel computes after its contraction. Of a sum
// of two contractions only the later one can absorb it: the earlier chain ends.
Value epilogueEnd(Value value) {
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (!user->hasTrait<nn::Pointwise>() || user->getNumResults() != 1 ||
        user->getResult(0).getType() != value.getType())
      return value;
    for (Value operand : user->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (operand != value && def && !nn::ConstantView::of(operand) &&
          def->getBlock() == value.getDefiningOp()->getBlock() &&
          value.getDefiningOp()->isBeforeInBlock(def))
        return value;
    }
    value = user->getResult(0);
  }
  return value;
}

// Whether `value` flows to the input of one of `readers` through ops that can
// work on a dequantized value without harm.
bool reaches(Value value, const SmallPtrSetImpl<Operation *> &readers,
             SmallPtrSetImpl<Operation *> &seen) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (readers.contains(user) &&
        use.getOperandNumber() == Contraction::inputOperand)
      return true;
    if (!seen.insert(user).second)
      continue;
    if ((user->hasTrait<nn::Pointwise>() || user->hasTrait<nn::DataMovement>() ||
         movesCodes(user) || isPoolOrMean(user)) &&
        reaches(user->getResult(0), readers, seen))
      return true;
  }
  return false;
}

} // namespace

EncodedEdges::EncodedEdges(ArrayRef<Contraction> statics) {
  SmallPtrSet<Operation *, 16> readers;
  for (const Contraction &contraction : statics)
    readers.insert(contraction.op);
  for (const Contraction &contraction : statics) {
    addWithSources(contraction.input);
    Value end = epilogueEnd(contraction.op->getResult(0));
    SmallPtrSet<Operation *, 16> seen;
    if (reaches(end, readers, seen))
      addWithSources(end);
  }
  for (auto &entry : classes)
    order.push_back(entry.first);
}

void EncodedEdges::add(Value value) { classes.insert({value, value}); }

// Encodes before data movement instead of after it: codes are cheaper to move.
void EncodedEdges::addWithSources(Value value) {
  if (!isFloatTensor(value) || nn::ConstantView::of(value))
    return;
  bool known = contains(value);
  add(value);
  Operation *op = value.getDefiningOp();
  if (known || !op)
    return;
  SmallVector<Value> sources;
  if (movesCodes(op))
    sources.push_back(op->getOperand(0));
  if (isa<nn::ConcatOp>(op))
    sources.append(op->operand_begin(), op->operand_end());
  for (Value source : sources) {
    addWithSources(source);
    if (contains(source))
      join(value, source);
  }
}

Value EncodedEdges::leader(Value value) const {
  Value parent = classes.find(value)->second;
  while (parent != value) {
    value = parent;
    parent = classes.find(value)->second;
  }
  return value;
}

void EncodedEdges::join(Value a, Value b) {
  classes.find(leader(a))->second = leader(b);
}

std::vector<Value> EncodedEdges::classOf(Value value) const {
  std::vector<Value> members;
  for (const auto &entry : classes)
    if (leader(entry.first) == leader(value))
      members.push_back(entry.first);
  return members;
}

std::optional<size_t> EncodedEdges::indexOf(Value value) const {
  auto entry = classes.find(value);
  if (entry == classes.end())
    return std::nullopt;
  return size_t(entry - classes.begin());
}

std::optional<numerics::QuantParams> staticParams(const EncodedEdges &edges,
                                                  Value value) {
  std::optional<CodedRange> all;
  for (Value member : edges.classOf(value)) {
    std::optional<CodedRange> range = rangeOf(member);
    if (!range)
      continue;
    all = all ? CodedRange{std::min(all->low, range->low),
                           std::max(all->high, range->high)}
              : *range;
  }
  if (!all)
    return std::nullopt;
  return numerics::asymmetricParams(all->low, all->high, 0, 255);
}

} // namespace qopt

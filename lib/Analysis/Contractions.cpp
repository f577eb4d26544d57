// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Recognition by structure: ops, shapes and constants, never names.
#include "lib/Analysis/Contractions.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/LocationNames.h"
#include "lib/Analysis/ValueIds.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace qopt {
namespace {

// Empty if `op` is a contraction we quantize, otherwise why not.
std::string fill(Operation *op, Contraction &contraction) {
  contraction.op = op;
  contraction.input = op->getOperand(Contraction::inputOperand);
  contraction.weight = op->getOperand(Contraction::weightOperand);
  contraction.isConv = isa<nn::ConvOp>(op);
  auto input = cast<RankedTensorType>(contraction.input.getType());
  RankedTensorType weight = contraction.weightType();
  if (weight.getElementType().isInteger(8) ||
      contraction.weight.getDefiningOp<lowbit::DecodeOp>())
    return "the model quantized it (--requantize does it anew)";
  if (!input.getElementType().isF32() || !weight.getElementType().isF32())
    return "not float32";
  if (!nn::ConstantView::of(contraction.weight))
    return nn::ConstantView::of(contraction.input)
               ? "its constant is the left operand"
               : "both operands are computed";
  if (!contraction.isConv && weight.getRank() != 2)
    return "its weight has rank " + std::to_string(weight.getRank());
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    contraction.isDepthwise =
        conv.getGroups() > 1 && weight.getDimSize(3) == 1;
  StringRef id = valueId(op->getResult(0));
  contraction.id = id.empty() ? nameOf(op->getLoc(), "") : id.str();
  return "";
}

// Ops an outlier-free range survives.
bool isTransparent(Operation *op) {
  return op->hasTrait<nn::DataMovement>() ||
         isa<nn::AddOp, nn::SubOp, nn::MulOp, nn::MinOp, nn::MaxOp, nn::ReluOp,
             nn::LeakyReluOp, nn::ClipOp, nn::HardSwishOp, nn::HardSigmoidOp,
             nn::SigmoidOp, nn::TanhOp, nn::GeluOp, nn::GeluTanhOp,
             nn::SiluOp>(op);
}

// Whether all sources of `value`, seen through transparent ops, are
// convolutions, poolings and means.
bool comesFromConvolutions(Value value) {
  SmallVector<Value> work{value};
  SmallPtrSet<Operation *, 8> seen;
  bool found = false;
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op)
      return false;
    if (!seen.insert(op).second || op->hasTrait<OpTrait::ConstantLike>())
      continue;
    if (isa<nn::ConvOp, nn::MaxPoolOp, nn::AvgPoolOp>(op)) {
      found = true;
      continue;
    }
    bool mean = isa<nn::ReduceMeanOp, nn::ReduceMaxOp>(op);
    bool matmul = isa<nn::MatMulOp>(op) &&
                  nn::ConstantView::of(op->getOperand(1)).has_value();
    if (!mean && !matmul && !isTransparent(op))
      return false;
    if (mean || matmul)
      work.push_back(op->getOperand(0));
    else
      for (Value operand : op->getOperands())
        if (isa<RankedTensorType>(operand.getType()))
          work.push_back(operand);
  }
  return found;
}

} // namespace

std::vector<Contraction>
findContractions(func::FuncOp function,
                 std::vector<RejectedContraction> *rejected) {
  std::vector<Contraction> found;
  function.walk([&](Operation *op) {
    if (!isa<nn::MatMulOp, nn::ConvOp>(op))
      return;
    Contraction contraction;
    std::string reason = fill(op, contraction);
    if (reason.empty())
      found.push_back(std::move(contraction));
    else if (rejected)
      rejected->push_back({op, std::move(reason)});
  });
  return found;
}

std::vector<Contraction> staticContractions(ArrayRef<Contraction> all,
                                            ActivationMode policy) {
  std::vector<Contraction> statics;
  for (const Contraction &contraction : all)
    if (activationModeOf(contraction, policy) == ActivationMode::Static)
      statics.push_back(contraction);
  return statics;
}

OpOperand *biasOperand(const Contraction &contraction) {
  Value result = contraction.op->getResult(0);
  auto add = result.hasOneUse()
                 ? dyn_cast<nn::AddOp>(*result.user_begin())
                 : nn::AddOp();
  if (!add || add.getType() != result.getType())
    return nullptr;
  OpOperand &bias = add->getOpOperand(add.getLhs() == result ? 1 : 0);
  auto type = cast<RankedTensorType>(bias.get().getType());
  int64_t outputs = contraction.weightType().getDimSize(contraction.channelAxis());
  if (type.getRank() != 1 || type.getDimSize(0) != outputs ||
      !type.getElementType().isF32() || !nn::ConstantView::of(bias.get()))
    return nullptr;
  return &bias;
}

ActivationMode activationModeOf(const Contraction &contraction,
                                ActivationMode policy) {
  if (contraction.isConv)
    return ActivationMode::Static;
  if (policy != ActivationMode::Auto)
    return policy;
  return comesFromConvolutions(contraction.input) ? ActivationMode::Static
                                                  : ActivationMode::Dynamic;
}

std::optional<int64_t> int4Block(const Contraction &contraction,
                                 int64_t widest) {
  if (contraction.isConv)
    return std::nullopt;
  int64_t inputs = contraction.weightType().getDimSize(0);
  for (int64_t block = widest; block > 0; block -= 8)
    if (inputs % block == 0)
      return block;
  return std::nullopt;
}

numerics::FormatSpec int8WeightFormat(const Contraction &contraction) {
  return numerics::FormatSpec::perChannel(numerics::ElementFormat::makeInt(8),
                                          contraction.channelAxis());
}

numerics::FormatSpec int4WeightFormat(const Contraction &contraction,
                                      int64_t block) {
  return numerics::FormatSpec::blocked(
      numerics::ElementFormat::makeInt(4),
      unsigned(contraction.weightType().getRank()), 0, int32_t(block),
      numerics::ScaleType::F16);
}

} // namespace qopt

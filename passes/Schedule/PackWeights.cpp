// Packs constant operands of contractions into panels.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Exec/ExecOps.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/KernelClusters.h"
#include "lib/Analysis/LocationNames.h"
#include "lib/Emission/PanelLayout.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/Schedule/Passes.h"

using namespace mlir;
using namespace qopt;
using emission::PanelLayout;
using emission::PanelShape;

namespace qopt {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace qopt

namespace {

/// A constant in the form a kernel reads.
struct Packed {
  std::string layout;
  Type element;
  std::vector<char> bytes;
};

/// The constant behind argument \p arg of \p kernel, dense.
std::optional<std::vector<char>> denseBytes(exec::KernelOp kernel,
                                            BlockArgument arg) {
  auto view = nn::ConstantView::of(kernel.getInputs()[arg.getArgNumber()]);
  if (!view)
    return std::nullopt;
  ArrayRef<char> raw = view->bytes();
  std::vector<char> bytes(raw.begin(), raw.end());
  if (view->isSplat()) {
    bytes.clear();
    for (int64_t i = 0; i < view->numElements(); ++i)
      bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  return bytes;
}

Packed packPanels(PanelLayout layout, const PanelShape &shape,
                  const emission::PanelSource &source, Type element) {
  Packed packed{emission::panelLayoutName(layout).str(), element,
                emission::packPanels(layout, shape, source)};
  if (!element.isF32())
    return packed;
  if (auto narrow = emission::narrowPanels(packed.bytes)) {
    MLIRContext *context = element.getContext();
    packed.element = narrow->isBFloat ? Type(BFloat16Type::get(context))
                                      : Type(Float16Type::get(context));
    packed.bytes = std::move(narrow->bytes);
  }
  return packed;
}

PanelLayout layoutFor(Type element) {
  return element.isF32() ? PanelLayout::Panel16x1 : PanelLayout::Panel16x4;
}

class WeightPacker {
public:
  explicit WeightPacker(exec::KernelOp kernel) : kernel(kernel) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front())) {
      if (auto matmul = dyn_cast<nn::MatMulOp>(op))
        packMatMul(matmul);
      else if (auto conv = dyn_cast<nn::ConvOp>(op))
        packConv(conv);
      else if (auto product = dyn_cast<lowbit::BlockMatMulOp>(op))
        packBlocks(product);
    }
  }

private:
  /// The kernel argument behind an operand that only its op reads.
  BlockArgument argumentOf(Value operand) {
    auto arg = dyn_cast<BlockArgument>(operand);
    return arg && arg.hasOneUse() ? arg : BlockArgument();
  }

  void packMatMul(nn::MatMulOp op) {
    BlockArgument arg = argumentOf(op.getRhs());
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    Type element = type.getElementType();
    if (!arg || type.getRank() != 2 || !(element.isF32() || element.isInteger(8)))
      return;
    auto bytes = denseBytes(kernel, arg);
    if (!bytes)
      return;
    PanelShape shape =
        emission::matmulPanels(type.getDimSize(0), type.getDimSize(1));
    substitute(arg, packPanels(layoutFor(element), shape,
                               emission::matmulSource(bytes->data(), shape),
                               element));
  }

  void packConv(nn::ConvOp op) {
    BlockArgument arg = argumentOf(op.getFilter());
    auto type = cast<RankedTensorType>(op.getFilter().getType());
    Type element = type.getElementType();
    if (!arg || classify(op) != OpClass::Contraction ||
        !(element.isF32() || element.isInteger(8)))
      return;
    auto bytes = denseBytes(kernel, arg);
    if (!bytes)
      return;
    PanelShape shape = emission::convPanels(
        type.getDimSize(0), type.getDimSize(1), type.getDimSize(2),
        type.getDimSize(3), op.getDilations()[1], op.getGroups());
    substitute(arg, packPanels(layoutFor(element), shape,
                               emission::filterSource(bytes->data(), shape),
                               element));
  }

  void packBlocks(lowbit::BlockMatMulOp op) {
    BlockArgument codes = argumentOf(op.getCodes());
    BlockArgument scales = argumentOf(op.getScales());
    auto type = cast<RankedTensorType>(op.getCodes().getType());
    auto scaleType = cast<RankedTensorType>(op.getScales().getType());
    if (!codes || !scales)
      return;
    auto codeBytes = denseBytes(kernel, codes);
    auto scaleBytes = denseBytes(kernel, scales);
    if (!codeBytes || !scaleBytes)
      return;
    PanelShape shape =
        emission::matmulPanels(type.getDimSize(0), type.getDimSize(1));
    OpBuilder builder(kernel.getContext());
    substitute(codes, packPanels(PanelLayout::Panel16x8, shape,
                                 emission::matmulSource(codeBytes->data(), shape),
                                 builder.getI8Type()));
    substitute(scales,
               {"panel_scales", scaleType.getElementType(),
                emission::packPanelScales(
                    scaleType.getDimSize(0), scaleType.getDimSize(1),
                    nn::elementBytes(scaleType.getElementType()),
                    scaleBytes->data())});
  }

  void substitute(BlockArgument arg, const Packed &packed) {
    OpBuilder builder(kernel);
    unsigned index = arg.getArgNumber();
    Value source = kernel.getInputs()[index];
    int64_t count = packed.bytes.size() / nn::elementBytes(packed.element);
    auto type = RankedTensorType::get({count}, packed.element);
    Value constant =
        nn::createConstant(builder, source.getLoc(), type,
                           ArrayRef<char>(packed.bytes.data(), packed.bytes.size()), nameOf(source.getLoc(), "weight"));
    kernel.getInputsMutable()[index].assign(constant);
    builder.setInsertionPointToStart(&kernel.getBody().front());
    Type logical = arg.getType();
    arg.setType(type);
    auto unpack = exec::UnpackPanelsOp::create(
        builder, arg.getLoc(), logical, arg, builder.getStringAttr(packed.layout));
    arg.replaceAllUsesExcept(unpack.getResult(), unpack);
  }

  exec::KernelOp kernel;
};

class PackWeights : public qopt::impl::PackWeightsPassBase<PackWeights> {
public:
  void runOnOperation() override {
    getOperation().walk(
        [](exec::KernelOp kernel) { WeightPacker(kernel).run(); });
  }
};

} // namespace

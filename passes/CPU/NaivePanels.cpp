// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Naive unpack_panels: packed weights back to their logical tensor, element by
// element with the formulas of lib/Emission/PanelLayout.h.

#include "dialects/Exec/ExecOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/PanelLayout.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "passes/CPU/NaiveKernel.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::naive;

namespace {

/// The logical tensor as groups of matrices [K][N].
struct PanelView {
  emission::PanelShape shape;
  bool isFilter; // OHWI, or [K][N]
  int64_t outputsPerGroup;
};

PanelView viewOf(exec::UnpackPanelsOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  for (Operation *user : op.getResult().getUsers())
    if (auto conv = dyn_cast<nn::ConvOp>(user)) {
      ArrayRef<int64_t> filter = type.getShape();
      int64_t groups = conv.getGroups();
      return {emission::convPanels(filter[0], filter[1], filter[2], filter[3],
                                   conv.getDilations()[1], groups),
              true, filter[0] / groups};
    }
  return {emission::matmulPanels(type.getDimSize(0), type.getDimSize(1)), false,
          type.getDimSize(1)};
}

struct Place {
  Value group, k, column;
};

Place placeOf(NaiveBuilder &nb, exec::UnpackPanelsOp op, const PanelView &view,
              ArrayRef<Value> at) {
  emission::KernelBuilder &kb = nb.kb;
  if (!view.isFilter)
    return {kb.i64(0), at[0], at[1]};
  auto filter = cast<RankedTensorType>(op.getResult().getType()).getShape();
  Value k = kb.mul(kb.add(kb.mul(at[1], filter[2]), at[2]), filter[3]);
  return {kb.div(at[0], view.outputsPerGroup), kb.add(k, at[3]),
          kb.rem(at[0], view.outputsPerGroup)};
}

/// Lane of a packed element: float, byte or nibble.
Value readPanel(NaiveBuilder &nb, exec::UnpackPanelsOp op,
                emission::PanelLayout layout, const PanelView &view,
                Place place) {
  emission::KernelBuilder &kb = nb.kb;
  int64_t inputs = emission::inputsPerStep(layout);
  int64_t length = view.shape.tapLength;
  int64_t stepsPerTap = (length + inputs - 1) / inputs;
  // A tap begins a new step.
  Value inTap = kb.rem(place.k, length);
  Value step = kb.add(kb.mul(kb.div(place.k, length), stepsPerTap),
                      kb.div(inTap, inputs));
  Value panel = kb.add(kb.mul(place.group, view.shape.panels()),
                       kb.div(place.column, 16));
  Value slot =
      kb.add(kb.mul(kb.add(kb.mul(panel, view.shape.steps(layout)), step), 16),
             kb.rem(place.column, 16));
  Value base = nb.pointer(op.getPacked());
  Value input = kb.rem(inTap, inputs);
  if (layout == emission::PanelLayout::Panel16x1) {
    Type stored = nb.elementType(op.getPacked());
    return emission::emitCast(kb, stored, kb.f32Type,
                              emission::loadLane(kb, stored, base, slot,
                                                 emission::Width::scalar));
  }
  Value byte =
      kb.load(kb.i8Type, base, kb.add(kb.mul(slot, 4), kb.rem(input, 4)));
  if (layout == emission::PanelLayout::Panel16x4)
    return kb.create<arith::ExtSIOp>(kb.i32Type, byte);
  Value code = kb.create<arith::ExtUIOp>(kb.i32Type, byte);
  Value isHigh = kb.cmp(arith::CmpIPredicate::uge, input, kb.i64(4));
  Value high = kb.create<arith::ShRUIOp>(code, kb.i32(4));
  Value low = kb.create<arith::AndIOp>(code, kb.i32(15));
  return kb.select(isHigh, high, low);
}

/// Scales [block][column] lie as [column / 16][block][column % 16].
void unpackScales(NaiveBuilder &nb, exec::UnpackPanelsOp op) {
  emission::KernelBuilder &kb = nb.kb;
  Value result = op.getResult(), blocks = nb.dim(result, 0);
  nb.forIndices(nb.dims(result), [&](ArrayRef<Value> at) {
    Value slot =
        kb.add(kb.mul(kb.add(kb.mul(kb.div(at[1], 16), blocks), at[0]), 16),
               kb.rem(at[1], 16));
    nb.write(result, at,
             kb.load(nb.elementType(result), nb.pointer(op.getPacked()), slot));
  });
}

} // namespace

LogicalResult qopt::naive::emitNaivePanels(NaiveBuilder &nb, Operation *op) {
  auto unpack = dyn_cast<exec::UnpackPanelsOp>(op);
  if (!unpack)
    return failure();
  if (unpack.getLayout() == "panel_scales")
    return unpackScales(nb, unpack), success();
  std::optional<emission::PanelLayout> layout =
      emission::parsePanelLayout(unpack.getLayout());
  auto type = cast<RankedTensorType>(unpack.getResult().getType());
  if (!layout || !type.hasStaticShape() || type.getRank() < 2)
    return op->emitError("expects a panel layout of lib/Emission/PanelLayout "
                         "and a static result, got '")
           << unpack.getLayout() << "'";
  PanelView view = viewOf(unpack);
  nb.forIndices(nb.dims(unpack.getResult()), [&](ArrayRef<Value> at) {
    Place place = placeOf(nb, unpack, view, at);
    nb.write(unpack.getResult(), at,
             readPanel(nb, unpack, *layout, view, place));
  });
  return success();
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ContractionStaging.h"
#include "lib/Emission/DotProduct.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace qopt::emission {

Type ContractionStaging::element() const {
  return plan.inputBytes == 4 ? kb.f32Type : kb.i8Type;
}

Value ContractionStaging::image(Value inputBatch) {
  Value elements = kb.mul(kb.mul(g.height, g.width), g.channels);
  return kb.address(kb.ptr(problem.input), element(),
                    kb.mul(inputBatch, elements));
}

Value ContractionStaging::inputBase(Value inputBatch, Value firstRow) {
  if (plan.staged)
    return buffers[kStageBuffer];
  if (!plan.evenRows)
    return image(inputBatch);
  return kb.address(image(inputBatch), element(),
                    kb.mul(firstRow, g.channels));
}

void ContractionStaging::emit(Value inputBatch, Value firstRow, Value rows) {
  if (plan.stagesImages())
    stageImageWindow(inputBatch, firstRow);
  else if (plan.staged)
    stageRows(inputBatch, firstRow, rows);
  if (!plan.evenRows)
    fillRowTable(firstRow, rows);
  if (problem.domain == ContractionDomain::BlockInt4)
    sumBlocks(inputBatch, firstRow, rows);
}

// The window of the input that the unit's output rows see, with its padding.
void ContractionStaging::stageImageWindow(Value inputBatch, Value firstRow) {
  Value source = image(inputBatch);
  Value top = kb.sub(
      kb.mul(kb.div(firstRow, g.outWidth), g.stride[0]), kb.i64(g.padLow[0]));
  Value rowElements = kb.mul(plan.windowWidth, g.channels);
  Value left = kb.mul(g.channels, g.padLow[1]);
  Value middle = kb.mul(g.width, g.channels);
  Value right = kb.mul(g.channels, g.padHigh[1]);
  kb.forLoop(kb.i64(0), plan.windowHeight, kb.i64(1), [&](Value y) {
    Value to = kb.address(buffers[kStageBuffer], element(),
                          kb.mul(y, rowElements));
    Value inputY = kb.add(top, y);
    // One unsigned comparison rejects rows above and below.
    Value inside = kb.cmp(arith::CmpIPredicate::ult, inputY, g.height);
    kb.ifThenElse(
        inside,
        [&] {
          fill(to, left);
          copy(kb.address(source, element(), kb.mul(inputY, middle)),
               kb.address(to, element(), left), middle);
          fill(kb.address(to, element(), kb.add(left, middle)), right);
        },
        [&] { fill(to, rowElements); });
  });
}

void ContractionStaging::stageRows(Value inputBatch, Value firstRow,
                                   Value rows) {
  copy(kb.address(image(inputBatch), element(), kb.mul(firstRow, g.channels)),
       buffers[kStageBuffer], kb.mul(rows, g.channels));
}

void ContractionStaging::copy(Value from, Value to, Value count) {
  kb.forVectors(count, [&](Value i, LiveLanes live) {
    Value value = kb.loadVector(element(), from, i, live);
    if (plan.flipSign)
      value = kb.create<arith::XOrIOp>(value,
                                       kb.constantLike(value.getType(), -128));
    kb.storeVector(element(), value, to, i, live);
  });
}

void ContractionStaging::fill(Value to, Value count) {
  int64_t padding = g.padValue;
  if (problem.domain != ContractionDomain::F32)
    padding = static_cast<int8_t>(plan.flipSign ? padding ^ 0x80 : padding);
  Value value = kb.constantLike(laneVectorType(element()), padding);
  kb.forVectors(count, [&](Value i, LiveLanes live) {
    kb.storeVector(element(), value, to, i, live);
  });
}

// Byte offset of each output pixel's first tap from inputBase.
void ContractionStaging::fillRowTable(Value firstRow, Value rows) {
  Value pixel = kb.mul(g.channels, plan.inputBytes);
  Value width = plan.stagesImages() ? plan.windowWidth : g.width;
  Value firstY = plan.stagesImages() ? kb.div(firstRow, g.outWidth) : kb.i64(0);
  kb.forLoop(kb.i64(0), rows, kb.i64(1), [&](Value i) {
    Value row = kb.add(firstRow, i);
    Value y = kb.sub(kb.div(row, g.outWidth), firstY);
    Value x = kb.rem(row, g.outWidth);
    Value offset = kb.add(kb.mul(kb.mul(y, g.stride[0]), width),
                          kb.mul(x, g.stride[1]));
    kb.store(kb.i64Type, kb.mul(offset, pixel), buffers[kRowTable], i);
  });
}

void ContractionStaging::sumBlocks(Value inputBatch, Value firstRow,
                                   Value rows) {
  Value source = kb.address(image(inputBatch), element(),
                            kb.mul(firstRow, g.channels));
  // Rows are contiguous, so their blocks are too.
  Value blocks = kb.mul(rows, kb.div(plan.tapLength, problem.block));
  kb.forLoop(kb.i64(0), blocks, kb.i64(1), [&](Value block) {
    Value start = kb.mul(block, problem.block);
    Value sum = kb.i32(0);
    Value lanes;
    for (int64_t i = 0; i + 16 <= problem.block; i += 16) {
      Value codes = kb.create<arith::ExtSIOp>(
          kb.vectorType(kb.i32Type),
          kb.loadVector(kb.i8Type, source, kb.add(start, i)));
      lanes = lanes ? kb.create<arith::AddIOp>(lanes, codes) : codes;
    }
    if (lanes)
      sum = kb.create<vector::ReductionOp>(vector::CombiningKind::ADD, lanes);
    for (int64_t i = problem.block / 16 * 16; i < problem.block; ++i)
      sum = kb.create<arith::AddIOp>(
          sum, kb.create<arith::ExtSIOp>(
                   kb.i32Type, kb.load(kb.i8Type, source, kb.add(start, i))));
    kb.store(kb.i32Type, kb.create<arith::MulIOp>(sum, kb.i32(-8)),
             buffers[kRowSumBuffer], block);
  });
}

void emitPackColumns(KernelBuilder &kb, Value matrix, Value k, Value columns,
                     Value firstColumn, int64_t panels, Value packed) {
  Value live = kb.sub(columns, firstColumn);
  auto packAll = [&](bool whole) {
    kb.forLoop(kb.i64(0), k, kb.i64(1), [&](Value i) {
      Value from = kb.address(matrix, kb.f32Type,
                              kb.add(kb.mul(i, columns), firstColumn));
      Value to = kb.address(packed, kb.f32Type,
                            kb.mul(i, panels * kPanelColumns));
      for (int64_t panel = 0; panel < panels; ++panel) {
        Value column = kb.i64(panel * kPanelColumns);
        LiveLanes lanes;
        if (!whole)
          lanes.count = kb.max(kb.min(kb.sub(live, column), 16), 0);
        kb.storeVector(kb.f32Type,
                       kb.loadVector(kb.f32Type, from, column, lanes), to,
                       column, {}, 64);
      }
    });
  };
  kb.ifThenElse(
      kb.cmp(arith::CmpIPredicate::sge, live,
             kb.i64(panels * kPanelColumns)),
      [&] { packAll(true); }, [&] { packAll(false); });
}

void emitColumnStart(KernelBuilder &kb, const MicrokernelArguments &args,
                     int64_t panels) {
  DotProduct dot(kb);
  VectorType words = dot.wordType();
  Value all128 = kb.constantLike(words, int32_t(0x80808080));
  // -128 * sum = (128 * -1) * sum: the dot product subtracts from zero.
  int64_t inputs = 4;
  Value tapSteps = kb.ceilDiv(args.tapLength, inputs);
  Value steps = kb.mul(tapSteps, args.outerTaps * args.innerTaps);
  SmallVector<Value> state(panels, kb.constantLike(words, 0));
  state.push_back(args.weights);
  state = kb.forLoop(
      kb.i64(0), steps, kb.i64(1), state, [&](Value, ValueRange s) {
        SmallVector<Value> next(s.begin(), s.end());
        for (int64_t panel = 0; panel < panels; ++panel) {
          Value at = kb.byteAddress(next[panels],
                                    kb.mul(args.panelStride, panel));
          next[panel] = dot.vnni(next[panel], all128,
                                 kb.loadRaw(words, at, kPanelStepBytes));
        }
        next[panels] = kb.byteAddress(next[panels], args.stepStride);
        return next;
      });
  for (int64_t panel = 0; panel < panels; ++panel)
    kb.storeRaw(kb.create<arith::SubIOp>(kb.constantLike(words, 0),
                                         state[panel]),
                kb.byteAddress(args.columnStart, kb.i64(panel * 64)), 64);
}

} // namespace qopt::emission

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ContractionMicrokernel.h"
#include "lib/Emission/DotProduct.h"
#include "lib/Emission/PointwiseEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace qopt::emission {

//===----------------------------------------------------------------------===//
// Tile shapes
//===----------------------------------------------------------------------===//

namespace {
struct TileTable {
  unsigned vectorBits;
  ContractionDomain domain;
  int64_t panels, singleRowPanels;
  // Tallest tile for 1, 2, 3, 4 panels.
  int64_t rows[4];
};
} // namespace

// Wide registers: 24 to 28 accumulators. 256-bit: a panel takes two registers
// of sixteen, and pmaddwd needs more temporaries than fma.
static constexpr TileTable kTiles[] = {
    {512, ContractionDomain::F32, 3, 8, {16, 12, 8, 6}},
    {512, ContractionDomain::U8S8, 3, 8, {16, 12, 8, 6}},
    {512, ContractionDomain::S8S8, 3, 8, {16, 12, 8, 6}},
    {512, ContractionDomain::BlockInt4, 2, 4, {12, 8, 6, 4}},
    {256, ContractionDomain::F32, 1, 4, {6, 2, 1, 1}},
    {256, ContractionDomain::U8S8, 1, 2, {4, 2, 1, 1}},
    {256, ContractionDomain::S8S8, 1, 2, {4, 2, 1, 1}},
    {256, ContractionDomain::BlockInt4, 1, 2, {4, 2, 1, 1}},
};

static const TileTable &tileTable(const TargetIsa &isa,
                                  ContractionDomain domain) {
  for (const TileTable &row : kTiles)
    if (row.vectorBits == isa.vectorBits && row.domain == domain)
      return row;
  return kTiles[0];
}

int64_t tileRows(const TargetIsa &isa, ContractionDomain domain,
                 int64_t panels, bool fewPointers) {
  int64_t rows = panels <= 4 ? tileTable(isa, domain).rows[panels - 1] : 1;
  return fewPointers ? std::min<int64_t>(rows, 8) : rows;
}

int64_t tilePanels(const TargetIsa &isa, ContractionDomain domain) {
  return tileTable(isa, domain).panels;
}

int64_t singleRowPanels(const TargetIsa &isa, ContractionDomain domain) {
  return tileTable(isa, domain).singleRowPanels;
}

//===----------------------------------------------------------------------===//
// Loops over taps and steps
//===----------------------------------------------------------------------===//

namespace {
// One step of a domain: loads inputsPerStep inputs of each row and one step of
// each panel. A logical 16-lane accumulator is `parts` registers.
class Microkernel {
public:
  Microkernel(KernelBuilder &kb, ContractionDomain domain,
              const MicrokernelArguments &args)
      : kb(kb), domain(domain), args(args), dot(kb),
        parts(512 / kb.isa().vectorBits),
        inputs(inputsPerStep(panelLayout(domain))),
        inputBytes(domain == ContractionDomain::F32 ? 4 : 1) {
    Type lane = isFloat() ? kb.f32Type : kb.i32Type;
    registerType = VectorType::get({16 / parts}, lane);
  }

  void emit() {
    SmallVector<Value> state = startAccumulators();
    state.push_back(args.weights);
    if (args.prefetch)
      state.push_back(args.prefetch);
    state = loop(kb.i64(args.outerTaps), state, [&](Value o, ValueRange s) {
      Value outer = kb.mul(o, args.outerTapStride);
      return loop(kb.i64(args.innerTaps), s, [&](Value i, ValueRange t) {
        return emitTap(kb.add(outer, kb.mul(i, args.innerTapStride)), t);
      });
    });
    storeTile(state);
  }

private:
  bool isFloat() const { return domain == ContractionDomain::F32; }
  int64_t accumulators() const {
    return args.shape.rows * args.shape.panels * parts;
  }
  int64_t index(int64_t row, int64_t panel, int64_t part) const {
    return (row * args.shape.panels + panel) * parts + part;
  }

  // A loop that is no loop when it runs once.
  SmallVector<Value> loop(Value count, ValueRange state,
                          KernelBuilder::CarryBody body) {
    if (KernelBuilder::constantOf(count) == 1)
      return body(kb.i64(0), state);
    return kb.forLoop(kb.i64(0), count, kb.i64(1), state, body);
  }

  SmallVector<Value> startAccumulators() {
    SmallVector<Value> start(accumulators());
    for (int64_t panel = 0; panel < args.shape.panels; ++panel)
      for (int64_t part = 0; part < parts; ++part) {
        int64_t column = panel * 16 + part * (16 / parts);
        Value value =
            args.columnStart
                ? kb.loadRaw(registerType,
                             kb.byteAddress(args.columnStart,
                                            kb.i64(column * 4)),
                             32)
                : kb.constantLike(registerType, 0);
        for (int64_t row = 0; row < args.shape.rows; ++row)
          start[index(row, panel, part)] = value;
      }
    return start;
  }

  SmallVector<Value> emitTap(Value tapOffset, ValueRange state) {
    Value wholeSteps = kb.div(args.tapLength, inputs);
    int64_t unroll = stepUnroll(wholeSteps);
    SmallVector<Value> next = kb.forLoop(
        kb.i64(0), wholeSteps, kb.i64(unroll), state,
        [&](Value step, ValueRange s) {
          Value offset =
              kb.add(tapOffset, kb.mul(step, inputs * inputBytes));
          SmallVector<Value> values(s.begin(), s.end());
          for (int64_t u = 0; u < unroll; ++u)
            values = emitStep(
                [&](int64_t row) {
                  return loadInputs(
                      kb.byteAddress(args.rows[row], offset),
                      u * inputs * inputBytes);
                },
                values);
          return values;
        });
    Value rest = kb.rem(args.tapLength, inputs);
    std::optional<int64_t> restConstant = KernelBuilder::constantOf(rest);
    if (restConstant && *restConstant > 0) {
      Value offset = kb.add(
          tapOffset, kb.mul(wholeSteps, inputs * inputBytes));
      next = emitStep(
          [&](int64_t row) {
            return loadPartialInputs(
                kb.byteAddress(args.rows[row], offset), *restConstant);
          },
          next);
    }
    return next;
  }

  // Small tiles gain from fewer branches; large ones have the work already.
  int64_t stepUnroll(Value wholeSteps) {
    std::optional<int64_t> steps = KernelBuilder::constantOf(wholeSteps);
    int64_t wanted = accumulators() >= 16 ? 2 : 4;
    if (!steps)
      return 1;
    while (wanted > 1 && *steps % wanted)
      wanted /= 2;
    return wanted;
  }

  bool isNarrow() const {
    return args.weightType && args.weightType.getIntOrFloatBitWidth() == 16;
  }
  int64_t stepBytes() const {
    return isNarrow() ? kPanelStepBytes / 2 : kPanelStepBytes;
  }

  // A register of f32 weights, widened exactly where they are stored narrow.
  Value loadWeights(Value address, int64_t bytes) {
    if (!isNarrow())
      return kb.loadRaw(registerType, address, bytes);
    Type stored = storageType(args.weightType);
    Value lanes = kb.loadRaw(VectorType::get(registerType.getShape(), stored),
                             address, bytes);
    if (stored.isInteger())
      lanes = kb.create<arith::ExtUIOp>(
          VectorType::get(registerType.getShape(), kb.i32Type), lanes);
    return emitCast(kb, args.weightType, kb.f32Type, lanes);
  }

  // One step's inputs of a row, as a scalar: f32, or i32 of four bytes.
  Value loadInputs(Value address, int64_t bytes) {
    Type type = isFloat() ? kb.f32Type : kb.i32Type;
    return kb.loadRaw(type, kb.byteAddress(address, kb.i64(bytes)),
                      isFloat() ? 4 : 1);
  }

  // The last |count| (1..3) bytes of a tap, the others zero. Never reads
  // outside the tap: a long tap is read from four bytes before its end.
  Value loadPartialInputs(Value address, int64_t count) {
    std::optional<int64_t> length = KernelBuilder::constantOf(args.tapLength);
    if (length && *length >= 4) {
      Value word = kb.loadRaw(
          kb.i32Type, kb.byteAddress(address, kb.i64(count - 4)), 1);
      return kb.create<arith::ShRUIOp>(word, kb.i32(8 * (4 - count)));
    }
    Value word = kb.i32(0);
    for (int64_t i = 0; i < count; ++i) {
      Value byte = kb.create<arith::ExtUIOp>(
          kb.i32Type,
          kb.loadRaw(kb.i8Type, kb.byteAddress(address, kb.i64(i)), 1));
      word = kb.create<arith::OrIOp>(
          word, kb.create<arith::ShLIOp>(byte, kb.i32(8 * i)));
    }
    return word;
  }

  SmallVector<Value> emitStep(llvm::function_ref<Value(int64_t)> inputsOf,
                              ArrayRef<Value> state) {
    SmallVector<Value> next(state.begin(), state.end());
    Value &weights = next[accumulators()];
    SmallVector<Value> panelRegisters;
    for (int64_t panel = 0; panel < args.shape.panels; ++panel)
      for (int64_t part = 0; part < parts; ++part) {
        int64_t bytes = stepBytes() / parts;
        Value at = kb.byteAddress(
            weights, kb.add(kb.mul(args.panelStride, panel), part * bytes));
        panelRegisters.push_back(
            isFloat() ? loadWeights(at, bytes)
                      : kb.loadRaw(dot.byteType(), at, bytes));
      }
    if (!isFloat())
      dot.beginPanels(panelRegisters);
    for (int64_t row = 0; row < args.shape.rows; ++row) {
      Value scalar = inputsOf(row);
      Value broadcast =
          kb.create<vector::BroadcastOp>(registerType, scalar);
      if (!isFloat())
        dot.beginRow(broadcast, domain == ContractionDomain::S8S8);
      for (int64_t i = 0; i < args.shape.panels * parts; ++i) {
        Value &sum = next[index(row, 0, 0) + i];
        sum = isFloat() ? kb.fma(broadcast, panelRegisters[i], sum)
                        : dot.accumulate(sum, i);
      }
    }
    weights = kb.byteAddress(weights, args.stepStride);
    if (args.prefetch) {
      Value &line = next[accumulators() + 1];
      for (int64_t i = 0; i < args.prefetchLinesPerStep; ++i)
        kb.prefetch(kb.byteAddress(line, kb.i64(i * 64)), /*locality=*/2);
      line = kb.byteAddress(line, kb.i64(args.prefetchLinesPerStep * 64));
    }
    return next;
  }

  void storeTile(ArrayRef<Value> state) {
    for (int64_t i = 0; i < accumulators(); ++i)
      kb.storeRaw(state[i],
                  kb.byteAddress(args.tile, kb.i64(i * (64 / parts))),
                  64 / parts);
  }

  KernelBuilder &kb;
  ContractionDomain domain;
  const MicrokernelArguments &args;
  DotProduct dot;
  int64_t parts, inputs, inputBytes;
  VectorType registerType;
};
} // namespace

void emitMicrokernel(KernelBuilder &kb, ContractionDomain domain,
                     const MicrokernelArguments &arguments) {
  if (domain == ContractionDomain::BlockInt4)
    return emitBlockInt4Microkernel(kb, arguments);
  Microkernel(kb, domain, arguments).emit();
}

} // namespace qopt::emission

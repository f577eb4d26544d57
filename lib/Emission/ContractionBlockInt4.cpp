// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The inner kernel for 4-bit weights with a scale per block of k.
//
// Nibbles (0..15) are the unsigned operand, activations the signed one. The
// integer accumulator of a block starts at -8 * sum(activations), which makes
// the zero point free. Blocks add to the f32 tile, ascending, by fma; the tile
// stays in L1 so that registers hold integers only.

#include "lib/Emission/ContractionMicrokernel.h"
#include "lib/Emission/DotProduct.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace qopt::emission {

namespace {
class BlockInt4Kernel {
public:
  BlockInt4Kernel(KernelBuilder &kb, const MicrokernelArguments &args)
      : kb(kb), args(args), dot(kb), parts(512 / kb.isa().vectorBits),
        registers(args.shape.panels * parts) {
    floatType = VectorType::get({16 / parts}, kb.f32Type);
  }

  void emit() {
    for (int64_t i = 0; i < args.shape.rows * registers; ++i)
      kb.storeRaw(kb.constantLike(floatType, 0), tileAddress(i), 64 / parts);
    Value blocks = kb.div(args.tapLength, args.block);
    SmallVector<Value> state = {args.weights};
    if (args.prefetch)
      state.push_back(args.prefetch);
    kb.forLoop(kb.i64(0), blocks, kb.i64(1), state,
               [&](Value block, ValueRange s) {
                 SmallVector<Value> next(s.begin(), s.end());
                 emitBlock(block, next);
                 return next;
               });
  }

private:
  Value tileAddress(int64_t i) {
    return kb.byteAddress(args.tile, kb.i64(i * (64 / parts)));
  }

  // One block of k: integer sums, then the tile.
  void emitBlock(Value block, SmallVector<Value> &state) {
    SmallVector<Value> sums = startSums(block);
    int64_t steps = args.block / 8;
    if (kb.isa().hasVnni)
      emitVnniSteps(block, steps, state[0], sums);
    else
      emitMaddSteps(block, steps, state[0], sums);
    state[0] = kb.byteAddress(state[0], kb.mul(args.stepStride, steps));
    addToTile(block, sums);
    if (!args.prefetch)
      return;
    int64_t lines = args.prefetchLinesPerStep * steps;
    for (int64_t i = 0; i < lines; ++i)
      kb.prefetch(kb.byteAddress(state[1], kb.i64(i * 64)), /*locality=*/2);
    state[1] = kb.byteAddress(state[1], kb.i64(lines * 64));
  }

  SmallVector<Value> startSums(Value block) {
    SmallVector<Value> sums;
    for (int64_t row = 0; row < args.shape.rows; ++row) {
      Value start = kb.create<vector::BroadcastOp>(
          dot.wordType(), kb.load(kb.i32Type, args.rowSums[row], block));
      sums.append(registers, start);
    }
    return sums;
  }

  // The low and high nibbles of register |i| of a step.
  void loadNibbles(Value weights, int64_t step, int64_t i, Value &low,
                   Value &high) {
    Value at = kb.byteAddress(
        weights, kb.add(kb.mul(args.panelStride, i / parts),
                        step * 64 + (i % parts) * (64 / parts)));
    Value codes = kb.loadRaw(dot.wordType(), at, 64 / parts);
    Value mask = kb.constantLike(dot.wordType(), 0x0f0f0f0f);
    low = kb.create<arith::AndIOp>(codes, mask);
    Value four = kb.constantLike(dot.wordType(), 4);
    high = kb.create<arith::AndIOp>(
        kb.create<arith::ShRUIOp>(codes, four), mask);
  }

  // Inputs 4 * half .. 4 * half + 3 of a step, in every lane.
  Value loadInputs(Value block, int64_t row, int64_t step, int64_t half) {
    Value offset = kb.add(kb.mul(block, args.block), step * 8 + half * 4);
    Value word =
        kb.loadRaw(kb.i32Type, kb.byteAddress(args.rows[row], offset), 1);
    return kb.create<vector::BroadcastOp>(dot.wordType(), word);
  }

  void emitVnniSteps(Value block, int64_t steps, Value weights,
                     SmallVector<Value> &sums) {
    for (int64_t step = 0; step < steps; ++step) {
      SmallVector<Value> nibbles(2 * registers);
      for (int64_t i = 0; i < registers; ++i)
        loadNibbles(weights, step, i, nibbles[i], nibbles[registers + i]);
      for (int64_t half = 0; half < 2; ++half)
        for (int64_t row = 0; row < args.shape.rows; ++row) {
          Value inputs = loadInputs(block, row, step, half);
          for (int64_t i = 0; i < registers; ++i) {
            Value &sum = sums[row * registers + i];
            sum = dot.vnni(sum, nibbles[half * registers + i], inputs);
          }
        }
    }
  }

  // Without VNNI: pairs of products in s16. |15 * -128 * 2| * 8 < 2^15, so
  // four steps (eight pairs) add up before they widen.
  void emitMaddSteps(Value block, int64_t steps, Value weights,
                     SmallVector<Value> &sums) {
    for (int64_t first = 0; first < steps; first += 4) {
      SmallVector<Value> shorts(args.shape.rows * registers);
      for (int64_t step = first; step < std::min(first + 4, steps); ++step)
        for (int64_t i = 0; i < registers; ++i) {
          Value nibbles[2];
          loadNibbles(weights, step, i, nibbles[0], nibbles[1]);
          for (int64_t row = 0; row < args.shape.rows; ++row)
            for (int64_t half = 0; half < 2; ++half) {
              Value products = dot.maddUnsignedBytes(
                  nibbles[half], loadInputs(block, row, step, half));
              Value &sum = shorts[row * registers + i];
              sum = sum ? kb.create<arith::AddIOp>(sum, products) : products;
            }
        }
      Value ones = kb.constantLike(shorts[0].getType(), 1);
      for (auto [sum, pairs] : llvm::zip(sums, shorts))
        sum = kb.create<arith::AddIOp>(sum, dot.maddWords(pairs, ones));
    }
  }

  Value loadScales(Value block, int64_t i) {
    int64_t bytes = storageBytes(args.scaleType);
    Value at = kb.byteAddress(
        args.scales, kb.add(kb.add(kb.mul(args.scalePanelStride, i / parts),
                                   kb.mul(block, 16 * bytes)),
                            (i % parts) * (16 / parts) * bytes));
    Value scales = kb.loadRaw(
        VectorType::get({16 / parts}, args.scaleType), at, 16 / parts * bytes);
    return args.scaleType == kb.f32Type
               ? scales
               : kb.create<arith::ExtFOp>(floatType, scales);
  }

  void addToTile(Value block, ArrayRef<Value> sums) {
    for (int64_t i = 0; i < registers; ++i) {
      Value scales = loadScales(block, i);
      for (int64_t row = 0; row < args.shape.rows; ++row) {
        Value at = tileAddress(row * registers + i);
        Value sum = kb.create<arith::SIToFPOp>(floatType,
                                               sums[row * registers + i]);
        Value partial = kb.loadRaw(floatType, at, 64 / parts);
        kb.storeRaw(kb.fma(sum, scales, partial), at, 64 / parts);
      }
    }
  }

  KernelBuilder &kb;
  const MicrokernelArguments &args;
  DotProduct dot;
  int64_t parts, registers;
  VectorType floatType;
};
} // namespace

void emitBlockInt4Microkernel(KernelBuilder &kb,
                              const MicrokernelArguments &arguments) {
  BlockInt4Kernel(kb, arguments).emit();
}

} // namespace qopt::emission

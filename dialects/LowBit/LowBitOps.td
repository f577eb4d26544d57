// The operators of the lowbit dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_LOWBIT_LOWBITOPS_TD
#define QOPT_DIALECTS_LOWBIT_LOWBITOPS_TD

include "dialects/LowBit/LowBitDialect.td"
include "dialects/LowBit/LowBitTypes.td"
include "dialects/NN/NNTraits.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LowBit_Op<string mnemonic, list<Trait> traits = []>
    : Op<LowBit_Dialect, mnemonic, traits>;

// Ops whose every result has the shape of the first operand (unless the class
// says otherwise).
class LowBit_ShapedOp<string mnemonic, list<Trait> traits = []>
    : LowBit_Op<mnemonic, !listconcat(traits, [
          DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                    ["reifyResultShapes"]>])> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

//===-- Formats as values ---------------------------------------------------===//

def LowBit_EncodeOp : LowBit_ShapedOp<"encode", [Pure]> {
  let summary = "Real numbers to a format, with given scales";
  let description = [{
    `code = clamp(roundeven(x * (1 / scale)) + zero)`; NaN becomes the zero
    point. `decode(encode(x))` never folds: it is the quantization error.

    - (encode_c1) the result's element is `!lowbit.q` of x's element type.
    - (encode_c2) scales (and zeros) have the shape the format asks for.

    ```mlir
    %q = lowbit.encode %x, %s, %z : (tensor<?x8xf32>, tensor<f32>, tensor<i32>) -> tensor<?x8x!lowbit.q<uint<8>, zero_point>>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$scales,
      Optional<AnyRankedTensor>:$zeros);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

def LowBit_EncodeRowsOp : LowBit_ShapedOp<"encode_rows", [Pure]> {
  let summary = "Real numbers to a format whose scales are found per row at run time";
  let description = [{
    Each slice of the last axis has scale `absmax / limit` (1 if absmax is 0),
    limit being the largest magnitude of the element format, and no error
    beyond rounding.

    - (encode_rows_c1) the result's format is scaled by row.

    ```mlir
    %q = lowbit.encode_rows %x : (tensor<?x8xf32>) -> tensor<?x8x!lowbit.q<int<8>, row>>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

def LowBit_DecodeOp : LowBit_ShapedOp<"decode", [Pure]> {
  let summary = "The real numbers that codes stand for";
  let description = [{
    `x = (code - zero) * scale`.

    - (decode_c1) the operand's element is `!lowbit.q` of the result's element.
  }];
  let arguments = (ins AnyRankedTensor:$q);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

// Not ConstantLike: folders identify such ops by one attribute, and this one has
// three.
def LowBit_ConstantOp : LowBit_Op<"constant", [Pure]> {
  let summary = "An encoded constant";
  let description = [{
    One code a byte (packed only when a kernel's layout is chosen), scales and
    zero points as the format asks.

    - (constant_c1) codes have the result's shape and one byte an element.
    - (constant_c2) scales (and zeros, if the format has them) have the shape
      the format asks for.
  }];
  let arguments = (ins ElementsAttr:$codes, ElementsAttr:$scales,
      OptionalAttr<ElementsAttr>:$zeros);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

class LowBit_ProjectionOp<string mnemonic> : LowBit_Op<mnemonic, [Pure]> {
  let summary = "The " # mnemonic # " of an encoded tensor, as a plain tensor";
  let arguments = (ins AnyRankedTensor:$q);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$q attr-dict `:` functional-type(operands, results)";
}
def LowBit_CodesOp : LowBit_ProjectionOp<"codes">;
def LowBit_ScalesOp : LowBit_ProjectionOp<"scales">;
def LowBit_ZerosOp : LowBit_ProjectionOp<"zeros">;

//===-- Observation and equivalence -------------------------------------------===//

def LowBit_ObserveOp : LowBit_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "Shows a value to the calibrator each time the program runs";
  let description = [{
    ```mlir
    lowbit.observe %x as "conv_1/input" : tensor<?x8xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, StrAttr:$id);
  let assemblyFormat = "$x `as` $id attr-dict `:` type($x)";
}

def LowBit_ScaleChannelsOp : LowBit_ShapedOp<"scale_channels", [Pure]> {
  let summary = "Multiplies each slice of `axis` by its own positive factor";
  let description = [{
    An equivalence op: pairs of it with inverse factors are introduced between
    a writer and its readers and then fold into them. `result = x * factors[c]`.

    - (scale_channels_c1) one factor for each slice of `axis`.
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$factors, I64Attr:$axis);
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

//===-- Stated arithmetic on codes ----------------------------------------------===//

// Scales, multipliers and zero points of these ops broadcast like numpy's.

def LowBit_QuantizeOp : LowBit_ShapedOp<"quantize", [Pure, NN_Pointwise]> {
  let summary = "f32 to codes by a stored reciprocal scale";
  let description = [{
    `t = x * factor; NaN -> zp; c = roundeven(clamp(t, lo - zp, hi - zp)) + zp`
    with lo, hi the bounds of the result's element type (an integer of at most
    16 bits), or `lo`, `hi`. Clamping precedes the conversion to integer.
    `factor` is the reciprocal of the scale; with `divide` it is the scale
    itself and `t = x / factor`, as in ONNX's QuantizeLinear.

    ```mlir
    %q = lowbit.quantize %x, %inv, %zp : (tensor<?x8xf32>, tensor<f32>, tensor<i32>) -> tensor<?x8xui8>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x, AnyRankedTensor:$factor,
      AnyRankedTensor:$zero, OptionalAttr<I32Attr>:$lo, OptionalAttr<I32Attr>:$hi,
      UnitAttr:$divide);
  let results = (outs AnyRankedTensor:$result);
}

def LowBit_DequantizeOp : LowBit_ShapedOp<"dequantize", [Pure, NN_Pointwise]> {
  let summary = "Codes to f32: `f32(q - zero) * scale`";
  let arguments = (ins AnyRankedTensor:$q, AnyRankedTensor:$scale, AnyRankedTensor:$zero);
  let results = (outs AnyRankedTensor:$result);
}

def LowBit_RequantizeOp : LowBit_ShapedOp<"requantize", [Pure, NN_Pointwise]> {
  let summary = "i32 accumulators to codes";
  let description = [{
    `c = roundeven(clamp(f32(acc) * multiplier, lo - zp, hi - zp)) + zp`, with
    lo, hi the bounds of the result's element type, or `lo`, `hi` (a fused
    clamp).
  }];
  let arguments = (ins AnyRankedTensor:$acc, AnyRankedTensor:$multiplier,
      AnyRankedTensor:$zero, OptionalAttr<I32Attr>:$lo, OptionalAttr<I32Attr>:$hi);
  let results = (outs AnyRankedTensor:$result);
}

def LowBit_RescaleOp : LowBit_ShapedOp<"rescale", [Pure, NN_Pointwise]> {
  let summary = "i32 accumulators to f32";
  let description = [{
    `f32(acc) * scales`, then, if given, `* row_scales`.
  }];
  let arguments = (ins AnyRankedTensor:$acc, AnyRankedTensor:$scales,
      Optional<AnyRankedTensor>:$row_scales);
  let results = (outs AnyRankedTensor:$result);
}

def LowBit_QuantizeRowsOp : LowBit_Op<"quantize_rows", [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Codes and scales of each row, found at run time";
  let description = [{
    For each slice of the last axis: `a = max |x|` (NaN ignored);
    `scale = a == 0 ? 1 : a * (1/127)`; `inv = a == 0 ? 0 : 127 / a`;
    `c = roundeven(clamp(x * inv, -127, 127)) + zp`, NaN -> zp. zp is 0 for i8
    and 128 for ui8 codes.

    ```mlir
    %c, %s = lowbit.quantize_rows %x : (tensor<?x8xf32>) -> (tensor<?x8xui8>, tensor<?x1xf32>)
    ```
  }];
  let arguments = (ins AnyRankedTensor:$x);
  let results = (outs AnyRankedTensor:$codes, AnyRankedTensor:$scales);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

def LowBit_BlockMatMulOp : LowBit_Op<"block_matmul", [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "Integer product with weight scales per block of k";
  let description = [{
    lhs is i8 [.., M, K]; codes are ui8 [K, N] in 0..15 (value = code - 8);
    scales are f16 or f32 [K / block, N]. For each block g in ascending order
    `p = fma(f32(sum_{k in g} lhs[m, k] * (codes[k, n] - 8)), f32(scales[g, n]), p)`
    from p = 0; the result is f32 [.., M, N].

    - (block_matmul_c1) inner dimensions agree and `block` divides K.
    - (block_matmul_c2) scales are [K / block, N].
  }];
  let arguments = (ins AnyRankedTensor:$lhs, AnyRankedTensor:$codes,
      AnyRankedTensor:$scales, I64Attr:$block);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$lhs `,` $codes `,` $scales attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif

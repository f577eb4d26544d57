// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights in blocks of few bits: MatMulNBits and GatherBlockQuantized. They
// become our own block formats; integer kernels read codes of 4 bits around 8:
//
//   sum x (c - z) s = sum x (c - 8) s + sum over blocks of (8 - z) s (sum x)
//
// and codes of 8 bits are two of 4: c = 16 h + l.
#include "dialects/LowBit/EncodedConstants.h"
#include "dialects/NN/Constants.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Quantization.h"

using namespace mlir;

namespace qopt::import {
namespace {
using numerics::ElementFormat;
using numerics::FormatSpec;

// A weight [k, n]: k / block scales an output, unpacked, one code a byte.
struct BlockWeight {
  int64_t k = 0, n = 0, block = 0, bits = 0;
  std::vector<uint8_t> codes; // [k, n]
  std::vector<float> scales;  // [blocks, n]
  std::vector<float> zeros;   // as scales; empty: the middle of the codes

  int64_t blocks() const { return llvm::divideCeil(k, block); }
  double middle() const { return double(1 << (bits - 1)); }
  double zero(int64_t i) const { return zeros.empty() ? middle() : zeros[i]; }
};

// Element i of a row of `bits`-bit elements, the first in the low bits.
unsigned elementOf(ArrayRef<char> row, int64_t i, int64_t bits) {
  int64_t perByte = 8 / bits;
  return uint8_t(row[i / perByte]) >> (i % perByte * bits) &
         ((1u << bits) - 1);
}

std::vector<char> constantBytes(NodeImport &node, size_t i, StringRef what) {
  auto view = nn::ConstantView::of(node.input(i));
  if (!view)
    node.unsupported(what + " that are no constant are not supported");
  std::vector<char> bytes;
  int64_t copies = view->isSplat() ? view->numElements() : 1;
  for (int64_t copy = 0; copy < copies; ++copy)
    bytes.insert(bytes.end(), view->bytes().begin(), view->bytes().end());
  return bytes;
}

void expectBytes(NodeImport &node, size_t found, int64_t wanted,
                 StringRef what) {
  if (int64_t(found) != wanted)
    node.bad("expected " + Twine(wanted) + " bytes of " + what + ", found " +
             Twine(found));
}

void readScales(NodeImport &node, BlockWeight &weight) {
  auto scales = node.constantReals(node.input(2));
  int64_t blocks = weight.blocks();
  if (!scales)
    node.unsupported("scales that are no constant are not supported");
  if (int64_t(scales->size()) != blocks * weight.n)
    node.bad("expected " + Twine(blocks * weight.n) + " scales, found " +
             Twine(scales->size()));
  weight.scales.resize(scales->size());
  for (int64_t n = 0; n < weight.n; ++n)
    for (int64_t g = 0; g < blocks; ++g)
      weight.scales[g * weight.n + n] = float((*scales)[n * blocks + g]);
}

void readZeros(NodeImport &node, BlockWeight &weight) {
  if (!node.hasInput(3))
    return;
  int64_t blocks = weight.blocks();
  weight.zeros.resize(blocks * weight.n);
  auto place = [&](llvm::function_ref<double(int64_t, int64_t)> at) {
    for (int64_t n = 0; n < weight.n; ++n)
      for (int64_t g = 0; g < blocks; ++g)
        weight.zeros[g * weight.n + n] = float(at(n, g));
  };
  if (node.isFloat(node.input(3))) {
    auto values = node.constantReals(node.input(3));
    if (!values || int64_t(values->size()) != blocks * weight.n)
      node.bad("expected one constant zero point a block");
    return place([&](int64_t n, int64_t g) { return (*values)[n * blocks + g]; });
  }
  std::vector<char> bytes = constantBytes(node, 3, "zero points");
  int64_t row = llvm::divideCeil(blocks * weight.bits, 8);
  expectBytes(node, bytes.size(), row * weight.n, "zero points");
  place([&](int64_t n, int64_t g) {
    return elementOf(ArrayRef(bytes).slice(n * row, row), g, weight.bits);
  });
}

BlockWeight readWeight(NodeImport &node) {
  BlockWeight weight;
  weight.k = node.integer("K", 0);
  weight.n = node.integer("N", 0);
  weight.bits = node.integer("bits", 4);
  weight.block = node.integer("block_size", 0);
  if (weight.bits != 2 && weight.bits != 4 && weight.bits != 8)
    node.unsupported("weights of " + Twine(weight.bits) +
                     " bits are not supported; 2, 4 and 8 are");
  if (weight.k < 1 || weight.n < 1 || weight.block < 16 ||
      weight.block > (1 << 20) || !llvm::isPowerOf2_64(weight.block))
    node.bad("expected positive K and N and a block_size that is a power of 2 "
             "from 16 on");
  std::vector<char> packed = constantBytes(node, 1, "weights");
  int64_t row = weight.blocks() * weight.block * weight.bits / 8;
  // Sizes from attributes: the product must not overflow before it is compared.
  if (weight.n > int64_t(packed.size()) || row > int64_t(packed.size()))
    node.bad("expected more bytes of weights, found " + Twine(packed.size()));
  expectBytes(node, packed.size(), row * weight.n, "weights");
  weight.codes.resize(weight.k * weight.n);
  for (int64_t n = 0; n < weight.n; ++n)
    for (int64_t k = 0; k < weight.k; ++k)
      weight.codes[k * weight.n + n] = uint8_t(
          elementOf(ArrayRef(packed).slice(n * row, row), k, weight.bits));
  readScales(node, weight);
  readZeros(node, weight);
  return weight;
}

void checkGroups(NodeImport &node, const BlockWeight &weight) {
  if (!node.hasInput(4))
    return;
  auto groups = node.constantReals(node.input(4));
  bool inOrder = groups && int64_t(groups->size()) >= weight.k;
  for (int64_t k = 0; inOrder && k < weight.k; ++k)
    inOrder = (*groups)[k] == double(k / weight.block);
  if (!inOrder)
    node.unsupported("g_idx that permutes the inputs is not supported");
}

Value floatWeight(NodeImport &node, const BlockWeight &weight) {
  std::vector<float> values(weight.codes.size());
  for (int64_t k = 0; k < weight.k; ++k)
    for (int64_t n = 0; n < weight.n; ++n) {
      int64_t at = k * weight.n + n, group = k / weight.block * weight.n + n;
      values[at] = float(weight.codes[at] - weight.zero(group)) *
                   weight.scales[group];
    }
  auto type = RankedTensorType::get({weight.k, weight.n},
                                    node.builder().getF32Type());
  return nn::createConstant(node.builder(), node.loc(), type, values,
                            "weight");
}

// The decoded constant of codes 0..15 around 8, scales times `factor`.
Value nibbles(NodeImport &node, const BlockWeight &weight, float factor,
              llvm::function_ref<int(uint8_t)> nibble) {
  numerics::EncodedTensor tensor;
  tensor.spec = FormatSpec::blocked(ElementFormat::makeInt(4), 2, 0,
                                    weight.block, numerics::ScaleType::F32);
  tensor.shape = {weight.k, weight.n};
  tensor.scales = weight.scales;
  for (float &scale : tensor.scales)
    scale *= factor;
  for (uint8_t code : weight.codes)
    tensor.codes.push_back(uint8_t(nibble(code) - 8));
  return lowbit::createDecodedConstant(node.builder(), node.loc(), tensor);
}

// Sums of x over each block of its last axis: [.., K] to [.., blocks].
Value blockSums(NodeImport &node, Value x, int64_t block) {
  Scalars sizes = node.dims(x);
  int64_t axis = sizes.size();
  Scalar blocks = node.math().div(sizes.back(), Scalar::ofInt(block));
  sizes.back() = blocks;
  sizes.push_back(Scalar::ofInt(block));
  return node.reduce<nn::ReduceSumOp>(node.reshape(x, sizes), {axis}, false);
}

// Activations in 8 bits a row, products in integers.
Value integerBlocks(NodeImport &node, Value x, const BlockWeight &weight) {
  OpBuilder &builder = node.builder();
  auto type = node.typeOf(x);
  FormatSpec rows = FormatSpec::perRow(ElementFormat::makeInt(8));
  Type encodedType = RankedTensorType::get(
      type.getShape(), lowbit::QType::get(builder.getContext(), rows));
  Value encoded = lowbit::EncodeRowsOp::create(builder, node.loc(),
                                               encodedType, x);
  Value coded = lowbit::DecodeOp::create(builder, node.loc(), type, encoded);
  node.dims(coded);
  auto product = [&](Value w) {
    return node.create<nn::MatMulOp>({coded, w});
  };
  bool wide = weight.bits == 8;
  Value y = product(nibbles(node, weight, wide ? 16 : 1, [&](uint8_t code) {
    return wide ? code >> 4 : int(code);
  }));
  if (wide)
    y = node.create<nn::AddOp>(
        {y, product(nibbles(node, weight, 1,
                            [](uint8_t code) { return code & 15; }))});
  // Both halves were taken around 8.
  double center = wide ? 16 * 8 + 8 : 8;
  std::vector<float> offsets(weight.scales);
  for (auto [i, offset] : llvm::enumerate(offsets))
    offset *= float(center - weight.zero(i));
  if (llvm::all_of(offsets, [](float offset) { return offset == 0; }))
    return y;
  auto offsetType = RankedTensorType::get({weight.blocks(), weight.n},
                                          builder.getF32Type());
  Value table = nn::createConstant(builder, node.loc(), offsetType, offsets,
                                   "offsets");
  Value sums = blockSums(node, coded, weight.block);
  return node.create<nn::AddOp>(
      {y, node.create<nn::MatMulOp>({sums, table})});
}

void importMatMulNBits(NodeImport &node) {
  BlockWeight weight = readWeight(node);
  checkGroups(node, weight);
  Value x = node.input(0);
  Type element = node.elementOf(x);
  x = node.cast(x, node.builder().getF32Type());
  if (node.rank(x) < 2)
    node.unsupported("a vector as input is not supported");
  // 0 leaves the choice to us, 4 asks for 8-bit activations.
  int64_t level = node.integer("accuracy_level", 0);
  bool exact = (level != 0 && level != 4) || node.importer().requantizes() ||
               weight.k % weight.block || weight.bits == 2;
  Value y = exact ? node.create<nn::MatMulOp>({x, floatWeight(node, weight)})
                  : integerBlocks(node, x, weight);
  if (node.hasInput(5))
    y = node.create<nn::AddOp>(
        {y, node.cast(node.input(5), node.builder().getF32Type())});
  node.result(node.cast(y, element));
}

// Constant data of `bits` a byte's part along the last axis, as ui4 or so.
Value unpackedData(NodeImport &node, size_t i, int64_t bits) {
  Value data = node.input(i);
  auto type = node.typeOf(data);
  if (!type.getElementType().isUnsignedInteger(8) || bits == 8)
    return data;
  std::vector<char> packed = constantBytes(node, i, "packed data");
  SmallVector<int64_t> shape(type.getShape());
  if (shape.empty())
    node.bad("expected packed data of rank 1 or more");
  shape.back() *= 8 / bits;
  std::vector<uint8_t> codes;
  for (int64_t at = 0; at < int64_t(packed.size()) * (8 / bits); ++at)
    codes.push_back(uint8_t(elementOf(packed, at, bits)));
  return nn::createConstant(
      node.builder(), node.loc(),
      RankedTensorType::get(shape,
                            node.builder().getIntegerType(bits, false)),
      codes, "codes");
}

// Rows of codes and of their scales, then numbers.
void importGatherBlockQuantized(NodeImport &node) {
  int64_t bits = node.integer("bits", 4), block = node.integer("block_size", 128);
  if (bits != 2 && bits != 4 && bits != 8)
    node.unsupported("data of " + Twine(bits) + " bits is not supported");
  Value data = unpackedData(node, 0, bits);
  int64_t rank = node.rank(data);
  int64_t gather = node.axis(node.integer("gather_axis", 0), rank);
  int64_t axis = node.axis(node.integer("quantize_axis", 1), rank);
  if (gather != 0 || axis == gather)
    node.unsupported("expected gather_axis 0 and blocks along another axis");
  Value indices = node.input(1);
  auto rowsOf = [&](Value x) {
    return node.create<nn::GatherOp>({x, indices});
  };
  QuantSource source;
  source.scale = rowsOf(node.input(2));
  bool isUnsigned = node.elementOf(data).isUnsignedInteger();
  if (node.hasInput(3))
    source.zero = rowsOf(unpackedData(node, 3, bits));
  else if (isUnsigned)
    source.zero = node.constant({double(1 << (bits - 1))}, {},
                                node.builder().getI32Type(), "zero");
  source.axis = axis + node.rank(indices) - 1;
  source.block = block;
  Value y = dequantize(node, rowsOf(data), source);
  node.result(node.cast(y, node.elementOf(node.input(2))));
}

constexpr OpEntry rows[] = {
    {"GatherBlockQuantized", 3, 4, importGatherBlockQuantized},
    {"MatMulNBits", 3, 6, importMatMulNBits},
};
} // namespace

ArrayRef<OpEntry> blockWeightOps() { return rows; }

} // namespace qopt::import

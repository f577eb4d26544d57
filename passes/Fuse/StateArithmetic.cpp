// Rewrites contractions of decoded operands into integer arithmetic on codes.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Numerics/Quantize.h"
#include "passes/Fuse/CodeArithmetic.h"
#include "passes/Fuse/Passes.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::fuse;

namespace qopt {
#define GEN_PASS_DEF_STATEARITHMETICPASS
#include "passes/Fuse/Passes.h.inc"
} // namespace qopt

namespace {

/// What follows a contraction and can be folded into its requantization.
struct Epilogue {
  nn::AddOp bias;                  // adds a constant, one number an output
  std::vector<float> biasValues;   // empty without bias
  SmallVector<Operation *> clamps; // relu and clip, in order
  Operation *encode = nullptr;     // lowbit.encode or quantize, one scale
  StaticScale encodeScale;
};

Operation *onlyUser(Value value) {
  return value.hasOneUse() ? *value.getUsers().begin() : nullptr;
}

Epilogue matchEpilogue(Operation *contraction, int64_t outputs) {
  Epilogue epilogue;
  Value value = contraction->getResult(0);
  if (auto add = dyn_cast_or_null<nn::AddOp>(onlyUser(value))) {
    Value other = add.getLhs() == value ? add.getRhs() : add.getLhs();
    auto type = cast<RankedTensorType>(other.getType());
    std::optional<nn::ConstantView> constant = nn::ConstantView::of(other);
    bool alongOutputs = type.hasStaticShape() &&
                        type.getNumElements() == outputs &&
                        type.getRank() >= 1 &&
                        type.getDimSize(type.getRank() - 1) == outputs;
    if (constant && alongOutputs && add.getResult().getType() == value.getType()) {
      epilogue.bias = add;
      epilogue.biasValues = *constant->values<float>();
      value = add.getResult();
    }
  }
  SmallVector<Operation *> clamps;
  Operation *user = onlyUser(value);
  while (isa_and_nonnull<nn::ReluOp, nn::ClipOp>(user)) {
    clamps.push_back(user);
    user = onlyUser(user->getResult(0));
  }
  std::optional<StaticScale> scale;
  if (auto encode = dyn_cast_or_null<lowbit::EncodeOp>(user))
    scale = StaticScale::of(encode);
  else if (auto quantize = dyn_cast_or_null<lowbit::QuantizeOp>(user))
    scale = StaticScale::of(quantize);
  if (scale) {
    epilogue.clamps = std::move(clamps);
    epilogue.encode = user;
    epilogue.encodeScale = *scale;
  }
  return epilogue;
}

class Stater {
public:
  explicit Stater(func::FuncOp func) : func(func), builder(func) {}

  void run() {
    SmallVector<Operation *> ops;
    func.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (auto matmul = dyn_cast<nn::MatMulOp>(op))
        stateContraction(op, matmul.getLhs(), matmul.getRhs());
      else if (auto conv = dyn_cast<nn::ConvOp>(op))
        stateContraction(op, conv.getX(), conv.getFilter());
    }
    // Static encodes first: the float chains that requantize replaced hang on
    // them, and with those gone no decode of their weights is left to fold.
    lowerStaticDecodes();
    eraseDead();
    lowerOtherDecodes();
    eraseDead();
  }

private:
  void stateContraction(Operation *op, Value activation, Value weight) {
    auto rhs = weight.getDefiningOp<lowbit::DecodeOp>();
    auto lhs = activation.getDefiningOp<lowbit::DecodeOp>();
    if (!rhs || !(lhs || dequantizeBehind(activation)))
      return;
    auto codes = rhs.getQ().getDefiningOp<lowbit::ConstantOp>();
    if (!codes)
      return;
    const numerics::FormatSpec &format =
        lowbit::getFormat(codes.getResult().getType()).getSpec();
    builder.setInsertionPoint(op);
    unsigned outputAxis = isa<nn::ConvOp>(op) ? 0 : 1;
    unsigned rank = isa<nn::ConvOp>(op) ? 4 : 2;
    bool isChannel =
        cast<RankedTensorType>(weight.getType()).getRank() == rank &&
        (format.granularity == numerics::Granularity::Tensor ||
         (format.granularity == numerics::Granularity::Channel &&
          format.axis == outputAxis));
    bool isBytes = format.element == numerics::ElementFormat::makeInt(8);
    bool isNibbles = format.element == numerics::ElementFormat::makeInt(4);
    if (isChannel && (isBytes || isNibbles) && !format.zeroPoint)
      return statePerChannel(op, lhs ? lhs.getQ() : activation, codes);
    std::optional<unsigned> blockAxis = format.blockAxis();
    if (lhs && format.granularity == numerics::Granularity::Block && isNibbles &&
        blockAxis == 0u && isa<nn::MatMulOp>(op) && !format.zeroPoint)
      return stateBlocks(cast<nn::MatMulOp>(op), lhs.getQ(), codes,
                         format.block[0]);
  }

  /// Replaces \p op by `integer` with codes of its operands.
  Value integerContraction(Operation *op, Value codes, Value weights,
                           int64_t zeroPoint) {
    auto shape = cast<RankedTensorType>(op->getResult(0).getType());
    auto type = shape.clone(builder.getI32Type());
    if (isa<nn::MatMulOp>(op))
      return nn::MatMulOp::create(builder, op->getLoc(), type, codes, weights);
    auto conv = cast<nn::ConvOp>(op);
    return nn::ConvOp::create(builder, op->getLoc(), type, codes, weights,
                              conv.getStridesAttr(), conv.getPadsAttr(),
                              conv.getDilationsAttr(), conv.getGroupsAttr(),
                              builder.getI64IntegerAttr(zeroPoint));
  }

  void statePerChannel(Operation *op, Value activation,
                       lowbit::ConstantOp weight) {
    ChannelWeights weights = ChannelWeights::of(weight, isa<nn::ConvOp>(op));
    Location loc = op->getLoc();
    int64_t outputs = weights.scales.size();
    Epilogue epilogue = matchEpilogue(op, outputs);
    Value weightCodes = createCodes(builder, loc, weights);

    if (std::optional<StaticScale> input = inputScale(activation)) {
      Value codes = inputCodes(activation, *input);
      Value acc = integerContraction(op, codes, weightCodes, input->zero);
      std::vector<int32_t> bias(outputs);
      for (int64_t o = 0; o < outputs; ++o)
        bias[o] = accumulatorBias(
            epilogue.bias ? epilogue.biasValues[o] : 0.0f,
            input->scale * weights.scales[o], input->zero, weights.sums[o]);
      acc = addBias(loc, acc, bias);
      return finishStatic(op, epilogue, acc, *input, weights.scales);
    }
    auto rows = activation.getDefiningOp<lowbit::EncodeRowsOp>();
    if (rows) {
      RowCodes x = createRowCodes(builder, rows, /*isUnsigned=*/true);
      Value acc = integerContraction(op, x.codes, weightCodes, 128);
      std::vector<int32_t> bias(outputs);
      for (int64_t o = 0; o < outputs; ++o)
        bias[o] = accumulatorBias(0.0f, 1.0f, 128, weights.sums[o]);
      acc = addBias(loc, acc, bias);
      Value scales = createVector(builder, loc, weights.scales);
      replace(op->getResult(0),
              lowbit::RescaleOp::create(builder, loc,
                                        op->getResult(0).getType(), acc,
                                        scales, x.scales));
    }
  }

  /// The one scale of an encoded or dequantized activation.
  std::optional<StaticScale> inputScale(Value activation) {
    if (auto encode = activation.getDefiningOp<lowbit::EncodeOp>())
      return StaticScale::of(encode);
    if (auto dequantize = dequantizeBehind(activation))
      return StaticScale::of(dequantize);
    return std::nullopt;
  }

  /// The dequantize an activation comes from by movement alone; one scale is
  /// the same wherever its codes go.
  lowbit::DequantizeOp dequantizeBehind(Value activation) {
    while (Operation *op = activation.getDefiningOp()) {
      if (auto dequantize = dyn_cast<lowbit::DequantizeOp>(op))
        return dequantize;
      if (!isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp>(op))
        return {};
      activation = op->getOperand(0);
    }
    return {};
  }

  /// The codes of an activation with a dequantize behind it.
  Value dequantizedCodes(Value activation) {
    Operation *op = activation.getDefiningOp();
    if (auto dequantize = dyn_cast<lowbit::DequantizeOp>(op))
      return dequantize.getQ();
    Value codes = dequantizedCodes(op->getOperand(0));
    Operation *moved = builder.clone(*op);
    moved->setOperand(0, codes);
    auto type = cast<RankedTensorType>(activation.getType());
    moved->getResult(0).setType(type.clone(getElementTypeOrSelf(codes)));
    return moved->getResult(0);
  }

  Value inputCodes(Value activation, StaticScale scale) {
    if (auto encode = activation.getDefiningOp<lowbit::EncodeOp>())
      return codesFor(encode, scale);
    return dequantizedCodes(activation);
  }

  Value addBias(Location loc, Value acc, const std::vector<int32_t> &bias) {
    if (llvm::all_of(bias, [](int32_t b) { return b == 0; }))
      return acc;
    return nn::AddOp::create(builder, loc, acc.getType(), acc,
                             createVector(builder, loc, bias));
  }

  /// Bias is already in the accumulator: rescale to f32 or requantize.
  void finishStatic(Operation *op, Epilogue &epilogue, Value acc,
                    StaticScale input, const std::vector<float> &weightScales) {
    Location loc = op->getLoc();
    std::vector<float> scales(weightScales);
    if (!epilogue.encode) {
      for (float &s : scales)
        s *= input.scale;
      Operation *last = epilogue.bias ? epilogue.bias.getOperation() : op;
      return replace(last->getResult(0),
                     lowbit::RescaleOp::create(
                         builder, loc, last->getResult(0).getType(), acc,
                         createVector(builder, loc, scales), Value()));
    }
    StaticScale output = epilogue.encodeScale;
    for (float &s : scales)
      s = numerics::requantizeMultiplier(input.scale, s, output.scale);
    for (Operation *clamp : epilogue.clamps)
      output.clampTo(clamp);
    Value encoded = epilogue.encode->getResult(0);
    auto shape = cast<RankedTensorType>(encoded.getType());
    bool isStated = isa<lowbit::QuantizeOp>(epilogue.encode);
    RankedTensorType type =
        isStated ? shape : shape.clone(builder.getIntegerType(8, false));
    Value codes = lowbit::RequantizeOp::create(
        builder, loc, type, acc, createVector(builder, loc, scales),
        createScalar(builder, loc, int32_t(output.zero)),
        output.lowAttr(builder), output.highAttr(builder));
    if (isStated)
      encoded.replaceAllUsesWith(codes);
    else
      codesOf[encoded] = codes;
  }

  /// The codes of a static encode, computed once, where it stands.
  Value codesFor(lowbit::EncodeOp encode, StaticScale scale) {
    if (!codesOf.lookup(encode.getResult())) {
      Value moved = movedCodes(encode, scale);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfter(encode);
      // The map may have grown: the reference is taken anew.
      codesOf[encode.getResult()] =
          moved ? moved : createQuantize(builder, encode, scale);
    }
    return codesOf[encode.getResult()];
  }

  /// Where an encode follows data movement or a maximum of values decoded with
  /// the same scale, the op can work on their codes; otherwise null.
  Value movedCodes(lowbit::EncodeOp encode, StaticScale scale) {
    Operation *op = encode.getX().getDefiningOp();
    if (!isa_and_nonnull<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp,
                         nn::ConcatOp, nn::MaxPoolOp>(op))
      return {};
    SmallVector<lowbit::EncodeOp> sources;
    for (Value operand : op->getOperands()) {
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      auto decode = operand.getDefiningOp<lowbit::DecodeOp>();
      auto source = decode ? decode.getQ().getDefiningOp<lowbit::EncodeOp>()
                           : lowbit::EncodeOp();
      std::optional<StaticScale> other =
          source ? StaticScale::of(source) : std::nullopt;
      if (!other || *other != scale)
        return {};
      sources.push_back(source);
    }
    SmallVector<Value> codes;
    for (lowbit::EncodeOp source : sources)
      codes.push_back(codesFor(source, scale));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(op);
    Operation *moved = builder.clone(*op);
    moved->setOperands(0, codes.size(), codes);
    auto type = cast<RankedTensorType>(encode.getX().getType());
    moved->getResult(0).setType(type.clone(builder.getIntegerType(8, false)));
    return moved->getResult(0);
  }

  void stateBlocks(nn::MatMulOp op, Value activation, lowbit::ConstantOp weight,
                   int64_t block) {
    auto rows = activation.getDefiningOp<lowbit::EncodeRowsOp>();
    if (!rows)
      return;
    Location loc = op.getLoc();
    RowCodes x = createRowCodes(builder, rows, /*isUnsigned=*/false);
    auto type = cast<RankedTensorType>(op.getType());
    Value product = lowbit::BlockMatMulOp::create(
        builder, loc, type, x.codes, createOffsetCodes(builder, loc, weight, 8),
        createScales(builder, loc, weight), block);
    replace(op.getResult(), nn::MulOp::create(builder, loc, type, product,
                                              x.scales));
  }

  void replace(Value from, Operation *to) {
    from.replaceAllUsesWith(to->getResult(0));
  }

  void lowerStaticDecodes() {
    func.walk([&](lowbit::DecodeOp decode) {
      auto encode = decode.getQ().getDefiningOp<lowbit::EncodeOp>();
      std::optional<StaticScale> scale =
          encode ? StaticScale::of(encode) : std::nullopt;
      if (!scale)
        return;
      Value codes = codesFor(encode, *scale);
      builder.setInsertionPoint(decode);
      dequantize(decode, codes,
                 createScalar(builder, decode.getLoc(), scale->scale),
                 scale->zero);
    });
  }

  void lowerOtherDecodes() {
    func.walk([&](lowbit::DecodeOp decode) {
      builder.setInsertionPoint(decode);
      Value q = decode.getQ();
      if (auto constant = q.getDefiningOp<lowbit::ConstantOp>()) {
        decode.replaceAllUsesWith(decodeConstant(builder, constant));
      } else if (auto rows = q.getDefiningOp<lowbit::EncodeRowsOp>()) {
        RowCodes x = createRowCodes(builder, rows, /*isUnsigned=*/true);
        dequantize(decode, x.codes, x.scales, 128);
      }
    });
  }

  void dequantize(lowbit::DecodeOp decode, Value codes, Value scale,
                  int32_t zero) {
    decode.replaceAllUsesWith(
        lowbit::DequantizeOp::create(
            builder, decode.getLoc(), decode.getType(), codes, scale,
            createScalar(builder, decode.getLoc(), zero))
            .getResult());
  }

  void eraseDead() {
    SmallVector<Operation *> ops;
    func.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != func)
        ops.push_back(op);
    });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }

  func::FuncOp func;
  OpBuilder builder;
  /// encode result -> its codes, if something computed them.
  llvm::DenseMap<Value, Value> codesOf;
};

class StateArithmetic
    : public qopt::impl::StateArithmeticPassBase<StateArithmetic> {
public:
  void runOnOperation() override { Stater(getOperation()).run(); }
};

} // namespace

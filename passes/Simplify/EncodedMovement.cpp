// Data movement on encoded constants: their codes, scales and zero points move.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/EncodedConstants.h"
#include "passes/Simplify/Movement.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::simplify;
using numerics::EncodedTensor;
using numerics::Granularity;

namespace {

template <typename T>
std::vector<T> permuted(const std::vector<T> &data, ArrayRef<int64_t> shape,
                        ArrayRef<int64_t> perm) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  std::vector<T> result(data.size());
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t from = 0;
  for (T &element : result) {
    element = data[from];
    for (size_t axis = perm.size(); axis-- > 0;) {
      int64_t stride = strides[perm[axis]], size = shape[perm[axis]];
      from += stride;
      if (++index[axis] < size)
        break;
      from -= size * stride;
      index[axis] = 0;
    }
  }
  return result;
}

std::vector<int64_t> permutedShape(ArrayRef<int64_t> shape,
                                   ArrayRef<int64_t> perm) {
  std::vector<int64_t> result;
  for (int64_t axis : perm)
    result.push_back(shape[axis]);
  return result;
}

lowbit::ConstantOp encodedConstant(Value decoded) {
  auto decode = decoded.getDefiningOp<lowbit::DecodeOp>();
  return decode ? decode.getQ().getDefiningOp<lowbit::ConstantOp>()
                : lowbit::ConstantOp();
}

/// transpose(decode(constant)) -> decode(constant'), blocks turned with it.
struct TransposeEncoded : OpRewritePattern<nn::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    lowbit::ConstantOp constant = encodedConstant(op.getX());
    if (!constant)
      return rewriter.notifyMatchFailure(op, "no encoded constant");
    EncodedTensor tensor =
        transposeEncoded(lowbit::encodedTensorOf(constant), op.getPerm());
    rewriter.replaceOp(op, lowbit::createDecodedConstant(
                               rewriter, constant.getLoc(), tensor));
    return success();
  }
};

/// The axis of \p to that is \p axis of \p from, elements before it as many.
std::optional<unsigned> sameAxis(ArrayRef<int64_t> from, unsigned axis,
                                 ArrayRef<int64_t> to) {
  int64_t before = 1, seen = 1;
  for (unsigned i = 0; i < axis; ++i)
    before *= from[i];
  for (auto [i, size] : llvm::enumerate(to)) {
    if (seen == before && size == from[axis])
      return i;
    seen *= size;
  }
  return std::nullopt;
}

/// reshape(decode(constant)) -> decode(constant'), where an axis with scales
/// stays one.
struct ReshapeEncoded : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    lowbit::ConstantOp constant = encodedConstant(op.getX());
    auto type = cast<RankedTensorType>(op.getResult().getType());
    if (!constant || !type.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "no encoded constant");
    EncodedTensor tensor = lowbit::encodedTensorOf(constant);
    Granularity granularity = tensor.spec.granularity;
    if (granularity == Granularity::Channel) {
      std::optional<unsigned> axis =
          sameAxis(tensor.shape, tensor.spec.axis, type.getShape());
      if (!axis)
        return rewriter.notifyMatchFailure(op, "the axis of scales is split");
      tensor.spec.axis = *axis;
    } else if (granularity != Granularity::Tensor) {
      return rewriter.notifyMatchFailure(op, "blocks do not follow reshapes");
    }
    tensor.shape.assign(type.getShape().begin(), type.getShape().end());
    rewriter.replaceOp(op, lowbit::createDecodedConstant(
                               rewriter, constant.getLoc(), tensor));
    return success();
  }
};

} // namespace

EncodedTensor qopt::simplify::transposeEncoded(const EncodedTensor &tensor,
                                               ArrayRef<int64_t> perm) {
  EncodedTensor result;
  result.spec = tensor.spec;
  result.codes = permuted(tensor.codes, tensor.shape, perm);
  result.shape = permutedShape(tensor.shape, perm);
  result.scales = tensor.scales;
  result.zeros = tensor.zeros;
  if (tensor.spec.granularity == Granularity::Channel)
    result.spec.axis = llvm::find(perm, tensor.spec.axis) - perm.begin();
  if (tensor.spec.granularity != Granularity::Block)
    return result;
  std::vector<int64_t> shape = tensor.spec.scaleShape(tensor.shape);
  result.scales = permuted(tensor.scales, shape, perm);
  if (!tensor.zeros.empty())
    result.zeros = permuted(tensor.zeros, shape, perm);
  for (auto [axis, from] : llvm::enumerate(perm))
    result.spec.block[axis] = tensor.spec.block[from];
  return result;
}

void qopt::simplify::populateEncodedMovementPatterns(
    RewritePatternSet &patterns) {
  patterns.add<TransposeEncoded, ReshapeEncoded>(patterns.getContext());
}

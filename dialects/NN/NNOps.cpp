// Shape functions and verifiers of the nn operators.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace qopt::nn;
using namespace qopt::nn::detail;

#include "dialects/NN/NNEnums.cpp.inc"

namespace {

using Shape = SmallVector<Dim>;

RankedTensorType tensorType(Value v) {
  return dyn_cast<RankedTensorType>(v.getType());
}

FailureOr<Inferred> broadcastOf(ValueRange operands, Type element,
                                StringRef label, ShapeCalculator &calc) {
  SmallVector<Shape> shapes;
  for (Value v : operands)
    shapes.push_back(calc.shape(v));
  auto dims = broadcastShapes(shapes, calc, label);
  if (failed(dims))
    return failure();
  return Inferred{std::move(*dims), element};
}

template <typename Adaptor>
concept UnaryAdaptor = requires(Adaptor a) { a.getX(); };

//===-- Elementwise ---------------------------------------------------------===//

/// Every op whose result has the type of its operand `x`.
template <typename Adaptor>
FailureOr<Inferred> infer(Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.shape(op.getX()), getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(CastOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.shape(op.getX()), op.getTo()};
}

unsigned storedBits(Type element) {
  return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
}

FailureOr<Inferred> infer(BitCastOp::Adaptor op, ShapeCalculator &calc) {
  Type from = getElementTypeOrSelf(op.getX());
  // bit_cast_c1
  if (!from.isIntOrFloat() || !op.getTo().isIntOrFloat())
    return calc.fail("(bit_cast_c1) expects integers or floats");
  if (storedBits(from) != storedBits(op.getTo()))
    return calc.fail("(bit_cast_c1) expects element types of one size, got " +
                     Twine(storedBits(from)) + " and " +
                     Twine(storedBits(op.getTo())) + " bits");
  return Inferred{calc.shape(op.getX()), op.getTo()};
}

template <typename Adaptor>
FailureOr<Inferred> inferBinary(Adaptor op, StringRef label,
                                ShapeCalculator &calc) {
  Type element = getElementTypeOrSelf(op.getLhs());
  if (element != getElementTypeOrSelf(op.getRhs()))
    return calc.fail("(" + label + ") expects operands of one element type");
  return broadcastOf({op.getLhs(), op.getRhs()}, element, label, calc);
}

template <typename Adaptor>
FailureOr<Inferred> inferComparison(Adaptor op, StringRef label,
                                    ShapeCalculator &calc) {
  auto result = inferBinary(op, label, calc);
  if (succeeded(result))
    result->element = IntegerType::get(op.getLhs().getContext(), 1);
  return result;
}

#define BINARY(OP, LABEL)                                                      \
  FailureOr<Inferred> infer(OP::Adaptor op, ShapeCalculator &calc) {           \
    return inferBinary(op, LABEL, calc);                                       \
  }
#define COMPARISON(OP, LABEL)                                                  \
  FailureOr<Inferred> infer(OP::Adaptor op, ShapeCalculator &calc) {           \
    return inferComparison(op, LABEL, calc);                                   \
  }
BINARY(AddOp, "add_c1")
BINARY(SubOp, "sub_c1")
BINARY(MulOp, "mul_c1")
BINARY(DivOp, "div_c1")
BINARY(MinOp, "min_c1")
BINARY(MaxOp, "max_c1")
BINARY(PowOp, "pow_c1")
BINARY(ModOp, "mod_c1")
BINARY(AndOp, "and_c1")
BINARY(OrOp, "or_c1")
COMPARISON(EqualOp, "equal_c1")
COMPARISON(LessOp, "less_c1")
COMPARISON(LessEqualOp, "less_equal_c1")
COMPARISON(GreaterOp, "greater_c1")
COMPARISON(GreaterEqualOp, "greater_equal_c1")
#undef BINARY
#undef COMPARISON

FailureOr<Inferred> infer(SelectOp::Adaptor op, ShapeCalculator &calc) {
  return broadcastOf({op.getCondition(), op.getLhs(), op.getRhs()},
                     getElementTypeOrSelf(op.getLhs()), "select_c1", calc);
}

//===-- Contractions ----------------------------------------------------------===//

/// The accumulator element for a product, or null if the pair is not allowed.
Type accumulatorOf(Type lhs, Type rhs) {
  if (isa<FloatType>(lhs))
    return lhs == rhs ? lhs : Type();
  if (lhs.isInteger(8) && rhs.isSignlessInteger(8))
    return IntegerType::get(lhs.getContext(), 32);
  return {};
}

FailureOr<Inferred> infer(MatMulOp::Adaptor op, ShapeCalculator &calc) {
  auto lhs = tensorType(op.getLhs()), rhs = tensorType(op.getRhs());
  Type element = accumulatorOf(lhs.getElementType(), rhs.getElementType());
  if (!element)
    return calc.fail("(matmul_c2) expects two floats of one type, or ui8 or i8 "
                     "by i8");
  int64_t m = lhs.getRank(), n = rhs.getRank();
  if (m < 2 || n < 2)
    return calc.fail("(matmul_c3) expects operands of rank 2 or more");
  Dim k1 = calc.dim(op.getLhs(), m - 1), k2 = calc.dim(op.getRhs(), n - 2);
  if (k1.isStatic() && k2.isStatic() && k1.size != k2.size)
    return calc.fail("(matmul_c1) expects equal inner dimensions, got " +
                     Twine(k1.size) + " and " + Twine(k2.size));
  Shape a = calc.shape(op.getLhs()), b = calc.shape(op.getRhs());
  a.truncate(m - 2);
  b.truncate(n - 2);
  auto dims = broadcastShapes({a, b}, calc, "matmul_c1");
  if (failed(dims))
    return failure();
  dims->push_back(calc.dim(op.getLhs(), m - 2));
  dims->push_back(calc.dim(op.getRhs(), n - 1));
  return Inferred{std::move(*dims), element};
}

/// out = floor((in + padding - dilation * (kernel - 1) - 1) / stride) + 1
Dim windowed(Dim in, int64_t kernel, int64_t padding, int64_t stride,
             int64_t dilation, ShapeCalculator &calc) {
  Dim span = calc.add(in, calc.constant(padding - dilation * (kernel - 1) - 1));
  return calc.add(calc.floorDiv(span, stride), calc.constant(1));
}

template <typename Adaptor>
LogicalResult checkWindow(Adaptor op, ArrayRef<int64_t> kernel,
                          StringRef label, ShapeCalculator &calc) {
  if (tensorType(op.getX()).getRank() != 4)
    return calc.fail("(" + label + ") expects an operand of rank 4");
  if (op.getStrides().size() != 2 || op.getPads().size() != 4 ||
      op.getDilations().size() != 2 || kernel.size() != 2)
    return calc.fail("(" + label + ") expects 2 kernel sizes, strides and "
                     "dilations and 4 pads");
  for (int64_t i = 0; i < 2; ++i) {
    if (kernel[i] < 1 || op.getStrides()[i] < 1 || op.getDilations()[i] < 1 ||
        op.getPads()[i] < 0 || op.getPads()[i + 2] < 0)
      return calc.fail("(" + label + ") expects positive kernel sizes, strides "
                       "and dilations, and pads of 0 or more");
    int64_t in = tensorType(op.getX()).getDimSize(i + 1);
    if (!ShapedType::isDynamic(in) &&
        in + op.getPads()[i] + op.getPads()[i + 2] <
            op.getDilations()[i] * (kernel[i] - 1) + 1)
      return calc.fail("(" + label + ") expects a window no larger than the "
                       "padded input");
  }
  return success();
}

template <typename Adaptor>
Shape windowShape(Adaptor op, ArrayRef<int64_t> kernel, Dim channels,
                  ShapeCalculator &calc) {
  Shape dims{calc.dim(op.getX(), 0)};
  for (int64_t i = 0; i < 2; ++i)
    dims.push_back(windowed(calc.dim(op.getX(), i + 1), kernel[i],
                            op.getPads()[i] + op.getPads()[i + 2],
                            op.getStrides()[i], op.getDilations()[i], calc));
  dims.push_back(channels);
  return dims;
}

FailureOr<Inferred> infer(ConvOp::Adaptor op, ShapeCalculator &calc) {
  auto x = tensorType(op.getX()), filter = tensorType(op.getFilter());
  if (x.getRank() != 4 || filter.getRank() != 4)
    return calc.fail("(conv_c1) expects operands of rank 4");
  if (ShapedType::isDynamic(filter.getDimSize(1)) ||
      ShapedType::isDynamic(filter.getDimSize(2)))
    return calc.fail("(conv_c1) expects a static kernel size");
  SmallVector<int64_t> kernel{filter.getDimSize(1), filter.getDimSize(2)};
  if (failed(checkWindow(op, kernel, "conv_c1", calc)))
    return failure();
  int64_t groups = op.getGroups(), c = x.getDimSize(3);
  int64_t o = filter.getDimSize(0), each = filter.getDimSize(3);
  bool known = !ShapedType::isDynamic(c) && !ShapedType::isDynamic(each);
  if (groups < 1 || (!ShapedType::isDynamic(o) && o % groups) ||
      (known && c != each * groups))
    return calc.fail("(conv_c2) expects " + Twine(groups) + " groups of " +
                     Twine(each) + " channels, got " +
                     Twine(c) + " channels");
  Type element = accumulatorOf(x.getElementType(), filter.getElementType());
  if (!element)
    return calc.fail("(conv_c3) expects two floats of one type, or ui8 or i8 "
                     "by i8");
  return Inferred{
      windowShape(op, kernel, calc.dim(op.getFilter(), 0), calc), element};
}

template <typename Adaptor>
FailureOr<Inferred> inferPool(Adaptor op, StringRef label,
                              ShapeCalculator &calc) {
  if (failed(checkWindow(op, op.getKernel(), label, calc)))
    return failure();
  return Inferred{
      windowShape(op, op.getKernel(), calc.dim(op.getX(), 3), calc),
      getElementTypeOrSelf(op.getX())};
}
FailureOr<Inferred> infer(MaxPoolOp::Adaptor op, ShapeCalculator &calc) {
  return inferPool(op, "max_pool_c1", calc);
}
FailureOr<Inferred> infer(AvgPoolOp::Adaptor op, ShapeCalculator &calc) {
  return inferPool(op, "avg_pool_c1", calc);
}

FailureOr<Inferred> infer(AttentionOp::Adaptor op, ShapeCalculator &calc) {
  auto q = tensorType(op.getQ()), k = tensorType(op.getK()),
       v = tensorType(op.getV());
  int64_t rank = q.getRank();
  if (rank < 2 || k.getRank() != rank || v.getRank() != rank ||
      failed(verifyCompatibleDims({q.getDimSize(rank - 1),
                                   k.getDimSize(rank - 1)})) ||
      failed(verifyCompatibleDims({k.getDimSize(rank - 2),
                                   v.getDimSize(rank - 2)})))
    return calc.fail("(attention_c1) expects q [.., Sq, D], k [.., Sk, D], "
                     "v [.., Sk, Dv]");
  for (int64_t axis = 0; axis + 2 < rank; ++axis)
    for (int64_t size : {k.getDimSize(axis), v.getDimSize(axis)})
      if (size != 1 &&
          failed(verifyCompatibleDims({q.getDimSize(axis), size})))
        return calc.fail("(attention_c2) expects " +
                         Twine(q.getDimSize(axis)) + " or 1 on axis " +
                         Twine(axis) + " of k and v, got " + Twine(size));
  Shape dims = calc.shape(op.getQ());
  dims.back() = calc.dim(op.getV(), rank - 1);
  return Inferred{std::move(dims), q.getElementType()};
}

/// (recurrence_c1): every operand beside x is a box of known sizes.
FailureOr<Inferred> infer(RecurrenceOp::Adaptor op, ShapeCalculator &calc) {
  constexpr int64_t any = ShapedType::kDynamic;
  auto x = tensorType(op.getX()), weights = tensorType(op.getWeights());
  int64_t gates = numGates(op.getCell());
  int64_t batch = x.getRank() == 3 ? x.getDimSize(1) : any;
  int64_t hidden = weights.getRank() == 2 ? weights.getDimSize(0) : any;
  auto times = [&](int64_t n) { return hidden == any ? any : n * hidden; };
  auto agrees = [](Value tensor, ArrayRef<int64_t> sizes) {
    return !tensor ||
           succeeded(verifyCompatibleShape(tensorType(tensor).getShape(),
                                           sizes));
  };
  if (hidden == any || !agrees(op.getX(), {any, batch, times(gates)}) ||
      !agrees(op.getWeights(), {hidden, times(gates)}) ||
      !agrees(op.getH(), {batch, hidden}) ||
      !agrees(op.getC(), {batch, hidden}) ||
      !agrees(op.getHiddenBias(), {hidden}) ||
      !agrees(op.getPeepholes(), {times(3)}) ||
      !agrees(op.getLengths(), {batch}))
    return calc.fail("(recurrence_c1) expects x [T, B, " + Twine(gates) +
                     " * H], weights [H, " + Twine(gates) +
                     " * H] of fixed H, states [B, H], hidden_bias [H], "
                     "peepholes [3 * H] and lengths [B]");
  bool isLstm = op.getCell() == RecurrentCell::lstm;
  if (!isLstm && (op.getC() || op.getPeepholes()))
    return calc.fail("(recurrence_c1) expects c and peepholes with lstm only");
  Shape dims = calc.shape(op.getX());
  dims[0] = calc.add(dims[0], calc.constant(1));
  dims[2] = calc.constant(isLstm ? 2 * hidden : hidden);
  return Inferred{std::move(dims), x.getElementType()};
}

//===-- Reductions and normalizations -----------------------------------------===//

template <typename Adaptor>
FailureOr<Inferred> inferReduction(Adaptor op, ShapeCalculator &calc) {
  auto x = tensorType(op.getX());
  ArrayRef<int64_t> axes = op.getAxes();
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis < 0 || axis >= x.getRank() || (i && axes[i - 1] >= axis))
      return calc.fail("expects ascending axes in [0, " + Twine(x.getRank()) +
                       "), got " + Twine(axis));
  Shape dims;
  for (int64_t axis = 0; axis < x.getRank(); ++axis) {
    if (!llvm::is_contained(axes, axis))
      dims.push_back(calc.dim(op.getX(), axis));
    else if (op.getKeepdims())
      dims.push_back(calc.constant(1));
  }
  return Inferred{std::move(dims), x.getElementType()};
}
FailureOr<Inferred> infer(ReduceSumOp::Adaptor op, ShapeCalculator &calc) {
  return inferReduction(op, calc);
}
FailureOr<Inferred> infer(ReduceMeanOp::Adaptor op, ShapeCalculator &calc) {
  return inferReduction(op, calc);
}
FailureOr<Inferred> infer(ReduceMaxOp::Adaptor op, ShapeCalculator &calc) {
  return inferReduction(op, calc);
}
FailureOr<Inferred> infer(ReduceMinOp::Adaptor op, ShapeCalculator &calc) {
  return inferReduction(op, calc);
}

FailureOr<Inferred> infer(ReduceProdOp::Adaptor op, ShapeCalculator &calc) {
  return inferReduction(op, calc);
}

template <typename Adaptor>
FailureOr<Inferred> inferCumulation(Adaptor op, StringRef label,
                                    ShapeCalculator &calc) {
  int64_t rank = tensorType(op.getX()).getRank(), axis = op.getAxis();
  if (axis < 0 || axis >= rank)
    return calc.fail("(" + label + ") expects an axis in [0, " + Twine(rank) +
                     "), got " + Twine(axis));
  return Inferred{calc.shape(op.getX()), getElementTypeOrSelf(op.getX())};
}
FailureOr<Inferred> infer(CumSumOp::Adaptor op, ShapeCalculator &calc) {
  return inferCumulation(op, "cumsum_c1", calc);
}
FailureOr<Inferred> infer(CumProdOp::Adaptor op, ShapeCalculator &calc) {
  return inferCumulation(op, "cumprod_c1", calc);
}

template <typename Adaptor>
LogicalResult checkRowVector(Adaptor op, Value vector, StringRef label,
                             ShapeCalculator &calc) {
  auto x = tensorType(op.getX()), v = tensorType(vector);
  if (x.getRank() < 1 || v.getRank() != 1 ||
      failed(verifyCompatibleDims(
          {x.getDimSize(x.getRank() - 1), v.getDimSize(0)})))
    return calc.fail("(" + label + ") expects a vector as long as the last "
                     "axis of x");
  return success();
}

FailureOr<Inferred> infer(LayerNormOp::Adaptor op, ShapeCalculator &calc) {
  if (failed(checkRowVector(op, op.getGain(), "layer_norm_c1", calc)) ||
      (op.getBias() &&
       failed(checkRowVector(op, op.getBias(), "layer_norm_c1", calc))))
    return failure();
  return Inferred{calc.shape(op.getX()), getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(RMSNormOp::Adaptor op, ShapeCalculator &calc) {
  if (failed(checkRowVector(op, op.getGain(), "rms_norm_c1", calc)))
    return failure();
  return Inferred{calc.shape(op.getX()), getElementTypeOrSelf(op.getX())};
}

//===-- Data movement -----------------------------------------------------------===//

FailureOr<Inferred> infer(GatherOp::Adaptor op, ShapeCalculator &calc) {
  int64_t rank = tensorType(op.getData()).getRank(), axis = op.getAxis();
  if (axis < 0 || axis >= rank)
    return calc.fail("expects an axis in [0, " + Twine(rank) + "), got " +
                     Twine(axis));
  Shape data = calc.shape(op.getData());
  Shape dims(data.begin(), data.begin() + axis);
  llvm::append_range(dims, calc.shape(op.getIndices()));
  dims.append(data.begin() + axis + 1, data.end());
  return Inferred{std::move(dims), getElementTypeOrSelf(op.getData())};
}

FailureOr<Inferred> infer(ScatterOp::Adaptor op, ShapeCalculator &calc) {
  auto data = tensorType(op.getData()), indices = tensorType(op.getIndices()),
       updates = tensorType(op.getUpdates());
  if (indices.getRank() != 1 ||
      !indices.getElementType().isSignlessInteger(64) ||
      data.getRank() < 1 || updates.getRank() < 1 ||
      failed(verifyCompatibleDims(
          {indices.getDimSize(0), updates.getDimSize(0)})))
    return calc.fail("(scatter_c1) expects a vector of i64 indices, one a row "
                     "of updates");
  if (data.getElementType() != updates.getElementType() ||
      failed(verifyCompatibleShape(data.getShape().drop_front(),
                                   updates.getShape().drop_front())))
    return calc.fail("(scatter_c2) expects rows of data and updates of one "
                     "shape and element type");
  return Inferred{calc.shape(op.getData()), data.getElementType()};
}

//===-- Positions chosen by the data ------------------------------------------===//

FailureOr<Inferred> infer(IotaOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.mixed(op.getStaticSizes(), op.getSizes()),
                  IntegerType::get(op.getStaticSizesAttr().getContext(), 64)};
}

FailureOr<Inferred> infer(SizesOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{{calc.constant(op.getStaticSizes().size())},
                  IntegerType::get(op.getStaticSizesAttr().getContext(), 64)};
}

FailureOr<Inferred> infer(NonZeroOp::Adaptor op, ShapeCalculator &calc) {
  Dim count = calc.constant(1);
  for (Dim size : calc.shape(op.getX()))
    count = calc.mul(count, size);
  return Inferred{{calc.add(count, calc.constant(1))},
                  IntegerType::get(op.getX().getContext(), 64)};
}

FailureOr<Inferred> infer(TopKOp::Adaptor op, ShapeCalculator &calc) {
  Shape shape = calc.shape(op.getX());
  if (op.getStaticSizes().size() != 1 || shape.empty())
    return calc.fail("(top_k_c1) expects one size and an operand of rank 1 or "
                     "more");
  shape.back() = calc.mixed(op.getStaticSizes(), op.getSizes()).front();
  return Inferred{std::move(shape),
                  IntegerType::get(op.getX().getContext(), 64)};
}

FailureOr<Inferred> infer(UniqueOp::Adaptor op, ShapeCalculator &calc) {
  if (tensorType(op.getX()).getRank() != 2)
    return calc.fail("(unique_c1) expects an operand of rank 2");
  return Inferred{{calc.constant(3), calc.add(calc.dim(op.getX(), 0),
                                              calc.constant(1))},
                  IntegerType::get(op.getX().getContext(), 64)};
}

FailureOr<Inferred> infer(NonMaxSuppressionOp::Adaptor op,
                          ShapeCalculator &calc) {
  auto boxes = tensorType(op.getBoxes()), scores = tensorType(op.getScores());
  if (boxes.getRank() != 3 || scores.getRank() != 3 ||
      boxes.getDimSize(2) != 4 || !boxes.getElementType().isF32() ||
      !scores.getElementType().isF32() || op.getStaticSizes().size() != 1)
    return calc.fail("(non_max_suppression_c1) expects f32 boxes [B, N, 4], "
                     "f32 scores [B, C, N] and one size");
  Dim limit = calc.mixed(op.getStaticSizes(), op.getSizes()).front();
  Dim kept = calc.mul(calc.mul(calc.dim(op.getScores(), 0),
                               calc.dim(op.getScores(), 1)),
                      calc.min(limit, calc.dim(op.getBoxes(), 1)));
  return Inferred{{calc.add(kept, calc.constant(1)), calc.constant(3)},
                  IntegerType::get(op.getBoxes().getContext(), 64)};
}

//===-- Movement ----------------------------------------------------------------===//

FailureOr<Inferred> infer(ReshapeOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.mixed(op.getStaticSizes(), op.getSizes()),
                  getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(BroadcastToOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.mixed(op.getStaticSizes(), op.getSizes()),
                  getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(TransposeOp::Adaptor op, ShapeCalculator &calc) {
  Shape in = calc.shape(op.getX()), dims;
  SmallVector<bool> seen(in.size(), false);
  for (int64_t axis : op.getPerm()) {
    if (axis < 0 || axis >= int64_t(in.size()) || seen[axis])
      return calc.fail("(transpose_c1) expects a permutation of the axes");
    seen[axis] = true;
    dims.push_back(in[axis]);
  }
  if (dims.size() != in.size())
    return calc.fail("(transpose_c1) expects a permutation of the axes");
  return Inferred{std::move(dims), getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(ConcatOp::Adaptor op, ShapeCalculator &calc) {
  if (op.getInputs().empty())
    return calc.fail("(concat_c1) expects at least one operand");
  Shape dims = calc.shape(op.getInputs().front());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis >= int64_t(dims.size()))
    return calc.fail("(concat_c1) expects an axis in [0, " +
                     Twine(dims.size()) + "), got " + Twine(axis));
  for (Value input : op.getInputs().drop_front()) {
    Shape other = calc.shape(input);
    if (other.size() != dims.size())
      return calc.fail("(concat_c1) expects operands of one rank");
    for (size_t i = 0; i < dims.size(); ++i) {
      if (int64_t(i) == axis)
        dims[i] = calc.add(dims[i], other[i]);
      else if (!dims[i].isStatic())
        dims[i] = other[i].isStatic() ? other[i] : dims[i];
      else if (other[i].isStatic() && other[i].size != dims[i].size)
        return calc.fail("(concat_c1) expects equal sizes on axis " +
                         Twine(i) + ", got " + Twine(dims[i].size) + " and " +
                         Twine(other[i].size));
    }
  }
  return Inferred{std::move(dims),
                  getElementTypeOrSelf(op.getInputs().front())};
}

FailureOr<Inferred> infer(SliceOp::Adaptor op, ShapeCalculator &calc) {
  return Inferred{calc.mixed(op.getStaticSizes(), op.getSizes()),
                  getElementTypeOrSelf(op.getX())};
}

FailureOr<Inferred> infer(PadOp::Adaptor op, ShapeCalculator &calc) {
  Shape dims = calc.shape(op.getX());
  if (op.getLow().size() != dims.size() || op.getHigh().size() != dims.size())
    return calc.fail("expects one low and one high padding an axis");
  for (auto [i, d] : llvm::enumerate(dims))
    d = calc.add(d, calc.constant(op.getLow()[i] + op.getHigh()[i]));
  return Inferred{std::move(dims), getElementTypeOrSelf(op.getX())};
}

} // namespace

template <typename Adaptor>
LogicalResult qopt::nn::detail::inferTypes(Adaptor op, MLIRContext *context,
                                           std::optional<Location> location,
                                           SmallVectorImpl<Type> &types) {
  ShapeCalculator calc(nullptr, location);
  FailureOr<Inferred> inferred = infer(op, calc);
  if (failed(inferred))
    return failure();
  SmallVector<int64_t> sizes;
  for (const Dim &d : inferred->dims)
    sizes.push_back(d.size);
  types.push_back(RankedTensorType::get(sizes, inferred->element));
  return success();
}

template <typename Adaptor>
LogicalResult qopt::nn::detail::reifyShapes(Adaptor adaptor, Operation *op,
                                            OpBuilder &builder,
                                            ReifiedRankedShapedTypeDims &shapes) {
  ShapeCalculator calc(&builder, op->getLoc());
  FailureOr<Inferred> inferred = infer(adaptor, calc);
  if (failed(inferred))
    return failure();
  // What the result type knows beats what the operands tell.
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<OpFoldResult> dims;
  for (auto [axis, d] : llvm::enumerate(inferred->dims)) {
    if (!type.isDynamicDim(axis))
      dims.push_back(builder.getIndexAttr(type.getDimSize(axis)));
    else
      dims.push_back(calc.materialize(d));
  }
  shapes.push_back(std::move(dims));
  return success();
}

//===-- Verifiers ---------------------------------------------------------------===//

static LogicalResult verifyDynamicList(Operation *op, ArrayRef<int64_t> sizes,
                                       size_t operands, StringRef what) {
  size_t expected = llvm::count_if(sizes, ShapedType::isDynamic);
  if (expected == operands)
    return success();
  return op->emitOpError("expects ")
         << expected << " " << what << " operands, got " << operands;
}

LogicalResult IotaOp::verify() {
  return verifyDynamicList(*this, getStaticSizes(), getSizes().size(), "size");
}

LogicalResult RecurrenceOp::verify() {
  size_t expected = getCell() == RecurrentCell::rnn    ? 1
                    : getCell() == RecurrentCell::gru ? 2
                                                      : 3;
  if (getActivations().size() != expected || getAlphas().size() != expected ||
      getBetas().size() != expected)
    return emitOpError("(recurrence_c2) expects ")
           << expected << " activations, alphas and betas, got "
           << getActivations().size() << ", " << getAlphas().size() << " and "
           << getBetas().size();
  for (auto name : getActivations().getAsRange<StringAttr>())
    if (!symbolizeRecurrentActivation(name))
      return emitOpError("(recurrence_c2) expects a known activation, got '")
             << name.getValue() << "'";
  return success();
}

LogicalResult ReshapeOp::verify() {
  if (failed(verifyDynamicList(*this, getStaticSizes(), getSizes().size(),
                               "size")))
    return failure();
  auto from = cast<RankedTensorType>(getX().getType());
  auto to = cast<RankedTensorType>(getResult().getType());
  if (from.hasStaticShape() && to.hasStaticShape() &&
      from.getNumElements() != to.getNumElements())
    return emitOpError("(reshape_c1) expects ")
           << from.getNumElements() << " elements, got "
           << to.getNumElements();
  return success();
}

LogicalResult SliceOp::verify() {
  size_t rank = cast<RankedTensorType>(getX().getType()).getRank();
  if (getStaticOffsets().size() != rank || getStaticSizes().size() != rank ||
      getStrides().size() != rank)
    return emitOpError("expects ") << rank << " offsets, sizes and strides";
  if (failed(verifyDynamicList(*this, getStaticOffsets(), getOffsets().size(),
                               "offset")))
    return failure();
  return verifyDynamicList(*this, getStaticSizes(), getSizes().size(), "size");
}

#define GET_OP_CLASSES
#include "dialects/NN/NNOps.cpp.inc"

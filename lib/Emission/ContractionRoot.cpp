// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Emission/ContractionRoot.h"
#include "dialects/Exec/ExecOps.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace qopt::emission {

namespace {

RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

std::optional<ContractionDomain> domainOf(Type input, Type weights) {
  if (input.isF32() && weights.isF32())
    return ContractionDomain::F32;
  if (!weights.isInteger(8) || weights.isUnsignedInteger())
    return std::nullopt;
  if (input.isUnsignedInteger(8))
    return ContractionDomain::U8S8;
  if (input.isInteger(8))
    return ContractionDomain::S8S8;
  return std::nullopt;
}

class RootMatcher {
public:
  RootMatcher(Operation *op, KernelShapes &shapes) : shapes(shapes) {
    root.op = op;
  }

  std::optional<ContractionRoot> match() {
    bool matched =
        llvm::TypeSwitch<Operation *, bool>(root.op)
            .Case<nn::MatMulOp>([&](auto op) { return matchMatMul(op); })
            .Case<nn::ConvOp>([&](auto op) { return matchConv(op); })
            .Case<lowbit::BlockMatMulOp>(
                [&](auto op) { return matchBlocks(op); })
            .Default(false);
    return matched ? std::optional(root) : std::nullopt;
  }

private:
  ContractionProblem &problem() { return root.problem; }

  bool useArgument(Value value, unsigned &number) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument)
      number = argument.getArgNumber();
    return bool(argument);
  }

  // The argument behind exec.unpack_panels with |layout|.
  bool usePanels(Value value, StringRef layout, unsigned &number) {
    auto unpack = value.getDefiningOp<exec::UnpackPanelsOp>();
    if (!unpack || unpack.getLayout() != layout)
      return false;
    root.unpacks.push_back(unpack);
    if (layout == panelLayoutName(PanelLayout::Panel16x1))
      problem().weightType = tensorType(unpack.getPacked()).getElementType();
    return useArgument(unpack.getPacked(), number);
  }

  bool useWeights(Value value) {
    StringRef layout = panelLayoutName(panelLayout(problem().domain));
    problem().packed = usePanels(value, layout, problem().weights);
    return problem().packed || (problem().domain == ContractionDomain::F32 &&
                                useArgument(value, problem().weights));
  }

  bool matchMatMul(nn::MatMulOp op) {
    RankedTensorType lhs = tensorType(op.getLhs()), rhs = tensorType(op.getRhs());
    auto domain = domainOf(lhs.getElementType(), rhs.getElementType());
    if (!domain || lhs.getRank() < 2 || rhs.getRank() < 2)
      return false;
    problem().domain = *domain;
    if (!useArgument(op.getLhs(), problem().input) || !useWeights(op.getRhs()))
      return false;
    bool sharedWeights =
        llvm::all_of(rhs.getShape().drop_back(2),
                     [](int64_t size) { return size == 1; }) &&
        // A [1, K, N] operand may give the result its rank, not its batch.
        rhs.getRank() <= std::max<int64_t>(lhs.getRank(), 2);
    if (sharedWeights)
      useFlatRows(op.getLhs(), op.getRhs());
    else
      useBatches(op);
    return problem().packed ? sharedWeights : true;
  }

  bool matchBlocks(lowbit::BlockMatMulOp op) {
    problem().domain = ContractionDomain::BlockInt4;
    problem().block = op.getBlock();
    RankedTensorType scales = tensorType(op.getScales());
    problem().scaleType = scales.getElementType();
    if (!problem().scaleType.isF32() && !problem().scaleType.isF16())
      return false;
    if (problem().block % 8 || problem().block == 0)
      return false;
    useFlatRows(op.getLhs(), op.getCodes());
    return useArgument(op.getLhs(), problem().input) &&
           useWeights(op.getCodes()) &&
           usePanels(op.getScales(), "panel_scales", problem().scales);
  }

  // All rows of the left operand meet the same weights.
  void useFlatRows(Value lhs, Value rhs) {
    KernelShapes *sizes = &shapes;
    problem().geometry = [=](KernelBuilder &kb) {
      unsigned rank = tensorType(lhs).getRank();
      unsigned rhsRank = tensorType(rhs).getRank();
      Value rows = kb.i64(1);
      for (unsigned axis = 0; axis + 1 < rank; ++axis)
        rows = kb.mul(rows, sizes->dim(kb, lhs, axis));
      return rowsGeometry(kb, kb.i64(1), rows, sizes->dim(kb, lhs, rank - 1),
                          sizes->dim(kb, rhs, rhsRank - 1));
    };
  }

  static ContractionGeometry rowsGeometry(KernelBuilder &kb, Value batches,
                                          Value rows, Value k, Value columns) {
    ContractionGeometry g;
    g.batches = batches;
    g.height = g.outHeight = kb.i64(1);
    g.width = g.outWidth = rows;
    g.channels = k;
    g.columns = columns;
    return g;
  }

  // One matrix product for each leading index of the result.
  void useBatches(nn::MatMulOp op) {
    KernelShapes *sizes = &shapes;
    Value lhs = op.getLhs(), result = op.getResult();
    problem().geometry = [=](KernelBuilder &kb) {
      unsigned rank = tensorType(result).getRank();
      unsigned lhsRank = tensorType(lhs).getRank();
      Value batches = kb.i64(1);
      for (unsigned axis = 0; axis + 2 < rank; ++axis)
        batches = kb.mul(batches, sizes->dim(kb, result, axis));
      return rowsGeometry(kb, batches,
                          sizes->dim(kb, lhs, lhsRank - 2),
                          sizes->dim(kb, lhs, lhsRank - 1),
                          sizes->dim(kb, result, rank - 1));
    };
    auto follow = [=](Value operand) {
      return [=](KernelBuilder &kb, Value batch) {
        return matrixOf(kb, *sizes, result, operand, batch);
      };
    };
    problem().inputBatch = follow(op.getLhs());
    problem().weightBatch = follow(op.getRhs());
  }

  // Which matrix of |operand| the result's matrix |batch| reads: leading axes
  // broadcast.
  static Value matrixOf(KernelBuilder &kb, KernelShapes &sizes, Value result,
                        Value operand, Value batch) {
    int64_t rank = tensorType(result).getRank() - 2;
    int64_t own = tensorType(operand).getRank() - 2;
    // Static sizes that agree need no digits.
    if (own == rank &&
        tensorType(result).getShape().drop_back(2) ==
            tensorType(operand).getShape().drop_back(2) &&
        !ShapedType::isDynamicShape(
            tensorType(result).getShape().drop_back(2)))
      return batch;
    Value matrix = kb.i64(0), stride = kb.i64(1);
    for (int64_t axis = rank - 1; axis >= rank - own; --axis) {
      Value size = sizes.dim(kb, result, axis);
      Value ownSize = sizes.dim(kb, operand, axis - (rank - own));
      Value digit = axis == 0 ? batch : kb.rem(batch, size);
      batch = kb.div(batch, size);
      Value repeats = kb.cmp(arith::CmpIPredicate::eq, ownSize, kb.i64(1));
      matrix = kb.add(matrix, kb.select(repeats, kb.i64(0),
                                        kb.mul(digit, stride)));
      stride = kb.mul(stride, ownSize);
    }
    return matrix;
  }

  bool matchConv(nn::ConvOp op) {
    RankedTensorType filter = tensorType(op.getFilter());
    auto domain = domainOf(tensorType(op.getX()).getElementType(),
                           filter.getElementType());
    bool depthwise = op.getGroups() > 1 && filter.getDimSize(3) == 1;
    if (!domain || depthwise || !filter.hasStaticShape() ||
        ShapedType::isDynamic(tensorType(op.getX()).getDimSize(3)))
      return false;
    problem().domain = *domain;
    if (!useArgument(op.getX(), problem().input) ||
        !useWeights(op.getFilter()) || !problem().packed)
      return false;
    KernelShapes *sizes = &shapes;
    problem().geometry = [=](KernelBuilder &kb) {
      return convGeometry(kb, *sizes, op);
    };
    return true;
  }

  static ContractionGeometry convGeometry(KernelBuilder &kb,
                                          KernelShapes &sizes, nn::ConvOp op) {
    RankedTensorType filter = tensorType(op.getFilter());
    Value x = op.getX(), y = op.getResult();
    int64_t columns = filter.getDimSize(0) / op.getGroups();
    auto isAll = [](ArrayRef<int64_t> values, int64_t expected) {
      return llvm::all_of(values, [&](int64_t v) { return v == expected; });
    };
    ContractionGeometry g;
    if (filter.getDimSize(1) == 1 && filter.getDimSize(2) == 1 &&
        isAll(op.getStrides(), 1) && isAll(op.getPads(), 0)) {
      // A product over all pixels of all images.
      Value pixels = kb.mul(kb.mul(sizes.dim(kb, x, 0), sizes.dim(kb, x, 1)),
                            sizes.dim(kb, x, 2));
      g = rowsGeometry(kb, kb.i64(1), pixels, sizes.dim(kb, x, 3),
                       kb.i64(columns));
      g.groups = op.getGroups();
      return g;
    }
    g.batches = sizes.dim(kb, x, 0);
    g.height = sizes.dim(kb, x, 1);
    g.width = sizes.dim(kb, x, 2);
    g.channels = sizes.dim(kb, x, 3);
    g.outHeight = sizes.dim(kb, y, 1);
    g.outWidth = sizes.dim(kb, y, 2);
    g.columns = kb.i64(columns);
    g.groups = op.getGroups();
    for (int axis : {0, 1}) {
      g.kernel[axis] = filter.getDimSize(axis + 1);
      g.stride[axis] = op.getStrides()[axis];
      g.dilation[axis] = op.getDilations()[axis];
      g.padLow[axis] = op.getPads()[axis];
      g.padHigh[axis] = op.getPads()[axis + 2];
    }
    g.padValue = op.getPadValue();
    return g;
  }

  KernelShapes &shapes;
  ContractionRoot root;
};

} // namespace

std::optional<ContractionRoot> matchContractionRoot(Block &body,
                                                    KernelShapes &shapes) {
  Operation *found = nullptr;
  for (Operation &op : body)
    if (isa<nn::MatMulOp, nn::ConvOp, lowbit::BlockMatMulOp>(op)) {
      if (found)
        return std::nullopt;
      found = &op;
    }
  if (!found)
    return std::nullopt;
  return RootMatcher(found, shapes).match();
}

} // namespace qopt::emission

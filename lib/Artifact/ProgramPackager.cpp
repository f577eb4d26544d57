// From exec.program to the tables of an artifact.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Artifact/ProgramPackager.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/LocationNames.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::artifact;

namespace {

std::optional<qrt_dtype_t> narrowFloatOf(Type element) {
  using Result = std::optional<qrt_dtype_t>;
  return llvm::TypeSwitch<Type, Result>(element)
      .Case([](Float8E4M3FNType) -> Result { return QRT_DTYPE_F8E4M3FN; })
      .Case([](Float8E4M3FNUZType) -> Result { return QRT_DTYPE_F8E4M3FNUZ; })
      .Case([](Float8E5M2Type) -> Result { return QRT_DTYPE_F8E5M2; })
      .Case([](Float8E5M2FNUZType) -> Result { return QRT_DTYPE_F8E5M2FNUZ; })
      .Case([](Float8E8M0FNUType) -> Result { return QRT_DTYPE_F8E8M0; })
      .Case([](Float4E2M1FNType) -> Result { return QRT_DTYPE_F4E2M1; })
      .Default(std::nullopt);
}

std::optional<qrt_dtype_t> dtypeOf(Type element) {
  if (element.isF32())
    return QRT_DTYPE_F32;
  if (element.isF16())
    return QRT_DTYPE_F16;
  if (element.isBF16())
    return QRT_DTYPE_BF16;
  if (element.isF64())
    return QRT_DTYPE_F64;
  if (element.isIndex())
    return QRT_DTYPE_I64;
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer)
    return narrowFloatOf(element);
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return QRT_DTYPE_BOOL;
  case 2:
    return isUnsigned ? QRT_DTYPE_U2 : QRT_DTYPE_I2;
  case 4:
    return isUnsigned ? QRT_DTYPE_U4 : QRT_DTYPE_I4;
  case 8:
    return isUnsigned ? QRT_DTYPE_U8 : QRT_DTYPE_I8;
  case 16:
    return isUnsigned ? QRT_DTYPE_U16 : QRT_DTYPE_I16;
  case 32:
    return isUnsigned ? QRT_DTYPE_U32 : QRT_DTYPE_I32;
  case 64:
    return isUnsigned ? QRT_DTYPE_U64 : QRT_DTYPE_I64;
  default:
    return std::nullopt;
  }
}

/// Numbers of programs in the artifact; @main is 0.
using ProgramNumbers = std::map<std::string, uint32_t>;

class Packager {
public:
  Packager(ModuleOp module, exec::ProgramOp program,
           const ProgramNumbers &numbers, ArtifactBuilder &builder)
      : module(module), program(program), numbers(numbers), builder(builder) {}

  LogicalResult run() {
    auto ret = cast<exec::ReturnOp>(program.getBody().front().getTerminator());
    if (failed(addInputs()))
      return failure();
    for (Operation &op : program.getBody().front().without_terminator())
      if (failed(visit(&op)))
        return failure();
    return addOutputs(ret);
  }

private:
  LogicalResult addInputs() {
    auto symbols = program->getAttrOfType<ArrayAttr>("input_dims");
    auto limits = program->getAttrOfType<ArrayAttr>("input_max_dims");
    std::map<std::string, ExprId> known;
    for (BlockArgument arg : program.getBody().getArguments()) {
      unsigned index = arg.getArgNumber();
      auto type = dyn_cast<RankedTensorType>(arg.getType());
      auto dtype = type ? dtypeOf(type.getElementType()) : std::nullopt;
      if (!dtype)
        return program.emitError("input ")
               << index << " has a type no artifact can hold: " << arg.getType();
      ArrayAttr names =
          symbols ? dyn_cast<ArrayAttr>(symbols[index]) : ArrayAttr();
      auto most = limits ? dyn_cast<DenseI64ArrayAttr>(limits[index])
                         : DenseI64ArrayAttr();
      SmallVector<ExprId> sizes;
      for (int64_t axis = 0; axis < type.getRank(); ++axis) {
        if (!type.isDynamicDim(axis)) {
          sizes.push_back(builder.constant(type.getDimSize(axis)));
          continue;
        }
        std::string name;
        if (names && axis < int64_t(names.size()))
          name = cast<StringAttr>(names[axis]).str();
        auto same = known.find(name);
        if (!name.empty() && same != known.end()) {
          sizes.push_back(same->second);
          continue;
        }
        sizes.push_back(builder.dim(index, axis));
        int64_t limit = INT32_MAX;
        if (most && axis < most.size() && !ShapedType::isDynamic(most[axis]))
          limit = most[axis];
        if (!name.empty())
          known[name] = sizes.back();
        // What a sub-program captures may be empty; nobody asks for its names.
        if (program.getSymName() == "main" &&
            (!name.empty() || limit != INT32_MAX))
          builder.addSymbol(index, axis, name, 0, limit);
      }
      auto name = cast<StringAttr>(program.getInputNames()[index]);
      tensors[arg] = builder.addInput(name, *dtype, sizes);
      dims[arg] = sizes;
    }
    return success();
  }

  LogicalResult visit(Operation *op) {
    return llvm::TypeSwitch<Operation *, LogicalResult>(op)
        .Case<exec::LaunchOp>([&](auto launch) { return visitLaunch(launch); })
        .Case<exec::ViewOp>([&](auto view) { return visitView(view); })
        .Case([&](exec::BranchOp branch) { return visitBranch(branch); })
        .Case([&](exec::LoopOp loop) { return visitLoop(loop); })
        .Case([&](tensor::ExtractOp extract) { return visitExtract(extract); })
        .Case<exec::TapOp>([&](exec::TapOp tap) {
          builder.tap(tensor(tap.getX()), tap.getId());
          return success();
        })
        .Case<tensor::DimOp>([&](tensor::DimOp dim) { return visitDim(dim); })
        .Default([&](Operation *op) -> LogicalResult {
          if (op->getNumResults() == 1 && op->getResult(0).getType().isIndex())
            return visitArithmetic(op);
          if (isa<arith::ConstantOp, arith::CmpIOp>(op))
            return success(); // Added when something reads them.
          if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
            return visitArithmetic(op);
          return op->emitError("has no form in an artifact");
        });
  }

  LogicalResult visitDim(tensor::DimOp dim) {
    auto known = dims.find(dim.getSource());
    std::optional<int64_t> axis = dim.getConstantIndex();
    if (known == dims.end() || !axis ||
        *axis >= int64_t(known->second.size()))
      return dim.emitError("expects a constant axis of a known tensor");
    exprs[dim.getResult()] = known->second[*axis];
    return success();
  }

  /// An element that is read while the program runs.
  LogicalResult visitExtract(tensor::ExtractOp extract) {
    TensorId source = tensor(extract.getTensor());
    auto type = cast<RankedTensorType>(extract.getTensor().getType());
    int64_t position = 0;
    for (auto [axis, index] : llvm::enumerate(extract.getIndices())) {
      std::optional<int64_t> at = getConstantIntValue(index);
      bool isDynamic = type.isDynamicDim(axis);
      // The first slice of all: how long a slice is does not matter.
      bool known = at && *at >= 0 && (!isDynamic || position == 0) &&
                   (isDynamic || *at < type.getDimSize(axis));
      if (!known)
        return extract.emitError("expects constant indices inside the tensor");
      position = position * (isDynamic ? 1 : type.getDimSize(axis)) + *at;
    }
    if (source == QRT_NONE || position > INT32_MAX ||
        !isa<IntegerType, IndexType>(type.getElementType()))
      return extract.emitError("expects an element of an integer tensor that "
                               "an artifact can hold");
    exprs[extract.getResult()] = builder.element(source, position);
    return success();
  }

  /// The programs' numbers, what the op reads, and its results.
  LogicalResult collectCall(Operation *op, ArrayRef<StringRef> names,
                            ValueRange passed, SmallVector<uint32_t> &programs,
                            SmallVector<TensorId> &inputs,
                            SmallVector<TensorId> &results) {
    for (StringRef name : names) {
      auto known = numbers.find(name.str());
      if (known == numbers.end())
        return op->emitError("runs an unknown program @") << name;
      programs.push_back(known->second);
    }
    for (Value value : passed) {
      inputs.push_back(tensor(value));
      if (inputs.back() == QRT_NONE)
        return op->emitError("reads a constant no artifact can hold");
    }
    for (OpResult result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      auto dtype = dtypeOf(type.getElementType());
      if (!dtype)
        return op->emitError("has a result no artifact can hold: ") << type;
      SmallVector<int64_t> shape;
      for (int64_t size : type.getShape())
        shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
      SmallVector<ExprId> sizes;
      results.push_back(builder.addResult(nameOf(op->getLoc(), "result"),
                                          *dtype, shape,
                                          result.getResultNumber(), sizes));
      dims[result] = sizes;
      tensors[result] = results.back();
    }
    return success();
  }

  LogicalResult visitBranch(exec::BranchOp op) {
    SmallVector<uint32_t> programs;
    SmallVector<TensorId> inputs, results;
    FailureOr<ExprId> condition = expr(op.getCondition());
    if (failed(condition))
      return op.emitError("has a condition of unknown value");
    if (failed(collectCall(op, {op.getThenProgram(), op.getElseProgram()},
                           op.getInputs(), programs, inputs, results)))
      return failure();
    builder.branch(*condition, programs[0], programs[1], inputs, results,
                   nameOf(op.getLoc(), "branch"));
    return success();
  }

  LogicalResult visitLoop(exec::LoopOp op) {
    SmallVector<uint32_t> programs;
    SmallVector<TensorId> inputs, results;
    FailureOr<ExprId> trips = expr(op.getTrips());
    FailureOr<ExprId> condition = expr(op.getCondition());
    if (failed(trips) || failed(condition))
      return op.emitError("has trips or a condition of unknown value");
    SmallVector<Value> passed(op.getCarried());
    llvm::append_range(passed, op.getCaptured());
    if (failed(collectCall(op, {op.getBodyProgram()}, passed, programs, inputs,
                           results)))
      return failure();
    builder.loop(*trips, *condition, programs[0], op.getCarried().size(),
                 inputs, results, nameOf(op.getLoc(), "loop"));
    return success();
  }

  LogicalResult visitArithmetic(Operation *op) {
    // An element of a tensor, as a size.
    if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
      FailureOr<ExprId> same = expr(op->getOperand(0));
      if (failed(same))
        return op->emitError("has no form as a shape expression");
      exprs[op->getResult(0)] = *same;
      return success();
    }
    if (auto constant = getConstantIntValue(op->getResult(0))) {
      exprs[op->getResult(0)] = builder.constant(*constant);
      return success();
    }
    auto code =
        llvm::TypeSwitch<Operation *, std::optional<qrt_expr_op_t>>(op)
            .Case<arith::AddIOp>([](auto) { return QRT_EXPR_ADD; })
            .Case<arith::SubIOp>([](auto) { return QRT_EXPR_SUB; })
            .Case<arith::MulIOp>([](auto) { return QRT_EXPR_MUL; })
            .Case<arith::DivSIOp, arith::FloorDivSIOp, arith::DivUIOp>(
                [](auto) { return QRT_EXPR_FLOORDIV; })
            .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>(
                [](auto) { return QRT_EXPR_CEILDIV; })
            .Case<arith::RemSIOp, arith::RemUIOp>(
                [](auto) { return QRT_EXPR_MOD; })
            .Case<arith::MaxSIOp, arith::MaxUIOp>(
                [](auto) { return QRT_EXPR_MAX; })
            .Case<arith::MinSIOp, arith::MinUIOp>(
                [](auto) { return QRT_EXPR_MIN; })
            .Case<arith::SelectOp>([](auto) { return QRT_EXPR_SELECT; })
            .Default([](Operation *) { return std::nullopt; });
    SmallVector<ExprId, 3> operands;
    for (Value operand : op->getOperands()) {
      FailureOr<ExprId> id = expr(operand);
      if (failed(id))
        return op->emitError("has no form as a shape expression");
      operands.push_back(*id);
    }
    if (!code || operands.size() < 2)
      return op->emitError("has no form as a shape expression");
    exprs[op->getResult(0)] = builder.expr(
        *code, operands[0], operands[1],
        operands.size() > 2 ? operands[2] : QRT_NONE);
    return success();
  }

  /// Index values, and the i1 comparisons that select between them.
  FailureOr<ExprId> expr(Value value) {
    auto known = exprs.find(value);
    if (known != exprs.end())
      return known->second;
    auto compare = value.getDefiningOp<arith::CmpIOp>();
    if (!compare)
      return failure();
    FailureOr<ExprId> a = expr(compare.getLhs()), b = expr(compare.getRhs());
    if (failed(a) || failed(b))
      return failure();
    switch (compare.getPredicate()) {
    case arith::CmpIPredicate::eq:
      return builder.expr(QRT_EXPR_EQ, *a, *b);
    case arith::CmpIPredicate::ne:
      return builder.expr(QRT_EXPR_NE, *a, *b);
    case arith::CmpIPredicate::slt:
    case arith::CmpIPredicate::ult:
      return builder.expr(QRT_EXPR_LT, *a, *b);
    case arith::CmpIPredicate::sle:
    case arith::CmpIPredicate::ule:
      return builder.expr(QRT_EXPR_LE, *a, *b);
    case arith::CmpIPredicate::sgt:
    case arith::CmpIPredicate::ugt:
      return builder.expr(QRT_EXPR_LT, *b, *a);
    case arith::CmpIPredicate::sge:
    case arith::CmpIPredicate::uge:
      return builder.expr(QRT_EXPR_LE, *b, *a);
    }
    return failure();
  }

  /// The tensor of \p value; constants become weights at their first use.
  TensorId tensor(Value value) {
    auto known = tensors.find(value);
    if (known != tensors.end())
      return known->second;
    auto view = nn::ConstantView::of(value);
    if (!view)
      return QRT_NONE;
    auto dtype = dtypeOf(view->type().getElementType());
    if (!dtype)
      return QRT_NONE;
    std::string name = nameOf(value.getLoc(), "");
    ArrayRef<int64_t> shape = view->type().getShape();
    TensorId id;
    if (view->isSplat() || view->type().getElementType().isInteger(1)) {
      std::vector<char> bytes;
      int64_t repeat = view->isSplat() ? view->numElements() : 1;
      for (int64_t i = 0; i < repeat; ++i)
        bytes.insert(bytes.end(), view->bytes().begin(), view->bytes().end());
      id = builder.addWeight(name, *dtype, shape, std::move(bytes));
    } else {
      id = builder.addWeight(name, *dtype, shape, view->bytes());
    }
    SmallVector<ExprId> sizes;
    for (int64_t size : shape)
      sizes.push_back(builder.constant(size));
    dims[value] = sizes;
    return tensors[value] = id;
  }

  LogicalResult visitLaunch(exec::LaunchOp launch) {
    FailureOr<KernelId> kernel = kernelOf(launch);
    if (failed(kernel))
      return failure();
    SmallVector<TensorId> operands;
    SmallVector<ExprId> sizes, indices;
    for (Value input : launch.getInputs()) {
      if (input.getType().isIndex()) {
        FailureOr<ExprId> id = expr(input);
        if (failed(id))
          return launch.emitError("has an index operand of unknown value");
        indices.push_back(*id);
        continue;
      }
      operands.push_back(tensor(input));
      if (operands.back() == QRT_NONE)
        return launch.emitError("reads a constant no artifact can hold");
      appendDynamic(input, sizes);
    }
    auto next = launch.getResultDims().begin();
    std::string name = nameOf(launch.getLoc(), launch.getKernel());
    for (Value output : launch.getOutputs()) {
      auto type = cast<RankedTensorType>(output.getType());
      auto dtype = dtypeOf(type.getElementType());
      if (!dtype)
        return launch.emitError("has a result no artifact can hold: ") << type;
      SmallVector<ExprId> shape;
      for (int64_t size : type.getShape()) {
        if (!ShapedType::isDynamic(size)) {
          shape.push_back(builder.constant(size));
          continue;
        }
        FailureOr<ExprId> id = expr(*next++);
        if (failed(id))
          return launch.emitError("has a result of unknown size");
        shape.push_back(*id);
      }
      dims[output] = shape;
      operands.push_back(tensors[output] = builder.addTensor(
                             name, *dtype, shape,
                             builder.addTemporary(
                                 builder.byteSize(*dtype, shape))));
      appendDynamic(output, sizes);
    }
    sizes.append(indices);
    builder.launch(*kernel, operands, sizes, name, workOf(launch));
    return success();
  }

  void appendDynamic(Value value, SmallVector<ExprId> &sizes) {
    auto type = cast<RankedTensorType>(value.getType());
    for (auto [axis, size] : llvm::enumerate(dims[value]))
      if (type.isDynamicDim(axis))
        sizes.push_back(size);
  }

  LogicalResult visitView(exec::ViewOp view) {
    auto type = cast<RankedTensorType>(view.getResult().getType());
    auto dtype = dtypeOf(type.getElementType());
    TensorId source = tensor(view.getX());
    if (!dtype || source == QRT_NONE)
      return view.emitError("views a tensor no artifact can hold");
    SmallVector<ExprId> shape;
    auto next = view.getSizes().begin();
    for (int64_t size : view.getStaticSizes()) {
      if (!ShapedType::isDynamic(size)) {
        shape.push_back(builder.constant(size));
        continue;
      }
      FailureOr<ExprId> id = expr(*next++);
      if (failed(id))
        return view.emitError("has a size of unknown value");
      shape.push_back(*id);
    }
    ExprId offset = offsetIfEqual(dims[view.getX()], shape);
    dims[view.getResult()] = shape;
    tensors[view.getResult()] =
        builder.addTensor(nameOf(view.getLoc(), "view"), *dtype, shape,
                          builder.storageOf(source), offset);
    return success();
  }

  /// Where a view begins in its storage: at 0, and where it has another number
  /// of elements than what it views, at an offset no runtime accepts.
  ExprId offsetIfEqual(ArrayRef<ExprId> from, ArrayRef<ExprId> to) {
    ExprId zero = builder.constant(0);
    SmallVector<ExprId> left(from), right;
    for (ExprId size : to)
      if (auto same = llvm::find(left, size); same != left.end())
        left.erase(same);
      else
        right.push_back(size);
    ExprId a = builder.product(left), b = builder.product(right);
    if (a == b)
      return zero;
    return builder.expr(QRT_EXPR_SELECT, builder.expr(QRT_EXPR_EQ, a, b), zero,
                        builder.constant(-1));
  }

  LogicalResult addOutputs(exec::ReturnOp ret) {
    for (auto [index, value] : llvm::enumerate(ret.getValues())) {
      auto type = cast<RankedTensorType>(value.getType());
      auto dtype = dtypeOf(type.getElementType());
      auto name = cast<StringAttr>(program.getOutputNames()[index]);
      TensorId source = tensor(value);
      if (!dtype || source == QRT_NONE)
        return ret.emitError("output ") << name << " has no form in an artifact";
      // A launch result is computed in the output's memory; anything else
      // (an input, a weight, a value returned twice) is copied there.
      if (builder.addOutputIn(builder.storageOf(source), name, *dtype,
                              dims[value]) == QRT_NONE)
        builder.copy(source, builder.addOutput(name, *dtype, dims[value]), name);
    }
    return success();
  }

  FailureOr<KernelId> kernelOf(exec::LaunchOp launch) {
    auto [entry, isNew] = kernels.try_emplace(launch.getKernel().str(), 0);
    if (!isNew)
      return entry->second;
    auto kernel = module.lookupSymbol<exec::KernelDefOp>(launch.getKernel());
    if (!kernel)
      return launch.emitError("launches an unknown kernel");
    unsigned inputs = 0, sizes = 0;
    for (Type type : kernel.getInputTypes()) {
      if (type.isIndex()) {
        ++sizes;
        continue;
      }
      ++inputs;
      sizes += cast<RankedTensorType>(type).getNumDynamicDims();
    }
    for (Type type : kernel.getOutputTypes())
      sizes += cast<RankedTensorType>(type).getNumDynamicDims();
    entry->second =
        builder.addKernel(launch.getKernel(), kernel.getDescription().value_or(""),
                          inputs, kernel.getOutputTypes().size(), sizes);
    return entry->second;
  }

  /// Arithmetic operations of the contraction in a kernel, for profiles.
  ExprId workOf(exec::LaunchOp launch) {
    auto kernel = module.lookupSymbol<exec::KernelDefOp>(launch.getKernel());
    for (Operation &op : kernel.getBody().front()) {
      int64_t perOutput = 0;
      if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
        auto type = cast<RankedTensorType>(matmul.getLhs().getType());
        perOutput = type.getDimSize(type.getRank() - 1);
      } else if (auto conv = dyn_cast<nn::ConvOp>(op)) {
        auto type = cast<RankedTensorType>(conv.getFilter().getType());
        perOutput = type.getNumElements() / type.getDimSize(0);
      } else if (auto blocks = dyn_cast<lowbit::BlockMatMulOp>(op)) {
        perOutput =
            cast<RankedTensorType>(blocks.getCodes().getType()).getDimSize(0);
      }
      if (perOutput <= 0)
        continue;
      SmallVector<ExprId> factors(dims[launch.getOutputs().front()]);
      factors.push_back(builder.constant(2 * perOutput));
      return builder.product(factors);
    }
    return QRT_NONE;
  }

  ModuleOp module;
  exec::ProgramOp program;
  const ProgramNumbers &numbers;
  ArtifactBuilder &builder;
  DenseMap<Value, TensorId> tensors;
  DenseMap<Value, SmallVector<ExprId>> dims;
  DenseMap<Value, ExprId> exprs;
  std::map<std::string, KernelId> kernels;
};

} // namespace

LogicalResult artifact::packageProgram(ModuleOp module,
                                       ArtifactBuilder &builder) {
  auto main = module.lookupSymbol<exec::ProgramOp>("main");
  if (!main)
    return module.emitError("expects an exec.program @main");
  // Whoever imported a body had begun with its caller: callers have lower
  // numbers, as the runtime wants it.
  SmallVector<exec::ProgramOp> others;
  for (auto program : module.getOps<exec::ProgramOp>())
    if (program != main)
      others.push_back(program);
  ProgramNumbers numbers{{"main", 0}};
  for (auto [index, program] : llvm::enumerate(others))
    numbers[program.getSymName().str()] = index + 1;
  if (failed(Packager(module, main, numbers, builder).run()))
    return failure();
  for (exec::ProgramOp program : others)
    if (failed(Packager(module, program, numbers, builder.addProgram()).run()))
      return failure();
  return success();
}

// Turns a function of kernels into kernel definitions and a program.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Exec/ExecOps.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/Schedule/Passes.h"

using namespace mlir;
using namespace qopt;

namespace qopt {
#define GEN_PASS_DEF_OUTLINEPROGRAMPASS
#include "passes/Schedule/Passes.h.inc"
} // namespace qopt

namespace {

llvm::hash_code hashOf(Region &region) {
  llvm::hash_code hash = llvm::hash_value(region.getNumArguments());
  for (Type type : region.getArgumentTypes())
    hash = llvm::hash_combine(hash, type);
  for (Operation &op : region.front())
    hash = llvm::hash_combine(
        hash, OperationEquivalence::computeHash(
                  &op, OperationEquivalence::ignoreHashValue,
                  OperationEquivalence::ignoreHashValue,
                  OperationEquivalence::IgnoreLocations));
  return hash;
}

class Outliner {
public:
  explicit Outliner(ModuleOp module)
      : module(module), builder(module.getContext()) {}

  /// Kernels are shared by all functions it runs on.
  LogicalResult run(func::FuncOp function) {
    func = function;
    map.clear();
    builder.setInsertionPointToEnd(module.getBody());
    program = exec::ProgramOp::create(
        builder, func.getLoc(), func.getSymName(), names(/*results=*/false),
        names(/*results=*/true));
    Block *body = builder.createBlock(&program.getBody());
    for (BlockArgument arg : func.getArguments())
      map.map(arg, body->addArgument(arg.getType(), arg.getLoc()));
    for (Operation &op : func.getBody().front()) {
      builder.setInsertionPointToEnd(body);
      if (failed(convert(&op)))
        return failure();
    }
    copyArgumentAttributes();
    func.erase();
    return success();
  }

private:
  ArrayAttr names(bool results) {
    SmallVector<Attribute> list;
    unsigned count = results ? func.getNumResults() : func.getNumArguments();
    for (unsigned i = 0; i < count; ++i) {
      auto name = results ? func.getResultAttrOfType<StringAttr>(i, "nn.name")
                          : func.getArgAttrOfType<StringAttr>(i, "nn.name");
      if (!name)
        name = builder.getStringAttr((results ? "output" : "input") +
                                     std::to_string(i));
      list.push_back(name);
    }
    return builder.getArrayAttr(list);
  }

  /// Names of free dimensions travel with the program.
  void copyArgumentAttributes() {
    SmallVector<Attribute> dims;
    for (unsigned i = 0; i < program.getBody().getNumArguments(); ++i) {
      Attribute symbols = func.getArgAttr(i, "nn.dims");
      dims.push_back(symbols ? symbols : builder.getArrayAttr({}));
    }
    program->setAttr("input_dims", builder.getArrayAttr(dims));
    // Sizes a dynamic dimension must not exceed: the runtime refuses them.
    SmallVector<Attribute> limits;
    bool limited = false;
    for (unsigned i = 0; i < program.getBody().getNumArguments(); ++i) {
      Attribute most = func.getArgAttr(i, "nn.max_dims");
      limited |= bool(most);
      limits.push_back(most ? most : builder.getDenseI64ArrayAttr({}));
    }
    if (limited)
      program->setAttr("input_max_dims", builder.getArrayAttr(limits));
  }

  LogicalResult convert(Operation *op) {
    if (auto kernel = dyn_cast<exec::KernelOp>(op)) {
      exec::KernelDefOp definition = define(kernel);
      auto launch = exec::LaunchOp::create(
          builder, op->getLoc(), op->getResultTypes(),
          SymbolRefAttr::get(definition), mapped(kernel.getInputs()),
          mapped(kernel.getResultDims()));
      map.map(kernel.getOutputs(), launch.getOutputs());
      return success();
    }
    if (auto reshape = dyn_cast<nn::ReshapeOp>(op)) {
      auto view = exec::ViewOp::create(
          builder, op->getLoc(), reshape.getType(), map.lookup(reshape.getX()),
          mapped(reshape.getSizes()), reshape.getStaticSizesAttr());
      map.map(reshape.getResult(), view.getResult());
      return success();
    }
    if (auto observe = dyn_cast<lowbit::ObserveOp>(op)) {
      exec::TapOp::create(builder, op->getLoc(), map.lookup(observe.getX()),
                          observe.getIdAttr());
      return success();
    }
    // Their programs keep their names; results' sizes are read afterwards.
    if (isa<exec::BranchOp, exec::LoopOp>(op)) {
      builder.clone(*op, map);
      return success();
    }
    if (isa<func::ReturnOp>(op)) {
      exec::ReturnOp::create(builder, op->getLoc(), mapped(op->getOperands()));
      return success();
    }
    if (isa<arith::ArithDialect>(op->getDialect()) ||
        isa<tensor::DimOp, tensor::ExtractOp>(op)) {
      if (op->use_empty())
        return success();
      builder.clone(*op, map);
      return success();
    }
    return op->emitError("cannot become part of a program: no kernel took it");
  }

  SmallVector<Value> mapped(ValueRange values) {
    return llvm::map_to_vector(values,
                               [&](Value v) { return map.lookup(v); });
  }

  exec::KernelDefOp define(exec::KernelOp kernel) {
    auto &same = definitions[hashOf(kernel.getBody())];
    for (exec::KernelDefOp known : same)
      if (OperationEquivalence::isRegionEquivalentTo(
              &known.getBody(), &kernel.getBody(),
              OperationEquivalence::IgnoreLocations))
        return known;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(program);
    std::string symbol = "k" + std::to_string(kernelCount++);
    std::string description;
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      if (!isa<nn::NNDialect, lowbit::LowBitDialect>(op.getDialect()))
        continue;
      StringRef name = op.getName().stripDialect();
      if (description.empty())
        symbol += "_" + name.str();
      description += (description.empty() ? "" : " ") + name.str();
    }
    auto definition = exec::KernelDefOp::create(
        builder, kernel.getLoc(), symbol, builder.getStringAttr(description));
    definition.getBody().takeBody(kernel.getBody());
    same.push_back(definition);
    return definition;
  }

  ModuleOp module;
  func::FuncOp func;
  OpBuilder builder;
  exec::ProgramOp program;
  IRMapping map;
  std::map<size_t, SmallVector<exec::KernelDefOp>> definitions;
  unsigned kernelCount = 0;
};

class OutlineProgram
    : public qopt::impl::OutlineProgramPassBase<OutlineProgram> {
public:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto func = module.lookupSymbol<func::FuncOp>("main");
    if (!func) {
      module.emitError("expects a function @main");
      return signalPassFailure();
    }
    Outliner outliner(module);
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (failed(outliner.run(function)))
        return signalPassFailure();
  }
};

} // namespace

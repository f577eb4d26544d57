// Registration of dialects and passes.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pipeline/Registration.h"
#include "dialects/Exec/ExecDialect.h"
#include "dialects/LowBit/LowBitDialect.h"
#include "dialects/NN/NNDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Allocate/Passes.h"
#include "passes/CPU/Passes.h"
#include "passes/Calibrate/Passes.h"
#include "passes/Equalize/Passes.h"
#include "passes/Fuse/Passes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Simplify/Passes.h"

void qopt::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<nn::NNDialect, lowbit::LowBitDialect, exec::ExecDialect,
                  mlir::affine::AffineDialect, mlir::arith::ArithDialect,
                  mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                  mlir::scf::SCFDialect, mlir::tensor::TensorDialect,
                  mlir::vector::VectorDialect>();
  mlir::func::registerAllExtensions(registry);
}

void qopt::registerPasses() {
  registerSimplifyPasses();
  registerCalibratePasses();
  registerEqualizePasses();
  registerAllocatePasses();
  registerQuantizePasses();
  registerFusePasses();
  registerSchedulePasses();
  registerCPUPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerSymbolDCEPass();
}

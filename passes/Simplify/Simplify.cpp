// Phase Simplify, as a table of contents.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Simplify/Passes.h"

using namespace mlir;

void qopt::buildSimplify(OpPassManager &pm) {
  // f16 and bf16 arithmetic -> f32.
  pm.addNestedPass<func::FuncOp>(createWidenHalfPrecisionPass());
  // transposed weights, shapes of constants -> constants.
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass());
  // bias [1, 1, C] -> [C], weight [1, K, N] -> [K, N].
  pm.addNestedPass<func::FuncOp>(createTrimConstantsPass());
  // equal means and differences -> one, as the patterns below expect.
  pm.addPass(createCSEPass());
  // Norms and activations first: sinking transposes would pull them apart.
  // decomposed norms -> nn.layer_norm, nn.rms_norm.
  pm.addNestedPass<func::FuncOp>(createRaiseNormalizationPass());
  // decomposed GELU, SiLU, hard swish -> one op.
  pm.addNestedPass<func::FuncOp>(createRaiseActivationsPass());
  // NCHW around every convolution -> NHWC throughout.
  pm.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
  // Constants were permuted to [1, 1, 1, C].
  pm.addNestedPass<func::FuncOp>(createTrimConstantsPass());
  // Norms over the channels of images: their axis is the last only now.
  pm.addNestedPass<func::FuncOp>(createRaiseNormalizationPass());
  // mean(x^2) - mean(x)^2 -> mean((x - mean(x))^2).
  pm.addNestedPass<func::FuncOp>(createCentreVariancePass());
  // Needs channels last: factors lie along the last axis only then.
  // batch norm, scales, biases -> weights and one bias.
  pm.addNestedPass<func::FuncOp>(createFoldAffinePass());
  // softmax(q kT * scale + mask) v -> nn.attention.
  pm.addNestedPass<func::FuncOp>(createRaiseAttentionPass());
  // keys and values repeated for each head -> nn.attention on groups of heads.
  pm.addNestedPass<func::FuncOp>(createGroupHeadsPass());
  // What the rewrites left -> gone.
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createSimplifyMovementPass());
  pm.addPass(createCSEPass());
  // After everything that treats convolutions as such (layouts, affine folds).
  // 1x1 nn.conv -> nn.matmul.
  pm.addNestedPass<func::FuncOp>(createPointwiseConvToMatMulPass());
}

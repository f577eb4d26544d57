// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops quantization is about: matmul and conv with a constant weight, and
// how each is best fed.
#pragma once
#include "lib/Numerics/FormatSpec.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>

namespace qopt {

struct Contraction {
  mlir::Operation *op = nullptr; // nn.matmul or nn.conv.
  std::string id;                // nn.value_id of its result, or its name.
  mlir::Value input, weight;     // f32; the weight is an arith.constant.
  bool isConv = false;
  bool isDepthwise = false;

  mlir::RankedTensorType weightType() const {
    return mlir::cast<mlir::RankedTensorType>(weight.getType());
  }
  // The weight's axis of output channels: 1 of matmul's [K, N], 0 of conv's
  // [O, KH, KW, I].
  unsigned channelAxis() const { return isConv ? 0 : 1; }
  // The operand numbers of input and weight.
  static constexpr unsigned inputOperand = 0, weightOperand = 1;
};

// All of them in program order, nested regions included. With `rejected`, the
// other matmuls and convs and why they are none.
struct RejectedContraction {
  mlir::Operation *op;
  std::string reason;
};
std::vector<Contraction>
findContractions(mlir::func::FuncOp function,
                 std::vector<RejectedContraction> *rejected = nullptr);

// The operand of the nn.add that alone reads the contraction's result and adds a
// constant f32 vector of one number an output; null where there is none.
mlir::OpOperand *biasOperand(const Contraction &contraction);

// What feeds a contraction.
enum class ActivationMode : uint8_t {
  Static,  // One scale and zero point, found by calibration.
  Dynamic, // A scale for each row, found at run time. Matmul only.
  Auto,    // Static where the input comes from convolutions and poolings
           // through elementwise ops, dynamic behind norms and softmax, whose
           // outliers one static scale serves badly. Conv: static.
};

// The mode of one contraction: never Auto.
ActivationMode activationModeOf(const Contraction &contraction,
                                ActivationMode policy);

// Those of `all` whose input is coded with one scale.
std::vector<Contraction> staticContractions(llvm::ArrayRef<Contraction> all,
                                            ActivationMode policy);

// The block of int4 weights along a matmul's K inputs: the largest multiple of 8
// up to `widest` (one itself) that divides K, as kernels read eight inputs a
// step; 24 for K = 48. Nothing if none does, and for convolutions.
std::optional<int64_t> int4Block(const Contraction &contraction,
                                 int64_t widest);

// int8 per output channel; int4 in blocks of `block` along K with f16 scales.
numerics::FormatSpec int8WeightFormat(const Contraction &contraction);
numerics::FormatSpec int4WeightFormat(const Contraction &contraction,
                                      int64_t block);

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Optimizer steps (domain ai.onnx.preview.training): the rate R and the count T
// of updates, then each list of tensors, one entry a parameter.
#include "lib/Import/OpTable.h"

using namespace mlir;

namespace qopt::import {
namespace {

/// Arithmetic on tensors and numbers.
class Update {
public:
  explicit Update(NodeImport &node) : node(node) {}

  Value add(Value a, Value b) { return node.create<nn::AddOp>({a, b}); }
  Value sub(Value a, Value b) { return node.create<nn::SubOp>({a, b}); }
  Value mul(Value a, Value b) { return node.create<nn::MulOp>({a, b}); }
  Value div(Value a, Value b) { return node.create<nn::DivOp>({a, b}); }
  Value add(Value a, double b) { return add(a, node.splat(b, a)); }
  Value mul(Value a, double b) { return b == 1 ? a : mul(a, node.splat(b, a)); }
  Value sqrt(Value a) { return node.create<nn::SqrtOp>(a); }

  Value rate() { return node.input(0); }
  /// `value` from the first update on, `first` before.
  Value afterFirst(Value value, Value first) {
    Value count = node.input(1);
    Value isLater =
        node.create<nn::GreaterOp>({count, node.splat(0, count)});
    return node.create<nn::SelectOp>({isLater, value, first});
  }
  Value count(Type element) { return node.cast(node.input(1), element); }

  /// Runs `body(parameter)` for each; the inputs are `lists` lists.
  void forEach(int64_t lists, function_ref<void(int64_t)> body) {
    int64_t total = node.numInputs() - 2;
    if (total % lists)
      node.bad("expected R, T and " + Twine(lists) +
               " inputs a parameter, found " + Twine(total) + " after R and T");
    parameters = total / lists;
    for (int64_t i = 0; i < parameters; ++i)
      body(i);
  }
  Value input(int64_t list, int64_t i) {
    return node.input(2 + list * parameters + i);
  }
  void result(int64_t list, int64_t i, Value value) {
    node.result(value, list * parameters + i);
  }
  /// The gradient with its L2 term: norm_coefficient * X + G.
  Value gradient(int64_t i) {
    double norm = node.real("norm_coefficient", 0);
    Value g = input(1, i);
    return norm == 0 ? g : add(mul(input(0, i), norm), g);
  }

private:
  NodeImport &node;
  int64_t parameters = 0;
};

void importAdagrad(NodeImport &node) {
  Update u(node);
  double decay = node.real("decay_factor", 0),
         epsilon = node.real("epsilon", 1e-6);
  Value rate = u.rate();
  if (decay != 0)
    rate = u.div(rate, u.add(u.mul(u.count(node.elementOf(rate)), decay), 1));
  u.forEach(3, [&](int64_t i) {
    Value g = u.gradient(i);
    Value sum = u.add(u.input(2, i), u.mul(g, g));
    Value scale = u.add(u.sqrt(sum), epsilon);
    u.result(0, i, u.sub(u.input(0, i), u.div(u.mul(rate, g), scale)));
    u.result(1, i, sum);
  });
}

void importAdam(NodeImport &node) {
  Update u(node);
  double alpha = node.real("alpha", 0.9), beta = node.real("beta", 0.999),
         epsilon = node.real("epsilon", 1e-6),
         after = node.real("norm_coefficient_post", 0);
  // R * sqrt(1 - beta^T) / (1 - alpha^T) from the first update on.
  Value rate = u.rate(), count = u.count(node.elementOf(rate));
  auto rest = [&](double base) {
    Value power = node.create<nn::PowOp>({node.splat(base, count), count});
    return u.sub(node.splat(1, count), power);
  };
  rate = u.afterFirst(u.div(u.mul(rate, u.sqrt(rest(beta))), rest(alpha)),
                      rate);
  u.forEach(4, [&](int64_t i) {
    Value g = u.gradient(i);
    Value mean = u.add(u.mul(u.input(2, i), alpha), u.mul(g, 1 - alpha));
    Value square =
        u.add(u.mul(u.input(3, i), beta), u.mul(u.mul(g, g), 1 - beta));
    Value scale = u.add(u.sqrt(square), epsilon);
    Value x = u.sub(u.input(0, i), u.div(u.mul(rate, mean), scale));
    u.result(0, i, u.mul(x, 1 - after));
    u.result(1, i, mean);
    u.result(2, i, square);
  });
}

void importMomentum(NodeImport &node) {
  Update u(node);
  double alpha = node.real("alpha", 0), beta = node.real("beta", 1);
  std::string mode = node.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov")
    node.bad("expected mode standard or nesterov, found '" + Twine(mode) + "'");
  u.forEach(3, [&](int64_t i) {
    Value g = u.gradient(i);
    Value gain = u.afterFirst(node.splat(beta, g), node.splat(1, g));
    Value speed = u.add(u.mul(u.input(2, i), alpha), u.mul(gain, g));
    Value step = mode == "nesterov" ? u.add(g, u.mul(speed, alpha)) : speed;
    u.result(0, i, u.sub(u.input(0, i), u.mul(u.rate(), step)));
    u.result(1, i, speed);
  });
}

constexpr OpEntry rows[] = {
    {"Adagrad", 5, anyNumber, importAdagrad},
    {"Adam", 6, anyNumber, importAdam},
    {"Momentum", 5, anyNumber, importMomentum},
};
} // namespace

ArrayRef<OpEntry> trainingOps() { return rows; }

} // namespace qopt::import

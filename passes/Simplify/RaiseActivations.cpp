// Recognizes activation functions spelled out in arithmetic.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Numerics/Rounding.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Simplify/ConstantEvaluator.h"
#include "passes/Simplify/Passes.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>
#include <map>

using namespace mlir;

namespace qopt {
#define GEN_PASS_DEF_RAISEACTIVATIONSPASS
#include "passes/Simplify/Passes.h.inc"
} // namespace qopt

using namespace qopt;
using namespace qopt::simplify;

namespace {

/// A polynomial in two unknowns: (power of x, power of g) -> coefficient.
/// Exporters write one function in many ways; all of them are one polynomial.
using Polynomial = std::map<std::pair<int, int>, double>;

constexpr int kMaxPower = 4;
constexpr int kMaxDepth = 8;

Polynomial sum(const Polynomial &a, const Polynomial &b, double factor) {
  Polynomial result = a;
  for (auto [powers, coefficient] : b)
    result[powers] += factor * coefficient;
  return result;
}

std::optional<Polynomial> product(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (auto [p, s] : a)
    for (auto [q, t] : b) {
      std::pair<int, int> powers{p.first + q.first, p.second + q.second};
      if (powers.first > kMaxPower || powers.second > kMaxPower)
        return std::nullopt;
      result[powers] += s * t;
    }
  return result;
}

/// The number meant by the constant \p value: models in half precision hold the
/// irrational factors of GELU and its kin rounded to that.
std::optional<double> nominalConstant(Value value) {
  std::optional<double> number = scalarConstant(value);
  for (float factor : {1.41421356f, 0.70710678f, 0.79788456f, 0.044715f,
                       1.702f, 0.16666667f})
    if (number == numerics::roundToHalf(factor) ||
        number == numerics::roundToBFloat(factor))
      return factor;
  return number;
}

/// \p value as a polynomial in \p x and \p g; nullopt where it depends on
/// anything else.
std::optional<Polynomial> polynomialOf(Value value, Value x, Value g,
                                       int depth = 0) {
  if (value == x)
    return Polynomial{{{1, 0}, 1.0}};
  if (value == g)
    return Polynomial{{{0, 1}, 1.0}};
  if (std::optional<double> number = nominalConstant(value))
    return Polynomial{{{0, 0}, *number}};
  Operation *op = value.getDefiningOp();
  if (!op || depth == kMaxDepth ||
      !isa<nn::AddOp, nn::SubOp, nn::MulOp, nn::DivOp, nn::NegOp, nn::PowOp>(
          op))
    return std::nullopt;
  auto a = polynomialOf(op->getOperand(0), x, g, depth + 1);
  if (!a)
    return std::nullopt;
  if (isa<nn::NegOp>(op))
    return sum({}, *a, -1);
  if (isa<nn::DivOp, nn::PowOp>(op)) {
    std::optional<double> number = nominalConstant(op->getOperand(1));
    if (!number || *number == 0)
      return std::nullopt;
    if (isa<nn::DivOp>(op))
      return sum({}, *a, 1 / *number);
    if (*number != 2 && *number != 3)
      return std::nullopt;
    auto square = product(*a, *a);
    return *number == 2 || !square ? square : product(*square, *a);
  }
  auto b = polynomialOf(op->getOperand(1), x, g, depth + 1);
  if (!b)
    return std::nullopt;
  if (isa<nn::MulOp>(op))
    return product(*a, *b);
  return sum(*a, *b, isa<nn::SubOp>(op) ? -1 : 1);
}

/// Equal up to the digits exporters drop when they print constants.
bool isClose(const Polynomial &found, const Polynomial &expected) {
  auto at = [](const Polynomial &p, std::pair<int, int> powers) {
    auto it = p.find(powers);
    return it == p.end() ? 0.0 : it->second;
  };
  auto covers = [&](const Polynomial &one, const Polynomial &other) {
    return llvm::all_of(one, [&](const auto &term) {
      double wanted = at(other, term.first);
      return std::fabs(term.second - wanted) <= 1e-4 * std::fabs(wanted);
    });
  };
  return covers(expected, found) && covers(found, expected);
}

Polynomial of(std::initializer_list<Polynomial::value_type> terms) {
  return Polynomial(terms);
}

/// Values \p value is computed from, itself included, through arithmetic that a
/// polynomial may hold.
void collectBases(Value value, SetVector<Value> &bases, int depth = 0) {
  if (scalarConstant(value) || !bases.insert(value) || depth == kMaxDepth)
    return;
  if (Operation *op = value.getDefiningOp())
    if (isa<nn::AddOp, nn::SubOp, nn::MulOp, nn::DivOp, nn::PowOp>(op))
      for (Value operand : op->getOperands())
        collectBases(operand, bases, depth + 1);
}

/// A function of x, found.
struct Raised {
  Value x;
  enum Kind { Gelu, GeluTanh, Silu, HardSwish } kind;
};

/// What \p root is, given that it uses the nonlinear value \p g.
std::optional<Raised> raise(Value root, Operation *g) {
  Value gate = g->getResult(0);
  Polynomial half = of({{{1, 0}, 0.5}, {{1, 1}, 0.5}});
  Polynomial gated = of({{{1, 1}, 1.0}});
  Polynomial erfArgument = of({{{1, 0}, 0.70710678}});
  Polynomial tanhArgument = of({{{1, 0}, 0.79788456}, {{3, 0}, 0.03567741}});
  SetVector<Value> bases;
  collectBases(g->getOperand(0), bases);
  for (Value x : bases) {
    if (x.getType() != root.getType())
      continue;
    auto argument = polynomialOf(g->getOperand(0), x, {});
    auto result = polynomialOf(root, x, gate);
    if (!argument || !result)
      continue;
    if (isa<nn::ErfOp>(g) && isClose(*argument, erfArgument) &&
        isClose(*result, half))
      return Raised{x, Raised::Gelu};
    if (isa<nn::TanhOp>(g) && isClose(*argument, tanhArgument) &&
        isClose(*result, half))
      return Raised{x, Raised::GeluTanh};
    if (isa<nn::SigmoidOp>(g) && isClose(*argument, of({{{1, 0}, 1.0}})) &&
        isClose(*result, gated))
      return Raised{x, Raised::Silu};
    if (auto clip = dyn_cast<nn::ClipOp>(g)) {
      // x * clip(a x + b, 0, hi) / hi with a / hi = 1/6 and b / hi = 1/2.
      double lo = clip.getLo().convertToDouble(),
             hi = clip.getHi().convertToDouble();
      if (lo == 0 && hi > 0 &&
          isClose(*argument, of({{{1, 0}, hi / 6}, {{0, 0}, hi / 2}})) &&
          isClose(*result, of({{{1, 1}, 1 / hi}})))
        return Raised{x, Raised::HardSwish};
    }
    if (auto hard = dyn_cast<nn::HardSigmoidOp>(g))
      if (std::fabs(hard.getAlpha().convertToDouble() - 1.0 / 6) < 1e-5 &&
          hard.getBeta().convertToDouble() == 0.5 &&
          isClose(*argument, of({{{1, 0}, 1.0}})) && isClose(*result, gated))
        return Raised{x, Raised::HardSwish};
  }
  return std::nullopt;
}

/// Nonlinear ops \p value is computed from by arithmetic.
void collectGates(Value value, SetVector<Operation *> &gates, int depth = 0) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 4)
    return;
  if (isa<nn::ErfOp, nn::TanhOp, nn::SigmoidOp, nn::ClipOp, nn::HardSigmoidOp>(
          op)) {
    gates.insert(op);
    return;
  }
  if (isa<nn::AddOp, nn::MulOp, nn::DivOp>(op))
    for (Value operand : op->getOperands())
      collectGates(operand, gates, depth + 1);
}

struct RaiseActivation : RewritePattern {
  explicit RaiseActivation(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!isa<nn::MulOp, nn::DivOp, nn::AddOp>(op))
      return rewriter.notifyMatchFailure(op, "no end of an activation");
    // The constants in these ops have the precision of f32.
    if (getElementTypeOrSelf(op->getResult(0)).isF64())
      return rewriter.notifyMatchFailure(op, "expects f32 or narrower");
    SetVector<Operation *> gates;
    collectGates(op->getResult(0), gates);
    for (Operation *gate : gates) {
      std::optional<Raised> raised = raise(op->getResult(0), gate);
      if (!raised)
        continue;
      switch (raised->kind) {
      case Raised::Gelu:
        rewriter.replaceOpWithNewOp<nn::GeluOp>(op, raised->x);
        break;
      case Raised::GeluTanh:
        rewriter.replaceOpWithNewOp<nn::GeluTanhOp>(op, raised->x);
        break;
      case Raised::Silu:
        rewriter.replaceOpWithNewOp<nn::SiluOp>(op, raised->x);
        break;
      case Raised::HardSwish:
        rewriter.replaceOpWithNewOp<nn::HardSwishOp>(op, raised->x);
        break;
      }
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no known activation");
  }
};

struct RaiseActivations
    : qopt::impl::RaiseActivationsPassBase<RaiseActivations> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseActivation>(&getContext());
    GreedyRewriteConfig config;
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    // Users before producers: the whole of a function before its parts.
    config.setUseTopDownTraversal(false);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emitted elementary functions give the raw bits of lib/Numerics/Math, scalar
// and vector, on every ISA this machine can run.

#include "lib/Emission/MathEmitter.h"
#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/KernelJit.h"
#include "lib/Emission/Lanes.h"
#include "lib/Numerics/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <bit>
#include <vector>

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;

namespace {

using Unary = Value (MathEmitter::*)(Value);

struct Function {
  const char *name;
  Unary emit;
  float (*expected)(float);
};

const Function functions[] = {
    {"exp", &MathEmitter::exp, numerics::exp},
    {"log", &MathEmitter::log, numerics::log},
    {"erf", &MathEmitter::erf, numerics::erf},
    {"tanh", &MathEmitter::tanh, numerics::tanh},
    {"sigmoid", &MathEmitter::sigmoid, numerics::sigmoid},
    {"sin", &MathEmitter::sin, numerics::sin},
    {"cos", &MathEmitter::cos, numerics::cos},
    {"asin", &MathEmitter::asin, numerics::asin},
    {"acos", &MathEmitter::acos, numerics::acos},
    {"atan", &MathEmitter::atan, numerics::atan},
    {"sinh", &MathEmitter::sinh, numerics::sinh},
    {"cosh", &MathEmitter::cosh, numerics::cosh},
    {"asinh", &MathEmitter::asinh, numerics::asinh},
    {"acosh", &MathEmitter::acosh, numerics::acosh},
    {"atanh", &MathEmitter::atanh, numerics::atanh},
};

// Special values, then patterns spread over all of f32.
std::vector<float> patterns(uint32_t step) {
  std::vector<float> values;
  for (uint32_t bits :
       {0u, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00001u,
        0x00000001u, 0x80000001u, 0x007fffffu, 0x00800000u, 0x7f7fffffu,
        0xff7fffffu, 0x3f800000u, 0xbf800000u})
    values.push_back(std::bit_cast<float>(bits));
  for (uint64_t bits = 0; bits < (1ull << 32); bits += step)
    values.push_back(std::bit_cast<float>(uint32_t(bits)));
  while (values.size() % 16)
    values.push_back(0);
  return values;
}

// A kernel that applies |emit| to operands 0.. and stores to the last.
KernelJit::Kernel
compile(MLIRContext &context, std::unique_ptr<KernelJit> &jit,
        const TargetIsa &isa, Width width, unsigned operands,
        llvm::function_ref<Value(MathEmitter &, ArrayRef<Value>)> emit,
        bool isDouble = false) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  Builder b(&context);
  Type element = isDouble ? Type(b.getF64Type()) : b.getF32Type();
  auto type = RankedTensorType::get({ShapedType::kDynamic}, element);
  SmallVector<RankedTensorType> types(operands + 1, type);
  KernelBuilder kb(*module, "f", types, isa, b.getUnknownLoc());
  kb.defineUnits([&] { return kb.i64(1); });
  kb.defineNoScratch();
  kb.defineRunPerUnit([&](Value, Value) {
    MathEmitter math(kb.builder(), kb.loc());
    Value step = kb.i64(width == Width::scalar ? 1 : 16);
    kb.forLoop(kb.i64(0), kb.dim(0, 0), step, [&](Value i) {
      SmallVector<Value> lanes;
      for (unsigned operand = 0; operand < operands; ++operand)
        lanes.push_back(loadLane(kb, element, kb.ptr(operand), i, width));
      storeLane(kb, element, emit(math, lanes), kb.ptr(operands), i);
    });
  });
  auto created = KernelJit::create(*module, isa);
  EXPECT_TRUE(bool(created)) << llvm::toString(created.takeError());
  jit = std::move(*created);
  return llvm::cantFail(jit->lookup("f"));
}

TEST(MathEmitter, GivesTheBitsOfNumerics) {
  MLIRContext context;
  loadKernelDialects(context);
  std::vector<float> input = patterns(20011), output(input.size());
  int64_t dims[] = {int64_t(input.size()), int64_t(input.size())};
  for (const Function &function : functions)
    for (const TargetIsa *isa : hostIsas())
      for (Width width : {Width::scalar, Width::vector}) {
        std::unique_ptr<KernelJit> jit;
        KernelJit::Kernel kernel =
            compile(context, jit, *isa, width, 1,
                    [&](MathEmitter &math, ArrayRef<Value> x) {
                      return (math.*function.emit)(x[0]);
                    });
        void *operands[] = {input.data(), output.data()};
        kernel.run(operands, dims, 0, 1, nullptr);
        for (size_t i = 0; i < input.size(); ++i)
          ASSERT_EQ(std::bit_cast<uint32_t>(function.expected(input[i])),
                    std::bit_cast<uint32_t>(output[i]))
              << function.name << "(" << input[i] << ") on " << isa->name.str();
      }
}

TEST(MathEmitter, GivesTheBitsOfNumericsForDoubles) {
  MLIRContext context;
  loadKernelDialects(context);
  std::vector<double> input{0.0,    -0.0,   INFINITY, -INFINITY, NAN,
                            5e-324, 1e-310, 1.0,      -1.0,      709.9,
                            -745.2, 0.5};
  uint64_t bits = 1;
  while (input.size() < 16000) {
    bits = bits * 6364136223846793005u + 1442695040888963407u;
    input.push_back(std::bit_cast<double>(bits));
    input.push_back(double(int64_t(bits)) * 0x1p-59);
  }
  input.resize(16000);
  std::vector<double> output(input.size());
  int64_t dims[] = {int64_t(input.size()), int64_t(input.size())};
  struct OfDoubles {
    const char *name;
    Unary emit;
    double (*expected)(double);
  };
  const OfDoubles ofDoubles[] = {
      {"exp", &MathEmitter::exp, numerics::exp},
      {"log", &MathEmitter::log, numerics::log},
      {"tanh", &MathEmitter::tanh, numerics::tanh},
      {"sigmoid", &MathEmitter::sigmoid, numerics::sigmoid},
      {"erf", &MathEmitter::erf, numerics::erf},
      {"sin", &MathEmitter::sin, numerics::sin},
      {"cos", &MathEmitter::cos, numerics::cos},
      {"asin", &MathEmitter::asin, numerics::asin},
      {"acos", &MathEmitter::acos, numerics::acos},
      {"atan", &MathEmitter::atan, numerics::atan},
      {"sinh", &MathEmitter::sinh, numerics::sinh},
      {"cosh", &MathEmitter::cosh, numerics::cosh},
      {"asinh", &MathEmitter::asinh, numerics::asinh},
      {"acosh", &MathEmitter::acosh, numerics::acosh},
      {"atanh", &MathEmitter::atanh, numerics::atanh},
  };
  for (const OfDoubles &function : ofDoubles)
    for (const TargetIsa *isa : hostIsas())
      for (Width width : {Width::scalar, Width::vector}) {
        std::unique_ptr<KernelJit> jit;
        KernelJit::Kernel kernel = compile(
            context, jit, *isa, width, 1,
            [&](MathEmitter &math, ArrayRef<Value> x) {
              return (math.*function.emit)(x[0]);
            },
            /*isDouble=*/true);
        void *operands[] = {input.data(), output.data()};
        kernel.run(operands, dims, 0, 1, nullptr);
        for (size_t i = 0; i < input.size(); ++i) {
          double expected = function.expected(input[i]);
          ASSERT_TRUE(std::bit_cast<uint64_t>(expected) ==
                          std::bit_cast<uint64_t>(output[i]) ||
                      (expected != expected && output[i] != output[i]))
              << function.name << "(" << input[i] << ") on " << isa->name.str();
        }
      }
}

TEST(MathEmitter, PowGivesTheBitsOfNumerics) {
  MLIRContext context;
  loadKernelDialects(context);
  std::vector<float> x, y;
  for (float a : patterns(60000011))
    for (float b : {0.0f, -1.0f, 0.5f, 2.0f, 3.0f, -2.5f, 1e30f, INFINITY,
                    -INFINITY, NAN, 1e-3f, 33.0f, -3.0f, 1e-42f, 7.5f, 1.0f})
      x.push_back(a), y.push_back(b);
  std::vector<float> output(x.size());
  int64_t n = x.size();
  int64_t dims[] = {n, n, n};
  for (const TargetIsa *isa : hostIsas())
    for (Width width : {Width::scalar, Width::vector}) {
      std::unique_ptr<KernelJit> jit;
      KernelJit::Kernel kernel =
          compile(context, jit, *isa, width, 2,
                  [&](MathEmitter &math, ArrayRef<Value> lanes) {
                    return math.pow(lanes[0], lanes[1]);
                  });
      void *operands[] = {x.data(), y.data(), output.data()};
      kernel.run(operands, dims, 0, 1, nullptr);
      for (int64_t i = 0; i < n; ++i)
        ASSERT_EQ(std::bit_cast<uint32_t>(numerics::pow(x[i], y[i])),
                  std::bit_cast<uint32_t>(output[i]))
            << x[i] << " ^ " << y[i] << " on " << isa->name.str();
    }
}

} // namespace

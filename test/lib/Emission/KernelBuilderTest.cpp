// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// KernelBuilder's functions, dims, tails and conversions, on every ISA this
// machine can run.

#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/KernelJit.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <vector>

using namespace mlir;
using namespace qopt::emission;

namespace {

class KernelBuilderTest : public testing::TestWithParam<const TargetIsa *> {
protected:
  KernelBuilderTest() {
    loadKernelDialects(context);
    module = ModuleOp::create(UnknownLoc::get(&context));
  }
  RankedTensorType tensor(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  KernelJit::Kernel compile(StringRef name) {
    auto created = KernelJit::create(*module, *GetParam());
    EXPECT_TRUE(bool(created)) << llvm::toString(created.takeError());
    jit = std::move(*created);
    return llvm::cantFail(jit->lookup(name));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<KernelJit> jit;
};

TEST_P(KernelBuilderTest, AddsRowsOfADynamicTensorWithTails) {
  Builder b(&context);
  RankedTensorType type =
      tensor({ShapedType::kDynamic, ShapedType::kDynamic}, b.getF32Type());
  KernelBuilder kb(*module, "add", {type, type, type}, *GetParam(),
                   b.getUnknownLoc());
  kb.defineUnits([&] { return kb.dim(0, 0); });
  kb.defineNoScratch();
  kb.defineRunPerUnit([&](Value row, Value) {
    Value columns = kb.dim(0, 1), base = kb.mul(row, columns);
    kb.forVectors(columns, [&](Value i, LiveLanes live) {
      Value at = kb.add(base, i);
      Value a = kb.loadVector(kb.f32Type, kb.ptr(0), at, live);
      Value c = kb.loadVector(kb.f32Type, kb.ptr(1), at, live);
      kb.storeVector(kb.f32Type, kb.addf(a, c), kb.ptr(2), at, live);
    });
  });
  KernelJit::Kernel kernel = compile("add");
  for (int64_t columns : {1, 15, 16, 17, 40}) {
    int64_t dims[] = {3, columns, 3, columns, 3, columns};
    std::vector<float> a(3 * columns), c(3 * columns), out(3 * columns + 1, 7);
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = i, c[i] = 0.5f * i;
    void *operands[] = {a.data(), c.data(), out.data()};
    ASSERT_EQ(kernel.units(dims), 3);
    ASSERT_EQ(kernel.scratch(dims), 0);
    kernel.run(operands, dims, 0, 2, nullptr);
    kernel.run(operands, dims, 2, 3, nullptr);
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_EQ(out[i], 1.5f * i) << columns << " at " << i;
    ASSERT_EQ(out.back(), 7) << "stored past the end";
  }
}

TEST_P(KernelBuilderTest, BytesAndBooleansKeepTheirTails) {
  Builder b(&context);
  RankedTensorType codes = tensor(
      {ShapedType::kDynamic}, b.getIntegerType(8, /*isSigned=*/false));
  RankedTensorType flags = tensor({ShapedType::kDynamic}, b.getI1Type());
  KernelBuilder kb(*module, "large", {codes, flags}, *GetParam(),
                   b.getUnknownLoc());
  kb.defineUnits([&] { return kb.i64(1); });
  kb.defineNoScratch();
  kb.defineRunPerUnit([&](Value, Value) {
    kb.forVectors(kb.dim(0, 0), [&](Value i, LiveLanes live) {
      Value v = kb.loadVector(kb.elementType(0), kb.ptr(0), i, live);
      Value limit = kb.constantLike(v.getType(), 99);
      Value flag =
          kb.create<arith::CmpIOp>(arith::CmpIPredicate::ugt, v, limit);
      kb.storeVector(kb.elementType(1), flag, kb.ptr(1), i, live);
    });
  });
  KernelJit::Kernel kernel = compile("large");
  for (int64_t n : {1, 16, 31}) {
    std::vector<uint8_t> in(n), out(n + 1, 9);
    for (int64_t i = 0; i < n; ++i)
      in[i] = i * 37;
    int64_t dims[] = {n, n};
    void *operands[] = {in.data(), out.data()};
    kernel.run(operands, dims, 0, 1, nullptr);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(out[i], in[i] > 99) << n << " at " << i;
    ASSERT_EQ(out.back(), 9) << "stored past the end";
  }
}

TEST_P(KernelBuilderTest, ScratchBuffersAreAlignedAndSummed) {
  Builder b(&context);
  RankedTensorType type = tensor({ShapedType::kDynamic}, b.getI64Type());
  KernelBuilder kb(*module, "carve", {type}, *GetParam(), b.getUnknownLoc());
  auto sizes = [&] {
    return SmallVector<Value>{kb.i64(8), kb.mul(kb.dim(0, 0), 8), kb.i64(1)};
  };
  kb.defineUnits([&] { return kb.i64(1); });
  kb.defineScratch(sizes);
  kb.defineRunPerUnit([&](Value, Value scratch) {
    SmallVector<Value> buffers = kb.carveScratch(scratch, sizes);
    for (auto [i, buffer] : llvm::enumerate(buffers))
      kb.store(kb.i64Type,
               kb.create<LLVM::PtrToIntOp>(kb.i64Type, buffer), kb.ptr(0),
               kb.i64(i));
  });
  KernelJit::Kernel kernel = compile("carve");
  int64_t out[9], dims[] = {9};
  void *operands[] = {out};
  alignas(64) char scratch[256];
  EXPECT_EQ(kernel.scratch(dims), 64 + 128 + 64);
  kernel.run(operands, dims, 0, 1, scratch);
  EXPECT_EQ(out[1] - out[0], 64);
  EXPECT_EQ(out[2] - out[1], 128);
}

INSTANTIATE_TEST_SUITE_P(
    Isas, KernelBuilderTest, testing::ValuesIn(hostIsas()),
    [](const auto &info) {
      std::string name = info.param->name.str();
      llvm::replace(name, '-', '_');
      return name;
    });

} // namespace

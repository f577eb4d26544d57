// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated contraction kernels on one core, as a share of what the core can
// do. Best of many runs: others may be using the machine.
//
//   qopt-bench-kernels --benchmark_filter=u8s8

#include "lib/Emission/Contraction.h"
#include "lib/Emission/KernelJit.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/bench/kernels/Ceilings.h"
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::emission;
using bench::Ceiling;

namespace {

struct Product {
  const char *name;
  ContractionDomain domain;
  int64_t m, n, k;
  // Above this share of the ceiling a kernel is considered good.
  double target;
  // Rate by bytes of weights read, not by operations.
  bool byBytes = false;
};

constexpr Product kProducts[] = {
    {"u8s8/1024x1024x1024", ContractionDomain::U8S8, 1024, 1024, 1024, 0.88},
    {"u8s8/128x384x1536", ContractionDomain::U8S8, 128, 384, 1536, 0.80},
    {"u8s8/16x4096x4096", ContractionDomain::U8S8, 16, 4096, 4096, 0.70},
    {"u8s8/1x4096x4096", ContractionDomain::U8S8, 1, 4096, 4096, 0.80, true},
    {"int4/128x4096x4096", ContractionDomain::BlockInt4, 128, 4096, 4096, 0.5},
    {"int4/16x4096x4096", ContractionDomain::BlockInt4, 16, 4096, 4096, 0.5},
    {"int4/1x4096x4096", ContractionDomain::BlockInt4, 1, 4096, 4096, 0.8,
     true},
    {"f32/1024x1024x1024", ContractionDomain::F32, 1024, 1024, 1024, 0.85},
    {"f32/128x384x1536", ContractionDomain::F32, 128, 384, 1536, 0.80},
    {"f32/12544x32x27", ContractionDomain::F32, 12544, 32, 27, 0.5},
    {"f32/3136x144x24", ContractionDomain::F32, 3136, 144, 24, 0.5},
    {"f32/49x960x160", ContractionDomain::F32, 49, 960, 160, 0.7},
    {"f32/16x1024x1024", ContractionDomain::F32, 16, 1024, 1024, 0.7},
    {"f32/1x1024x1024", ContractionDomain::F32, 1, 1024, 1024, 0.8, true},
};

class Store : public ContractionEpilogue {
public:
  explicit Store(unsigned operand) : operand(operand) {}
  void emit(KernelBuilder &kb, Value row, Value column, Value sums,
            LiveLanes live) override {
    Value at = kb.add(kb.mul(row, kb.dim(operand, 1)), column);
    kb.storeVector(kb.elementType(operand), sums, kb.ptr(operand), at, live);
  }

private:
  unsigned operand;
};

char *allocate(size_t bytes, int fill) {
  auto *data =
      static_cast<char *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64));
  std::memset(data, fill, (bytes + 127) / 64 * 64);
  return data;
}

class Runner {
public:
  Runner(const Product &p, const TargetIsa &isa) {
    loadKernelDialects(context);
    emit(p, isa);
    bool blocks = p.domain == ContractionDomain::BlockInt4;
    PanelShape shape = matmulPanels(p.k, p.n);
    bool isFloat = p.domain == ContractionDomain::F32;
    weightBytes = shape.packedBytes(panelLayout(p.domain));
    operands.push_back(allocate(p.m * p.k * (isFloat ? 4 : 1), 0));
    operands.push_back(allocate(weightBytes, 0));
    if (blocks) {
      size_t bytes = p.k / 32 * shape.panels() * 16 * 2;
      operands.push_back(allocate(bytes, 0));
      weightBytes += bytes;
    }
    operands.push_back(allocate(p.m * p.n * 4, 0));
    scratch = allocate(kernel.scratch(nullptr), 0);
    units = kernel.units(nullptr);
  }
  ~Runner() {
    for (void *operand : operands)
      std::free(operand);
    std::free(scratch);
  }

  // Seconds of one run.
  double time() {
    double start = bench::threadSeconds();
    kernel.run(operands.data(), nullptr, 0, units, scratch);
    return bench::threadSeconds() - start;
  }

  size_t weightBytes = 0;
  int64_t units = 0;

private:
  void emit(const Product &p, const TargetIsa &isa) {
    Builder b(&context);
    OwningOpRef<ModuleOp> module = ModuleOp::create(b.getUnknownLoc());
    bool blocks = p.domain == ContractionDomain::BlockInt4;
    bool isFloat = p.domain == ContractionDomain::F32;
    Type input = isFloat ? Type(b.getF32Type()) : Type(b.getI8Type());
    Type output = isFloat || blocks ? Type(b.getF32Type())
                                    : Type(b.getI32Type());
    SmallVector<RankedTensorType> types = {
        RankedTensorType::get({p.m, p.k}, input),
        RankedTensorType::get({1}, b.getI8Type())};
    if (blocks)
      types.push_back(RankedTensorType::get({1}, b.getF16Type()));
    unsigned result = types.size();
    types.push_back(RankedTensorType::get({p.m, p.n}, output));
    KernelBuilder kb(*module, "k", types, isa, b.getUnknownLoc());
    ContractionProblem problem;
    problem.domain = p.domain;
    problem.input = 0;
    problem.weights = 1;
    problem.scales = 2;
    problem.block = 32;
    problem.scaleType = b.getF16Type();
    problem.geometry = [=](KernelBuilder &kb) {
      ContractionGeometry g;
      g.batches = g.height = g.outHeight = kb.i64(1);
      g.width = g.outWidth = kb.dim(0, 0);
      g.channels = kb.dim(0, 1);
      g.columns = kb.dim(result, 1);
      return g;
    };
    Store store(result);
    emitContractionKernel(kb, problem, store);
    jit = llvm::cantFail(KernelJit::create(*module, isa));
    kernel = llvm::cantFail(jit->lookup("k"));
  }

  MLIRContext context;
  std::unique_ptr<KernelJit> jit;
  KernelJit::Kernel kernel;
  std::vector<void *> operands;
  char *scratch;
};

Ceiling ceilingFor(const Product &p, const TargetIsa &isa) {
  if (p.byBytes)
    return Ceiling::L3Read;
  bool wide = isa.vectorBits == 512;
  if (p.domain == ContractionDomain::F32)
    return wide ? Ceiling::Fma512 : Ceiling::Fma256;
  return wide ? Ceiling::DotProduct512 : Ceiling::MaddWords256;
}

void measure(benchmark::State &state, const Product &p, const TargetIsa &isa) {
  Runner runner(p, isa);
  Ceiling ceiling = ceilingFor(p, isa);
  double limit = bench::probe(ceiling), fastest = 1e30;
  for (auto _ : state) {
    double seconds = runner.time();
    fastest = std::min(fastest, seconds);
    state.SetIterationTime(seconds);
  }
  limit = std::max(limit, bench::probe(ceiling));
  double amount = p.byBytes ? double(runner.weightBytes)
                            : 2.0 * double(p.m) * double(p.n) * double(p.k);
  double rate = amount / fastest;
  state.counters["G/s"] = rate / 1e9;
  state.counters["ceiling"] = limit / 1e9;
  state.counters["%"] = 100 * rate / limit;
  state.counters["target%"] = 100 * p.target;
  state.counters["units"] = runner.units;
}

} // namespace

int main(int argc, char **argv) {
  for (const TargetIsa *isa : hostIsas())
    for (const Product &product : kProducts)
      benchmark::RegisterBenchmark(
          (isa->name.str() + "/" + product.name).c_str(),
          [=, &product](benchmark::State &state) {
            measure(state, product, *isa);
          })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}

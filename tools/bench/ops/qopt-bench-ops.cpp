// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Generated kernels that are no contractions (elementwise, rows, windows,
// attention, copies), on one core: best time of many runs, and the rate at
// which they move their operands beside that of memcpy on as many bytes.
//
//   qopt-bench-ops [FILTER [ISA]]      the kernels below
//   qopt-bench-ops FILE.mlir [ISA]     those of a module dumped after schedule

#include "dialects/Exec/ExecOps.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/KernelBuilder.h"
#include "lib/Emission/KernelJit.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "passes/CPU/LowerKernels.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <cstring>
#include <ctime>

using namespace mlir;
using namespace qopt;

namespace {

struct Bench {
  const char *name, *arguments, *body, *yield;
};

const Bench benches[] = {
    {"add-1M", "%a: tensor<1048576xf32>, %b: tensor<1048576xf32>",
     "%0 = nn.add %a, %b : (tensor<1048576xf32>, tensor<1048576xf32>) -> "
     "tensor<1048576xf32>",
     "%0 : tensor<1048576xf32>"},
    {"bias-gelu-128x1536", "%a: tensor<128x1536xf32>, %b: tensor<1536xf32>",
     "%0 = nn.add %a, %b : (tensor<128x1536xf32>, tensor<1536xf32>) -> "
     "tensor<128x1536xf32>\n"
     "%1 = nn.gelu %0 : (tensor<128x1536xf32>) -> tensor<128x1536xf32>",
     "%1 : tensor<128x1536xf32>"},
    {"silu-128x1536", "%a: tensor<128x1536xf32>",
     "%1 = nn.silu %a : (tensor<128x1536xf32>) -> tensor<128x1536xf32>",
     "%1 : tensor<128x1536xf32>"},
    {"exp-128x1536", "%a: tensor<128x1536xf32>",
     "%1 = nn.exp %a : (tensor<128x1536xf32>) -> tensor<128x1536xf32>",
     "%1 : tensor<128x1536xf32>"},
    {"quantize-1x56x56x144",
     "%a: tensor<1x56x56x144xf32>, %s: tensor<f32>, %z: tensor<i32>",
     "%0 = \"lowbit.quantize\"(%a, %s, %z) : (tensor<1x56x56x144xf32>, "
     "tensor<f32>, tensor<i32>) -> tensor<1x56x56x144xui8>",
     "%0 : tensor<1x56x56x144xui8>"},
    {"layernorm-128x768",
     "%a: tensor<128x768xf32>, %g: tensor<768xf32>, %b: tensor<768xf32>",
     "%0 = nn.layer_norm %a, %g, %b {epsilon = 1.0e-5 : f32} : "
     "(tensor<128x768xf32>, tensor<768xf32>, tensor<768xf32>) -> "
     "tensor<128x768xf32>",
     "%0 : tensor<128x768xf32>"},
    {"add-layernorm-quantize-128x384",
     "%a: tensor<128x384xf32>, %r: tensor<128x384xf32>, %g: tensor<384xf32>, "
     "%b: tensor<384xf32>",
     "%0 = nn.add %a, %r : (tensor<128x384xf32>, tensor<128x384xf32>) -> "
     "tensor<128x384xf32>\n"
     "%1 = nn.layer_norm %0, %g, %b {epsilon = 1.0e-5 : f32} : "
     "(tensor<128x384xf32>, tensor<384xf32>, tensor<384xf32>) -> "
     "tensor<128x384xf32>\n"
     "%2, %3 = lowbit.quantize_rows %1 : (tensor<128x384xf32>) -> "
     "(tensor<128x384xui8>, tensor<128x1xf32>)",
     "%1, %2, %3 : tensor<128x384xf32>, tensor<128x384xui8>, "
     "tensor<128x1xf32>"},
    {"softmax-1536x128", "%a: tensor<1536x128xf32>",
     "%0 = nn.softmax %a : (tensor<1536x128xf32>) -> tensor<1536x128xf32>",
     "%0 : tensor<1536x128xf32>"},
    {"transpose-128x12x64", "%a: tensor<1x128x12x64xf32>",
     "%0 = nn.transpose %a {perm = array<i64: 0, 2, 1, 3>} : "
     "(tensor<1x128x12x64xf32>) -> tensor<1x12x128x64xf32>",
     "%0 : tensor<1x12x128x64xf32>"},
    {"transpose-nchw-nhwc-3x224x224", "%a: tensor<1x3x224x224xf32>",
     "%0 = nn.transpose %a {perm = array<i64: 0, 2, 3, 1>} : "
     "(tensor<1x3x224x224xf32>) -> tensor<1x224x224x3xf32>",
     "%0 : tensor<1x224x224x3xf32>"},
    {"transpose-1024x1024", "%a: tensor<1024x1024xf32>",
     "%0 = nn.transpose %a {perm = array<i64: 1, 0>} : "
     "(tensor<1024x1024xf32>) -> tensor<1024x1024xf32>",
     "%0 : tensor<1024x1024xf32>"},
    {"mean-7x7x1280", "%a: tensor<1x7x7x1280xf32>",
     "%0 = nn.reduce_mean %a {axes = array<i64: 1, 2>, keepdims = false} : "
     "(tensor<1x7x7x1280xf32>) -> tensor<1x1280xf32>",
     "%0 : tensor<1x1280xf32>"},
    {"embedding-128x384", "%a: tensor<1000x384xf32>, %i: tensor<128xi64>",
     "%0 = nn.gather %a, %i : (tensor<1000x384xf32>, tensor<128xi64>) -> "
     "tensor<128x384xf32>",
     "%0 : tensor<128x384xf32>"},
    {"depthwise-f32-56x56x144",
     "%a: tensor<1x56x56x144xf32>, %f: tensor<144x3x3x1xf32>, "
     "%b: tensor<144xf32>",
     "%0 = nn.conv %a, %f {pads = array<i64: 1, 1, 1, 1>, groups = 144 : "
     "i64} : (tensor<1x56x56x144xf32>, tensor<144x3x3x1xf32>) -> "
     "tensor<1x56x56x144xf32>\n"
     "%1 = nn.add %0, %b : (tensor<1x56x56x144xf32>, tensor<144xf32>) -> "
     "tensor<1x56x56x144xf32>\n"
     "%2 = nn.clip %1 {lo = 0.0 : f32, hi = 6.0 : f32} : "
     "(tensor<1x56x56x144xf32>) -> tensor<1x56x56x144xf32>",
     "%2 : tensor<1x56x56x144xf32>"},
    {"depthwise-f32-112x112x32",
     "%a: tensor<1x112x112x32xf32>, %f: tensor<32x3x3x1xf32>",
     "%0 = nn.conv %a, %f {pads = array<i64: 1, 1, 1, 1>, groups = 32 : i64} "
     ": (tensor<1x112x112x32xf32>, tensor<32x3x3x1xf32>) -> "
     "tensor<1x112x112x32xf32>",
     "%0 : tensor<1x112x112x32xf32>"},
    {"depthwise-f32-7x7x960",
     "%a: tensor<1x7x7x960xf32>, %f: tensor<960x3x3x1xf32>",
     "%0 = nn.conv %a, %f {pads = array<i64: 1, 1, 1, 1>, groups = 960 : "
     "i64} : (tensor<1x7x7x960xf32>, tensor<960x3x3x1xf32>) -> "
     "tensor<1x7x7x960xf32>",
     "%0 : tensor<1x7x7x960xf32>"},
    {"depthwise-u8-56x56x144",
     "%a: tensor<1x56x56x144xui8>, %f: tensor<144x3x3x1xi8>, "
     "%b: tensor<144xi32>, %m: tensor<144xf32>, %z: tensor<i32>",
     "%0 = nn.conv %a, %f {pads = array<i64: 1, 1, 1, 1>, groups = 144 : "
     "i64} : (tensor<1x56x56x144xui8>, tensor<144x3x3x1xi8>) -> "
     "tensor<1x56x56x144xi32>\n"
     "%1 = nn.add %0, %b : (tensor<1x56x56x144xi32>, tensor<144xi32>) -> "
     "tensor<1x56x56x144xi32>\n"
     "%2 = \"lowbit.requantize\"(%1, %m, %z) : (tensor<1x56x56x144xi32>, "
     "tensor<144xf32>, tensor<i32>) -> tensor<1x56x56x144xui8>",
     "%2 : tensor<1x56x56x144xui8>"},
    {"depthwise-u8-7x7x960",
     "%a: tensor<1x7x7x960xui8>, %f: tensor<960x3x3x1xi8>",
     "%0 = nn.conv %a, %f {pads = array<i64: 1, 1, 1, 1>, groups = 960 : "
     "i64} : (tensor<1x7x7x960xui8>, tensor<960x3x3x1xi8>) -> "
     "tensor<1x7x7x960xi32>",
     "%0 : tensor<1x7x7x960xi32>"},
    {"maxpool-112x112x64", "%a: tensor<1x112x112x64xf32>",
     "%0 = nn.max_pool %a {kernel = array<i64: 3, 3>, strides = array<i64: "
     "2, 2>, pads = array<i64: 1, 1, 1, 1>} : (tensor<1x112x112x64xf32>) -> "
     "tensor<1x56x56x64xf32>",
     "%0 : tensor<1x56x56x64xf32>"},
    {"attention-12x128x32",
     "%q: tensor<1x12x128x32xf32>, %k: tensor<1x12x128x32xf32>, "
     "%v: tensor<1x12x128x32xf32>, %m: tensor<1x1x1x128xf32>",
     "%0 = nn.attention %q, %k, %v, %m {scale = 0.125 : f32} : "
     "(tensor<1x12x128x32xf32>, tensor<1x12x128x32xf32>, "
     "tensor<1x12x128x32xf32>, tensor<1x1x1x128xf32>) -> "
     "tensor<1x12x128x32xf32>",
     "%0 : tensor<1x12x128x32xf32>"},
    {"attention-12x512x64",
     "%q: tensor<1x12x512x64xf32>, %k: tensor<1x12x512x64xf32>, "
     "%v: tensor<1x12x512x64xf32>",
     "%0 = nn.attention %q, %k, %v {scale = 0.125 : f32} : "
     "(tensor<1x12x512x64xf32>, tensor<1x12x512x64xf32>, "
     "tensor<1x12x512x64xf32>) -> tensor<1x12x512x64xf32>",
     "%0 : tensor<1x12x512x64xf32>"},
};

int64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() *
         emission::storageBytes(tensor.getElementType());
}

void *allocate(int64_t bytes) {
  return std::aligned_alloc(64, (bytes + 127) / 64 * 64);
}

/// CPU time of this thread: others may be using the machine.
double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

double best(llvm::function_ref<void()> run) {
  double least = 1e9, total = 0;
  for (int i = 0; i < 2000 && (i < 20 || total < 0.3); ++i) {
    double start = now();
    run();
    double elapsed = now() - start;
    least = std::min(least, elapsed);
    total += elapsed;
  }
  return least;
}

/// Small values that suit every type; indices of 0.
void fill(void *data, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  std::memset(data, 0, bytesOf(type));
  for (int64_t i = 0; i < tensor.getNumElements(); ++i)
    if (tensor.getElementType().isF32())
      static_cast<float *>(data)[i] = float(i * 37 % 101) / 50 - 1;
    else if (tensor.getElementType().isInteger(8))
      static_cast<uint8_t *>(data)[i] = i * 37;
}

bool isStatic(exec::KernelDefOp kernel) {
  auto known = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.hasStaticShape();
  };
  return llvm::all_of(kernel.getInputTypes(), known) &&
         llvm::all_of(kernel.getOutputTypes(), known);
}

/// Which emitter takes the kernel and, where its sizes are static, its time.
void run(exec::KernelDefOp kernel, StringRef name,
         const emission::TargetIsa &isa) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(kernel.getLoc());
  FailureOr<StringRef> emitter = lowerKernel(kernel, *code, isa, 2);
  if (failed(emitter))
    return;
  llvm::outs() << llvm::format("%-34s %-12s %-12s", name.str().c_str(),
                               isa.name.str().c_str(), emitter->str().c_str());
  if (!isStatic(kernel)) {
    llvm::outs() << " dynamic sizes\n";
    return;
  }
  auto jit = emission::KernelJit::create(*code, isa);
  if (!jit) {
    llvm::errs() << llvm::toString(jit.takeError()) << "\n";
    return;
  }
  emission::KernelJit::Kernel compiled =
      llvm::cantFail((*jit)->lookup(kernel.getSymName()));
  std::vector<void *> operands;
  int64_t bytes = 0;
  auto add = [&](TypeRange types) {
    for (Type type : types) {
      operands.push_back(allocate(bytesOf(type)));
      fill(operands.back(), type);
      bytes += bytesOf(type);
    }
  };
  add(kernel.getInputTypes());
  add(kernel.getOutputTypes());
  int64_t dims[] = {0};
  int64_t units = compiled.units(dims);
  void *scratch = allocate(compiled.scratch(dims));
  double seconds =
      best([&] { compiled.run(operands.data(), dims, 0, units, scratch); });
  void *from = allocate(bytes / 2), *to = allocate(bytes / 2);
  std::memset(from, 1, bytes / 2);
  double copying = best([&] {
    std::memcpy(to, from, bytes / 2);
    asm volatile("" : : "r"(to) : "memory"); // it is read
  });
  llvm::outs() << llvm::format(
      " %4lld units %9.1f us %7.1f GB/s, memcpy %7.1f us\n", (long long)units,
      seconds * 1e6, bytes / seconds * 1e-9, copying * 1e6);
  llvm::outs().flush();
  for (void *operand : operands)
    std::free(operand);
  std::free(scratch);
  std::free(from);
  std::free(to);
}

void loadDialects(MLIRContext &context) {
  context.loadDialect<nn::NNDialect, lowbit::LowBitDialect, exec::ExecDialect,
                      tensor::TensorDialect>();
  emission::loadKernelDialects(context);
}

void runBench(const Bench &bench, const emission::TargetIsa &isa) {
  MLIRContext context;
  loadDialects(context);
  std::string text = std::string("exec.kernel_def @k {\n^bb0(") +
                     bench.arguments + "):\n" + bench.body + "\nexec.yield " +
                     bench.yield + "\n}\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (module)
    run(*module->getOps<exec::KernelDefOp>().begin(), bench.name, isa);
}

int runFile(StringRef path, StringRef isaName) {
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, &context);
  if (!module)
    return 1;
  for (auto kernel : module->getOps<exec::KernelDefOp>())
    for (const emission::TargetIsa *isa : emission::hostIsas())
      if (isa->name.contains(isaName))
        run(kernel, kernel.getSymName(), *isa);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  StringRef filter = argc > 1 ? argv[1] : "", isaName = argc > 2 ? argv[2] : "";
  if (filter.ends_with(".mlir"))
    return runFile(filter, isaName);
  for (const Bench &bench : benches)
    for (const emission::TargetIsa *isa : emission::hostIsas())
      if (StringRef(bench.name).contains(filter) && isa->name.contains(isaName))
        runBench(bench, *isa);
}

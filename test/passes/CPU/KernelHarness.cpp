// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Buffers, compilation and comparison of the kernel harness.

#include "test/passes/CPU/KernelHarness.h"
#include "dialects/LowBit/LowBitOps.h"
#include "dialects/NN/NNOps.h"
#include "lib/Emission/KernelBuilder.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "passes/CPU/LowerKernels.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

using namespace mlir;

namespace qopt::test {

static constexpr size_t guardBytes = 128;
static constexpr char guardByte = 0x5a;

Buffer::Buffer(Shape dims, Type element) : shape(dims), element(element) {
  bytes = size() * emission::storageBytes(element);
  storage.assign(bytes + guardBytes + 64, guardByte);
  offset = (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64) % 64;
}

int64_t Buffer::size() const {
  int64_t product = 1;
  for (int64_t dim : shape)
    product *= dim;
  return product;
}

bool Buffer::guardIntact() const {
  const char *end = as<char>() + bytes;
  return std::all_of(end, end + guardBytes,
                     [](char c) { return c == guardByte; });
}

template <class T, class Distribution>
static void fill(Buffer &buffer, std::mt19937 &random, Distribution values) {
  for (int64_t i = 0; i < buffer.size(); ++i)
    buffer.as<T>()[i] = static_cast<T>(values(random));
}

void fillRandom(Buffer &buffer, uint32_t seed, bool specialValues) {
  std::mt19937 random(seed);
  Type type = buffer.element;
  if (type.isF32())
    fill<float>(buffer, random, std::uniform_real_distribution<float>(-3, 3));
  else if (type.isF16())
    fill<_Float16>(buffer, random,
                   std::uniform_real_distribution<float>(0.01f, 1));
  else if (type.isInteger(1))
    fill<uint8_t>(buffer, random, std::uniform_int_distribution<int>(0, 1));
  else if (type.isInteger(8))
    fill<uint8_t>(buffer, random, std::uniform_int_distribution<int>(0, 255));
  else if (type.isInteger(32))
    fill<int32_t>(buffer, random,
                  std::uniform_int_distribution<int>(-100000, 100000));
  else
    fill<int64_t>(buffer, random, std::uniform_int_distribution<int>(-3, 3));
  if (!specialValues || !type.isF32())
    return;
  const float special[] = {NAN,     INFINITY, -INFINITY, 0.0f,   -0.0f,
                           1e-41f,  -1e-41f,  3e38f,     -3e38f, 100.0f,
                           -100.0f, 0.5f,     2.5f};
  for (int64_t i = 0; i < buffer.size(); i += 3)
    buffer.as<float>()[i] = special[random() % std::size(special)];
}

Kernel::Kernel(const std::string &text) {
  context.loadDialect<nn::NNDialect, lowbit::LowBitDialect, exec::ExecDialect,
                      tensor::TensorDialect>();
  emission::loadKernelDialects(context);
  module = parseSourceString<ModuleOp>(text, &context);
}
Kernel::~Kernel() = default;

static exec::KernelDefOp definition(ModuleOp module) {
  return *module.getOps<exec::KernelDefOp>().begin();
}

std::vector<RankedTensorType> Kernel::inputTypes() {
  std::vector<RankedTensorType> types;
  for (Type type : definition(*module).getInputTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      types.push_back(tensor);
  return types;
}
std::vector<RankedTensorType> Kernel::outputTypes() {
  std::vector<RankedTensorType> types;
  for (Type type : definition(*module).getOutputTypes())
    types.push_back(cast<RankedTensorType>(type));
  return types;
}

static std::vector<Buffer> buffersFor(ArrayRef<RankedTensorType> types,
                                      const std::vector<Shape> &shapes) {
  std::vector<Buffer> buffers;
  for (auto [i, type] : llvm::enumerate(types))
    buffers.emplace_back(i < shapes.size() && !shapes[i].empty()
                             ? shapes[i]
                             : Shape(type.getShape()),
                         type.getElementType());
  return buffers;
}

std::vector<Buffer> Kernel::makeInputs(const std::vector<Shape> &shapes,
                                       uint32_t seed, bool specialValues) {
  std::vector<Buffer> inputs = buffersFor(inputTypes(), shapes);
  for (Buffer &buffer : inputs)
    fillRandom(buffer, seed++, specialValues);
  return inputs;
}

std::vector<int64_t> Kernel::dynamicDims(const std::vector<Buffer> &inputs,
                                         const std::vector<Buffer> &outputs) {
  std::vector<int64_t> dims;
  auto append = [&](ArrayRef<RankedTensorType> types,
                    const std::vector<Buffer> &buffers) {
    for (auto [type, buffer] : llvm::zip(types, buffers))
      for (auto [axis, size] : llvm::enumerate(type.getShape()))
        if (ShapedType::isDynamic(size))
          dims.push_back(buffer.shape[axis]);
  };
  append(inputTypes(), inputs);
  append(outputTypes(), outputs);
  dims.insert(dims.end(), indices.begin(), indices.end());
  dims.push_back(0); // never an empty array
  return dims;
}

struct Kernel::Compiled {
  std::unique_ptr<emission::KernelJit> jit;
  emission::KernelJit::Kernel kernel{};
};

Kernel::Compiled Kernel::compile(const emission::TargetIsa &isa,
                                 unsigned optLevel, unsigned codegenLevel) {
  Compiled compiled;
  OwningOpRef<ModuleOp> code = ModuleOp::create(UnknownLoc::get(&context));
  exec::KernelDefOp kernel = definition(*module);
  FailureOr<StringRef> taken = lowerKernel(kernel, *code, isa, optLevel);
  if (failed(taken)) {
    ADD_FAILURE() << "does not lower";
    return compiled;
  }
  emitter = taken->str();
  auto jit = emission::KernelJit::create(*code, isa, codegenLevel);
  if (!jit) {
    ADD_FAILURE() << llvm::toString(jit.takeError());
    return compiled;
  }
  compiled.jit = std::move(*jit);
  compiled.kernel = llvm::cantFail(compiled.jit->lookup("k"));
  return compiled;
}

namespace {
/// Everything one call needs.
struct Call {
  std::vector<void *> operands;
  std::vector<int64_t> dims;
  std::vector<char> scratch;
  void *alignedScratch;

  Call(std::vector<Buffer> &inputs, std::vector<Buffer> &outputs,
       std::vector<int64_t> dims, int64_t scratchBytes)
      : dims(dims), scratch(scratchBytes + 64, char(0xab)) {
    for (Buffer &buffer : inputs)
      operands.push_back(buffer.data());
    for (Buffer &buffer : outputs)
      operands.push_back(buffer.data());
    uintptr_t start = reinterpret_cast<uintptr_t>(scratch.data());
    alignedScratch = reinterpret_cast<void *>((start + 63) / 64 * 64);
  }
};
} // namespace

std::vector<Buffer> Kernel::run(const emission::TargetIsa &isa,
                                unsigned optLevel, std::vector<Buffer> &inputs,
                                const std::vector<Shape> &outputShapes,
                                int pieces) {
  Compiled compiled = compile(isa, optLevel, /*codegenLevel=*/optLevel ? 2 : 1);
  if (!compiled.jit)
    return {};
  std::vector<Buffer> outputs = buffersFor(outputTypes(), outputShapes);
  std::vector<int64_t> dims = dynamicDims(inputs, outputs);
  int64_t units = compiled.kernel.units(dims.data());
  std::vector<int64_t> cuts = {0, units};
  std::mt19937 random(pieces);
  for (int i = 1; i < pieces; ++i)
    cuts.push_back(random() % (units + 1));
  std::sort(cuts.begin(), cuts.end());
  // Backwards, each piece with a scratch of its own.
  for (size_t i = cuts.size() - 1; i > 0; --i) {
    Call call(inputs, outputs, dims, compiled.kernel.scratch(dims.data()));
    compiled.kernel.run(call.operands.data(), call.dims.data(), cuts[i - 1],
                        cuts[i], call.alignedScratch);
  }
  for (auto [i, buffer] : llvm::enumerate(outputs))
    EXPECT_TRUE(buffer.guardIntact())
        << "stored past the end of output " << i << ", " << emitter << " on "
        << isa.name.str();
  return outputs;
}

double Kernel::time(const emission::TargetIsa &isa, unsigned optLevel,
                    std::vector<Buffer> &inputs,
                    const std::vector<Shape> &outputShapes, int runs) {
  Compiled compiled = compile(isa, optLevel, /*codegenLevel=*/3);
  std::vector<Buffer> outputs = buffersFor(outputTypes(), outputShapes);
  std::vector<int64_t> dims = dynamicDims(inputs, outputs);
  Call call(inputs, outputs, dims, compiled.kernel.scratch(dims.data()));
  std::vector<double> seconds;
  int64_t units = compiled.kernel.units(dims.data());
  for (int i = 0; i < runs + 2; ++i) {
    auto start = std::chrono::steady_clock::now();
    compiled.kernel.run(call.operands.data(), call.dims.data(), 0, units,
                        call.alignedScratch);
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    seconds.push_back(elapsed.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

template <class T>
static std::string difference(const Buffer &a, const Buffer &b) {
  for (int64_t i = 0; i < a.size(); ++i) {
    T x = a.as<T>()[i], y = b.as<T>()[i];
    if (x != x && y != y)
      continue;
    if (std::memcmp(&x, &y, sizeof(T)))
      return "element " + std::to_string(i) + ": naive " +
             std::to_string(double(x)) + ", optimized " +
             std::to_string(double(y));
  }
  return "";
}

static std::string difference(const Buffer &a, const Buffer &b) {
  switch (emission::storageBytes(a.element)) {
  case 1:
    return difference<int8_t>(a, b);
  case 2:
    return difference<_Float16>(a, b);
  case 8:
    return difference<int64_t>(a, b);
  default:
    return a.element.isF32() ? difference<float>(a, b)
                             : difference<int32_t>(a, b);
  }
}

void expectEmitter(const std::string &emitter, const std::string &text,
                   std::vector<Shape> inputShapes, std::vector<Shape> outputs,
                   bool specialValues,
                   std::function<void(std::vector<Buffer> &)> adjust) {
  Kernel kernel(text);
  ASSERT_TRUE(kernel.parsed());
  std::vector<Buffer> inputs = kernel.makeInputs(inputShapes, 1, specialValues);
  if (adjust)
    adjust(inputs);
  SmallVector<const emission::TargetIsa *> isas = emission::hostIsas();
  std::vector<Buffer> naive = kernel.run(*isas.front(), 0, inputs, outputs);
  for (const emission::TargetIsa *isa : isas)
    for (int pieces : {1, 3}) {
      std::vector<Buffer> fast = kernel.run(*isa, 2, inputs, outputs, pieces);
      ASSERT_EQ(fast.size(), naive.size());
      if (!emitter.empty())
        EXPECT_EQ(kernel.emitter, emitter);
      for (size_t i = 0; i < fast.size(); ++i)
        EXPECT_EQ(difference(naive[i], fast[i]), "")
            << "output " << i << " on " << isa->name.str() << " in " << pieces
            << " pieces\n"
            << text;
    }
}

void expectSameBits(const std::string &text, std::vector<Shape> inputs,
                    std::vector<Shape> outputs, bool specialValues,
                    std::function<void(std::vector<Buffer> &)> adjust) {
  expectEmitter("", text, inputs, outputs, specialValues, adjust);
}

std::string kernelText(const std::string &arguments, const std::string &body,
                       const std::string &yield) {
  return "exec.kernel_def @k {\n^bb0(" + arguments + "):\n" + body +
         "\n  exec.yield " + yield + "\n}\n";
}

} // namespace qopt::test

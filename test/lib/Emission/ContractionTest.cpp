// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contraction kernels against plain loops, bit for bit: every domain, odd
// sizes, static and dynamic, cut into units at arbitrary places.

#include "lib/Emission/Contraction.h"
#include "lib/Emission/KernelJit.h"
#include "lib/Numerics/Rounding.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace qopt::emission;

namespace {

// A convolution; a matmul is kernel 1x1, height 1, width = rows.
struct Case {
  ContractionDomain domain = ContractionDomain::F32;
  int64_t batches = 1, height = 1, width = 1, channels = 1, outputs = 1;
  int64_t groups = 1;
  int64_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1};
  int64_t padLow[2] = {0, 0}, padHigh[2] = {0, 0};
  int64_t padValue = 0;
  bool dynamic = false;
  bool packed = true;
  bool weightsPerBatch = false;
  int64_t block = 32;
  bool halfScales = false;
  // What f32 weights are rounded to and stored as.
  enum { F32, F16, BF16 } storage = F32;

  int64_t out(int axis) const {
    int64_t size = axis ? width : height;
    return (size + padLow[axis] + padHigh[axis] -
            dilation[axis] * (kernel[axis] - 1) - 1) /
               stride[axis] +
           1;
  }
  int64_t k() const { return kernel[0] * kernel[1] * channels / groups; }
};

Case matmul(ContractionDomain domain, int64_t m, int64_t n, int64_t k) {
  Case c;
  c.domain = domain;
  c.width = m;
  c.channels = k;
  c.outputs = n;
  return c;
}

class StoreEpilogue : public ContractionEpilogue {
public:
  explicit StoreEpilogue(unsigned operand) : operand(operand) {}
  void emit(KernelBuilder &kb, Value row, Value column, Value sums,
            LiveLanes live) override {
    unsigned last = kb.operandTypes()[operand].getRank() - 1;
    Value at = kb.add(kb.mul(row, kb.dim(operand, last)), column);
    kb.storeVector(kb.elementType(operand), sums, kb.ptr(operand), at, live);
  }

private:
  unsigned operand;
};

class ContractionTest : public testing::TestWithParam<const TargetIsa *> {
protected:
  ContractionTest() { loadKernelDialects(context); }

  void check(const Case &c);
  KernelJit::Kernel compile(const Case &c);
  ContractionProblem problemOf(const Case &c);
  std::vector<char> packWeights(const Case &c);
  template <typename In, typename Acc>
  std::vector<char> expected(const Case &c, const std::vector<In> &input);
  std::vector<float> expectedBlocks(const Case &c);

  MLIRContext context;
  std::unique_ptr<KernelJit> jit;
  std::mt19937 random{7};
  // Source weights: f32 or bytes, OHWI (or [K][N] when not packed).
  std::vector<float> floats;
  std::vector<int8_t> bytes;
  std::vector<uint8_t> codes;
  std::vector<float> scales;
  std::vector<int8_t> activations;
};

ContractionProblem ContractionTest::problemOf(const Case &c) {
  ContractionProblem problem;
  problem.domain = c.domain;
  problem.input = 0;
  problem.weights = 1;
  problem.packed = c.packed;
  if (c.storage == Case::F16)
    problem.weightType = Float16Type::get(&context);
  if (c.storage == Case::BF16)
    problem.weightType = BFloat16Type::get(&context);
  unsigned output = 2;
  if (c.domain == ContractionDomain::BlockInt4) {
    problem.scales = 2;
    problem.block = c.block;
    problem.scaleType = c.halfScales ? Type(Float16Type::get(&context))
                                     : Type(Float32Type::get(&context));
    output = 3;
  }
  if (c.weightsPerBatch)
    problem.weightBatch = [](KernelBuilder &, Value batch) { return batch; };
  problem.geometry = [c, output](KernelBuilder &kb) {
    ContractionGeometry g;
    g.batches = kb.dim(0, 0);
    g.height = kb.dim(0, 1);
    g.width = kb.dim(0, 2);
    g.channels = kb.dim(0, 3);
    g.outHeight = kb.dim(output, 1);
    g.outWidth = kb.dim(output, 2);
    g.columns = kb.div(kb.dim(output, 3), c.groups);
    g.groups = c.groups;
    for (int axis : {0, 1}) {
      g.kernel[axis] = c.kernel[axis];
      g.stride[axis] = c.stride[axis];
      g.dilation[axis] = c.dilation[axis];
      g.padLow[axis] = c.padLow[axis];
      g.padHigh[axis] = c.padHigh[axis];
    }
    g.padValue = c.padValue;
    return g;
  };
  return problem;
}

KernelJit::Kernel ContractionTest::compile(const Case &c) {
  Builder b(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b.getUnknownLoc());
  bool isFloat = c.domain == ContractionDomain::F32;
  Type input = isFloat ? Type(b.getF32Type()) : Type(b.getI8Type());
  Type output = isFloat || c.domain == ContractionDomain::BlockInt4
                    ? Type(b.getF32Type())
                    : Type(b.getI32Type());
  auto any = [&](int64_t size) {
    return c.dynamic ? ShapedType::kDynamic : size;
  };
  // Without packed weights K and N may be dynamic as well.
  auto inner = [&](int64_t size) { return c.packed ? size : any(size); };
  // A matmul keeps its image height of 1 static.
  int64_t h = c.height == 1 ? 1 : any(c.height);
  SmallVector<RankedTensorType> types = {
      RankedTensorType::get({any(c.batches), h, any(c.width),
                             inner(c.channels)},
                            input),
      RankedTensorType::get({64}, b.getI8Type())};
  if (c.domain == ContractionDomain::BlockInt4)
    types.push_back(RankedTensorType::get({64}, b.getF32Type()));
  int64_t outHeight = c.height == 1 ? 1 : any(c.out(0));
  types.push_back(RankedTensorType::get(
      {any(c.batches), outHeight, any(c.out(1)), inner(c.outputs)}, output));
  KernelBuilder kb(*module, "k", types, *GetParam(), b.getUnknownLoc());
  StoreEpilogue epilogue(types.size() - 1);
  emitContractionKernel(kb, problemOf(c), epilogue);
  auto created = KernelJit::create(*module, *GetParam(), 2);
  EXPECT_TRUE(bool(created)) << llvm::toString(created.takeError());
  jit = std::move(*created);
  return llvm::cantFail(jit->lookup("k"));
}

template <typename In, typename Acc>
std::vector<char> ContractionTest::expected(const Case &c,
                                            const std::vector<In> &input) {
  int64_t perGroup = c.channels / c.groups, outGroup = c.outputs / c.groups;
  std::vector<Acc> out(c.batches * c.out(0) * c.out(1) * c.outputs);
  int64_t at = 0;
  for (int64_t n = 0; n < c.batches; ++n)
    for (int64_t y = 0; y < c.out(0); ++y)
      for (int64_t x = 0; x < c.out(1); ++x)
        for (int64_t o = 0; o < c.outputs; ++o) {
          Acc sum = 0;
          for (int64_t ky = 0; ky < c.kernel[0]; ++ky)
            for (int64_t kx = 0; kx < c.kernel[1]; ++kx)
              for (int64_t i = 0; i < perGroup; ++i) {
                int64_t iy = y * c.stride[0] + ky * c.dilation[0] - c.padLow[0];
                int64_t ix = x * c.stride[1] + kx * c.dilation[1] - c.padLow[1];
                bool inside = iy >= 0 && iy < c.height && ix >= 0 &&
                              ix < c.width;
                In a = inside ? input[((n * c.height + iy) * c.width + ix) *
                                          c.channels +
                                      o / outGroup * perGroup + i]
                              : In(c.padValue);
                int64_t kIndex = (ky * c.kernel[1] + kx) * perGroup + i;
                int64_t w = c.packed ? o * c.k() + kIndex
                                     : ((c.weightsPerBatch ? n : 0) * c.k() +
                                        kIndex) * c.outputs + o;
                if constexpr (std::is_same_v<Acc, float>)
                  sum = std::fma(a, floats[w], sum);
                else
                  sum += Acc(a) * bytes[w];
              }
          out[at++] = sum;
        }
  std::vector<char> raw(out.size() * 4);
  std::memcpy(raw.data(), out.data(), raw.size());
  return raw;
}

std::vector<float> ContractionTest::expectedBlocks(const Case &c) {
  std::vector<float> out;
  for (int64_t m = 0; m < c.width; ++m)
    for (int64_t n = 0; n < c.outputs; ++n) {
      float partial = 0;
      for (int64_t g = 0; g < c.channels / c.block; ++g) {
        int32_t sum = 0;
        for (int64_t k = g * c.block; k < (g + 1) * c.block; ++k)
          sum += activations[m * c.channels + k] *
                 (codes[k * c.outputs + n] - 8);
        partial = std::fma(float(sum), scales[g * c.outputs + n], partial);
      }
      out.push_back(partial);
    }
  return out;
}

std::vector<char> ContractionTest::packWeights(const Case &c) {
  PanelShape shape = convPanels(c.outputs, c.kernel[0], c.kernel[1],
                                c.channels / c.groups, c.dilation[1], c.groups);
  switch (c.domain) {
  case ContractionDomain::F32: {
    std::vector<char> wide = packPanels(PanelLayout::Panel16x1, shape,
                                        filterSource(floats.data(), shape));
    if (c.storage == Case::F32)
      return wide;
    auto narrow = narrowPanels(wide);
    EXPECT_TRUE(narrow && narrow->isBFloat == (c.storage == Case::BF16));
    return narrow ? narrow->bytes : wide;
  }
  case ContractionDomain::BlockInt4:
    return packPanels(PanelLayout::Panel16x8, shape,
                      matmulSource(codes.data(), shape));
  default:
    return packPanels(PanelLayout::Panel16x4, shape,
                      filterSource(bytes.data(), shape));
  }
}

// Memory that ends exactly where an overrun would fault is not at hand; a
// canary behind the output and 64-byte alignment must do.
struct Aligned {
  explicit Aligned(size_t size) : size(size) {
    data = static_cast<char *>(std::aligned_alloc(64, (size + 191) / 64 * 64));
    std::memset(data, 0x5a, (size + 191) / 64 * 64);
  }
  ~Aligned() { std::free(data); }
  char *data;
  size_t size;
};

void ContractionTest::check(const Case &c) {
  KernelJit::Kernel kernel = compile(c);
  bool isFloat = c.domain == ContractionDomain::F32;
  int64_t inputs = c.batches * c.height * c.width * c.channels;
  int64_t weights = c.outputs * c.k() * (c.weightsPerBatch ? c.batches : 1);
  int64_t outputs = c.batches * c.out(0) * c.out(1) * c.outputs;
  std::uniform_real_distribution<float> real(-1, 1);
  std::uniform_int_distribution<int> byte(-128, 127);
  floats.resize(weights);
  bytes.resize(weights);
  codes.resize(weights);
  activations.resize(inputs);
  for (float &w : floats) {
    w = real(random);
    if (c.storage == Case::F16)
      w = qopt::numerics::roundToHalf(w);
    if (c.storage == Case::BF16)
      w = qopt::numerics::roundToBFloat(w);
  }
  for (int8_t &w : bytes)
    w = byte(random);
  for (uint8_t &w : codes)
    w = byte(random) & 15;
  for (int8_t &a : activations)
    a = byte(random);
  // Scales that f16 holds exactly.
  scales.assign(c.channels / c.block * c.outputs + 1, 0);
  for (float &s : scales)
    s = (byte(random) + 200) / 1024.0f;

  Aligned input(inputs * (isFloat ? 4 : 1)), output(outputs * 4);
  std::vector<char> want;
  if (isFloat) {
    std::vector<float> a(inputs);
    for (float &x : a)
      x = real(random);
    std::memcpy(input.data, a.data(), inputs * 4);
    want = expected<float, float>(c, a);
  } else {
    std::memcpy(input.data, activations.data(), inputs);
    if (c.domain == ContractionDomain::BlockInt4) {
      std::vector<float> out = expectedBlocks(c);
      want.assign((char *)out.data(), (char *)(out.data() + out.size()));
    } else if (c.domain == ContractionDomain::U8S8) {
      std::vector<uint8_t> a(activations.begin(), activations.end());
      want = expected<uint8_t, int32_t>(c, a);
    } else {
      want = expected<int8_t, int32_t>(c, activations);
    }
  }

  std::vector<char> source =
      c.packed ? packWeights(c)
               : std::vector<char>((char *)floats.data(),
                                   (char *)(floats.data() + floats.size()));
  Aligned weightBuffer(source.size());
  std::memcpy(weightBuffer.data, source.data(), source.size());
  std::vector<char> packedScales;
  int64_t blocks = c.channels / c.block;
  if (c.halfScales) {
    std::vector<_Float16> half(scales.begin(), scales.end());
    packedScales = packPanelScales(blocks, c.outputs, 2, half.data());
  } else {
    packedScales = packPanelScales(blocks, c.outputs, 4, scales.data());
  }
  Aligned scaleBuffer(packedScales.size());
  std::memcpy(scaleBuffer.data, packedScales.data(), packedScales.size());

  std::vector<int64_t> dims;
  auto push = [&](int64_t size, bool always = false) {
    if (c.dynamic)
      dims.push_back(size);
  };
  for (int side = 0; side < 2; ++side) {
    push(c.batches);
    if (c.height != 1)
      push(side ? c.out(0) : c.height);
    push(side ? c.out(1) : c.width);
    if (!c.packed)
      push(side ? c.outputs : c.channels);
  }
  std::vector<void *> operands = {input.data, weightBuffer.data};
  if (c.domain == ContractionDomain::BlockInt4)
    operands.push_back(scaleBuffer.data);
  operands.push_back(output.data);

  int64_t units = kernel.units(dims.data());
  ASSERT_GE(units, 1);
  int64_t scratchBytes = kernel.scratch(dims.data());
  Aligned scratch(scratchBytes);
  // Cut at arbitrary places, and not in order.
  int64_t cut = std::uniform_int_distribution<int64_t>(0, units)(random);
  kernel.run(operands.data(), dims.data(), cut, units, scratch.data);
  kernel.run(operands.data(), dims.data(), 0, cut, scratch.data);
  std::string what =
      "domain " + std::to_string(int(c.domain)) + " " +
      std::to_string(c.batches) + "x" + std::to_string(c.height) + "x" +
      std::to_string(c.width) + "x" + std::to_string(c.channels) + " -> " +
      std::to_string(c.outputs) + " units " + std::to_string(units);
  int64_t different = 0, first = -1;
  for (int64_t i = 0; i < outputs; ++i)
    if (std::memcmp(&want[i * 4], output.data + i * 4, 4)) {
      ++different;
      if (first < 0)
        first = i;
    }
  EXPECT_EQ(different, 0) << what << ", of " << outputs << ", first " << first;
  for (int64_t i = 0; i < 64; ++i) {
    ASSERT_EQ(output.data[outputs * 4 + i], 0x5a) << what << " wrote past";
    ASSERT_EQ(scratch.data[scratchBytes + i], 0x5a) << what << " scratch";
  }
}

constexpr ContractionDomain kPlainDomains[] = {
    ContractionDomain::F32, ContractionDomain::U8S8, ContractionDomain::S8S8};

TEST_P(ContractionTest, MatmulOfOddSizes) {
  for (ContractionDomain domain : kPlainDomains)
    for (auto [m, n, k] :
         {std::array<int64_t, 3>{1, 1, 1}, {1, 70, 33}, {1, 300, 64},
          {2, 17, 3}, {7, 64, 70}, {9, 48, 5}, {13, 31, 16}, {49, 112, 24},
          {70, 33, 67}}) {
      Case c = matmul(domain, m, n, k);
      check(c);
    }
}

TEST_P(ContractionTest, MatmulWithRowsKnownAtRunTime) {
  for (ContractionDomain domain : kPlainDomains)
    for (auto [m, n, k] : {std::array<int64_t, 3>{1, 40, 9}, {5, 70, 33},
                           {33, 16, 8}}) {
      Case c = matmul(domain, m, n, k);
      c.dynamic = true;
      check(c);
    }
}

TEST_P(ContractionTest, ManyUnits) {
  for (ContractionDomain domain : kPlainDomains) {
    check(matmul(domain, 401, 400, 150));
    Case c = matmul(domain, 14, 1200, 700);
    c.dynamic = true;
    check(c);
    c.width = 1;
    check(c);
  }
}

TEST_P(ContractionTest, MatmulOfTwoActivations) {
  for (bool dynamic : {false, true})
    for (auto [m, n, k] : {std::array<int64_t, 3>{1, 1, 1}, {5, 70, 33},
                           {33, 16, 8}, {20, 100, 0}}) {
      Case c = matmul(ContractionDomain::F32, m, n, k);
      c.packed = false;
      c.dynamic = dynamic;
      c.batches = 3;
      c.weightsPerBatch = true;
      check(c);
    }
}

TEST_P(ContractionTest, WeightsStoredNarrow) {
  for (auto storage : {Case::F16, Case::BF16})
    for (bool dynamic : {false, true})
      for (auto [m, n, k] :
           {std::array<int64_t, 3>{1, 300, 64}, {7, 64, 70}, {14, 1200, 700},
            {70, 33, 67}, {401, 112, 150}}) {
        Case c = matmul(ContractionDomain::F32, m, n, k);
        c.storage = storage;
        c.dynamic = dynamic;
        check(c);
      }
  Case conv = matmul(ContractionDomain::F32, 19, 24, 16);
  conv.height = 17;
  conv.kernel[0] = conv.kernel[1] = 3;
  conv.padLow[0] = conv.padHigh[1] = 1;
  conv.groups = 2;
  conv.storage = Case::F16;
  check(conv);
}

TEST(Panels, NarrowOnlyWhatIsExact) {
  auto narrow = [](std::vector<float> values) {
    return narrowPanels(llvm::ArrayRef<char>((const char *)values.data(),
                                             values.size() * sizeof(float)));
  };
  EXPECT_TRUE(narrow({0.0f, 1.5f, -3e38f})->isBFloat); // beyond f16's range
  EXPECT_FALSE(narrow({0.0f, 1.0009765625f})->isBFloat); // 11 bits
  EXPECT_FALSE(narrow({1.0f, 0.1f}).has_value());
  EXPECT_FALSE(narrow({1.0009765625f, 1e38f}).has_value());
}

TEST_P(ContractionTest, BlockInt4) {
  for (bool dynamic : {false, true})
    for (auto [m, n, k, block] :
         {std::array<int64_t, 4>{1, 1, 32, 32}, {1, 150, 96, 32},
          {5, 70, 64, 64}, {33, 17, 128, 32}, {18, 48, 48, 16},
          {3, 16, 256, 128}, {21, 33, 24, 8}}) {
      Case c = matmul(ContractionDomain::BlockInt4, m, n, k);
      c.block = block;
      c.dynamic = dynamic;
      c.halfScales = n % 2;
      check(c);
    }
  check(matmul(ContractionDomain::BlockInt4, 16, 1024, 1024));
}

TEST_P(ContractionTest, Convolutions) {
  for (ContractionDomain domain : kPlainDomains)
    for (bool dynamic : {false, true}) {
      Case stem;
      stem.domain = domain;
      stem.dynamic = dynamic;
      stem.batches = 2;
      stem.height = 23;
      stem.width = 21;
      stem.channels = 3;
      stem.outputs = 20;
      stem.kernel[0] = stem.kernel[1] = 3;
      stem.stride[0] = stem.stride[1] = 2;
      stem.padLow[0] = stem.padLow[1] = stem.padHigh[0] = stem.padHigh[1] = 1;
      stem.padValue = domain == ContractionDomain::F32 ? 0 : 11;
      check(stem);

      Case dilated = stem;
      dilated.channels = 6;
      dilated.dilation[0] = 2;
      dilated.dilation[1] = 3;
      dilated.stride[0] = 1;
      check(dilated);
      dilated.padLow[0] = dilated.padLow[1] = dilated.padHigh[0] =
          dilated.padHigh[1] = 0;
      check(dilated);

      Case grouped = stem;
      grouped.channels = 12;
      grouped.groups = 2;
      grouped.outputs = 38;
      grouped.kernel[0] = 1;
      grouped.padLow[0] = 2;
      grouped.padHigh[0] = 0;
      check(grouped);

      Case strided = stem;
      strided.kernel[0] = strided.kernel[1] = 1;
      strided.padLow[0] = strided.padLow[1] = strided.padHigh[0] =
          strided.padHigh[1] = 0;
      strided.channels = 7;
      check(strided);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Isas, ContractionTest, testing::ValuesIn(hostIsas()),
    [](const auto &info) {
      std::string name = info.param->name.str();
      llvm::replace(name, '-', '_');
      return name;
    });

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes read at run time, branches and loops, on programs written by hand.

#include "test/runtime/TestArtifacts.h"
#include "gtest/gtest.h"

using namespace qopt;
using namespace qopt::test;
using namespace qopt::artifact;

namespace {

struct Value {
  qrt_dtype_t dtype;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

template <typename T>
Value valueOf(qrt_dtype_t dtype, std::vector<int64_t> shape,
              std::vector<T> elements) {
  const char *first = reinterpret_cast<const char *>(elements.data());
  return {dtype, std::move(shape),
          std::vector<char>(first, first + elements.size() * sizeof(T))};
}

Value rowsOf(int64_t rows, float first) {
  std::vector<float> elements;
  for (int64_t i = 0; i < rows * 4; ++i)
    elements.push_back(first + i);
  return valueOf(QRT_DTYPE_F32, {rows, 4}, elements);
}

Value number(int64_t n) { return valueOf<int64_t>(QRT_DTYPE_I64, {}, {n}); }
Value flag(char b) { return valueOf<char>(QRT_DTYPE_BOOL, {}, {b}); }

// Runs a model as often as wanted.
class Runner {
public:
  explicit Runner(const ArtifactBuilder &builder, uint64_t iterationLimit = 0)
      : bytes(serialize(builder)) {
    openStatus = take(qrt_model_open(bytes.span(), nullptr, &model));
    if (openStatus.empty()) {
      qrt_context_options_t options;
      qrt_context_options_init(&options);
      options.threads = 2;
      options.iteration_limit = iterationLimit;
      EXPECT_EQ(take(qrt_context_create(model, &options, &context)), "");
    }
  }
  ~Runner() {
    qrt_context_release(context);
    if (model)
      qrt_model_release(model);
  }

  std::string run(std::vector<Value> inputs) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      Value &value = inputs[i];
      qrt_array_t array = {value.dtype, uint32_t(value.shape.size()),
                           value.shape.data(), value.bytes.data(),
                           value.bytes.size()};
      std::string status = take(qrt_context_set_input(context, i, &array));
      if (!status.empty())
        return status;
    }
    return take(qrt_context_run(context));
  }
  std::vector<int64_t> shape(uint32_t output) {
    qrt_array_t array = {};
    EXPECT_EQ(take(qrt_context_output(context, output, &array)), "");
    return {array.shape, array.shape + array.rank};
  }
  std::vector<float> floats(uint32_t output) {
    qrt_array_t array = {};
    EXPECT_EQ(take(qrt_context_output(context, output, &array)), "");
    auto *data = static_cast<const float *>(array.data);
    return {data, data + array.bytes / sizeof(float)};
  }

  Bytes bytes;
  std::string openStatus;
  qrt_model_t *model = nullptr;
  qrt_context_t *context = nullptr;
};

void addCode(ArtifactBuilder &builder) {
  for (const char *isa : {"x86-64-v3", "avx512-vnni"})
    builder.addCodeImage(isa, compileTestKernels(isa));
}

// y = 2 x, rows and all.
TensorId twice(ArtifactBuilder &builder, TensorId x, ExprId rows) {
  KernelId kernel = builder.addKernel("twice", "mul", 1, 1, 2);
  std::vector<ExprId> dims{rows, builder.constant(4)};
  TensorId y = builder.addTensor(
      "y", QRT_DTYPE_F32, dims,
      builder.addTemporary(builder.byteSize(QRT_DTYPE_F32, dims)));
  builder.launch(kernel, {x, y}, {rows, rows}, "twice");
  return y;
}

// A program of one input and one output.
void addTwiceProgram(ArtifactBuilder &builder) {
  std::vector<ExprId> dims{builder.dim(0, 0), builder.constant(4)};
  TensorId x = builder.addInput("x", QRT_DTYPE_F32, dims);
  TensorId y = twice(builder, x, dims[0]);
  builder.addOutputIn(builder.storageOf(y), "y", QRT_DTYPE_F32, dims);
}

void addIdentityProgram(ArtifactBuilder &builder) {
  std::vector<ExprId> dims{builder.dim(0, 0), builder.constant(4)};
  TensorId x = builder.addInput("x", QRT_DTYPE_F32, dims);
  builder.copy(x, builder.addOutput("y", QRT_DTYPE_F32, dims), "copy");
}

// y = condition ? 2 x : x, then doubled: what follows has its size too.
void buildBranch(ArtifactBuilder &builder) {
  addCode(builder);
  TensorId condition = builder.addInput("condition", QRT_DTYPE_BOOL, {});
  TensorId x = builder.addInput("x", QRT_DTYPE_F32,
                                {builder.dim(1, 0), builder.constant(4)});
  addTwiceProgram(builder.addProgram());
  addIdentityProgram(builder.addProgram());
  llvm::SmallVector<ExprId> dims;
  TensorId result = builder.addResult("r", QRT_DTYPE_F32, {-1, 4}, 0, dims);
  builder.branch(builder.element(condition, 0), 1, 2, x, result, "if");
  TensorId y = twice(builder, result, dims[0]);
  builder.addOutputIn(builder.storageOf(y), "y", QRT_DTYPE_F32, dims);
}

TEST(ControlFlow, branchTakesWhatTheConditionSays) {
  ArtifactBuilder builder;
  buildBranch(builder);
  Runner runner(builder);
  ASSERT_EQ(runner.openStatus, "");
  for (int64_t rows : {2, 5, 2})
    for (char condition : {1, 0, 1}) {
      ASSERT_EQ(runner.run({flag(condition), rowsOf(rows, 1)}), "");
      EXPECT_EQ(runner.shape(0), (std::vector<int64_t>{rows, 4}));
      EXPECT_EQ(runner.floats(0)[1], condition ? 8 : 4);
      EXPECT_EQ(runner.floats(0).back(), rows * 4 * (condition ? 4 : 2));
    }
}

// The first n rows of x, doubled.
TEST(ControlFlow, sizeIsReadFromAnInput) {
  ArtifactBuilder builder;
  addCode(builder);
  TensorId n = builder.addInput("n", QRT_DTYPE_I64, {});
  TensorId x = builder.addInput("x", QRT_DTYPE_F32,
                                {builder.dim(1, 0), builder.constant(4)});
  std::vector<ExprId> dims{builder.element(n, 0), builder.constant(4)};
  TensorId front = builder.addTensor("front", QRT_DTYPE_F32, dims,
                                     builder.storageOf(x));
  TensorId y = twice(builder, front, dims[0]);
  builder.addOutputIn(builder.storageOf(y), "y", QRT_DTYPE_F32, dims);
  Runner runner(builder);
  ASSERT_EQ(runner.openStatus, "");
  for (int64_t rows : {1, 3, 0, 3}) {
    ASSERT_EQ(runner.run({number(rows), rowsOf(3, 1)}), "");
    EXPECT_EQ(runner.shape(0), (std::vector<int64_t>{rows, 4}));
    EXPECT_EQ(runner.floats(0).size(), size_t(rows * 4));
  }
  EXPECT_EQ(runner.run({number(4), rowsOf(3, 1)}),
            "tensor 'front' does not fit its memory for these input shapes");
  EXPECT_EQ(runner.run({number(-1), rowsOf(3, 1)}),
            "storage 2 has no valid size for these input shapes");
  // A failed run leaves nothing behind.
  ASSERT_EQ(runner.run({number(2), rowsOf(3, 1)}), "");
  EXPECT_EQ(runner.shape(0), (std::vector<int64_t>{2, 4}));
}

// Runs x = 2 x while number < n; stacks every x.
void buildLoop(ArtifactBuilder &builder) {
  addCode(builder);
  TensorId n = builder.addInput("n", QRT_DTYPE_I64, {});
  TensorId x = builder.addInput("x", QRT_DTYPE_F32,
                                {builder.dim(1, 0), builder.constant(4)});
  ArtifactBuilder &body = builder.addProgram();
  body.addInput("number", QRT_DTYPE_I64, {});
  TensorId condition = body.addInput("condition", QRT_DTYPE_BOOL, {});
  std::vector<ExprId> inner{body.dim(2, 0), body.constant(4)};
  TensorId carried = body.addInput("x", QRT_DTYPE_F32, inner);
  body.copy(condition, body.addOutput("condition", QRT_DTYPE_BOOL, {}), "copy");
  TensorId doubled = twice(body, carried, inner[0]);
  body.copy(doubled, body.addOutput("y", QRT_DTYPE_F32, inner), "carried");
  body.copy(doubled, body.addOutput("s", QRT_DTYPE_F32, inner), "stacked");
  llvm::SmallVector<ExprId> last, stacked;
  TensorId results[] = {
      builder.addResult("last", QRT_DTYPE_F32, {-1, 4}, 0, last),
      builder.addResult("all", QRT_DTYPE_F32, {-1, -1, 4}, 1, stacked)};
  builder.loop(builder.element(n, 0), builder.constant(1), 1, 1, x, results,
               "loop");
  builder.copy(results[0], builder.addOutput("y", QRT_DTYPE_F32, last), "y");
  builder.copy(results[1], builder.addOutput("s", QRT_DTYPE_F32, stacked), "s");
}

TEST(ControlFlow, loopCarriesAndStacks) {
  ArtifactBuilder builder;
  buildLoop(builder);
  Runner runner(builder);
  ASSERT_EQ(runner.openStatus, "");
  for (int64_t rows : {2, 3})
    for (int64_t trips : {1, 5, 0, 2}) {
      ASSERT_EQ(runner.run({number(trips), rowsOf(rows, 1)}), "");
      EXPECT_EQ(runner.shape(0), (std::vector<int64_t>{rows, 4}));
      EXPECT_EQ(runner.floats(0)[3], 4 * (1 << trips));
      EXPECT_EQ(runner.shape(1),
                (std::vector<int64_t>{trips, trips ? rows : 0, 4}));
      for (int64_t i = 0; i < trips; ++i)
        EXPECT_EQ(runner.floats(1)[i * rows * 4], 2 << i);
    }
}

TEST(ControlFlow, loopsEndAtTheLimit) {
  ArtifactBuilder builder;
  buildLoop(builder);
  Runner runner(builder, 3);
  EXPECT_EQ(runner.run({number(3), rowsOf(1, 1)}), "");
  EXPECT_EQ(runner.run({number(4), rowsOf(1, 1)}),
            "loop: goes on after 3 iterations, the limit for all loops of a "
            "run");
  EXPECT_EQ(runner.run({number(2), rowsOf(1, 1)}), "");
}

TEST(ControlFlow, profileListsCommandsOfSubPrograms) {
  ArtifactBuilder builder;
  buildLoop(builder);
  Runner runner(builder);
  qrt_model_info_t info;
  qrt_model_info(runner.model, &info);
  ASSERT_EQ(info.command_count, 7u); // loop and 2 copies; 4 in the body
  qrt_command_info_t command;
  ASSERT_EQ(take(qrt_model_command(runner.model, 4, &command)), "");
  EXPECT_STREQ(command.name, "twice");
  qrt_context_set_profiling(runner.context, 1);
  ASSERT_EQ(runner.run({number(3), rowsOf(2, 1)}), "");
  qrt_profile_t profile;
  ASSERT_EQ(take(qrt_context_profile(runner.context, 4, &profile)), "");
  EXPECT_EQ(profile.units, 6); // 2 rows, 3 runs
}

TEST(ControlFlow, refusesProgramsThatDoNotFit) {
  // A program that runs itself.
  ArtifactBuilder itself;
  addCode(itself);
  TensorId x = itself.addInput("x", QRT_DTYPE_F32,
                               {itself.dim(0, 0), itself.constant(4)});
  llvm::SmallVector<ExprId> dims;
  TensorId result = itself.addResult("r", QRT_DTYPE_F32, {-1, 4}, 0, dims);
  itself.branch(itself.constant(1), 0, 0, x, result, "if");
  itself.copy(result, itself.addOutput("y", QRT_DTYPE_F32, dims), "y");
  EXPECT_EQ(Runner(itself).openStatus,
            "the TABLES section: command 0 of program 0 does not fit the "
            "program it runs");

  // Two inputs where the program takes one.
  ArtifactBuilder two;
  addCode(two);
  x = two.addInput("x", QRT_DTYPE_F32, {two.dim(0, 0), two.constant(4)});
  addIdentityProgram(two.addProgram());
  dims.clear();
  result = two.addResult("r", QRT_DTYPE_F32, {-1, 4}, 0, dims);
  two.branch(two.constant(1), 1, 1, {x, x}, result, "if");
  two.copy(result, two.addOutput("y", QRT_DTYPE_F32, dims), "y");
  EXPECT_EQ(Runner(two).openStatus,
            "the TABLES section: command 0 of program 0 does not fit the "
            "program it runs");
}

TEST(ControlFlow, refusesSizesUsedTooEarly) {
  ArtifactBuilder builder;
  addCode(builder);
  TensorId x = builder.addInput("x", QRT_DTYPE_F32,
                                {builder.dim(0, 0), builder.constant(4)});
  TensorId n = builder.addTensor(
      "n", QRT_DTYPE_I64, {}, builder.addTemporary(builder.constant(8)));
  std::vector<ExprId> dims{builder.element(n, 0), builder.constant(4)};
  TensorId front = builder.addTensor("front", QRT_DTYPE_F32, dims,
                                     builder.storageOf(x));
  builder.copy(front, builder.addOutput("y", QRT_DTYPE_F32, dims), "y");
  EXPECT_EQ(Runner(builder).openStatus,
            "the TABLES section: expression 6 reads what no command writes");
}

} // namespace

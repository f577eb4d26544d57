// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running the test program through the C API.

#include "test/runtime/TestArtifacts.h"
#include "gtest/gtest.h"
#include <thread>

using namespace qopt;
using namespace qopt::test;

namespace {

class ContextTest : public testing::Test {
protected:
  void SetUp() override {
    bytes = testArtifact();
    model = openModel(bytes);
    ASSERT_TRUE(model);
    create(1);
  }
  void TearDown() override {
    qrt_context_release(context);
    qrt_model_release(model);
  }
  void create(uint32_t threads) {
    qrt_context_release(context);
    qrt_context_options_t options;
    qrt_context_options_init(&options);
    options.threads = threads;
    ASSERT_EQ(take(qrt_context_create(model, &options, &context)), "");
  }
  std::string setInput(int64_t rows) {
    values.resize(rows * 4);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(i);
    shape = {rows, 4};
    qrt_array_t array = arrayOf(values, shape);
    return take(qrt_context_set_input(context, 0, &array));
  }
  void expectResult(int64_t rows) {
    qrt_array_t out;
    ASSERT_EQ(take(qrt_context_output(context, 0, &out)), "");
    ASSERT_EQ(out.rank, 2u);
    EXPECT_EQ(out.shape[0], rows);
    EXPECT_EQ(out.shape[1], 4);
    ASSERT_EQ(out.bytes, size_t(rows * 16));
    auto *y = static_cast<float *>(out.data);
    for (int64_t i = 0; i < rows * 4; ++i)
      EXPECT_EQ(y[i], 2 * (float(i) + float(i % 4 + 1))) << i;
  }

  Bytes bytes;
  qrt_model_t *model = nullptr;
  qrt_context_t *context = nullptr;
  std::vector<float> values;
  std::vector<int64_t> shape;
};

TEST_F(ContextTest, computesOnEveryIsaAndThreadCount) {
  for (const char *isa : {"x86-64-v3", "avx512-vnni"}) {
    qrt_model_options_t options;
    qrt_model_options_init(&options);
    options.isa = isa;
    qrt_model_t *other;
    qrt_code_t code;
    take(qrt_model_open(bytes.span(), &options, &other), &code);
    if (code == QRT_RESOURCES)
      continue;
    qrt_model_release(model);
    model = other;
    for (uint32_t threads : {1, 2, 3, 8}) {
      create(threads);
      ASSERT_EQ(setInput(7), "");
      ASSERT_EQ(take(qrt_context_run(context)), "");
      expectResult(7);
    }
  }
}

TEST_F(ContextTest, plansEachShapeOnce) {
  for (int64_t rows : {3, 8, 1, 3, 8, 1}) {
    ASSERT_EQ(setInput(rows), "");
    ASSERT_EQ(take(qrt_context_run(context)), "");
    expectResult(rows);
  }
  qrt_context_stats_t stats;
  qrt_context_stats(context, &stats);
  EXPECT_EQ(stats.plans, 3u);
  EXPECT_EQ(stats.runs, 6u);
  EXPECT_EQ(stats.arena_bytes, 128u);
}

TEST_F(ContextTest, refusesWrongInputs) {
  EXPECT_EQ(setInput(9), "input 'x': axis 0 (batch) is 9, but must be in 1 ... "
                         "8");
  EXPECT_EQ(take(qrt_context_run(context)), "input 'x' is not set");
  values.resize(6);
  shape = {2, 3};
  qrt_array_t array = arrayOf(values, shape);
  EXPECT_EQ(take(qrt_context_set_input(context, 0, &array)),
            "input 'x' is f32[2x3], but axis 1 must be 4");
  array.dtype = QRT_DTYPE_I32;
  EXPECT_EQ(take(qrt_context_set_input(context, 0, &array)),
            "input 'x' is i32, expected f32");
  array.dtype = QRT_DTYPE_F32;
  array.rank = 1;
  EXPECT_EQ(take(qrt_context_set_input(context, 0, &array)),
            "input 'x' has 1 axes, expected 2");
  shape = {2, 4};
  array = arrayOf(values, shape);
  EXPECT_EQ(take(qrt_context_set_input(context, 0, &array)),
            "input 'x' has 24 bytes, but its shape needs 32");
  EXPECT_EQ(take(qrt_context_set_input(context, 1, &array)),
            "there is no input 1; the model has 1");
  qrt_array_t out;
  EXPECT_EQ(take(qrt_context_output(context, 0, &out)),
            "there are no outputs before a run");
}

TEST_F(ContextTest, borrowsMemory) {
  alignas(64) float x[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  alignas(64) float y[8] = {};
  shape = {2, 4};
  qrt_array_t array = {QRT_DTYPE_F32, 2, shape.data(), x, sizeof(x)};
  ASSERT_EQ(take(qrt_context_borrow_input(context, 0, &array)), "");
  ASSERT_EQ(take(qrt_context_borrow_output(context, 0, y, sizeof(y))), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  expectResult(2);
  EXPECT_EQ(y[7], 22.0f);
  x[7] = 100; // used in place, every time
  ASSERT_EQ(take(qrt_context_run(context)), "");
  EXPECT_EQ(y[7], 208.0f);
  ASSERT_EQ(take(qrt_context_borrow_output(context, 0, y, 31)), "");
  EXPECT_EQ(take(qrt_context_run(context)),
            "output 'y' needs 32 bytes, but the borrowed memory has 31");
  array.data = x + 1;
  EXPECT_EQ(take(qrt_context_borrow_input(context, 0, &array)),
            "borrowed memory of input 0 is not aligned to 64 bytes");
}

TEST_F(ContextTest, swapsWeights) {
  alignas(64) float w[4] = {10, 10, 10, 10};
  ASSERT_EQ(setInput(1), "");
  ASSERT_EQ(take(qrt_context_set_weight(context, "w", w, sizeof(w))), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  qrt_array_t out;
  ASSERT_EQ(take(qrt_context_output(context, 0, &out)), "");
  EXPECT_EQ(static_cast<float *>(out.data)[0], 20.0f);
  ASSERT_EQ(take(qrt_context_set_weight(context, "w", nullptr, 0)), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  expectResult(1);
  EXPECT_EQ(take(qrt_context_set_weight(context, "w", w, 12)),
            "weight 'w' has 16 bytes, not 12");
  EXPECT_EQ(take(qrt_context_set_weight(context, "v", w, 16)),
            "the model has no weight 'v'");
}

struct Seen {
  std::vector<std::string> names;
  std::vector<int64_t> rows;
  bool zero = false;
  static void hook(void *self, uint32_t, const char *name,
                   const qrt_array_t *array) {
    auto *seen = static_cast<Seen *>(self);
    seen->names.push_back(name);
    seen->rows.push_back(array->shape[0]);
    if (seen->zero)
      std::memset(array->data, 0, array->bytes);
  }
};

TEST_F(ContextTest, tapsSeeAndMayChangeTensors) {
  Seen seen;
  seen.zero = true;
  qrt_context_set_tap(context, Seen::hook, &seen);
  ASSERT_EQ(setInput(3), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  EXPECT_EQ(seen.names, std::vector<std::string>{"sum"});
  EXPECT_EQ(seen.rows, std::vector<int64_t>{3});
  qrt_array_t out;
  ASSERT_EQ(take(qrt_context_output(context, 0, &out)), "");
  EXPECT_EQ(static_cast<float *>(out.data)[5], 0.0f);
}

TEST_F(ContextTest, tracesEveryWrittenTensor) {
  Seen seen;
  qrt_context_set_trace(context, Seen::hook, &seen);
  ASSERT_EQ(setInput(2), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  EXPECT_EQ(seen.names, (std::vector<std::string>{"sum", "y"}));
}

TEST_F(ContextTest, profilesCommands) {
  qrt_context_set_profiling(context, 1);
  ASSERT_EQ(setInput(5), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  qrt_profile_t profile;
  ASSERT_EQ(take(qrt_context_profile(context, 0, &profile)), "");
  EXPECT_EQ(profile.bytes, 5u * 16 + 16 + 5 * 16);
  EXPECT_EQ(profile.work, 20u);
  EXPECT_EQ(profile.units, 5);
  EXPECT_GT(profile.nanoseconds, 0u);
}

TEST_F(ContextTest, usesTheCallersExecutorAndAllocator) {
  struct Counts {
    int parallel = 0;
    int64_t live = 0;
  } counts;
  qrt_context_options_t options;
  qrt_context_options_init(&options);
  options.executor = {&counts, 3,
                      [](void *self, uint32_t count,
                         void (*task)(void *, uint32_t), void *argument) {
                        ++static_cast<Counts *>(self)->parallel;
                        std::vector<std::thread> threads;
                        for (uint32_t i = 0; i < count; ++i)
                          threads.emplace_back(task, argument, i);
                        for (std::thread &thread : threads)
                          thread.join();
                      }};
  options.allocator = {&counts,
                       [](void *self, size_t size, size_t alignment) {
                         ++static_cast<Counts *>(self)->live;
                         return std::aligned_alloc(alignment,
                                                   (size + alignment - 1) /
                                                       alignment * alignment);
                       },
                       [](void *self, void *memory, size_t) {
                         --static_cast<Counts *>(self)->live;
                         std::free(memory);
                       }};
  qrt_context_release(context);
  ASSERT_EQ(take(qrt_context_create(model, &options, &context)), "");
  ASSERT_EQ(setInput(8), "");
  ASSERT_EQ(take(qrt_context_run(context)), "");
  expectResult(8);
  EXPECT_EQ(counts.parallel, 2);
  EXPECT_GT(counts.live, 3);
  qrt_context_release(context);
  context = nullptr;
  EXPECT_EQ(counts.live, 0);
}

TEST_F(ContextTest, survivesEveryFailedAllocation) {
  struct Limit {
    int left;
    int64_t live = 0;
  };
  bool succeeded = false;
  for (int limit = 0; limit < 100 && !succeeded; ++limit) {
    Limit state{limit};
    qrt_context_options_t options;
    qrt_context_options_init(&options);
    options.threads = 2;
    options.allocator = {
        &state,
        [](void *self, size_t size, size_t alignment) -> void * {
          auto *state = static_cast<Limit *>(self);
          if (state->left-- <= 0)
            return nullptr;
          ++state->live;
          return std::aligned_alloc(alignment, (size + alignment - 1) /
                                                   alignment * alignment);
        },
        [](void *self, void *memory, size_t) {
          --static_cast<Limit *>(self)->live;
          std::free(memory);
        }};
    qrt_context_t *small;
    qrt_code_t code;
    take(qrt_context_create(model, &options, &small), &code);
    if (code == QRT_OK) {
      std::swap(small, context);
      succeeded = setInput(4) == "" && take(qrt_context_run(context)) == "";
      if (succeeded)
        expectResult(4);
      std::swap(small, context);
      qrt_context_release(small);
    } else {
      EXPECT_EQ(code, QRT_RESOURCES);
    }
    EXPECT_EQ(state.live, 0) << "limit " << limit;
  }
  EXPECT_TRUE(succeeded);
}

TEST_F(ContextTest, contextsOfOneModelRunAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      qrt_context_options_t options;
      qrt_context_options_init(&options);
      options.threads = 2;
      qrt_context_t *mine;
      ASSERT_EQ(take(qrt_context_create(model, &options, &mine)), "");
      std::vector<float> x(4 * (i + 1), float(i));
      std::vector<int64_t> extents = {i + 1, 4};
      qrt_array_t array = arrayOf(x, extents), out;
      for (int run = 0; run < 50; ++run) {
        ASSERT_EQ(take(qrt_context_set_input(mine, 0, &array)), "");
        ASSERT_EQ(take(qrt_context_run(mine)), "");
        ASSERT_EQ(take(qrt_context_output(mine, 0, &out)), "");
        EXPECT_EQ(static_cast<float *>(out.data)[4 * i + 3], 2.0f * (i + 4));
      }
      qrt_context_release(mine);
    });
  for (std::thread &thread : threads)
    thread.join();
}

} // namespace

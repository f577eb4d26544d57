// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Opening artifacts: what they say about themselves, and that damage anywhere
// is found.

#include "test/runtime/TestArtifacts.h"
#include "gtest/gtest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace qopt;
using namespace qopt::test;

namespace {

qrt_code_t codeOfOpen(const Bytes &bytes, std::string *message = nullptr) {
  qrt_model_t *model;
  qrt_code_t code;
  std::string text = take(qrt_model_open(bytes.span(), nullptr, &model), &code);
  if (message)
    *message = text;
  EXPECT_EQ(model == nullptr, code != QRT_OK);
  qrt_model_release(model);
  return code;
}

qrt_header_t &headerOf(Bytes &bytes) {
  return reinterpret_cast<qrt_header_t &>(bytes[0]);
}

qrt_section_t *sectionsOf(Bytes &bytes) {
  return reinterpret_cast<qrt_section_t *>(&bytes[sizeof(qrt_header_t)]);
}

// Makes all hashes right again, so that a change reaches the later checks.
void rehash(Bytes &bytes) {
  qrt_header_t &header = headerOf(bytes);
  std::string hashed(&bytes[0], offsetof(qrt_header_t, hash));
  for (uint32_t i = 0; i < header.section_count; ++i) {
    qrt_section_t &section = sectionsOf(bytes)[i];
    XXH128_hash_t hash = XXH3_128bits(&bytes[section.offset], section.size);
    section.hash = {hash.low64, hash.high64};
  }
  hashed.append(&bytes[sizeof(header)],
                header.section_count * sizeof(qrt_section_t));
  XXH128_hash_t hash = XXH3_128bits(hashed.data(), hashed.size());
  header.hash = {hash.low64, hash.high64};
}

TEST(Model, tellsAboutItself) {
  Bytes bytes = testArtifact();
  qrt_model_t *model = openModel(bytes);
  ASSERT_TRUE(model);
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  EXPECT_STREQ(info.name, "test");
  EXPECT_STREQ(info.producer, "qopt tests");
  EXPECT_EQ(info.isa_count, 2u);
  EXPECT_EQ(info.command_count, 3u);
  EXPECT_EQ(info.weight_bytes, 16u);
  EXPECT_EQ(std::string(static_cast<const char *>(info.lineage.data),
                        info.lineage.size),
            "{\"model\": \"test\"}");
  qrt_port_info_t port;
  ASSERT_EQ(take(qrt_model_input(model, 0, &port)), "");
  EXPECT_STREQ(port.name, "x");
  EXPECT_EQ(port.shape[0], -1);
  EXPECT_EQ(port.shape[1], 4);
  EXPECT_STREQ(port.symbols[0], "batch");
  EXPECT_EQ(port.max[0], 8);
  uint32_t index;
  EXPECT_EQ(take(qrt_model_find_output(model, "y", &index)), "");
  EXPECT_EQ(take(qrt_model_find_output(model, "z", &index)),
            "the model has no output 'z'; it has 'y'");
  qrt_command_info_t command;
  ASSERT_EQ(take(qrt_model_command(model, 0, &command)), "");
  EXPECT_STREQ(command.name, "Add_0");
  EXPECT_STREQ(command.kernel, "add_row");
  EXPECT_STREQ(qrt_model_isa(model, 0), "avx512-vnni");
  EXPECT_EQ(qrt_model_isa(model, 2), nullptr);
  qrt_model_release(model);
}

TEST(Model, flippedBytesAnywhereAreFound) {
  Bytes good = testArtifact();
  ASSERT_EQ(codeOfOpen(good), QRT_OK);
  // Every byte of header and tables; elsewhere a sample with a step that hits
  // all sections, their first and last bytes and the padding.
  std::vector<size_t> positions;
  for (uint32_t i = 0; i < headerOf(good).section_count; ++i) {
    const qrt_section_t &section = sectionsOf(good)[i];
    positions.push_back(section.offset);
    positions.push_back(section.offset + section.size - 1);
    positions.push_back(section.offset - 1);
  }
  for (size_t i = 0; i < good.size(); i += i < 700 ? 1 : 97)
    positions.push_back(i);
  for (size_t position : positions) {
    good[position] ^= 0x10;
    EXPECT_EQ(codeOfOpen(good), QRT_INTEGRITY) << "byte " << position;
    good[position] ^= 0x10;
  }
}

TEST(Model, flippedBytesNameTheSection) {
  for (auto [kind, name] : {std::pair(QRT_SECTION_TABLES, "TABLES"),
                            std::pair(QRT_SECTION_WEIGHTS, "WEIGHTS"),
                            std::pair(QRT_SECTION_LINEAGE, "LINEAGE")}) {
    Bytes bytes = testArtifact();
    for (uint32_t i = 0; i < headerOf(bytes).section_count; ++i)
      if (sectionsOf(bytes)[i].kind == uint32_t(kind))
        bytes[sectionsOf(bytes)[i].offset] ^= 1;
    std::string message;
    EXPECT_EQ(codeOfOpen(bytes, &message), QRT_INTEGRITY);
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

TEST(Model, damagedCodeIsFoundForEveryIsa) {
  Bytes bytes = testArtifact();
  for (uint32_t i = 0; i < headerOf(bytes).section_count; ++i) {
    qrt_section_t section = sectionsOf(bytes)[i];
    if (section.kind != QRT_SECTION_CODE)
      continue;
    bytes[section.offset + 5] ^= 1;
    qrt_model_options_t options;
    qrt_model_options_init(&options);
    options.isa = section.name;
    qrt_model_t *model;
    qrt_code_t code;
    std::string message =
        take(qrt_model_open(bytes.span(), &options, &model), &code);
    if (code == QRT_RESOURCES)
      continue; // not an ISA of this CPU
    EXPECT_EQ(code, QRT_INTEGRITY);
    EXPECT_NE(message.find(section.name), std::string::npos) << message;
  }
}

TEST(Model, truncationAnywhereIsFound) {
  std::string good = testArtifact().str();
  std::vector<size_t> sizes = {0, 1, 63, 64, 65, good.size() - 1};
  Bytes whole = testArtifact();
  for (uint32_t i = 0; i < headerOf(whole).section_count; ++i) {
    const qrt_section_t &section = sectionsOf(whole)[i];
    sizes.push_back(64 + i * sizeof(qrt_section_t));
    sizes.push_back(section.offset);
    if (section.offset + section.size < good.size())
      sizes.push_back(section.offset + section.size);
  }
  for (size_t i = 0; i < good.size(); i += 509)
    sizes.push_back(i);
  for (size_t size : sizes)
    EXPECT_EQ(codeOfOpen(Bytes(good.substr(0, size))), QRT_INTEGRITY)
        << size << " bytes";
  EXPECT_EQ(codeOfOpen(Bytes(good + "x")), QRT_INTEGRITY);
}

TEST(Model, honestlyHashedNonsenseIsRefused) {
  // Somebody's broken writer: all hashes match, the tables do not make sense.
  // Open must refuse or produce a model that stays within its memory.
  Bytes good = testArtifact();
  const qrt_section_t tables = sectionsOf(good)[0];
  int refused = 0;
  for (size_t at = 0; at < tables.size; at += 4)
    for (uint32_t value : {0u, 1u, 0x7fffffffu, 0xffffffffu}) {
      Bytes bytes = testArtifact();
      std::memcpy(&bytes[tables.offset + at], &value, 4);
      rehash(bytes);
      qrt_model_t *model;
      qrt_code_t code;
      take(qrt_model_open(bytes.span(), nullptr, &model), &code);
      refused += code == QRT_INTEGRITY;
      // Entry points are trusted: running is not tested here.
      qrt_model_release(model);
    }
  EXPECT_GT(refused, 200);
}

TEST(Model, ofAnotherVersionIsRefused) {
  Bytes bytes = testArtifact();
  headerOf(bytes).version = 2;
  rehash(bytes);
  std::string message;
  EXPECT_EQ(codeOfOpen(bytes, &message), QRT_INTEGRITY);
  EXPECT_NE(message.find("version 2"), std::string::npos) << message;
}

TEST(Model, unknownIsasAndKindsAreSkipped) {
  Bytes bytes = testArtifact();
  for (uint32_t i = 0; i < headerOf(bytes).section_count; ++i)
    if (std::string(sectionsOf(bytes)[i].name) == "avx512-vnni")
      std::strcpy(sectionsOf(bytes)[i].name, "future");
  rehash(bytes);
  qrt_model_t *model = openModel(bytes);
  ASSERT_TRUE(model);
  qrt_model_info_t info;
  qrt_model_info(model, &info);
  EXPECT_STREQ(info.isa, "x86-64-v3");
  qrt_model_release(model);
}

TEST(Model, missingIsaNamesWhatThereIs) {
  Bytes bytes = testArtifact();
  qrt_model_options_t options;
  qrt_model_options_init(&options);
  options.isa = "sparc";
  qrt_model_t *model;
  qrt_code_t code;
  std::string message =
      take(qrt_model_open(bytes.span(), &options, &model), &code);
  EXPECT_EQ(code, QRT_USAGE);
  EXPECT_EQ(message, "the artifact has no code for 'sparc'; it has: "
                     "avx512-vnni x86-64-v3");
}

TEST(Model, missingFileIsAnIOError) {
  qrt_model_t *model;
  qrt_code_t code;
  std::string message =
      take(qrt_model_open_file("/no/such/file.qar", nullptr, &model), &code);
  EXPECT_EQ(code, QRT_IO);
  EXPECT_EQ(message, "/no/such/file.qar: No such file or directory");
}

TEST(Model, lazyVerificationFindsDamageAtTheFirstRun) {
  Bytes bytes = testArtifact();
  for (uint32_t i = 0; i < headerOf(bytes).section_count; ++i)
    if (sectionsOf(bytes)[i].kind == QRT_SECTION_WEIGHTS)
      bytes[sectionsOf(bytes)[i].offset] ^= 1;
  qrt_model_options_t options;
  qrt_model_options_init(&options);
  options.verify = QRT_VERIFY_AT_FIRST_RUN;
  qrt_model_t *model;
  ASSERT_EQ(take(qrt_model_open(bytes.span(), &options, &model)), "");
  qrt_context_t *context;
  ASSERT_EQ(take(qrt_context_create(model, nullptr, &context)), "");
  std::vector<float> x(4);
  std::vector<int64_t> shape = {1, 4};
  qrt_array_t array = arrayOf(x, shape);
  ASSERT_EQ(take(qrt_context_set_input(context, 0, &array)), "");
  qrt_code_t code;
  take(qrt_context_run(context), &code);
  EXPECT_EQ(code, QRT_INTEGRITY);
  qrt_context_release(context);
  qrt_model_release(model);
}

} // namespace

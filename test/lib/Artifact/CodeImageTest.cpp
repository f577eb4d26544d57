// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM IR -> object -> code image -> call, on the ISA of this machine; and what
// the linker refuses.

#include "lib/Artifact/CodeImage.h"
#include "lib/Emission/ObjectEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"
#include <sys/mman.h>

using namespace llvm;
using namespace qopt;

namespace {

Expected<SmallVector<char>> compile(StringRef ir, int optLevel = 3) {
  LLVMContext context;
  SMDiagnostic diagnostic;
  auto module = parseAssemblyString(ir, diagnostic, context);
  if (!module)
    return createStringError(diagnostic.getMessage());
  return emission::emitObject(*module, *emission::hostTargetIsa(), optLevel);
}

// Compiles each text to an object of its own and links them.
Expected<artifact::CodeImage> build(ArrayRef<StringRef> texts) {
  std::vector<SmallVector<char>> objects;
  std::vector<ArrayRef<char>> views;
  for (StringRef text : texts) {
    auto object = compile(text);
    if (!object)
      return object.takeError();
    objects.push_back(std::move(*object));
  }
  for (auto &object : objects)
    views.push_back(object);
  return artifact::linkCodeImage(views);
}

class MappedImage {
public:
  explicit MappedImage(const artifact::CodeImage &image)
      : image(image), size(image.bytes.size()) {
    memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(memory, image.bytes.data(), size);
    mprotect(memory, size, PROT_READ | PROT_EXEC);
  }
  ~MappedImage() { munmap(memory, size); }
  template <typename Function> Function *get(StringRef name) {
    auto entry = image.entries.find(name);
    if (entry == image.entries.end())
      return nullptr;
    return reinterpret_cast<Function *>(static_cast<char *>(memory) +
                                        entry->second);
  }

private:
  const artifact::CodeImage &image;
  size_t size;
  void *memory;
};

std::string messageOf(Error error) { return toString(std::move(error)); }

TEST(CodeImage, constantsAndJumpTablesRun) {
  auto image = build({R"(
define double @pick(i64 %i) {
  switch i64 %i, label %other [ i64 0, label %a  i64 1, label %b
    i64 2, label %c  i64 3, label %d  i64 4, label %e ]
a: br label %other
b: br label %other
c: br label %other
d: br label %other
e: br label %other
other:
  %v = phi double [ 9.5, %0 ], [ 1.25, %a ], [ 2.5, %b ], [ 3.5, %c ],
                  [ 4.5, %d ], [ 7.0, %e ]
  ret double %v
})"});
  ASSERT_TRUE(bool(image)) << messageOf(image.takeError());
  EXPECT_GT(image->bytes.size(), image->textSize) << "expects constants";
  EXPECT_EQ(image->textSize % 4096, 0u);
  MappedImage mapped(*image);
  auto *pick = mapped.get<double(int64_t)>("pick");
  ASSERT_TRUE(pick);
  EXPECT_EQ(pick(0), 1.25);
  EXPECT_EQ(pick(4), 7.0);
  EXPECT_EQ(pick(77), 9.5);
}

TEST(CodeImage, largeCopiesUseTheCarriedFunctions) {
  const char *copy = R"(
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @NAME(ptr %to, ptr %from, i64 %n) {
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %n, i1 false)
  %next = getelementptr i8, ptr %to, i64 1
  call void @llvm.memmove.p0.p0.i64(ptr %next, ptr %to, i64 %n, i1 false)
  call void @llvm.memset.p0.i64(ptr %to, i8 7, i64 2, i1 false)
  call void @llvm.memset.p0.i64(ptr %to, i8 8, i64 %n, i1 false)
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %n, i1 false)
  call void @llvm.memmove.p0.p0.i64(ptr %next, ptr %to, i64 %n, i1 false)
  ret void
})";
  std::string first = copy, second = copy;
  first.replace(first.find("NAME"), 4, "first");
  second.replace(second.find("NAME"), 4, "second");
  auto image = build({first, second});
  ASSERT_TRUE(bool(image)) << messageOf(image.takeError());
  EXPECT_EQ(image->entries.size(), 2u) << "memcpy and so on are hidden";
  MappedImage mapped(*image);
  std::vector<char> from(1000), to(1001);
  for (size_t i = 0; i < from.size(); ++i)
    from[i] = char(i * 7);
  for (StringRef name : {"first", "second"}) {
    std::fill(to.begin(), to.end(), 0);
    mapped.get<void(char *, char *, int64_t)>(name)(to.data(), from.data(),
                                                    1000);
    EXPECT_EQ(to[0], from[0]);
    EXPECT_TRUE(std::equal(from.begin(), from.end(), to.begin() + 1));
  }
}

TEST(CodeImage, callsAcrossObjectsResolve) {
  auto image = build({"declare i64 @two()\n"
                      "define i64 @three() {\n"
                      "  %x = call i64 @two()\n"
                      "  %y = add i64 %x, 1\n"
                      "  ret i64 %y\n}",
                      "define i64 @two() {\n  ret i64 2\n}"});
  ASSERT_TRUE(bool(image)) << messageOf(image.takeError());
  MappedImage mapped(*image);
  EXPECT_EQ(mapped.get<int64_t()>("three")(), 3);
}

TEST(CodeImage, sameObjectsGiveSameBytes) {
  const char *ir = "define i64 @f(i64 %x) {\n  %y = udiv i64 %x, 10\n"
                   "  ret i64 %y\n}";
  auto first = build({ir}), second = build({ir});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->bytes, second->bytes);
}

TEST(CodeImage, refusesLibraryCalls) {
  auto image = build({"declare float @expf(float)\n"
                      "define float @f(float %x) {\n"
                      "  %y = call float @expf(float %x)\n"
                      "  ret float %y\n}"});
  ASSERT_FALSE(bool(image));
  EXPECT_NE(messageOf(image.takeError()).find("undefined symbol 'expf'"),
            std::string::npos);
}

TEST(CodeImage, refusesMutableData) {
  auto image = build({"@counter = global i64 5\n"
                      "define i64 @f() {\n  %x = load i64, ptr @counter\n"
                      "  ret i64 %x\n}"});
  ASSERT_FALSE(bool(image));
  EXPECT_NE(messageOf(image.takeError()).find("writable"), std::string::npos);
}

TEST(CodeImage, refusesTablesOfAddresses) {
  auto image = build({"@table = constant [2 x ptr] [ptr @f, ptr @g]\n"
                      "define i64 @f() {\n  ret i64 1\n}\n"
                      "define i64 @g() {\n  ret i64 2\n}\n"
                      "define ptr @get(i64 %i) {\n"
                      "  %p = getelementptr ptr, ptr @table, i64 %i\n"
                      "  %f = load ptr, ptr %p\n  ret ptr %f\n}"});
  ASSERT_FALSE(bool(image));
  consumeError(image.takeError());
}

TEST(CodeImage, refusesDuplicates) {
  const char *ir = "define i64 @two() {\n  ret i64 2\n}";
  auto image = build({ir, ir});
  ASSERT_FALSE(bool(image));
  EXPECT_NE(messageOf(image.takeError()).find("defined twice"),
            std::string::npos);
}

TEST(CodeImage, refusesGarbage) {
  std::string garbage = "this is no object file";
  ArrayRef<char> bytes(garbage.data(), garbage.size());
  auto image = artifact::linkCodeImage(bytes);
  ASSERT_FALSE(bool(image));
  consumeError(image.takeError());
}

TEST(ObjectEmitter, refusesUnspecifiedFusion) {
  auto object = compile("declare float @llvm.fmuladd.f32(float, float, float)\n"
                        "define float @f(float %x) {\n"
                        "  %y = call float @llvm.fmuladd.f32(float %x, float "
                        "%x, float %x)\n  ret float %y\n}");
  ASSERT_FALSE(bool(object));
  EXPECT_NE(messageOf(object.takeError()).find("fmuladd"), std::string::npos);
}

TEST(ObjectEmitter, refusesFastMath) {
  auto object = compile("define float @f(float %x) {\n"
                        "  %y = fadd contract float %x, %x\n"
                        "  ret float %y\n}");
  ASSERT_FALSE(bool(object));
  EXPECT_NE(messageOf(object.takeError()).find("fast-math"), std::string::npos);
}

TEST(ObjectEmitter, mulAndAddStayUnfused) {
  const char *ir = "define float @f(float %x, float %y, float %z) {\n"
                   "  %p = fmul float %x, %y\n  %s = fadd float %p, %z\n"
                   "  ret float %s\n}";
  auto image = build({ir});
  ASSERT_TRUE(bool(image)) << messageOf(image.takeError());
  MappedImage mapped(*image);
  auto *f = mapped.get<float(float, float, float)>("f");
  // x * x = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11 before the subtraction.
  float x = 1.0f + 0x1p-12f;
  EXPECT_EQ(f(x, x, -(1.0f + 0x1p-11f)), 0.0f);
}

TEST(ObjectEmitter, takesTheLLVMDialect) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::LLVM::LLVMDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      "llvm.func @f(%x: i64) -> i64 {\n  %y = llvm.add %x, %x : i64\n"
      "  llvm.return %y : i64\n}",
      &context);
  ASSERT_TRUE(module);
  for (const emission::TargetIsa &isa : emission::targetIsas()) {
    auto object = emission::emitObject(*module, isa, 3);
    ASSERT_TRUE(bool(object)) << messageOf(object.takeError());
    auto image = artifact::linkCodeImage(ArrayRef<char>(*object));
    ASSERT_TRUE(bool(image)) << messageOf(image.takeError());
    EXPECT_EQ(image->entries.count("f"), 1u);
  }
}

} // namespace

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/runtime/TestArtifacts.h"
#include "lib/Emission/ObjectEmitter.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace qopt;

// operands: x, w, sum and sum, y; dims: x's and sum's rows.
static constexpr const char kernels[] = R"(
define i64 @add_row_units(ptr %dims) {
  %n = load i64, ptr %dims
  ret i64 %n
}
define i64 @add_row_scratch(ptr %dims) {
  ret i64 100
}
define void @add_row(ptr %operands, ptr %dims, i64 %begin, i64 %end,
                     ptr %scratch) {
entry:
  %x = load ptr, ptr %operands
  %w.at = getelementptr ptr, ptr %operands, i64 1
  %w = load ptr, ptr %w.at
  %y.at = getelementptr ptr, ptr %operands, i64 2
  %y = load ptr, ptr %y.at
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %x.at = getelementptr [4 x float], ptr %x, i64 %i
  %to = getelementptr [4 x float], ptr %y, i64 %i
  %a = load <4 x float>, ptr %x.at
  %b = load <4 x float>, ptr %w
  %c = fadd <4 x float> %a, %b
  store <4 x float> %c, ptr %scratch
  %d = load <4 x float>, ptr %scratch
  store <4 x float> %d, ptr %to
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}
define i64 @twice_units(ptr %dims) {
  %n = load i64, ptr %dims
  ret i64 %n
}
define i64 @twice_scratch(ptr %dims) {
  ret i64 0
}
define void @twice(ptr %operands, ptr %dims, i64 %begin, i64 %end,
                   ptr %scratch) {
entry:
  %x = load ptr, ptr %operands
  %y.at = getelementptr ptr, ptr %operands, i64 1
  %y = load ptr, ptr %y.at
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %end
  br i1 %more, label %body, label %done
body:
  %x.at = getelementptr [4 x float], ptr %x, i64 %i
  %to = getelementptr [4 x float], ptr %y, i64 %i
  %a = load <4 x float>, ptr %x.at
  %c = fadd <4 x float> %a, %a
  store <4 x float> %c, ptr %to
  %next = add i64 %i, 1
  br label %loop
done:
  ret void
}
)";

artifact::CodeImage test::compileTestKernels(StringRef isa) {
  LLVMContext context;
  SMDiagnostic diagnostic;
  auto module = parseAssemblyString(kernels, diagnostic, context);
  if (!module)
    report_fatal_error(diagnostic.getMessage());
  SmallVector<char> object =
      cantFail(emission::emitObject(*module, *emission::findTargetIsa(isa), 2));
  return cantFail(artifact::linkCodeImage(ArrayRef<char>(object)));
}

void test::buildTestProgram(artifact::ArtifactBuilder &builder) {
  static const float weight[] = {1, 2, 3, 4};
  builder.setModelName("test");
  builder.setProducer("qopt tests");
  builder.setLineage("{\"model\": \"test\"}");
  auto n = builder.dim(0, 0), four = builder.constant(4);
  auto x = builder.addInput("x", QRT_DTYPE_F32, {n, four});
  auto y = builder.addOutput("y", QRT_DTYPE_F32, {n, four});
  builder.addSymbol(0, 0, "batch", 1, 8);
  auto w = builder.addWeight(
      "w", QRT_DTYPE_F32, {4},
      ArrayRef(reinterpret_cast<const char *>(weight), sizeof(weight)));
  auto memory =
      builder.addTemporary(builder.byteSize(QRT_DTYPE_F32, {n, four}));
  auto sum = builder.addTensor("sum", QRT_DTYPE_F32, {n, four}, memory);
  auto addRow = builder.addKernel("add_row", "add f32", 2, 1, 2);
  auto twice = builder.addKernel("twice", "mul f32", 1, 1, 2);
  builder.launch(addRow, {x, w, sum}, {n, n}, "Add_0",
                 builder.expr(QRT_EXPR_MUL, n, four));
  builder.tap(sum, "sum");
  builder.launch(twice, {sum, y}, {n, n}, "Mul_1");
  for (const emission::TargetIsa &isa : emission::targetIsas())
    builder.addCodeImage(isa.name, compileTestKernels(isa.name));
}

test::Bytes test::serialize(const artifact::ArtifactBuilder &builder) {
  Bytes bytes;
  bytes.buffer = cantFail(builder.serialize());
  return bytes;
}

test::Bytes test::testArtifact() {
  // Compiled once: some tests open hundreds of variants.
  static const std::string artifact = [] {
    artifact::ArtifactBuilder builder;
    buildTestProgram(builder);
    return serialize(builder).str();
  }();
  return Bytes(artifact);
}

std::string test::take(qrt_status_t status, qrt_code_t *code) {
  std::string message = qrt_status_message(status);
  if (code)
    *code = qrt_status_code(status);
  qrt_status_free(status);
  return message;
}

qrt_array_t test::arrayOf(std::vector<float> &values,
                          const std::vector<int64_t> &shape) {
  return {QRT_DTYPE_F32, uint32_t(shape.size()), shape.data(), values.data(),
          values.size() * sizeof(float)};
}

qrt_model_t *test::openModel(const Bytes &bytes, const char *isa) {
  qrt_model_options_t options;
  qrt_model_options_init(&options);
  options.isa = isa;
  qrt_model_t *model;
  EXPECT_EQ(take(qrt_model_open(bytes.span(), &options, &model)), "");
  return model;
}

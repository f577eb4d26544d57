// Runs compiled programs in this process.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Driver/InProcess.h"
#include "lib/Driver/Backend.h"
#include "lib/Support/Errors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "qrt/qrt.h"

using namespace mlir;
using namespace qopt;

namespace {

/// Kinds in the order of ElementKind.
constexpr std::pair<ElementKind, qrt_dtype_t> dtypes[] = {
    {ElementKind::F32, QRT_DTYPE_F32},   {ElementKind::F64, QRT_DTYPE_F64},
    {ElementKind::F16, QRT_DTYPE_F16},   {ElementKind::BF16, QRT_DTYPE_BF16},
    {ElementKind::I8, QRT_DTYPE_I8},     {ElementKind::U8, QRT_DTYPE_U8},
    {ElementKind::I16, QRT_DTYPE_I16},   {ElementKind::U16, QRT_DTYPE_U16},
    {ElementKind::I32, QRT_DTYPE_I32},   {ElementKind::U32, QRT_DTYPE_U32},
    {ElementKind::I64, QRT_DTYPE_I64},   {ElementKind::U64, QRT_DTYPE_U64},
    {ElementKind::Bool, QRT_DTYPE_BOOL},
};

qrt_dtype_t toDtype(ElementKind kind) {
  for (auto [known, dtype] : dtypes)
    if (known == kind)
      return dtype;
  return QRT_DTYPE_OPAQUE;
}

ElementKind toKind(qrt_dtype_t dtype) {
  for (auto [kind, known] : dtypes)
    if (known == dtype)
      return kind;
  return ElementKind::U8;
}

llvm::Error toError(qrt_status_t status) {
  if (!status)
    return llvm::Error::success();
  llvm::Error error =
      fail(ExitCode::Internal, "running the compiled program: {0}",
           qrt_status_message(status));
  qrt_status_free(status);
  return error;
}

class RunningProgram : public Executable {
public:
  ~RunningProgram() override {
    qrt_context_release(context);
    qrt_model_release(model);
  }

  llvm::Error open(OwningOpRef<ModuleOp> scheduled,
                   const artifact::ArtifactBuilder &builder,
                   unsigned threads) {
    auto bytes = builder.serialize();
    if (!bytes)
      return bytes.takeError();
    image = std::move(*bytes);
    qrt_model_options_t options;
    qrt_model_options_init(&options);
    options.verify = QRT_VERIFY_AT_FIRST_RUN;
    if (auto error = toError(qrt_model_open(
            {image->getBufferStart(), image->getBufferSize()}, &options,
            &model)))
      return error;
    qrt_context_options_t contextOptions;
    qrt_context_options_init(&contextOptions);
    contextOptions.threads = threads;
    return toError(qrt_context_create(model, &contextOptions, &context));
  }

  llvm::Error run(ArrayRef<HostTensor> inputs,
                  std::vector<HostTensor> &outputs,
                  Observer observer) override {
    for (auto [index, input] : llvm::enumerate(inputs)) {
      qrt_array_t array = {toDtype(input.kind), uint32_t(input.shape.size()),
                           input.shape.data(),
                           const_cast<char *>(input.data.data()),
                           input.data.size()};
      if (auto error = toError(qrt_context_set_input(context, index, &array)))
        return error;
    }
    qrt_context_set_tap(context, observer ? &onTap : nullptr, &observer);
    qrt_status_t status = qrt_context_run(context);
    qrt_context_set_tap(context, nullptr, nullptr);
    if (auto error = toError(status))
      return error;
    return collect(outputs);
  }

private:
  static void onTap(void *self, uint32_t, const char *name,
                    const qrt_array_t *array) {
    TensorView view{toKind(array->dtype),
                    ArrayRef<int64_t>(array->shape, array->rank),
                    static_cast<const char *>(array->data)};
    (*static_cast<Observer *>(self))(name, view);
  }

  llvm::Error collect(std::vector<HostTensor> &outputs) {
    qrt_model_info_t info;
    qrt_model_info(model, &info);
    outputs.resize(info.output_count);
    for (uint32_t i = 0; i < info.output_count; ++i) {
      qrt_port_info_t port;
      qrt_array_t array;
      if (auto error = toError(qrt_model_output(model, i, &port)))
        return error;
      if (auto error = toError(qrt_context_output(context, i, &array)))
        return error;
      HostTensor &output = outputs[i];
      output.name = port.name;
      output.kind = toKind(array.dtype);
      output.shape.assign(array.shape, array.shape + array.rank);
      auto *data = static_cast<const char *>(array.data);
      output.data.assign(data, data + array.bytes);
    }
    return llvm::Error::success();
  }

  std::unique_ptr<llvm::WritableMemoryBuffer> image;
  qrt_model_t *model = nullptr;
  qrt_context_t *context = nullptr;
};

} // namespace

llvm::Expected<std::unique_ptr<Executable>> InProcess::compile(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  BackendOptions options;
  options.optLevel = optLevel;
  const emission::TargetIsa *isa = emission::hostTargetIsa();
  if (!isa)
    return fail(ExitCode::Resources,
                "this machine's CPU runs none of the supported instruction "
                "sets: calibration needs at least AVX2 and FMA (x86-64-v3)");
  options.isas = {isa};
  if (auto error = runFuse(*copy, options))
    return error;
  if (auto error = runSchedule(*copy, options))
    return error;
  artifact::ArtifactBuilder builder;
  if (auto error = packageModule(*copy, builder))
    return error;
  auto image = generateCode(*copy, *isa, optLevel);
  if (!image)
    return image.takeError();
  builder.addCodeImage(isa->name, std::move(*image));
  auto program = std::make_unique<RunningProgram>();
  if (auto error = program->open(std::move(copy), builder, threads))
    return error;
  return program;
}

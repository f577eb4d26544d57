// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Can this model be imported, and if not, what is in the way?
#include "lib/Import/GraphImporter.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/MLIRContext.h"

using namespace mlir;

namespace qopt::import {
namespace {
CheckReport::TensorInfo describe(const onnx::ValueInfoProto &value) {
  const auto &type = value.type().tensor_type();
  std::string text;
  for (const auto &dim : type.shape().dim()) {
    if (dim.has_dim_value())
      text += std::to_string(dim.dim_value());
    else
      text += dim.dim_param().empty() ? "?" : dim.dim_param();
    text += " x ";
  }
  text += nameOf(static_cast<OnnxType>(type.elem_type()));
  return {value.name(), text};
}
} // namespace

Expected<CheckReport> checkModel(StringRef path, const ImportOptions &options) {
  Expected<std::shared_ptr<Model>> model = readModel(path);
  if (!model)
    return model.takeError();
  const onnx::GraphProto &graph = (*model)->getGraph();
  CheckReport report;
  report.opset = (*model)->getOpset("");
  report.producer = (*model)->getProto().producer_name();
  if (!(*model)->getProto().producer_version().empty())
    report.producer += " " + (*model)->getProto().producer_version();
  llvm::StringMap<bool> initializers;
  for (const auto &tensor : graph.initializer()) {
    initializers[tensor.name()] = true;
    if (auto count =
            countElements({tensor.dims().data(), size_t(tensor.dims_size())}))
      report.parameters += *count;
    else
      llvm::consumeError(count.takeError());
  }
  for (const auto &input : graph.input())
    if (!initializers.contains(input.name()))
      report.inputs.push_back(describe(input));
  for (const auto &output : graph.output())
    report.outputs.push_back(describe(output));
  for (const auto &node : graph.node())
    ++report.ops[node.op_type()];

  MLIRContext context(MLIRContext::Threading::DISABLED);
  GraphImporter importer(context, **model, options);
  auto module = importer.run();
  report.unsupported = importer.getUnsupported();
  if (module)
    return report;
  std::string message;
  ExitCode code = consumeFailure(module.takeError(), &message);
  if (code != ExitCode::Unsupported)
    return makeFailure(code, path + ": " + message);
  if (report.unsupported.empty())
    report.unsupported.push_back({"model", message});
  return report;
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The calibration run: compile once, run batch by batch.
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/Contractions.h"
#include "lib/Calibration/RowGeometries.h"
#include "lib/Analysis/ValueIds.h"
#include "lib/Support/Errors.h"
#include "passes/Calibrate/Passes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace qopt {

#define GEN_PASS_DEF_COLLECTSTATISTICSPASS
#include "passes/Calibrate/Passes.h.inc"

llvm::Expected<std::vector<InputSpec>> inputSpecsOf(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return makeFailure(ExitCode::Internal, "the module has no @main");
  std::vector<InputSpec> specs;
  for (BlockArgument argument : main.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = main.getArgAttrOfType<StringAttr>(number, "nn.name");
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    InputSpec spec;
    spec.name = name ? name.str() : "input" + std::to_string(number);
    if (!type || !elementKindOf(type.getElementType(), spec.kind))
      return fail(ExitCode::Unsupported,
                  "input '{0}': expected a tensor of numbers", spec.name);
    for (int64_t size : type.getShape())
      spec.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
    specs.push_back(std::move(spec));
  }
  return specs;
}

namespace {

// Window geometries to take second moments of, by value id.
using MomentRequests = llvm::StringMap<std::vector<RowGeometry>>;

MomentRequests findMomentRequests(ModuleOp module) {
  MomentRequests requests;
  for (auto function : module.getOps<func::FuncOp>())
    for (const Contraction &contraction : findContractions(function)) {
      std::optional<RowGeometry> geometry = rowGeometryOf(contraction);
      if (!geometry)
        continue;
      std::vector<RowGeometry> &wanted = requests[valueId(contraction.input)];
      if (!llvm::is_contained(wanted, *geometry))
        wanted.push_back(*geometry);
    }
  return requests;
}

llvm::Error collect(ModuleOp module, const CalibrateOptions &options) {
  llvm::Expected<std::unique_ptr<Executable>> executable =
      options.runner->compile(module);
  if (!executable)
    return executable.takeError();
  MomentRequests requests = findMomentRequests(module);
  Statistics &statistics = *options.statistics;
  auto observer = [&](llvm::StringRef id, const TensorView &value) {
    if (value.kind != ElementKind::F32)
      return;
    statistics.values[id.str()].add(value);
    auto wanted = requests.find(id);
    if (wanted == requests.end())
      return;
    for (const RowGeometry &geometry : wanted->second)
      statistics.moments[momentKey(id, geometry)].add(value.as<float>(),
                                                      value.shape, geometry);
  };
  std::vector<HostTensor> batch, outputs;
  bool any = false;
  while (true) {
    llvm::Expected<bool> more = options.data->next(batch);
    if (!more)
      return more.takeError();
    if (!*more)
      break;
    if (llvm::Error error = (*executable)->run(batch, outputs, observer))
      return error;
    any = true;
    if (options.samples && options.samples->size() < options.samplesKept)
      options.samples->push_back(batch);
    if (options.progress)
      options.progress();
  }
  if (!any)
    return makeFailure(ExitCode::BadModel, "the calibration data is empty");
  return llvm::Error::success();
}

struct CollectStatistics : impl::CollectStatisticsPassBase<CollectStatistics> {
  CollectStatistics() = default;
  explicit CollectStatistics(CalibrateOptions options)
      : options(std::move(options)) {}

  void runOnOperation() override {
    if (!options.data || !options.runner || !options.statistics)
      return;
    if (llvm::Error error = collect(getOperation(), options)) {
      std::string text;
      ExitCode code = consumeFailure(std::move(error), &text);
      if (options.exitCode)
        *options.exitCode = code;
      emitError(UnknownLoc::get(&getContext())) << "calibration: " << text;
      signalPassFailure();
    }
  }

  CalibrateOptions options;
};

} // namespace

std::unique_ptr<Pass> createCollectStatisticsPass(CalibrateOptions options) {
  return std::make_unique<CollectStatistics>(std::move(options));
}

} // namespace qopt

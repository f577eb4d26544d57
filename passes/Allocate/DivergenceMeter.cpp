// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights become arguments of a clone of the module.
#include "passes/Allocate/DivergenceMeter.h"
#include "dialects/NN/Constants.h"
#include "lib/Analysis/Contractions.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstring>

using namespace mlir;

namespace qopt {
namespace {

HostTensor toTensor(const Contraction &contraction) {
  std::vector<float> values =
      *nn::ConstantView::of(contraction.weight)->values<float>();
  HostTensor tensor;
  tensor.name = contraction.id;
  tensor.shape = contraction.weightType().getShape().vec();
  tensor.data.resize(values.size() * sizeof(float));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// Gives @main an argument for each weight; returns the weights.
std::vector<HostTensor> exposeWeights(func::FuncOp main) {
  std::vector<HostTensor> weights;
  Builder builder(main.getContext());
  for (const Contraction &contraction : findContractions(main)) {
    unsigned number = main.getNumArguments();
    RankedTensorType type = contraction.weightType();
    SmallVector<Attribute> dims(type.getRank(), builder.getStringAttr(""));
    std::string name = "weight." + std::to_string(weights.size());
    (void)main.insertArgument(
        number, type,
        builder.getDictionaryAttr(
            {builder.getNamedAttr("nn.dims", builder.getArrayAttr(dims)),
             builder.getNamedAttr("nn.name", builder.getStringAttr(name))}),
        contraction.weight.getLoc());
    weights.push_back(toTensor(contraction));
    contraction.op->setOperand(Contraction::weightOperand,
                               main.getArgument(number));
  }
  return weights;
}

} // namespace

llvm::Expected<std::unique_ptr<DivergenceMeter>>
DivergenceMeter::create(ModuleOp module, CompileAndRun &runner,
                        const SampleBatches &samples) {
  OwningOpRef<ModuleOp> clone = module.clone();
  auto main = clone->lookupSymbol<func::FuncOp>("main");
  if (!main)
    return makeFailure(ExitCode::Internal, "the module has no @main");
  auto meter = std::make_unique<DivergenceMeter>();
  meter->inputs = main.getNumArguments();
  std::vector<HostTensor> weights = exposeWeights(main);
  llvm::Expected<std::unique_ptr<Executable>> program = runner.compile(*clone);
  if (!program)
    return program.takeError();
  meter->program = std::move(*program);
  for (const std::vector<HostTensor> &sample : samples) {
    std::vector<HostTensor> &all = meter->arguments.emplace_back(sample);
    all.insert(all.end(), weights.begin(), weights.end());
  }
  if (llvm::Error error = meter->runAll(meter->reference))
    return error;
  return meter;
}

llvm::Error
DivergenceMeter::runAll(std::vector<std::vector<HostTensor>> &outputs) {
  outputs.resize(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i)
    if (llvm::Error error = program->run(arguments[i], outputs[i], nullptr))
      return error;
  return llvm::Error::success();
}

llvm::Expected<double>
DivergenceMeter::measure(ArrayRef<WeightTrial> trials) {
  std::vector<std::vector<char>> kept;
  for (const WeightTrial &trial : trials) {
    auto *bytes = reinterpret_cast<const char *>(trial.weight.data());
    for (std::vector<HostTensor> &all : arguments) {
      std::vector<char> &data = all[inputs + trial.index].data;
      kept.push_back(std::move(data));
      data.assign(bytes, bytes + trial.weight.size() * sizeof(float));
    }
  }
  std::vector<std::vector<HostTensor>> outputs;
  llvm::Error error = runAll(outputs);
  auto original = kept.begin();
  for (const WeightTrial &trial : trials)
    for (std::vector<HostTensor> &all : arguments)
      all[inputs + trial.index].data = std::move(*original++);
  if (error)
    return error;
  // Each output by its own size: beside a loud one a quiet one would not count.
  double worst = 0;
  for (size_t k = 0; k < reference.front().size(); ++k)
    worst = std::max(worst, divergenceOf(outputs, k));
  return worst;
}

double DivergenceMeter::divergenceOf(
    ArrayRef<std::vector<HostTensor>> outputs, size_t k) const {
  double distance = 0, energy = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i][k].kind != ElementKind::F32)
      continue;
    ArrayRef<float> got = outputs[i][k].view().as<float>();
    ArrayRef<float> wanted = reference[i][k].view().as<float>();
    for (size_t j = 0; j < got.size() && j < wanted.size(); ++j) {
      distance += (double(got[j]) - wanted[j]) * (double(got[j]) - wanted[j]);
      energy += double(wanted[j]) * wanted[j];
    }
  }
  return energy > 0 ? distance / energy : 0;
}

} // namespace qopt

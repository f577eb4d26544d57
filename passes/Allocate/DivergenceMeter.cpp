// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights, biases and roundings become arguments of a clone of the module.
#include "passes/Allocate/DivergenceMeter.h"
#include "dialects/NN/Constants.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/EncodedEdges.h"
#include "lib/Support/Errors.h"
#include "mlir/IR/OwningOpRef.h"
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace qopt::numerics;

namespace qopt {
namespace {

// Arguments of one rounding, in this order:
//   y = min(max(round(x * reciprocal), low), high) * step
constexpr size_t argumentsPerRounding = 4;
using Rounding = std::array<float, argumentsPerRounding>;

// Steps so small that whatever is larger than 2^-37 is a multiple of one, and
// the rest moves by 2^-61 at most: with bounds beyond all numbers nothing changes
// up to 2^67, beyond which no range is of use.
constexpr Rounding exact = {0x1p60f, -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::infinity(), 0x1p-60f};

Rounding roundingOf(QuantParams params) {
  return {1 / params.scale, float(-params.zeroPoint),
          float(255 - params.zeroPoint), params.scale};
}

HostTensor toTensor(std::string name, ArrayRef<int64_t> shape,
                    ArrayRef<float> values) {
  HostTensor tensor;
  tensor.name = std::move(name);
  tensor.shape = shape.vec();
  tensor.data.resize(values.size() * sizeof(float));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// Gives @main arguments and remembers what goes in.
class Arguments {
public:
  explicit Arguments(func::FuncOp main)
      : main(main), builder(main.getContext()) {}

  Value add(const Twine &name, RankedTensorType type, ArrayRef<float> values) {
    unsigned number = main.getNumArguments();
    SmallVector<Attribute> dims(type.getRank(), builder.getStringAttr(""));
    (void)main.insertArgument(
        number, type,
        builder.getDictionaryAttr(
            {builder.getNamedAttr("nn.dims", builder.getArrayAttr(dims)),
             builder.getNamedAttr("nn.name", builder.getStringAttr(name))}),
        main.getLoc());
    tensors.push_back(toTensor(name.str(), type.getShape(), values));
    return main.getArgument(number);
  }

  std::vector<HostTensor> tensors;

private:
  func::FuncOp main;
  Builder builder;
};

void exposeWeights(ArrayRef<Contraction> contractions, Arguments &arguments) {
  for (auto [i, contraction] : llvm::enumerate(contractions))
    contraction.op->setOperand(
        Contraction::weightOperand,
        arguments.add("weight." + Twine(i), contraction.weightType(),
                      *nn::ConstantView::of(contraction.weight)->values<float>()));
}

// A contraction without a bias gets an argument that nothing reads.
void exposeBiases(ArrayRef<Contraction> contractions, Arguments &arguments) {
  for (auto [i, contraction] : llvm::enumerate(contractions)) {
    OpOperand *bias = biasOperand(contraction);
    std::vector<float> values = {0};
    if (bias)
      values = *nn::ConstantView::of(bias->get())->values<float>();
    auto type =
        RankedTensorType::get(int64_t(values.size()),
                              Float32Type::get(contraction.op->getContext()));
    Value argument = arguments.add("bias." + Twine(i), type, values);
    if (bias)
      bias->set(argument);
  }
}

// Every reader but the function's results sees `value` rounded.
void exposeRounding(Value value, const Twine &name, Arguments &arguments) {
  OpBuilder builder(value.getContext());
  builder.setInsertionPointAfterValue(value);
  auto scalar = RankedTensorType::get({}, builder.getF32Type());
  SmallVector<Value, argumentsPerRounding> given;
  for (auto [k, number] : llvm::enumerate(exact))
    given.push_back(
        arguments.add(name + "." + Twine(k), scalar, ArrayRef(number)));
  SmallPtrSet<Operation *, 8> made;
  auto apply = [&](auto op) -> Value {
    made.insert(op);
    return op->getResult(0);
  };
  Location loc = value.getLoc();
  Type type = value.getType();
  Value steps =
      apply(nn::MulOp::create(builder, loc, type, value, given[0]));
  Value whole = apply(nn::RoundOp::create(builder, loc, type, steps));
  Value above = apply(nn::MaxOp::create(builder, loc, type, whole, given[1]));
  Value codes = apply(nn::MinOp::create(builder, loc, type, above, given[2]));
  Value rounded = apply(nn::MulOp::create(builder, loc, type, codes, given[3]));
  value.replaceUsesWithIf(rounded, [&](OpOperand &use) {
    return !made.contains(use.getOwner()) &&
           !isa<func::ReturnOp, tensor::DimOp>(use.getOwner());
  });
}

} // namespace

llvm::Expected<std::unique_ptr<DivergenceMeter>>
DivergenceMeter::create(ModuleOp module, CompileAndRun &runner,
                        const SampleBatches &samples, ActivationMode policy) {
  OwningOpRef<ModuleOp> clone = module.clone();
  auto main = clone->lookupSymbol<func::FuncOp>("main");
  if (!main)
    return makeFailure(ExitCode::Internal, "the module has no @main");
  auto meter = std::make_unique<DivergenceMeter>();
  std::vector<Contraction> contractions = findContractions(main);
  EncodedEdges edges(staticContractions(contractions, policy));
  Arguments added(main);
  meter->firstWeight = main.getNumArguments();
  exposeWeights(contractions, added);
  meter->firstBias = main.getNumArguments();
  exposeBiases(contractions, added);
  meter->firstRounding = main.getNumArguments();
  for (auto [i, value] : llvm::enumerate(edges.values()))
    exposeRounding(value, "codes." + Twine(i), added);
  llvm::Expected<std::unique_ptr<Executable>> program = runner.compile(*clone);
  if (!program)
    return program.takeError();
  meter->program = std::move(*program);
  for (const std::vector<HostTensor> &sample : samples) {
    std::vector<HostTensor> &all = meter->arguments.emplace_back(sample);
    all.insert(all.end(), added.tensors.begin(), added.tensors.end());
  }
  llvm::Expected<Outputs> reference = meter->runAll({});
  if (!reference)
    return reference.takeError();
  meter->reference = std::move(*reference);
  return meter;
}

llvm::Expected<DivergenceMeter::Outputs>
DivergenceMeter::runAll(Replacements replaced) {
  Outputs outputs(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto swap = [&] {
      for (auto &[argument, bytes] : replaced)
        std::swap(arguments[i][argument].data, bytes);
    };
    swap();
    llvm::Error error = program->run(arguments[i], outputs[i], nullptr);
    swap();
    if (error)
      return std::move(error);
  }
  return outputs;
}

bool DivergenceMeter::hasFloatOutput() const {
  return llvm::any_of(reference.front(), [](const HostTensor &output) {
    return isFloat(output.kind);
  });
}

llvm::Expected<double> DivergenceMeter::measure(const Trial &trial) {
  Replacements replaced;
  auto replace = [&](size_t argument, ArrayRef<float> values) {
    std::vector<char> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    replaced.emplace_back(argument, std::move(bytes));
  };
  for (const Trial::Weight &weight : trial.weights) {
    replace(firstWeight + weight.index, weight.values);
    if (!weight.bias.empty())
      replace(firstBias + weight.index, weight.bias);
  }
  for (const Trial::Codes &codes : trial.codes)
    for (auto [k, number] : llvm::enumerate(roundingOf(codes.params)))
      replace(firstRounding + codes.index * argumentsPerRounding + k, number);
  llvm::Expected<Outputs> outputs = runAll(std::move(replaced));
  if (!outputs)
    return outputs.takeError();
  // Each output by its own size: beside a loud one a quiet one would not count.
  double worst = 0;
  for (size_t k = 0; k < reference.front().size(); ++k)
    worst = std::max(worst, divergenceOf(*outputs, k));
  return worst;
}

double DivergenceMeter::divergenceOf(
    ArrayRef<std::vector<HostTensor>> outputs, size_t k) const {
  double distance = 0, energy = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!isFloat(outputs[i][k].kind))
      continue;
    std::vector<double> got = outputs[i][k].view().toDoubles();
    std::vector<double> wanted = reference[i][k].view().toDoubles();
    for (size_t j = 0; j < got.size() && j < wanted.size(); ++j) {
      // What no float network says, no codes can keep.
      if (!std::isfinite(wanted[j]))
        continue;
      if (!std::isfinite(got[j]))
        return std::numeric_limits<double>::infinity();
      distance += (got[j] - wanted[j]) * (got[j] - wanted[j]);
      energy += wanted[j] * wanted[j];
    }
  }
  return energy > 0 ? distance / energy : 0;
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs that the options turn into constants.
#include "lib/Import/GraphImporter.h"
#include "lib/Support/Errors.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {

Error GraphImporter::checkFrozenNames() {
  for (const auto &[name, elements] : options.frozen) {
    std::string names;
    bool found = false;
    for (const auto &input : model.getGraph().input()) {
      names += (names.empty() ? "" : ", ") + input.name();
      found |= input.name() == name && !values.contains(name);
    }
    if (!found)
      return fail(ExitCode::Usage,
                  "--freeze names '{0}', but the model's inputs are: {1}", name,
                  names);
  }
  return Error::success();
}

namespace {
// The element as the type holds it; nullopt where it does not.
std::optional<Scalar> scalarOf(double element, OnnxType type) {
  switch (type) {
  case OnnxType::Float:
    return Scalar::ofFloat(float(element));
  case OnnxType::Double:
    return Scalar::ofFloat(element);
  case OnnxType::Bool:
    if (element != 0 && element != 1)
      return std::nullopt;
    return Scalar::ofInt(int64_t(element));
  default:
    double limit = type == OnnxType::Int32 ? 0x1p31 : 0x1p63;
    if (element != std::trunc(element) || element < -limit || element >= limit)
      return std::nullopt;
    return Scalar::ofInt(int64_t(element));
  }
}
} // namespace

Expected<SmallTensor>
GraphImporter::frozenValue(const onnx::ValueInfoProto &input,
                           RankedTensorType type) {
  SmallTensor result;
  result.type =
      static_cast<OnnxType>(input.type().tensor_type().elem_type());
  if (!llvm::is_contained({OnnxType::Float, OnnxType::Double, OnnxType::Int32,
                           OnnxType::Int64, OnnxType::Bool},
                          result.type))
    return fail(ExitCode::Usage,
                "--freeze expects an input of float, double, int32, int64 or "
                "bool, but '{0}' is of {1}",
                input.name(), nameOf(result.type));
  if (!type.hasStaticShape())
    return fail(ExitCode::Usage,
                "--freeze expects an input whose sizes are known, but '{0}' has "
                "the shape {1}; give them with --shape",
                input.name(), shapeText(type.getShape()));
  const std::vector<double> &elements =
      options.frozen.find(input.name())->second;
  int64_t count = type.getNumElements();
  if (count > SmallTensor::maxElements)
    return fail(ExitCode::Usage,
                "--freeze expects an input of at most {0} elements, but '{1}' "
                "has {2}",
                SmallTensor::maxElements, input.name(), count);
  if (elements.size() != 1 && int64_t(elements.size()) != count)
    return fail(ExitCode::Usage,
                "--freeze gives '{0}' {1} elements, but it has {2}",
                input.name(), elements.size(), count);
  result.shape.assign(type.getShape().begin(), type.getShape().end());
  for (int64_t i = 0; i < count; ++i) {
    double element = elements[elements.size() == 1 ? 0 : i];
    std::optional<Scalar> scalar = scalarOf(element, result.type);
    if (!scalar)
      return fail(ExitCode::Usage,
                  "--freeze gives '{0}' the element {1}, which is no {2}",
                  input.name(), element, nameOf(result.type));
    result.elements.push_back(*scalar);
  }
  return result;
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Inputs.h"
#include "TensorFiles.h"
#include <cstring>

using namespace qrun;

namespace {

std::string namesOf(const std::vector<Tensor> &tensors) {
  std::string text;
  for (const Tensor &tensor : tensors)
    text += " '" + tensor.name + "'";
  return tensors.empty() ? " nothing" : text;
}

// SplitMix64: equal on every machine.
uint64_t nextRandom(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// Floats in [0, 1), bytes of any value, other integers and booleans 0 or 1:
// they may be indices or masks.
void fillRandom(Tensor &tensor, uint64_t seed) {
  size_t size = qrt_dtype_size(tensor.dtype);
  for (size_t at = 0; at < tensor.data.size(); at += size) {
    uint64_t bits = nextRandom(seed);
    float value = float(bits >> 40) * 0x1p-24f;
    double wide = value;
    uint64_t out = bits >> 63;
    if (tensor.dtype == QRT_DTYPE_F32)
      std::memcpy(&out, &value, 4);
    else if (tensor.dtype == QRT_DTYPE_F64)
      std::memcpy(&out, &wide, 8);
    else if (tensor.dtype == QRT_DTYPE_U8 || tensor.dtype == QRT_DTYPE_I8)
      out = bits >> 56;
    else if (tensor.dtype == QRT_DTYPE_F16)
      out = out * 0x3c00;
    else if (tensor.dtype == QRT_DTYPE_BF16)
      out = out * 0x3f80;
    if (tensor.dtype >= QRT_DTYPE_I4)
      out = uint8_t(extended(tensor.dtype, bits >> 56));
    std::memcpy(tensor.data.data() + at, &out, size);
  }
}

class Gatherer {
public:
  Gatherer(const Session &session, const Options &options,
           std::vector<Tensor> &inputs)
      : session(session), options(options), inputs(inputs),
        given(session.inputs.size()) {
    inputs.assign(session.inputs.size(), Tensor());
  }

  Failure run() {
    for (const FileBinding &binding : options.inputs)
      if (Failure failure = readBinding(binding))
        return failure;
    if (Failure failure = readShapes())
      return failure;
    for (uint32_t i = 0; i < inputs.size(); ++i)
      if (!given[i])
        if (Failure failure = makeRandom(i))
          return failure;
    return {};
  }

private:
  // Bytes without a type of their own are what the input wants.
  static void adoptNarrowType(Tensor &tensor, qrt_dtype_t wanted) {
    if (tensor.dtype != QRT_DTYPE_OPAQUE || wanted < QRT_DTYPE_I4)
      return;
    tensor.dtype = wanted;
    for (char &byte : tensor.data)
      byte = extended(wanted, uint8_t(byte));
  }

  Failure place(uint32_t index, Tensor &tensor) {
    const char *name = session.inputs[index].name;
    if (given[index])
      return Failure(ExitUsage, format("input '%s' is given twice", name));
    given[index] = true;
    adoptNarrowType(tensor, session.inputs[index].dtype);
    inputs[index] = std::move(tensor);
    inputs[index].name = name;
    return {};
  }

  Failure readBinding(const FileBinding &binding) {
    std::vector<Tensor> tensors;
    if (Failure failure = readTensors(binding.path, tensors))
      return failure;
    // A file of one array goes to the input named, or the only one.
    bool many = tensors.size() != 1 && binding.key.empty();
    if (binding.name.empty() && (many || session.inputs.size() != 1))
      return placeByKeys(binding, tensors);
    uint32_t index;
    if (Failure failure = session.findInput(binding.name, index))
      return failure;
    Tensor tensor;
    if (Failure failure = readOne(binding, session.inputs[index].name, tensor))
      return failure;
    return place(index, tensor);
  }

  Failure placeByKeys(const FileBinding &binding,
                      std::vector<Tensor> &tensors) {
    bool any = false;
    for (Tensor &tensor : tensors) {
      if (!binding.key.empty() && tensor.name != binding.key)
        continue;
      for (uint32_t i = 0; i < session.inputs.size(); ++i) {
        if (tensor.name != session.inputs[i].name)
          continue;
        any = true;
        if (Failure failure = place(i, tensor))
          return failure;
        break;
      }
    }
    if (any)
      return {};
    std::string wanted;
    for (const qrt_port_info_t &port : session.inputs)
      wanted += std::string(" '") + port.name + "'";
    return Failure(ExitBadInput, binding.path + ": expects arrays named" +
                                     wanted + ", found" + namesOf(tensors));
  }

  Failure readShapes() {
    shapes.resize(inputs.size());
    for (const ShapeBinding &binding : options.shapes) {
      uint32_t index;
      if (Failure failure = session.findInput(binding.name, index))
        return failure;
      if (given[index])
        return Failure(ExitUsage, format("--shape is for random inputs, but "
                                         "'%s' comes from a file",
                                         session.inputs[index].name));
      shapes[index] = &binding;
    }
    return {};
  }

  Failure makeRandom(uint32_t index) {
    const qrt_port_info_t &port = session.inputs[index];
    if (!options.bench && !options.random)
      return Failure(ExitUsage,
                     format("input '%s' (%s) is missing; give --input %s=@FILE "
                            "or --random-seed N",
                            port.name, typeOf(port).c_str(), port.name));
    Tensor &tensor = inputs[index];
    tensor.name = port.name;
    tensor.dtype = port.dtype;
    for (uint32_t axis = 0; axis < port.rank; ++axis) {
      int64_t open = axis == 0 && options.batch ? options.batch : 1;
      tensor.shape.push_back(port.shape[axis] >= 0 ? port.shape[axis] : open);
    }
    if (shapes[index])
      tensor.shape = shapes[index]->shape;
    size_t bytes;
    if (!checkedBytes(tensor.dtype, tensor.shape, bytes))
      return Failure(ExitUsage, "shape is too large: " + tensor.type());
    tensor.data.resize(bytes);
    fillRandom(tensor, options.seed + index);
    return {};
  }

  const Session &session;
  const Options &options;
  std::vector<Tensor> &inputs;
  std::vector<bool> given;
  std::vector<const ShapeBinding *> shapes;
};

} // namespace

Failure qrun::readOne(const FileBinding &binding, const std::string &name,
                      Tensor &tensor) {
  std::vector<Tensor> tensors;
  if (Failure failure = readTensors(binding.path, tensors))
    return failure;
  const std::string &key = binding.key.empty() ? name : binding.key;
  for (Tensor &candidate : tensors) {
    bool only = tensors.size() == 1 && binding.key.empty();
    if (only || candidate.name == key) {
      tensor = std::move(candidate);
      return {};
    }
  }
  return Failure(ExitBadInput, binding.path + ": expects an array '" + key +
                                   "', found" + namesOf(tensors));
}

Failure qrun::gatherInputs(const Session &session, const Options &options,
                           std::vector<Tensor> &inputs) {
  return Gatherer(session, options, inputs).run();
}

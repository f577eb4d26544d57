// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The collecting half of the builder; ArtifactWriter.cpp is the writing half.

#include "lib/Artifact/ArtifactBuilder.h"
#include "llvm/Support/MathExtras.h"
#include <optional>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace llvm;
using namespace qopt::artifact;

int64_t qopt::artifact::byteWidth(qrt_dtype_t dtype) {
  switch (dtype) {
  case QRT_DTYPE_F64:
  case QRT_DTYPE_I64:
  case QRT_DTYPE_U64:
    return 8;
  case QRT_DTYPE_F32:
  case QRT_DTYPE_I32:
  case QRT_DTYPE_U32:
    return 4;
  case QRT_DTYPE_F16:
  case QRT_DTYPE_BF16:
  case QRT_DTYPE_I16:
  case QRT_DTYPE_U16:
    return 2;
  case QRT_DTYPE_I8:
  case QRT_DTYPE_U8:
  case QRT_DTYPE_BOOL:
  case QRT_DTYPE_OPAQUE:
  case QRT_DTYPE_I4:
  case QRT_DTYPE_U4:
  case QRT_DTYPE_I2:
  case QRT_DTYPE_U2:
  case QRT_DTYPE_F8E4M3FN:
  case QRT_DTYPE_F8E4M3FNUZ:
  case QRT_DTYPE_F8E5M2:
  case QRT_DTYPE_F8E5M2FNUZ:
  case QRT_DTYPE_F8E8M0:
  case QRT_DTYPE_F4E2M1:
    return 1;
  }
  return 0;
}

ArtifactBuilder::ArtifactBuilder() : ArtifactBuilder(this) {}

ArtifactBuilder::ArtifactBuilder(ArtifactBuilder *root) : root(root) {
  strings.push_back('\0');
  stringIds[""] = 0;
}

ArtifactBuilder &ArtifactBuilder::addProgram() {
  subprograms.emplace_back(new ArtifactBuilder(root));
  return *subprograms.back();
}

void ArtifactBuilder::setModelName(StringRef name) {
  modelName = addString(name);
}

void ArtifactBuilder::setProducer(StringRef text) {
  producer = addString(text);
}

void ArtifactBuilder::setLineage(std::string json) {
  lineage = std::move(json);
}

uint32_t ArtifactBuilder::addString(StringRef text) {
  // Strings are NUL-terminated: an embedded NUL would end one early.
  text = text.take_until([](char c) { return c == '\0'; });
  auto [entry, inserted] = stringIds.try_emplace(text, strings.size());
  if (inserted) {
    strings.insert(strings.end(), text.begin(), text.end());
    strings.push_back('\0');
  }
  return entry->second;
}

uint32_t ArtifactBuilder::addIds(ArrayRef<uint32_t> list) {
  auto [entry, inserted] = idLists.try_emplace(list.vec(), ids.size());
  if (inserted)
    ids.insert(ids.end(), list.begin(), list.end());
  return entry->second;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

// The value of an operation on constants; none if it is invalid, which is the
// runtime's to report.
static std::optional<int64_t> fold(qrt_expr_op_t op, int64_t a, int64_t b) {
  int64_t result;
  switch (op) {
  case QRT_EXPR_ADD:
    return AddOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case QRT_EXPR_SUB:
    return SubOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case QRT_EXPR_MUL:
    return MulOverflow(a, b, result) ? std::nullopt : std::optional(result);
  case QRT_EXPR_FLOORDIV:
    return b > 0 ? std::optional(divideFloorSigned(a, b)) : std::nullopt;
  case QRT_EXPR_CEILDIV:
    return b > 0 ? std::optional(divideCeilSigned(a, b)) : std::nullopt;
  case QRT_EXPR_MOD:
    return b > 0 ? std::optional(a - b * divideFloorSigned(a, b))
                 : std::nullopt;
  case QRT_EXPR_MAX:
    return std::max(a, b);
  case QRT_EXPR_MIN:
    return std::min(a, b);
  case QRT_EXPR_EQ:
    return a == b;
  case QRT_EXPR_NE:
    return a != b;
  case QRT_EXPR_LT:
    return a < b;
  case QRT_EXPR_LE:
    return a <= b;
  default:
    return std::nullopt;
  }
}

std::optional<int64_t> ArtifactBuilder::constantValue(ExprId id) const {
  if (id >= exprs.size() || exprs[id].op != QRT_EXPR_CONST)
    return std::nullopt;
  return exprs[id].value;
}

ExprId ArtifactBuilder::constant(int64_t value) {
  auto [entry, inserted] =
      exprIds.try_emplace({QRT_EXPR_CONST, 0, 0, 0, value}, exprs.size());
  if (inserted)
    exprs.push_back({QRT_EXPR_CONST, 0, 0, 0, value});
  return entry->second;
}

ExprId ArtifactBuilder::dim(uint32_t input, uint32_t axis) {
  auto [entry, inserted] =
      exprIds.try_emplace({QRT_EXPR_DIM, input, axis, 0, 0}, exprs.size());
  if (inserted)
    exprs.push_back({QRT_EXPR_DIM, input, axis, 0, 0});
  return entry->second;
}

ExprId ArtifactBuilder::expr(qrt_expr_op_t op, ExprId a, ExprId b, ExprId c) {
  std::optional<int64_t> x = constantValue(a), y = constantValue(b);
  if (op == QRT_EXPR_SELECT && x)
    return *x ? b : c;
  if (x && y)
    if (std::optional<int64_t> value = fold(op, *x, *y))
      return constant(*value);
  // Multiplying by one is what most byte sizes and static shapes do.
  if (op == QRT_EXPR_MUL && x == 1)
    return b;
  if ((op == QRT_EXPR_MUL || op == QRT_EXPR_FLOORDIV) && y == 1)
    return a;
  if ((op == QRT_EXPR_ADD || op == QRT_EXPR_SUB) && y == 0)
    return a;
  if (op == QRT_EXPR_ADD && x == 0)
    return b;
  uint32_t third = op == QRT_EXPR_SELECT ? c : 0;
  auto [entry, inserted] =
      exprIds.try_emplace({uint32_t(op), a, b, third, 0}, exprs.size());
  if (inserted)
    exprs.push_back({uint32_t(op), a, b, third, 0});
  return entry->second;
}

ExprId ArtifactBuilder::product(ArrayRef<ExprId> factors) {
  ExprId result = constant(1);
  for (ExprId factor : factors)
    result = expr(QRT_EXPR_MUL, result, factor);
  return result;
}

ExprId ArtifactBuilder::byteSize(qrt_dtype_t dtype, ArrayRef<ExprId> dims) {
  return expr(QRT_EXPR_MUL, product(dims), constant(byteWidth(dtype)));
}

ExprId ArtifactBuilder::element(TensorId tensor, uint32_t index) {
  auto [entry, inserted] = exprIds.try_emplace(
      {QRT_EXPR_ELEMENT, tensor, index, 0, 0}, exprs.size());
  if (inserted)
    exprs.push_back({QRT_EXPR_ELEMENT, tensor, index, 0, 0});
  return entry->second;
}

//===----------------------------------------------------------------------===//
// Storages and tensors
//===----------------------------------------------------------------------===//

StorageId ArtifactBuilder::addStorage(qrt_storage_kind_t kind, ExprId bytes,
                                      uint32_t index) {
  qrt_storage_t storage = {};
  storage.kind = kind;
  storage.bytes = bytes;
  storage.index = index;
  storages.push_back(storage);
  return storages.size() - 1;
}

StorageId ArtifactBuilder::addTemporary(ExprId bytes) {
  return addStorage(QRT_STORAGE_TEMP, bytes, 0);
}

StorageId ArtifactBuilder::storageOf(TensorId tensor) const {
  return tensor < tensors.size() ? tensors[tensor].storage : QRT_NONE;
}

TensorId ArtifactBuilder::addTensor(StringRef name, qrt_dtype_t dtype,
                                    ArrayRef<ExprId> dims, StorageId storage,
                                    ExprId offset) {
  qrt_tensor_t tensor = {};
  tensor.name = addString(name);
  tensor.dtype = dtype;
  tensor.rank = dims.size();
  tensor.dims = addIds(dims);
  tensor.storage = storage;
  tensor.offset = constantValue(offset) == 0 ? QRT_NONE : offset;
  tensors.push_back(tensor);
  return tensors.size() - 1;
}

TensorId ArtifactBuilder::addInput(StringRef name, qrt_dtype_t dtype,
                                   ArrayRef<ExprId> dims) {
  StorageId storage =
      addStorage(QRT_STORAGE_INPUT, byteSize(dtype, dims), inputs.size());
  TensorId tensor = addTensor(name, dtype, dims, storage);
  inputs.push_back({addString(name), tensor, 0, 0});
  return tensor;
}

TensorId ArtifactBuilder::addOutput(StringRef name, qrt_dtype_t dtype,
                                    ArrayRef<ExprId> dims) {
  StorageId storage =
      addStorage(QRT_STORAGE_OUTPUT, byteSize(dtype, dims), outputs.size());
  TensorId tensor = addTensor(name, dtype, dims, storage);
  outputs.push_back({addString(name), tensor, 0, 0});
  return tensor;
}

TensorId ArtifactBuilder::addOutputIn(StorageId temporary, StringRef name,
                                      qrt_dtype_t dtype,
                                      ArrayRef<ExprId> dims) {
  if (temporary >= storages.size() ||
      storages[temporary].kind != QRT_STORAGE_TEMP)
    return QRT_NONE;
  storages[temporary].kind = QRT_STORAGE_OUTPUT;
  storages[temporary].index = outputs.size();
  TensorId tensor = addTensor(name, dtype, dims, temporary);
  outputs.push_back({addString(name), tensor, 0, 0});
  return tensor;
}

void ArtifactBuilder::addSymbol(uint32_t input, uint32_t axis, StringRef name,
                                int64_t min, int64_t max) {
  symbols.push_back({input, axis, addString(name), 0, min, max});
}

TensorId ArtifactBuilder::addWeight(StringRef name, qrt_dtype_t dtype,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<char> bytes) {
  SmallVector<ExprId> dims;
  for (int64_t size : shape)
    dims.push_back(constant(size));
  XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  auto [entry, inserted] = weightIds.try_emplace(
      {hash.low64, hash.high64, bytes.size()}, storages.size());
  if (inserted) {
    addStorage(QRT_STORAGE_WEIGHT, constant(bytes.size()), 0);
    storages.back().weight_offset =
        root->placeWeight({hash.low64, hash.high64}, bytes);
    storages.back().weight_size = bytes.size();
  }
  return addTensor(name, dtype, dims, entry->second);
}

uint64_t ArtifactBuilder::placeWeight(std::pair<uint64_t, uint64_t> hash,
                                      ArrayRef<char> bytes) {
  auto [entry, inserted] = weightOffsets.try_emplace(
      {hash.first, hash.second, bytes.size()}, weightBytes);
  if (inserted) {
    weights.push_back({bytes, weightBytes});
    weightBytes =
        alignTo(weightBytes + bytes.size(), uint64_t(QRT_DATA_ALIGNMENT));
  }
  return entry->second;
}

TensorId ArtifactBuilder::addResult(StringRef name, qrt_dtype_t dtype,
                                    ArrayRef<int64_t> shape, uint32_t number,
                                    SmallVectorImpl<ExprId> &dims) {
  uint32_t tensor = tensors.size();
  for (auto [axis, size] : enumerate(shape)) {
    if (size >= 0) {
      dims.push_back(constant(size));
      continue;
    }
    dims.push_back(exprs.size());
    exprs.push_back({QRT_EXPR_RESULT_DIM, tensor, uint32_t(axis), 0, 0});
  }
  StorageId storage =
      addStorage(QRT_STORAGE_RESULT, byteSize(dtype, dims), number);
  storages.back().first_use = commands.size();
  return addTensor(name, dtype, dims, storage);
}

TensorId ArtifactBuilder::addWeight(StringRef name, qrt_dtype_t dtype,
                                    ArrayRef<int64_t> shape,
                                    std::vector<char> bytes) {
  size_t before = root->weights.size();
  auto owned = std::make_unique<std::vector<char>>(std::move(bytes));
  TensorId tensor = addWeight(name, dtype, shape, ArrayRef<char>(*owned));
  if (root->weights.size() != before)
    root->ownedWeights.push_back(std::move(owned));
  return tensor;
}

//===----------------------------------------------------------------------===//
// Kernels and commands
//===----------------------------------------------------------------------===//

KernelId ArtifactBuilder::addKernel(StringRef name, StringRef description,
                                    uint32_t inputCount, uint32_t outputCount,
                                    uint32_t dimsCount) {
  qrt_kernel_t record = {};
  record.name = addString(name);
  record.description = addString(description);
  record.operand_count = inputCount + outputCount;
  record.input_count = inputCount;
  record.dims_count = dimsCount;
  kernels.push_back({name.str(), record});
  return kernels.size() - 1;
}

void ArtifactBuilder::addCodeImage(StringRef isa, CodeImage image) {
  images[isa.str()] = std::move(image);
}

void ArtifactBuilder::addCommand(qrt_command_t command,
                                 ArrayRef<TensorId> operands,
                                 ArrayRef<ExprId> dims, StringRef name) {
  command.operands = addIds(operands);
  command.operand_count = operands.size();
  command.dims = addIds(dims);
  command.dims_count = dims.size();
  command.name = addString(name);
  if (command.kind != QRT_COMMAND_BRANCH && command.kind != QRT_COMMAND_LOOP)
    command.target = QRT_NONE;
  commands.push_back(command);
}

void ArtifactBuilder::addCall(qrt_command_t command, ArrayRef<TensorId> inputs,
                              ArrayRef<TensorId> results, ArrayRef<ExprId> dims,
                              StringRef name) {
  SmallVector<TensorId> operands(inputs);
  operands.append(results.begin(), results.end());
  command.kernel = command.work = QRT_NONE;
  command.input_count = inputs.size();
  addCommand(command, operands, dims, name);
}

void ArtifactBuilder::branch(ExprId condition, uint32_t thenProgram,
                             uint32_t elseProgram, ArrayRef<TensorId> inputs,
                             ArrayRef<TensorId> results, StringRef name) {
  qrt_command_t command = {};
  command.kind = QRT_COMMAND_BRANCH;
  command.target = thenProgram;
  command.other = elseProgram;
  addCall(command, inputs, results, condition, name);
}

void ArtifactBuilder::loop(ExprId trips, ExprId condition, uint32_t body,
                           uint32_t carried, ArrayRef<TensorId> inputs,
                           ArrayRef<TensorId> results, StringRef name) {
  qrt_command_t command = {};
  command.kind = QRT_COMMAND_LOOP;
  command.target = body;
  command.other = carried;
  addCall(command, inputs, results, {trips, condition}, name);
}

void ArtifactBuilder::launch(KernelId kernel, ArrayRef<TensorId> operands,
                             ArrayRef<ExprId> dims, StringRef name,
                             ExprId work) {
  qrt_command_t command = {};
  command.kind = QRT_COMMAND_LAUNCH;
  command.kernel = kernel;
  command.work = work;
  addCommand(command, operands, dims, name);
}

void ArtifactBuilder::tap(TensorId tensor, StringRef key) {
  qrt_command_t command = {};
  command.kind = QRT_COMMAND_TAP;
  command.kernel = command.work = QRT_NONE;
  addCommand(command, tensor, {}, key);
}

void ArtifactBuilder::copy(TensorId from, TensorId to, StringRef name) {
  qrt_command_t command = {};
  command.kind = QRT_COMMAND_COPY;
  command.kernel = command.work = QRT_NONE;
  addCommand(command, {from, to}, {}, name);
}

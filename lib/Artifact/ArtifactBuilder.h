// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Collects what an artifact consists of and writes it. The format is
// include/qrt/format.h; ids are those of its tables. Equal calls give equal
// bytes. Mistakes (an id that does not exist, a kernel without code) surface
// when the artifact is written, as errors.
#ifndef QOPT_ARTIFACT_ARTIFACTBUILDER_H
#define QOPT_ARTIFACT_ARTIFACTBUILDER_H

#include "lib/Artifact/CodeImage.h"
#include "qrt/format.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace qopt::artifact {

using ExprId = uint32_t;
using TensorId = uint32_t;
using StorageId = uint32_t;
using KernelId = uint32_t;

// Bytes of one element; 1 for QRT_DTYPE_OPAQUE.
int64_t byteWidth(qrt_dtype_t dtype);

class ArtifactBuilder {
public:
  ArtifactBuilder();

  void setModelName(llvm::StringRef name);
  void setProducer(llvm::StringRef producer);
  // JSON for people: hashes of model and data, recipe, plan, error per layer.
  void setLineage(std::string json);

  // Expressions. Folded where constant, and each stored once.
  ExprId constant(int64_t value);
  ExprId dim(uint32_t input, uint32_t axis);
  ExprId expr(qrt_expr_op_t op, ExprId a, ExprId b, ExprId c = QRT_NONE);
  ExprId product(llvm::ArrayRef<ExprId> factors);
  // Element `index` of an integer or boolean tensor, read when the commands
  // that write it have run.
  ExprId element(TensorId tensor, uint32_t index);
  // Bytes of a dense array of this type and shape.
  ExprId byteSize(qrt_dtype_t dtype, llvm::ArrayRef<ExprId> dims);

  // Inputs and outputs, in the order of the ONNX graph. A free dimension of
  // input i, axis j is dim(i, j).
  TensorId addInput(llvm::StringRef name, qrt_dtype_t dtype,
                    llvm::ArrayRef<ExprId> dims);
  TensorId addOutput(llvm::StringRef name, qrt_dtype_t dtype,
                     llvm::ArrayRef<ExprId> dims);
  // The output whose memory `temporary` is: what was to be computed there is
  // computed in place. Fails (QRT_NONE) when it is not a temporary (any more).
  TensorId addOutputIn(StorageId temporary, llvm::StringRef name,
                       qrt_dtype_t dtype, llvm::ArrayRef<ExprId> dims);
  // Names a free dimension of an input; the runtime enforces min ... max.
  void addSymbol(uint32_t input, uint32_t axis, llvm::StringRef name,
                 int64_t min, int64_t max);

  // A constant. `bytes` must stay alive until the artifact is written (or pass
  // a vector); equal contents share their storage.
  TensorId addWeight(llvm::StringRef name, qrt_dtype_t dtype,
                     llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<char> bytes);
  TensorId addWeight(llvm::StringRef name, qrt_dtype_t dtype,
                     llvm::ArrayRef<int64_t> shape, std::vector<char> bytes);

  // A sub-program with weights and code in common with this one; for its
  // inputs, outputs, tensors and commands. Lives as long as this builder.
  // Commands name it by its number, 1 for the first one added.
  ArtifactBuilder &addProgram();
  unsigned programCount() const { return subprograms.size(); }

  // Result `number` of the BRANCH or LOOP command that is added next. Sizes of
  // -1 are known when it has run; `dims` gets all of them.
  TensorId addResult(llvm::StringRef name, qrt_dtype_t dtype,
                     llvm::ArrayRef<int64_t> shape, uint32_t number,
                     llvm::SmallVectorImpl<ExprId> &dims);

  // Memory of the arena. Its lifetime follows from the commands.
  StorageId addTemporary(ExprId bytes);
  StorageId storageOf(TensorId tensor) const;
  // A dense array in `storage`, `offset` bytes from its start (QRT_NONE: 0).
  TensorId addTensor(llvm::StringRef name, qrt_dtype_t dtype,
                     llvm::ArrayRef<ExprId> dims, StorageId storage,
                     ExprId offset = QRT_NONE);

  // Its entry points are the symbols `name`, `name`_units and `name`_scratch of
  // the code images. `description` tells people what it computes.
  KernelId addKernel(llvm::StringRef name, llvm::StringRef description,
                     uint32_t inputCount, uint32_t outputCount,
                     uint32_t dimsCount);
  void addCodeImage(llvm::StringRef isa, CodeImage image);

  // Commands, in order of execution. `operands`: inputs, then outputs. `work`:
  // arithmetic operations, for profiles.
  void launch(KernelId kernel, llvm::ArrayRef<TensorId> operands,
              llvm::ArrayRef<ExprId> dims, llvm::StringRef name,
              ExprId work = QRT_NONE);
  void tap(TensorId tensor, llvm::StringRef key);
  void copy(TensorId from, TensorId to, llvm::StringRef name);
  // Numbers of programs; see QRT_COMMAND_BRANCH and QRT_COMMAND_LOOP for what
  // they take. `inputs` of a loop: first `carried` carried values.
  void branch(ExprId condition, uint32_t thenProgram, uint32_t elseProgram,
              llvm::ArrayRef<TensorId> inputs, llvm::ArrayRef<TensorId> results,
              llvm::StringRef name);
  void loop(ExprId trips, ExprId condition, uint32_t body, uint32_t carried,
            llvm::ArrayRef<TensorId> inputs, llvm::ArrayRef<TensorId> results,
            llvm::StringRef name);

  // The whole file in memory, 64-byte aligned, for running in this process.
  llvm::Expected<std::unique_ptr<llvm::WritableMemoryBuffer>> serialize() const;
  // Writes a temporary file beside `path`, syncs it and renames it: on any
  // failure `path` is as it was and nothing is left behind.
  llvm::Error writeTo(llvm::StringRef path) const;

private:
  struct Kernel {
    std::string name;
    qrt_kernel_t record;
  };
  struct Weight {
    llvm::ArrayRef<char> bytes;
    uint64_t offset;
  };
  struct Layout;

  uint32_t addString(llvm::StringRef text);
  uint32_t addIds(llvm::ArrayRef<uint32_t> list);
  std::optional<int64_t> constantValue(ExprId id) const;
  explicit ArtifactBuilder(ArtifactBuilder *root);
  // Where in the section of the whole artifact these bytes lie.
  uint64_t placeWeight(std::pair<uint64_t, uint64_t> hash,
                       llvm::ArrayRef<char> bytes);
  void addCall(qrt_command_t command, llvm::ArrayRef<TensorId> inputs,
               llvm::ArrayRef<TensorId> results, llvm::ArrayRef<ExprId> dims,
               llvm::StringRef name);
  StorageId addStorage(qrt_storage_kind_t kind, ExprId bytes, uint32_t index);
  void addCommand(qrt_command_t command, llvm::ArrayRef<TensorId> operands,
                  llvm::ArrayRef<ExprId> dims, llvm::StringRef name);
  llvm::Error verify() const;
  std::vector<qrt_storage_t> storagesWithLifetimes() const;
  llvm::Expected<std::vector<qrt_kernel_entry_t>> resolveEntries() const;
  llvm::Expected<std::vector<char>> tables() const;
  llvm::Expected<std::vector<char>> allTables() const;
  llvm::Expected<Layout> layOut() const;
  template <typename Sink> llvm::Error emit(const Layout &, Sink &&sink) const;

  ArtifactBuilder *root; // holds weights and images
  std::vector<std::unique_ptr<ArtifactBuilder>> subprograms;
  uint32_t modelName = 0, producer = 0;
  std::string lineage;
  std::vector<char> strings;
  llvm::StringMap<uint32_t> stringIds;
  std::vector<uint32_t> ids;
  std::map<std::vector<uint32_t>, uint32_t> idLists;
  std::vector<qrt_expr_t> exprs;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, uint32_t, int64_t>, ExprId>
      exprIds;
  std::vector<qrt_tensor_t> tensors;
  std::vector<qrt_storage_t> storages;
  std::vector<qrt_port_t> inputs, outputs;
  std::vector<qrt_symbol_t> symbols;
  std::vector<Kernel> kernels;
  std::vector<qrt_command_t> commands;
  std::map<std::string, CodeImage> images; // the map sorts the sections
  std::vector<Weight> weights;
  std::vector<std::unique_ptr<std::vector<char>>> ownedWeights;
  using WeightKey = std::tuple<uint64_t, uint64_t, uint64_t>;
  std::map<WeightKey, StorageId> weightIds;
  std::map<WeightKey, uint64_t> weightOffsets; // root only
  uint64_t weightBytes = 0;
};

} // namespace qopt::artifact

#endif // QOPT_ARTIFACT_ARTIFACTBUILDER_H

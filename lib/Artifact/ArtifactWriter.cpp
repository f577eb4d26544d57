// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The writing half of ArtifactBuilder: checks ids, lays out the sections and
// streams them to memory or to a file.

#include "lib/Artifact/ArtifactBuilder.h"
#include "lib/Artifact/AtomicFile.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace llvm;
using namespace qopt;
using namespace qopt::artifact;

static constexpr uint64_t noOffset = QRT_NO_ENTRY;

// Everything but the weights' bytes, ready to be streamed.
struct ArtifactBuilder::Layout {
  qrt_header_t header = {};
  std::vector<qrt_section_t> sections;
  std::vector<char> tables;
};

static Error internal(const Twine &text) {
  return makeFailure(ExitCode::Internal, "artifact: " + text);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

// What the runtime would refuse at open time is a defect of ours; finding it
// here names the culprit.
Error ArtifactBuilder::verify() const {
  auto known = [&](ArrayRef<uint32_t> list, size_t size) {
    return all_of(list, [&](uint32_t id) { return id < size; });
  };
  auto slice = [&](uint32_t first, uint32_t count) {
    return ArrayRef<uint32_t>(ids).slice(first, count);
  };
  auto textOf = [&](uint32_t name) { return StringRef(strings.data() + name); };
  for (const qrt_tensor_t &tensor : tensors)
    if (tensor.rank > QRT_MAX_RANK || tensor.storage >= storages.size() ||
        !known(slice(tensor.dims, tensor.rank), exprs.size()) ||
        (tensor.offset != QRT_NONE && tensor.offset >= exprs.size()))
      return internal("tensor '" + textOf(tensor.name) +
                      "' has an unknown dimension, offset or storage");
  for (const qrt_command_t &command : commands) {
    if (!known(slice(command.operands, command.operand_count),
               tensors.size()) ||
        !known(slice(command.dims, command.dims_count), exprs.size()))
      return internal("command '" + textOf(command.name) +
                      "' has an unknown operand or dimension");
    if (command.kind != QRT_COMMAND_LAUNCH)
      continue;
    if (command.kernel >= kernels.size())
      return internal("command '" + textOf(command.name) +
                      "' launches an unknown kernel");
    const Kernel &kernel = kernels[command.kernel];
    if (command.operand_count != kernel.record.operand_count ||
        command.dims_count != kernel.record.dims_count)
      return internal("command '" + textOf(command.name) + "' passes " +
                      Twine(command.operand_count) + " operands and " +
                      Twine(command.dims_count) + " dims to kernel '" +
                      kernel.name + "', which takes " +
                      Twine(kernel.record.operand_count) + " and " +
                      Twine(kernel.record.dims_count));
  }
  if (subprograms.size() > QRT_MAX_PROGRAMS)
    return internal("more than " + Twine(QRT_MAX_PROGRAMS) + " sub-programs");
  for (auto &program : subprograms)
    if (Error error = program->verify())
      return error;
  if (images.size() + 3 > QRT_MAX_SECTIONS)
    return internal("too many code images");
  for (auto &[isa, image] : images)
    if (isa.size() >= sizeof(qrt_section_t::name))
      return internal("ISA name '" + isa + "' is too long");
  return Error::success();
}

std::vector<qrt_storage_t> ArtifactBuilder::storagesWithLifetimes() const {
  std::vector<qrt_storage_t> result = storages;
  std::vector<bool> used(result.size());
  for (auto [index, command] : enumerate(commands))
    for (TensorId tensor : ArrayRef<uint32_t>(ids).slice(
             command.operands, command.operand_count)) {
      uint32_t id = tensors[tensor].storage;
      if (result[id].kind != QRT_STORAGE_TEMP)
        continue;
      if (!used[id])
        result[id].first_use = index;
      used[id] = true;
      result[id].last_use = index;
    }
  return result;
}

Expected<std::vector<qrt_kernel_entry_t>>
ArtifactBuilder::resolveEntries() const {
  std::vector<qrt_kernel_entry_t> entries;
  for (const Kernel &kernel : kernels)
    for (auto &[isa, image] : root->images) {
      auto find = [&, &image = image](const char *suffix) {
        auto entry = image.entries.find(kernel.name + suffix);
        return entry == image.entries.end() ? noOffset : entry->second;
      };
      qrt_kernel_entry_t entry = {find(""), find("_units"), find("_scratch"),
                                  0};
      int missing = (entry.run == noOffset) + (entry.units == noOffset) +
                    (entry.scratch == noOffset);
      if (missing != 0 && missing != 3)
        return internal("kernel '" + kernel.name + "' for " + isa +
                        " lacks one of its functions");
      entries.push_back(entry);
    }
  return entries;
}

//===----------------------------------------------------------------------===//
// Layout
//===----------------------------------------------------------------------===//

template <typename T>
static qrt_table_t append(std::vector<char> &out, const std::vector<T> &rows) {
  out.resize(alignTo(out.size(), 8));
  qrt_table_t table = {out.size(), uint32_t(rows.size()), sizeof(T)};
  const char *bytes = reinterpret_cast<const char *>(rows.data());
  out.insert(out.end(), bytes, bytes + rows.size() * sizeof(T));
  return table;
}

Expected<std::vector<char>> ArtifactBuilder::tables() const {
  auto entries = resolveEntries();
  if (!entries)
    return entries.takeError();
  std::vector<qrt_kernel_t> records;
  for (auto [index, kernel] : enumerate(kernels)) {
    records.push_back(kernel.record);
    records.back().first_entry = index * root->images.size();
  }
  qrt_tables_t head = {};
  head.version = QRT_FORMAT_VERSION;
  head.size = sizeof(qrt_tables_t);
  head.model_name = modelName;
  head.producer = producer;
  std::vector<char> out(sizeof(qrt_tables_t));
  head.strings = append(out, strings);
  head.ids = append(out, ids);
  head.exprs = append(out, exprs);
  head.tensors = append(out, tensors);
  head.storages = append(out, storagesWithLifetimes());
  head.inputs = append(out, inputs);
  head.outputs = append(out, outputs);
  head.symbols = append(out, symbols);
  head.kernels = append(out, records);
  head.entries = append(out, *entries);
  head.commands = append(out, commands);
  std::memcpy(out.data(), &head, sizeof(head));
  return out;
}

// The model's tables and behind them those of its sub-programs.
Expected<std::vector<char>> ArtifactBuilder::allTables() const {
  auto out = tables();
  if (!out || subprograms.empty())
    return out;
  std::vector<qrt_program_t> rows;
  for (auto &program : subprograms) {
    auto bytes = program->tables();
    if (!bytes)
      return bytes.takeError();
    out->resize(alignTo(out->size(), 8));
    rows.push_back({out->size(), bytes->size()});
    out->insert(out->end(), bytes->begin(), bytes->end());
  }
  qrt_table_t table = append(*out, rows);
  std::memcpy(out->data() + offsetof(qrt_tables_t, programs), &table,
              sizeof(table));
  return out;
}

static qrt_hash_t toHash(XXH128_hash_t hash) {
  return {hash.low64, hash.high64};
}

static qrt_hash_t hashOf(ArrayRef<char> bytes) {
  return toHash(XXH3_128bits(bytes.data(), bytes.size()));
}

// Calls `sink` with the weights and the zeros between them.
template <typename Weights, typename Sink>
static Error streamWeights(const Weights &weights, Sink &&sink) {
  static const char zeros[QRT_DATA_ALIGNMENT] = {};
  uint64_t position = 0;
  for (const auto &weight : weights) {
    if (Error error = sink(ArrayRef(zeros, weight.offset - position)))
      return error;
    if (Error error = sink(weight.bytes))
      return error;
    position = weight.offset + weight.bytes.size();
  }
  return Error::success();
}

template <typename Weights>
static qrt_hash_t hashOfWeights(const Weights &weights) {
  XXH3_state_t *state = XXH3_createState();
  XXH3_128bits_reset(state);
  cantFail(streamWeights(weights, [&](ArrayRef<char> bytes) {
    XXH3_128bits_update(state, bytes.data(), bytes.size());
    return Error::success();
  }));
  qrt_hash_t hash = toHash(XXH3_128bits_digest(state));
  XXH3_freeState(state);
  return hash;
}

Expected<ArtifactBuilder::Layout> ArtifactBuilder::layOut() const {
  if (Error error = verify())
    return error;
  Layout layout;
  auto bytes = allTables();
  if (!bytes)
    return bytes.takeError();
  layout.tables = std::move(*bytes);

  uint64_t end = QRT_PAGE_SIZE;
  auto add = [&](qrt_section_kind_t kind, uint64_t size, qrt_hash_t hash) {
    qrt_section_t section = {};
    section.kind = kind;
    section.offset = alignTo(end, uint64_t(QRT_PAGE_SIZE));
    section.size = size;
    section.hash = hash;
    end = section.offset + size;
    layout.sections.push_back(section);
  };
  add(QRT_SECTION_TABLES, layout.tables.size(), hashOf(layout.tables));
  if (!weights.empty())
    add(QRT_SECTION_WEIGHTS,
        weights.back().offset + weights.back().bytes.size(),
        hashOfWeights(weights));
  for (auto &[isa, image] : images) {
    add(QRT_SECTION_CODE, image.bytes.size(), hashOf(image.bytes));
    layout.sections.back().text_size = image.textSize;
    std::memcpy(layout.sections.back().name, isa.data(), isa.size());
  }
  if (!lineage.empty())
    add(QRT_SECTION_LINEAGE, lineage.size(), hashOf(lineage));

  qrt_header_t &header = layout.header;
  std::memcpy(header.magic, QRT_MAGIC, sizeof(header.magic));
  header.version = QRT_FORMAT_VERSION;
  header.header_size = sizeof(header);
  header.file_size = end;
  header.section_count = layout.sections.size();
  header.section_entry_size = sizeof(qrt_section_t);
  std::string hashed(reinterpret_cast<const char *>(&header),
                     offsetof(qrt_header_t, hash));
  hashed.append(reinterpret_cast<const char *>(layout.sections.data()),
                layout.sections.size() * sizeof(qrt_section_t));
  header.hash = hashOf(hashed);
  return layout;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

template <typename Sink>
Error ArtifactBuilder::emit(const Layout &layout, Sink &&sink) const {
  static const char zeros[QRT_PAGE_SIZE] = {};
  uint64_t position = 0;
  auto put = [&](ArrayRef<char> bytes) -> Error {
    position += bytes.size();
    return sink(bytes);
  };
  auto putObjects = [&](auto *objects, size_t count) {
    return put(ArrayRef(reinterpret_cast<const char *>(objects),
                        count * sizeof(*objects)));
  };
  if (Error error = putObjects(&layout.header, 1))
    return error;
  if (Error error = putObjects(layout.sections.data(), layout.sections.size()))
    return error;
  for (const qrt_section_t &section : layout.sections) {
    if (Error error = put(ArrayRef(zeros, section.offset - position)))
      return error;
    auto body = [&]() -> Error {
      switch (section.kind) {
      case QRT_SECTION_TABLES:
        return put(layout.tables);
      case QRT_SECTION_WEIGHTS:
        return streamWeights(weights, put);
      case QRT_SECTION_CODE:
        return put(images.find(section.name)->second.bytes);
      default:
        return put(lineage);
      }
    };
    if (Error error = body())
      return error;
  }
  return Error::success();
}

Expected<std::unique_ptr<WritableMemoryBuffer>>
ArtifactBuilder::serialize() const {
  auto layout = layOut();
  if (!layout)
    return layout.takeError();
  auto buffer = WritableMemoryBuffer::getNewUninitMemBuffer(
      layout->header.file_size, "artifact", Align(QRT_DATA_ALIGNMENT));
  if (!buffer)
    return makeFailure(ExitCode::Resources,
                       "artifact: no memory for " +
                           Twine(layout->header.file_size) + " bytes");
  char *next = buffer->getBufferStart();
  if (Error error = emit(*layout, [&](ArrayRef<char> bytes) {
        next = std::copy(bytes.begin(), bytes.end(), next);
        return Error::success();
      }))
    return error;
  return buffer;
}

Error ArtifactBuilder::writeTo(StringRef path) const {
  auto layout = layOut();
  if (!layout)
    return layout.takeError();
  auto file = AtomicFile::create(path);
  if (!file)
    return file.takeError();
  if (Error error = emit(
          *layout, [&](ArrayRef<char> bytes) { return file->write(bytes); }))
    return error;
  return file->commit();
}

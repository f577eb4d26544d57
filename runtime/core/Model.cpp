// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/core/Model.h"
#include "runtime/cpu/CpuIsa.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qrt;

qrt_model::~qrt_model() {
  for (Program *program : subprograms)
    destroy(allocator, program);
  if (mapped)
    munmap(mapped, mappedSize);
}

qrt_status_t qrt_model::openFile(const char *path,
                                 const qrt_model_options_t &options) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return makeStatus(QRT_IO, "%s", std::strerror(errno));
  struct stat info;
  qrt_status_t status = nullptr;
  if (fstat(fd, &info) != 0)
    status = makeStatus(QRT_IO, "%s", std::strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = makeStatus(QRT_IO, "not a regular file");
  else if (info.st_size == 0)
    status = makeStatus(QRT_INTEGRITY, "the file is empty");
  if (!status) {
    void *memory = mmap(nullptr, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) {
      status = makeStatus(QRT_IO, "cannot map it: %s", std::strerror(errno));
    } else {
      mapped = memory;
      mappedSize = info.st_size;
    }
  }
  ::close(fd);
  QRT_TRY(status);
  return open({mapped, mappedSize}, options);
}

qrt_status_t qrt_model::open(qrt_span_t bytes,
                             const qrt_model_options_t &options) {
  fileBytes = bytes.size;
  QRT_TRY(sections.open(bytes.data, bytes.size));
  QRT_TRY(openTables());
  QRT_TRY(openCode(options.isa));
  QRT_TRY(openWeights());
  return options.verify == QRT_VERIFY_AT_OPEN ? verifyAll() : nullptr;
}

// Also what this process does not use, such as code for other CPUs: whoever
// copies the file on should learn of the damage here.
qrt_status_t qrt_model::verifyAll() {
  for (uint32_t i = 0; i < sections.size(); ++i) {
    const qrt_section_t &section = sections[i];
    if (section.kind != QRT_SECTION_TABLES &&
        section.kind != QRT_SECTION_WEIGHTS && &section != codeSection)
      QRT_TRY(verifyHash(section, sections.bytesOf(section)));
  }
  return verifyWeights();
}

qrt_status_t qrt_model::openTables() {
  const qrt_section_t *section = sections.find(QRT_SECTION_TABLES);
  if (!section)
    return makeStatus(QRT_INTEGRITY, "the artifact has no TABLES section");
  QRT_TRY(tableBytes.reserve(allocator, section->size));
  std::memcpy(tableBytes.data(), sections.bytesOf(*section), section->size);
  QRT_TRY(verifyHash(*section, tableBytes.data()));
  QRT_TRY(tables.open(tableBytes.data(), section->size, sections));
  QRT_TRY(main.stages.build(tables, allocator));
  QRT_TRY(openPrograms(tableBytes.data(), section->size));
  return checkCalls();
}

qrt_status_t qrt_model::openPrograms(const char *bytes, size_t size) {
  if (tables.programs.size() > QRT_MAX_PROGRAMS)
    return makeStatus(QRT_INTEGRITY,
                      "the TABLES section: more than %u sub-programs",
                      QRT_MAX_PROGRAMS);
  QRT_TRY(subprograms.allocate(allocator, tables.programs.size()));
  uint64_t commands = tables.commands.size();
  for (uint32_t i = 0; i < subprograms.size(); ++i) {
    const qrt_program_t &where = tables.programs[i];
    if (where.offset % 8 != 0 || where.offset > size ||
        where.size > size - where.offset)
      return makeStatus(QRT_INTEGRITY,
                        "the TABLES section: sub-program %u lies outside it",
                        i + 1);
    auto *program = create<Program>(allocator);
    if (!program)
      return makeStatus(QRT_RESOURCES, "no memory for a program");
    subprograms[i] = program;
    program->number = i + 1;
    program->firstCommand = uint32_t(commands);
    QRT_TRY(program->tables.open(bytes + where.offset, where.size, sections));
    if (program->tables.programs.size())
      return makeStatus(QRT_INTEGRITY,
                        "the TABLES section: sub-program %u has sub-programs",
                        i + 1);
    QRT_TRY(program->stages.build(program->tables, allocator));
    commands += program->tables.commands.size();
    if (commands > UINT32_MAX)
      return makeStatus(QRT_RESOURCES, "the programs are too long");
  }
  return nullptr;
}

static bool isScalar(const qrt_tensor_t &tensor, qrt_dtype_t dtype) {
  return tensor.rank == 0 && tensor.dtype == uint32_t(dtype);
}

// Types and ranks of what a command passes against a program's inputs and
// outputs. Sizes are compared at run time.
static bool fits(const Tables &tables, const qrt_command_t &command,
                 const Tables &callee) {
  bool isLoop = command.kind == QRT_COMMAND_LOOP;
  uint32_t skippedInputs = isLoop ? 2 : 0, skippedOutputs = isLoop ? 1 : 0;
  uint32_t results = command.operand_count - command.input_count;
  if (callee.inputs.size() != command.input_count + skippedInputs ||
      callee.outputs.size() != results + skippedOutputs)
    return false;
  auto tensor = [&](const Table<qrt_port_t> &ports, uint32_t i)
      -> const qrt_tensor_t & { return callee.tensors[ports[i].tensor]; };
  if (isLoop && (!isScalar(tensor(callee.inputs, 0), QRT_DTYPE_I64) ||
                 !isScalar(tensor(callee.inputs, 1), QRT_DTYPE_BOOL) ||
                 !isScalar(tensor(callee.outputs, 0), QRT_DTYPE_BOOL)))
    return false;
  for (uint32_t j = 0; j < command.operand_count; ++j) {
    bool isInput = j < command.input_count;
    const qrt_tensor_t &passed =
        tables.tensors[tables.list(command.operands)[j]];
    const qrt_tensor_t &wanted =
        isInput ? tensor(callee.inputs, j + skippedInputs)
                : tensor(callee.outputs,
                         j - command.input_count + skippedOutputs);
    bool isScan = isLoop && !isInput && j - command.input_count >= command.other;
    if (passed.dtype != wanted.dtype ||
        passed.rank != wanted.rank + (isScan ? 1 : 0))
      return false;
  }
  // What a run leaves is what the next one takes.
  for (uint32_t j = 0; isLoop && j < command.other; ++j)
    if (tensor(callee.outputs, j + 1).dtype !=
            tensor(callee.inputs, j + 2).dtype ||
        tensor(callee.outputs, j + 1).rank != tensor(callee.inputs, j + 2).rank)
      return false;
  return true;
}

qrt_status_t qrt_model::checkCalls() const {
  Array<uint32_t> nesting;
  QRT_TRY(nesting.allocate(allocator, programCount()));
  // Programs run later ones only, so nothing recurs.
  for (uint32_t number = programCount(); number-- > 0;) {
    const Tables &caller = program(number).tables;
    for (uint32_t i = 0; i < caller.commands.size(); ++i) {
      const qrt_command_t &command = caller.commands[i];
      if (!isCall(command))
        continue;
      uint32_t targets[] = {command.target, command.kind == QRT_COMMAND_BRANCH
                                                ? command.other
                                                : command.target};
      for (uint32_t target : targets) {
        if (target <= number || target >= programCount() ||
            !fits(caller, command, program(target).tables))
          return makeStatus(QRT_INTEGRITY,
                            "the TABLES section: command %u of program %u does "
                            "not fit the program it runs",
                            i, number);
        if (nesting[target] + 1 > nesting[number])
          nesting[number] = nesting[target] + 1;
      }
      if (nesting[number] > QRT_MAX_NESTING)
        return makeStatus(QRT_INTEGRITY,
                          "the TABLES section: programs are nested deeper than "
                          "%u",
                          QRT_MAX_NESTING);
    }
  }
  return nullptr;
}

bool qrt_model::hasAllKernels(uint32_t isa) const {
  for (uint32_t number = 0; number < programCount(); ++number) {
    const Tables &tables = program(number).tables;
    for (uint32_t i = 0; i < tables.kernels.size(); ++i)
      if (tables.entries[tables.kernels[i].first_entry + isa].run ==
          QRT_NO_ENTRY)
        return false;
  }
  return true;
}

qrt_status_t qrt_model::openCode(const char *wantedIsa) {
  uint32_t kernels = 0;
  for (uint32_t number = 0; number < programCount(); ++number)
    kernels |= program(number).tables.kernels.size();
  if (kernels == 0 && !wantedIsa)
    return nullptr;
  int best = 0;
  bool present = false;
  char available[160] = "";
  for (uint32_t i = 0; const qrt_section_t *section = sections.code(i); ++i) {
    size_t used = std::strlen(available);
    if (used + std::strlen(section->name) + 2 < sizeof(available)) {
      std::strcat(available, i ? " " : "");
      std::strcat(available, section->name);
    }
    if (wantedIsa && std::strcmp(section->name, wantedIsa) != 0)
      continue;
    present = true;
    int rank = isaRank(section->name);
    if (rank > best && hasAllKernels(i)) {
      best = rank;
      codeSection = section;
      isaIndex = i;
    }
  }
  if (codeSection)
    return code.open(*codeSection, sections.bytesOf(*codeSection));
  if (wantedIsa && !present)
    return makeStatus(QRT_USAGE,
                      "the artifact has no code for '%s'; it has: %s",
                      wantedIsa, available);
  return makeStatus(QRT_RESOURCES,
                    "this CPU runs none of the artifact's code (%s)",
                    wantedIsa ? wantedIsa : available);
}

qrt_status_t qrt_model::openWeights() {
  weightSection = sections.find(QRT_SECTION_WEIGHTS);
  if (!weightSection)
    return nullptr;
  weights = sections.bytesOf(*weightSection);
  if (isAligned(weights))
    return nullptr;
  QRT_TRY(alignedWeights.reserve(allocator, weightSection->size));
  std::memcpy(alignedWeights.data(), weights, weightSection->size);
  weights = alignedWeights.data();
  return nullptr;
}

qrt_status_t qrt_model::verifyWeights() {
  if (!weightSection)
    return nullptr;
  qrt_status_t status = nullptr;
  pthread_mutex_lock(&verifyMutex);
  if (!verified)
    status = verifyHash(*weightSection, weights);
  verified = verified || !status;
  pthread_mutex_unlock(&verifyMutex);
  return status;
}

//===----------------------------------------------------------------------===//
// C API
//===----------------------------------------------------------------------===//

void qrt_model_options_init(qrt_model_options_t *options) {
  std::memset(options, 0, sizeof(*options));
  options->size = sizeof(*options);
}

// Options of a caller compiled against an older, shorter struct.
template <typename T> static T readOptions(const T *given) {
  T options = {};
  size_t size = given && given->size < sizeof(T) ? given->size : sizeof(T);
  if (given)
    std::memcpy(&options, given, size);
  return options;
}

template <typename Open>
static qrt_status_t openModel(const qrt_model_options_t *given,
                              qrt_model_t **outModel, Open &&open) {
  *outModel = nullptr;
  auto options = readOptions(given);
  if (!options.allocator.allocate)
    options.allocator = defaultAllocator();
  auto *model = create<qrt_model>(options.allocator);
  if (!model)
    return makeStatus(QRT_RESOURCES, "no memory for a model");
  model->allocator = options.allocator;
  if (qrt_status_t status = open(*model, options)) {
    destroy(options.allocator, model);
    return status;
  }
  *outModel = model;
  return nullptr;
}

qrt_status_t qrt_model_open(qrt_span_t bytes,
                            const qrt_model_options_t *options,
                            qrt_model_t **outModel) {
  return openModel(options, outModel, [&](qrt_model &model, auto &all) {
    return model.open(bytes, all);
  });
}

qrt_status_t qrt_model_open_file(const char *path,
                                 const qrt_model_options_t *options,
                                 qrt_model_t **outModel) {
  qrt_status_t status =
      openModel(options, outModel, [&](qrt_model &model, auto &all) {
        return model.openFile(path, all);
      });
  return status ? addContext(status, path) : nullptr;
}

void qrt_model_release(qrt_model_t *model) {
  if (!model || model->references.fetch_sub(1) != 1)
    return;
  qrt_allocator_t allocator = model->allocator;
  destroy(allocator, model);
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding the files of a data set and reading one shard of it at a time.
#include "lib/Calibration/DataSet.h"
#include "lib/Calibration/BatchCutter.h"
#include "lib/Calibration/NumpyFile.h"
#include "lib/Calibration/OnnxTensorFile.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <algorithm>

using namespace llvm;
namespace path = llvm::sys::path;

namespace qopt {
namespace {

// Entries of a folder, sorted by name: the order of a file system is not one.
Expected<std::vector<std::string>> sortedEntries(StringRef folder) {
  std::vector<std::string> entries;
  std::error_code code;
  for (sys::fs::directory_iterator it(folder, code), end; it != end && !code;
       it.increment(code))
    entries.push_back(it->path());
  if (code)
    return fail(ExitCode::IO, "{0}: {1}", folder, code.message());
  llvm::sort(entries);
  return entries;
}

std::vector<std::string> withExtension(ArrayRef<std::string> entries,
                                       StringRef extension) {
  std::vector<std::string> result;
  for (const std::string &entry : entries)
    if (path::extension(entry) == extension)
      result.push_back(entry);
  return result;
}

std::string inputPb(StringRef folder, size_t index) {
  SmallString<128> file(folder);
  path::append(file, "input_" + Twine(index) + ".pb");
  return file.str().str();
}

std::string namesOf(ArrayRef<HostTensor> tensors) {
  return join(map_range(tensors, [](const HostTensor &t) { return t.name; }),
              ", ");
}

} // namespace

Expected<DataSet> DataSet::open(StringRef file, ArrayRef<InputSpec> inputs,
                                DataSetOptions options) {
  DataSet set;
  set.inputs = inputs.vec();
  set.options = options;
  if (!sys::fs::exists(file))
    return fail(ExitCode::IO, "{0}: no such file or folder", file);
  if (sys::fs::is_directory(file)) {
    if (Error error = set.listFolder(file))
      return error;
    return set;
  }
  if (path::extension(file) == ".npz") {
    set.shards.push_back({{file.str()}, Shard::Npz});
    return set;
  }
  if (path::extension(file) == ".npy" && inputs.size() == 1) {
    set.shards.push_back({{file.str()}, Shard::NpyAlone});
    return set;
  }
  return fail(ExitCode::BadModel,
              "{0}: expected a .npz file, or a folder of .npz, .npy or "
              "test_data_set_*/input_*.pb",
              file);
}

Error DataSet::listFolder(StringRef folder) {
  Expected<std::vector<std::string>> entries = sortedEntries(folder);
  if (!entries)
    return entries.takeError();
  for (const std::string &file : withExtension(*entries, ".npz"))
    shards.push_back({{file}, Shard::Npz});
  if (!shards.empty())
    return Error::success();

  std::vector<std::string> npy = withExtension(*entries, ".npy");
  bool named = !npy.empty() && llvm::all_of(inputs, [&](const InputSpec &input) {
    return llvm::any_of(npy, [&](const std::string &file) {
      return path::stem(file) == input.name;
    });
  });
  if (named) {
    shards.push_back({npy, Shard::NpyByName});
    return Error::success();
  }
  if (!npy.empty() && inputs.size() == 1) {
    for (const std::string &file : npy)
      shards.push_back({{file}, Shard::NpyAlone});
    return Error::success();
  }
  if (!npy.empty())
    return fail(ExitCode::BadModel,
                "{0}: expected one file <input>.npy for each of the {1} inputs",
                folder, inputs.size());

  std::vector<std::string> folders = {folder.str()};
  folders.insert(folders.end(), entries->begin(), entries->end());
  for (const std::string &candidate : folders) {
    if (!sys::fs::exists(inputPb(candidate, 0)))
      continue;
    Shard shard{{}, Shard::OnnxByIndex};
    for (size_t i = 0; i < inputs.size(); ++i)
      shard.files.push_back(inputPb(candidate, i));
    shards.push_back(std::move(shard));
  }
  if (shards.empty())
    return fail(ExitCode::BadModel,
                "{0}: expected .npz or .npy files, or folders with "
                "input_0.pb; found none",
                folder);
  return Error::success();
}

Error DataSet::loadShard(const Shard &shard) {
  std::vector<HostTensor> arrays;
  const std::string &first = shard.files.front();
  if (shard.kind == Shard::Npz) {
    Expected<std::vector<HostTensor>> read = readNpz(first);
    if (!read)
      return read.takeError();
    arrays = std::move(*read);
  }
  for (size_t i = 0; shard.kind != Shard::Npz && i < shard.files.size(); ++i) {
    const std::string &file = shard.files[i];
    Expected<HostTensor> read = shard.kind == Shard::OnnxByIndex
                                    ? readOnnxTensor(file)
                                    : readNpy(file);
    if (!read)
      return read.takeError();
    read->name = shard.kind == Shard::NpyByName ? path::stem(file).str()
                                                : inputs[i].name;
    arrays.push_back(std::move(*read));
  }
  std::vector<HostTensor> ordered;
  for (const InputSpec &input : inputs) {
    auto found = llvm::find_if(
        arrays, [&](const HostTensor &t) { return t.name == input.name; });
    if (found == arrays.end())
      return fail(ExitCode::BadModel,
                  "{0}: expected an array named '{1}' ({2}), got {3}", first,
                  input.name, describe(input.kind, input.shape),
                  arrays.empty() ? "none" : namesOf(arrays));
    ordered.push_back(std::move(*found));
  }
  if (Error error = cutBatches(std::move(ordered), inputs, options.batch, ready))
    return addContext(std::move(error), first);
  return Error::success();
}

Expected<bool> DataSet::next(std::vector<HostTensor> &batch) {
  if (options.maxBatches && delivered == options.maxBatches)
    return false;
  while (ready.empty()) {
    if (shards.empty())
      return false;
    Shard shard = std::move(shards.front());
    shards.pop_front();
    if (Error error = loadShard(shard))
      return error;
  }
  batch = std::move(ready.front());
  ready.pop_front();
  ++delivered;
  return true;
}

} // namespace qopt

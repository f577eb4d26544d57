// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibration data, streamed batch by batch and checked before it is used.
//
//   data.npz                one array for each input, keyed by its name
//   folder of .npz          each as above, in the order of their names
//   folder of .npy          <input>.npy for each input; with one input, any
//                           names: each file is one batch
//   test_data_set_*/input_N.pb   as ONNX ships them; a folder of such folders
//                           or one of them
//
// An array fits an input if its shape does. It may also hold many batches:
// stacked along one more leading axis, or along the leading axis in multiples
// of a static size, or (where every input's leading size is dynamic) more rows
// than DataSetOptions::batch. Arrays with other names, labels say, are ignored.
#pragma once
#include "lib/Execution/HostTensor.h"
#include "llvm/Support/Error.h"
#include <deque>

namespace qopt {

struct DataSetOptions {
  int64_t batch = 32;     // Rows a batch, where the model leaves it open.
  int64_t maxBatches = 0; // 0: all.
};

class DataSet {
public:
  static llvm::Expected<DataSet> open(llvm::StringRef path,
                                      llvm::ArrayRef<InputSpec> inputs,
                                      DataSetOptions options = {});

  // The next batch in the order of the inputs; false at the end. Errors name
  // the file, the input and what was expected: a missing array, another type
  // or shape, NaN or infinity.
  llvm::Expected<bool> next(std::vector<HostTensor> &batch);

private:
  // Files that together hold one array for every input.
  struct Shard {
    std::vector<std::string> files;
    enum { Npz, NpyByName, NpyAlone, OnnxByIndex } kind = Npz;
  };

  llvm::Error listFolder(llvm::StringRef path);
  llvm::Error loadShard(const Shard &shard);

  std::vector<InputSpec> inputs;
  DataSetOptions options;
  std::deque<Shard> shards;
  std::deque<std::vector<HostTensor>> ready;
  int64_t delivered = 0;
};

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of qrun.
#ifndef QRUN_OPTIONS_H
#define QRUN_OPTIONS_H

#include "Failure.h"
#include <vector>

namespace qrun {

// NAME=@FILE:KEY; name and key may be empty.
struct FileBinding {
  std::string name, path, key;
};

// NAME=1x3x224x224; the name may be empty.
struct ShapeBinding {
  std::string name;
  std::vector<int64_t> shape;
};

struct Options {
  std::string model;
  std::vector<FileBinding> inputs, outputs, expected, labels;
  std::vector<ShapeBinding> shapes;
  std::string metric; // empty: report all, gate none
  bool hasMin = false, hasMax = false;
  double min = 0, max = 0;
  int64_t batch = 0; // 0: everything at once
  uint32_t threads = 0;
  int64_t loopLimit = 0;
  std::string isa;
  bool bench = false, profile = false, json = false, info = false;
  bool help = false, version = false;
  int64_t warmup = 10;
  double duration = 2; // seconds
  bool random = false; // --random-seed was given
  uint64_t seed = 0;
  std::string trace;
};

Failure parseOptions(int argc, char **argv, Options &options);
std::string helpText();

} // namespace qrun

#endif // QRUN_OPTIONS_H

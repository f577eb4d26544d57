// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The malformed models every reader of models must refuse: one table for the
// unit tests here and for the generator that feeds the end-to-end tests.
#pragma once

#include "lib/Support/ExitCode.h"
#include <functional>
#include <string>
#include <vector>

namespace qopt::test {

struct MalformedModel {
  std::string name;
  ExitCode code;
  std::vector<std::string> messages; // each must occur in the error's text
  /// Writes the model into `folder` (which exists) and returns its path.
  std::function<std::string(const std::string &folder)> write;
  /// Found by the reader alone; otherwise by the importer.
  bool byReader = true;
};

const std::vector<MalformedModel> &malformedModels();

} // namespace qopt::test

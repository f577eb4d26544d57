// What the command line says of a model's inputs.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_TOOLS_QOPT_INPUTOPTIONS_H
#define QOPT_TOOLS_QOPT_INPUTOPTIONS_H

#include "llvm/Support/Error.h"
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

namespace qopt {

/// `--shape NAME=1x3x?x320` and `--freeze NAME=16000`, as given.
struct InputOptions {
  std::vector<std::string> shapes, frozen;

  void addTo(CLI::App *command);
  /// Sizes by name (-1 leaves one open) and elements by name.
  llvm::Error parse(std::map<std::string, std::vector<int64_t>> &sizes,
                    std::map<std::string, std::vector<double>> &elements) const;
};

} // namespace qopt

#endif

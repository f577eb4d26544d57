// Reading --shape and --freeze.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/qopt/InputOptions.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/StringExtras.h"

using namespace qopt;

namespace {

llvm::Error parseShape(llvm::StringRef text,
                       std::map<std::string, std::vector<int64_t>> &all) {
  auto [name, sizes] = text.split('=');
  std::vector<int64_t> shape;
  for (llvm::StringRef part : llvm::split(sizes, 'x')) {
    int64_t size;
    if (part == "?")
      size = -1;
    else if (part.getAsInteger(10, size) || size < 0)
      return fail(ExitCode::Usage,
                  "--shape expects NAME=1x3x48x320 ('?' leaves a dimension "
                  "open), got '{0}'",
                  text);
    shape.push_back(size);
  }
  all[name.str()] = shape;
  return llvm::Error::success();
}

llvm::Error parseFrozen(llvm::StringRef text,
                        std::map<std::string, std::vector<double>> &all) {
  auto [name, numbers] = text.rsplit('=');
  llvm::SmallVector<llvm::StringRef> parts;
  numbers.split(parts, ',');
  std::vector<double> elements;
  for (llvm::StringRef part : parts) {
    double element;
    if (part == "true" || part == "false")
      element = part == "true";
    else if (name.empty() || part.empty() || part.getAsDouble(element))
      return fail(ExitCode::Usage,
                  "--freeze expects NAME=16000 (or NAME=1,0,2: every element), "
                  "got '{0}'",
                  text);
    elements.push_back(element);
  }
  all[name.str()] = elements;
  return llvm::Error::success();
}

} // namespace

void InputOptions::addTo(CLI::App *command) {
  command->add_option("--shape", shapes, "NAME=1x3x48x320: sizes of an input");
  command->add_option("--freeze", frozen,
                      "NAME=16000: an input becomes this constant (NAME=1,0,2: "
                      "every element)");
}

llvm::Error
InputOptions::parse(std::map<std::string, std::vector<int64_t>> &sizes,
                    std::map<std::string, std::vector<double>> &elements) const {
  for (const std::string &text : shapes)
    if (llvm::Error error = parseShape(text, sizes))
      return error;
  for (const std::string &text : frozen)
    if (llvm::Error error = parseFrozen(text, elements))
      return error;
  return llvm::Error::success();
}

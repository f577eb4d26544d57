// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes every malformed model into a folder and prints a line for each: its
// path, the exit code a tool must end with, and the words its message must
// hold, separated by tabs. End-to-end tests feed them to the tools.
#include "test/lib/Import/MalformedModels.h"
#include <filesystem>
#include <iostream>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::cerr << "usage: malformed-models FOLDER\n";
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  for (const qopt::test::MalformedModel &model :
       qopt::test::malformedModels()) {
    std::cout << model.write(argv[1]) << '\t' << int(model.code);
    for (const std::string &message : model.messages)
      std::cout << '\t' << message;
    std::cout << '\n';
  }
  return 0;
}

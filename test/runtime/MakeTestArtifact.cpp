// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// make-test-artifact PATH: writes the program of TestArtifacts.h.

#include "test/runtime/TestArtifacts.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  qopt::artifact::ArtifactBuilder builder;
  qopt::test::buildTestProgram(builder);
  if (llvm::Error error = builder.writeTo(argv[1])) {
    llvm::errs() << llvm::toString(std::move(error)) << '\n';
    return 6;
  }
  return 0;
}

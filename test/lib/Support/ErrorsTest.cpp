// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An error keeps its exit code through context and joining.
#include "lib/Support/Errors.h"
#include <gtest/gtest.h>

using namespace qopt;

TEST(Errors, CarryCodeAndMessage) {
  std::string text;
  ExitCode code = consumeFailure(
      fail(ExitCode::BadModel, "expected {0}, found {1}", 3, "x"), &text);
  EXPECT_EQ(code, ExitCode::BadModel);
  EXPECT_EQ(text, "expected 3, found x");
}

TEST(Errors, ContextKeepsCode) {
  std::string text;
  ExitCode code = consumeFailure(
      addContext(fail(ExitCode::IO, "no such file"), "a.onnx"), &text);
  EXPECT_EQ(code, ExitCode::IO);
  EXPECT_EQ(text, "a.onnx: no such file");
  EXPECT_FALSE(addContext(llvm::Error::success(), "a"));
}

TEST(Errors, JoinedErrorsReportFirstCodeAndAllMessages) {
  std::string text;
  ExitCode code =
      consumeFailure(llvm::joinErrors(fail(ExitCode::Unsupported, "one"),
                                      fail(ExitCode::IO, "two")),
                     &text);
  EXPECT_EQ(code, ExitCode::Unsupported);
  EXPECT_EQ(text, "one\ntwo");
}

TEST(Errors, ForeignErrorsAreInternal) {
  EXPECT_EQ(consumeFailure(llvm::createStringError("boom")),
            ExitCode::Internal);
  EXPECT_EQ(consumeFailure(llvm::Error::success()), ExitCode::Ok);
}

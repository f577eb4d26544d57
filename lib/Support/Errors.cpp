// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors that carry an exit code.
#include "lib/Support/Errors.h"

using namespace llvm;

namespace qopt {

char Failure::ID = 0;

std::error_code Failure::convertToErrorCode() const {
  return inconvertibleErrorCode();
}

Error makeFailure(ExitCode code, const Twine &message) {
  return make_error<Failure>(code, message.str());
}

Error addContext(Error error, const Twine &context) {
  if (!error)
    return error;
  std::string messages;
  ExitCode code = consumeFailure(std::move(error), &messages);
  return makeFailure(code, context + ": " + messages);
}

ExitCode consumeFailure(Error error, std::string *messages) {
  if (!error)
    return ExitCode::Ok;
  std::optional<ExitCode> code;
  std::string text;
  handleAllErrors(std::move(error), [&](const ErrorInfoBase &info) {
    if (!text.empty())
      text += '\n';
    text += info.message();
    if (code)
      return;
    code = info.isA<Failure>() ? static_cast<const Failure &>(info).getCode()
                               : ExitCode::Internal;
  });
  if (messages)
    *messages = std::move(text);
  return code.value_or(ExitCode::Internal);
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The error every room outside MLIR returns: a message for the user and the
// exit code it leads to. A message says what was expected, what was found and
// what to do; it names the file and, for a model, the node and its op.
#pragma once

#include "lib/Support/ExitCode.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"

namespace qopt {

class Failure : public llvm::ErrorInfo<Failure> {
public:
  static char ID;

  Failure(ExitCode code, std::string message)
      : code(code), message(std::move(message)) {}

  void log(llvm::raw_ostream &os) const override { os << message; }
  std::error_code convertToErrorCode() const override;

  ExitCode getCode() const { return code; }
  const std::string &getMessage() const { return message; }

private:
  ExitCode code;
  std::string message;
};

/// An error that ends the process with `code`.
llvm::Error makeFailure(ExitCode code, const llvm::Twine &message);

/// As above, with a formatv format: `fail(ExitCode::IO, "{0}: absent", p)`.
template <typename... Args>
llvm::Error fail(ExitCode code, const char *format, Args &&...args) {
  return makeFailure(code,
                     llvm::formatv(format, std::forward<Args>(args)...).str());
}

/// The same error with `context` and a colon before its message.
llvm::Error addContext(llvm::Error error, const llvm::Twine &context);

/// Consumes `error`; returns its exit code (that of its first part when there
/// are several; Internal when it is no Failure) and, if asked, all messages,
/// one a line.
ExitCode consumeFailure(llvm::Error error, std::string *messages = nullptr);

} // namespace qopt

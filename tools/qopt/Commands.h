// The subcommands of qopt.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_TOOLS_QOPT_COMMANDS_H
#define QOPT_TOOLS_QOPT_COMMANDS_H

#include "lib/Driver/Compiler.h"
#include "lib/Support/ExitCode.h"
#include <CLI/CLI.hpp>
#include <functional>

namespace qopt {

/// Each adds its subcommand; `run` is set to what the chosen one does.
using Action = std::function<ExitCode()>;
void addCompileCommand(CLI::App &app, Action &run);
void addExportCommand(CLI::App &app, Action &run);
void addCheckCommand(CLI::App &app, Action &run);
void addInspectCommand(CLI::App &app, Action &run);
void addBatchCommand(CLI::App &app, Action &run);

/// What `qopt compile WORDS...` does, without printing anything.
llvm::Expected<CompileReport> compileArguments(std::vector<std::string> words);

} // namespace qopt

#endif

// qopt batch: many models, one process.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lib/Support/Errors.h"
#include "tools/qopt/Commands.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <fstream>
#include <iostream>
#include <malloc.h>
#include <unistd.h>

using namespace qopt;

namespace {

/// A job as written: ["model.onnx", "-o", "model.qar", "--preset", "fp32"].
llvm::Expected<std::vector<std::string>> parseJob(llvm::StringRef line) {
  auto value = llvm::json::parse(line);
  if (!value)
    return fail(ExitCode::Usage, "expected a JSON array of strings, found {0}",
                llvm::toString(value.takeError()));
  std::vector<std::string> words;
  if (!value->getAsArray())
    return fail(ExitCode::Usage, "expected a JSON array of strings");
  for (const llvm::json::Value &word : *value->getAsArray()) {
    auto text = word.getAsString();
    if (!text)
      return fail(ExitCode::Usage, "expected strings only in the array");
    words.push_back(text->str());
  }
  return words;
}

/// Bytes of this process in memory, 0 where the system does not say.
int64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

struct Outcome {
  ExitCode code = ExitCode::Ok;
  std::string model, message;
  llvm::json::Object report;
};

Outcome compileJob(llvm::StringRef line) {
  Outcome outcome;
  auto failed = [&](llvm::Error error) {
    outcome.code = consumeFailure(std::move(error), &outcome.message);
  };
  auto words = parseJob(line);
  if (!words) {
    failed(words.takeError());
    return outcome;
  }
  if (!words->empty())
    outcome.model = words->front();
  // A defect met by one model is that model's: the others still get compiled.
  llvm::CrashRecoveryContext guard;
  bool finished = guard.RunSafely([&] {
    auto result = compileArguments(std::move(*words));
    if (result)
      outcome.report = std::move(result->json);
    else
      failed(result.takeError());
  });
  if (!finished) {
    outcome.code = ExitCode::Internal;
    outcome.message = "qopt met a defect of its own; 'qopt compile' with the "
                      "same arguments prints a trace";
  }
  return outcome;
}

ExitCode runBatch(std::istream &jobs) {
  llvm::CrashRecoveryContext::Enable();
  llvm::scope_exit disable([] { llvm::CrashRecoveryContext::Disable(); });
  bool allGood = true;
  for (std::string line; std::getline(jobs, line);) {
    if (llvm::StringRef(line).trim().empty())
      continue;
    auto begin = std::chrono::steady_clock::now();
    Outcome outcome = compileJob(line);
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    malloc_trim(0);
    allGood &= outcome.code == ExitCode::Ok;
    llvm::json::Object object{{"model", outcome.model},
                              {"exit_code", int(outcome.code)},
                              {"message", outcome.message},
                              {"seconds", seconds.count()},
                              {"resident_bytes", residentBytes()},
                              {"report", std::move(outcome.report)}};
    llvm::outs() << llvm::json::Value(std::move(object)) << "\n";
    llvm::outs().flush();
  }
  return allGood ? ExitCode::Ok : ExitCode::BadModel;
}

} // namespace

void qopt::addBatchCommand(CLI::App &app, Action &run) {
  auto file = std::make_shared<std::string>();
  CLI::App *command = app.add_subcommand(
      "batch",
      "Compile many models in one process. Each line of FILE is a JSON array: "
      "the\narguments of one 'qopt compile'. Each job answers with one line of "
      "JSON on\nstandard output as soon as it is done: model, exit_code, "
      "message, seconds,\nresident_bytes, report. A job that fails does not "
      "stop the others; exit code 3\nif one did.\n\nExample:\n  echo "
      "'[\"model.onnx\", \"-o\", \"model.qar\", \"--preset\", \"fp32\"]' | "
      "qopt batch -");
  command->add_option("file", *file, "jobs, one a line; '-': standard input")
      ->required();
  command->callback([file, &run] {
    run = [file] {
      if (*file == "-")
        return runBatch(std::cin);
      std::ifstream jobs(*file);
      if (!jobs) {
        llvm::errs() << "qopt: error: cannot read '" << *file << "'\n";
        return ExitCode::IO;
      }
      return runBatch(jobs);
    };
  });
}

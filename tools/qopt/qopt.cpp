// qopt: the compiler driver.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/qopt/Commands.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"
#include <iostream>

using namespace qopt;

int main(int argc, char **argv) {
  llvm::sys::PrintStackTraceOnErrorSignal(argv[0]);
  llvm::setBugReportMsg("qopt met a defect of its own; please report it with "
                        "the command line and the trace below.\n");
  CLI::App app("qopt: makes ONNX models small and fast.\n\n"
               "Examples:\n"
               "  qopt compile model.onnx -o model.qar --preset fp32\n"
               "  qopt compile model.onnx -o model.qar --preset int8 --calib data.npz\n"
               "  qopt compile model.onnx -o model.qar --budget size=200KiB --calib data.npz\n"
               "  qopt export model.onnx -o quantized.onnx --calib data.npz\n"
               "  qopt check model.onnx\n"
               "  qopt inspect model.qar\n"
               "  qopt batch jobs.jsonl\n\n"
               "Exit codes: 0 ok, 1 internal, 2 usage, 3 bad model or data, "
               "4 unsupported op,\n5 resources, 6 I/O, 7 integrity, 8 accuracy "
               "gate.");
  app.require_subcommand(1);
  app.set_version_flag("--version", QOPT_VERSION);
  Action run;
  addCompileCommand(app, run);
  addExportCommand(app, run);
  addCheckCommand(app, run);
  addInspectCommand(app, run);
  addBatchCommand(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    // CLI11 prints help to stdout with code 0; everything else is misuse.
    return app.exit(error, std::cout, std::cerr) == 0
               ? int(ExitCode::Ok)
               : int(ExitCode::Usage);
  }
  return int(run());
}

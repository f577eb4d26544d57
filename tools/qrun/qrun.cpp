// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// qrun: runs, measures and judges artifacts. Results go to stdout, everything
// else to stderr.

#include "Batches.h"
#include "Bench.h"
#include "Inputs.h"
#include "Judge.h"
#include "TensorFiles.h"
#include "Trace.h"
#include <csignal>
#include <cstdio>
#include <new>
#include <unistd.h>

using namespace qrun;

static Failure writeOutputs(const Session &session, const Options &options,
                            const std::vector<Tensor> &outputs) {
  for (const FileBinding &binding : options.outputs) {
    uint32_t index;
    if (Failure failure = session.findOutput(binding.name, index))
      return failure;
    if (Failure failure = writeNpy(binding.path, outputs[index]))
      return failure;
  }
  return {};
}

static void printOutputs(const std::vector<Tensor> &outputs, JsonWriter *json) {
  if (json)
    json->beginList("outputs");
  for (const Tensor &output : outputs) {
    if (!json) {
      std::printf("%s %s %s\n", output.name.c_str(), output.type().c_str(),
                  describe(output).c_str());
      continue;
    }
    Summary summary = summarize(output);
    json->begin().string("name", output.name);
    json->string("dtype", qrt_dtype_name(output.dtype));
    json->shape("shape", output.shape).number("min", summary.min);
    json->number("mean", summary.mean).number("max", summary.max);
    json->integer("nan", summary.nans).end();
  }
  if (json)
    json->end();
}

static Failure measure(Session &session, const Options &options,
                       const std::vector<Tensor> &inputs, JsonWriter *json) {
  if (Failure failure = setFirstBatch(session, inputs, options.batch))
    return failure;
  if (options.bench)
    if (Failure failure = bench(session, options, json))
      return failure;
  return options.profile ? profile(session, options, json) : Failure();
}

static Failure compute(Session &session, const Options &options,
                       const std::vector<Tensor> &inputs, JsonWriter *json) {
  // What can be wrong with the command line is found before the work.
  Judge judge;
  uint32_t index;
  for (const FileBinding &binding : options.outputs)
    if (Failure failure = session.findOutput(binding.name, index))
      return failure;
  if (Failure failure = judge.read(session, options))
    return failure;
  Trace trace;
  if (!options.trace.empty())
    if (Failure failure = trace.start(session, options.trace))
      return failure;
  std::vector<Tensor> outputs;
  if (Failure failure = runBatches(session, inputs, options.batch, outputs))
    return failure;
  qrt_context_set_trace(session.context, nullptr, nullptr);
  if (Failure failure = writeOutputs(session, options, outputs))
    return failure;
  if (!options.trace.empty())
    trace.print(json);
  if (!options.trace.empty() && trace.size() == 0)
    std::fprintf(stderr, "qrun: no tensor matches '%s'\n",
                 options.trace.c_str());
  if (json || (options.trace.empty() && !options.profile))
    printOutputs(outputs, json);
  return judge.judge(outputs, options, json);
}

static Failure execute(const Options &options, JsonWriter *json) {
  Session session;
  if (Failure failure = session.open(options))
    return failure;
  if (json)
    json->string("model", options.model);
  if (options.info) {
    describe(session, json);
    return {};
  }
  std::vector<Tensor> inputs;
  if (Failure failure = gatherInputs(session, options, inputs))
    return failure;
  Failure shut;
  if (!options.bench)
    shut = compute(session, options, inputs, json);
  if ((!shut || shut.code == ExitAccuracy) &&
      (options.bench || options.profile))
    if (Failure failure = measure(session, options, inputs, json))
      return failure;
  return shut;
}

static void outOfMemory() {
  static const char text[] = "qrun: error: out of memory\n";
  if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
    _exit(ExitInternal);
  _exit(ExitResources);
}

int main(int argc, char **argv) {
  std::set_new_handler(outOfMemory);
  // Then a write beyond `ulimit -f` fails like one to a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  Options options;
  Failure failure = parseOptions(argc, argv, options);
  if (!failure && options.help) {
    std::fputs(helpText().c_str(), stdout);
  } else if (!failure && options.version) {
    std::printf("qrun %s\n", qrt_version());
  } else if (!failure) {
    JsonWriter json;
    json.begin();
    failure = execute(options, options.json ? &json : nullptr);
    json.end();
    // A result that missed the gate is a result.
    if (options.json && (!failure || failure.code == ExitAccuracy))
      std::puts(json.text().c_str());
  }
  if (std::fflush(stdout) != 0 && !failure)
    failure = Failure(ExitIO, "cannot write to stdout");
  if (failure)
    std::fprintf(stderr, "qrun: error: %s\n", failure.message.c_str());
  return failure.code;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Options.h"
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace qrun;

namespace {

Failure usage(const std::string &text) { return Failure(ExitUsage, text); }

Failure parseInteger(const char *text, int64_t least, int64_t &value) {
  char *end;
  errno = 0;
  value = std::strtoll(text, &end, 10);
  if (end == text || *end || errno || value < least)
    return usage(format("expects an integer of at least %lld, found '%s'",
                        (long long)least, text));
  return {};
}

Failure parseNumber(const char *text, double &value) {
  char *end;
  value = std::strtod(text, &end);
  if (end == text || *end || !std::isfinite(value))
    return usage(format("expects a number, found '%s'", text));
  return {};
}

// [NAME=]@FILE[:KEY]; a colon counts only behind .npz, so paths may have some.
Failure parseFile(const std::string &text, std::vector<FileBinding> &bindings) {
  FileBinding binding;
  size_t at = text[0] == '@' ? 0 : text.find("=@");
  if (at == std::string::npos)
    return usage("expects [NAME=]@FILE, found '" + text + "'");
  binding.name = text.substr(0, at);
  binding.path = text.substr(text[at] == '@' ? at + 1 : at + 2);
  size_t colon = binding.path.rfind(".npz:");
  if (colon != std::string::npos) {
    binding.key = binding.path.substr(colon + 5);
    binding.path.resize(colon + 4);
  }
  if (binding.path.empty())
    return usage("expects a file after '@' in '" + text + "'");
  bindings.push_back(binding);
  return {};
}

// [NAME=]1x3x224x224; "NAME=" alone is a scalar.
Failure parseShape(const std::string &text,
                   std::vector<ShapeBinding> &bindings) {
  ShapeBinding binding;
  size_t equals = text.rfind('=');
  if (equals != std::string::npos)
    binding.name = text.substr(0, equals);
  const char *next =
      text.c_str() + (equals == std::string::npos ? 0 : equals + 1);
  while (*next) {
    char *end;
    errno = 0;
    long long size = std::strtoll(next, &end, 10);
    if (end == next || errno || size < 0 || (*end && (*end != 'x' || !end[1])))
      return usage("expects [NAME=]1x3x224x224, found '" + text + "'");
    binding.shape.push_back(size);
    next = *end ? end + 1 : end;
  }
  bindings.push_back(binding);
  return {};
}

struct Row {
  const char *name;
  const char *argument; // null: a switch
  const char *help;
  Failure (*set)(Options &, const char *);
};

const Row rows[] = {
    {"--input", "[NAME=]@FILE[:KEY]",
     "an input: .npy, .npz (KEY, or else NAME, or else one\n"
     "array an input) or ONNX TensorProto .pb",
     [](Options &o, const char *t) { return parseFile(t, o.inputs); }},
    {"--output", "[NAME=]@FILE", "write an output as .npy",
     [](Options &o, const char *t) { return parseFile(t, o.outputs); }},
    {"--batch", "N", "run N entries of axis 0 at a time, join the outputs",
     [](Options &o, const char *t) { return parseInteger(t, 1, o.batch); }},
    {"--shape", "[NAME=]1x3x224x224",
     "shape of a random input; open dimensions are 1 otherwise",
     [](Options &o, const char *t) { return parseShape(t, o.shapes); }},
    {"--random-seed", "N", "fill inputs that have no file with random numbers",
     [](Options &o, const char *t) {
       int64_t seed;
       Failure failure = parseInteger(t, 0, seed);
       o.random = true;
       o.seed = uint64_t(seed);
       return failure;
     }},
    {"--expect", "[NAME=]@FILE[:KEY]", "compare an output with a reference",
     [](Options &o, const char *t) { return parseFile(t, o.expected); }},
    {"--labels", "[NAME=]@FILE[:KEY]",
     "class numbers: print the accuracy of an output (top-1)",
     [](Options &o, const char *t) { return parseFile(t, o.labels); }},
    {"--metric", "METRIC",
     "what the gate looks at: sqnr (dB), maxabs, relative\n"
     "(max |a-b| / max |b|), cosine, top1 (per cent)",
     [](Options &o, const char *t) {
       o.metric = t;
       for (const char *name : {"sqnr", "maxabs", "relative", "cosine", "top1"})
         if (o.metric == name)
           return Failure();
       return usage("expects sqnr, maxabs, relative, cosine or top1, found '" +
                    o.metric + "'");
     }},
    {"--min", "V", "exit with code 8 if the metric is below",
     [](Options &o, const char *t) {
       o.hasMin = true;
       return parseNumber(t, o.min);
     }},
    {"--max", "V", "exit with code 8 if the metric is above",
     [](Options &o, const char *t) {
       o.hasMax = true;
       return parseNumber(t, o.max);
     }},
    {"--threads", "N", "threads; 0, the default: all CPUs",
     [](Options &o, const char *t) {
       int64_t count;
       Failure failure = parseInteger(t, 0, count);
       if (!failure && count > 4096)
         return usage("expects at most 4096 threads");
       o.threads = uint32_t(count);
       return failure;
     }},
    {"--loop-limit", "N",
     "fail (code 5) when loops take more than N iterations together in a run; "
     "0, the default: no limit",
     [](Options &o, const char *t) { return parseInteger(t, 0, o.loopLimit); }},
    {"--isa", "NAME", "code to run, not the best for this CPU (see --info)",
     [](Options &o, const char *t) { return o.isa = t, Failure(); }},
    {"--bench", nullptr, "measure; random inputs unless some are given",
     [](Options &o, const char *) { return o.bench = true, Failure(); }},
    {"--warmup", "N", "runs before measuring (10)",
     [](Options &o, const char *t) { return parseInteger(t, 0, o.warmup); }},
    {"--duration", "SECONDS", "how long to measure (2)",
     [](Options &o, const char *t) {
       Failure failure = parseNumber(t, o.duration);
       if (!failure && o.duration < 0)
         return usage("expects a duration of at least 0");
       return failure;
     }},
    {"--profile", nullptr, "time of every kernel, medians over runs",
     [](Options &o, const char *) { return o.profile = true, Failure(); }},
    {"--trace", "REGEX",
     "range and hash of every tensor whose name matches\n"
     "(POSIX extended), in the first run",
     [](Options &o, const char *t) { return o.trace = t, Failure(); }},
    {"--json", nullptr, "results as one JSON object",
     [](Options &o, const char *) { return o.json = true, Failure(); }},
    {"--info", nullptr, "describe the model, run nothing",
     [](Options &o, const char *) { return o.info = true, Failure(); }},
    {"--version", nullptr, "print the version",
     [](Options &o, const char *) { return o.version = true, Failure(); }},
    {"--help", nullptr, "print this",
     [](Options &o, const char *) { return o.help = true, Failure(); }},
};

const Row *findRow(const std::string &name) {
  for (const Row &row : rows)
    if (name == row.name)
      return &row;
  return nullptr;
}

// Combinations that mean nothing are mistakes of the user, not defaults.
Failure checkTogether(const Options &options) {
  if (options.model.empty())
    return usage("expects an artifact, e.g. 'qrun model.qar'");
  bool gated = options.hasMin || options.hasMax;
  if (gated && options.metric.empty())
    return usage("--min and --max need --metric");
  if (!options.metric.empty() && options.expected.empty() &&
      options.labels.empty())
    return usage("--metric needs --expect or --labels");
  if (!options.labels.empty() && !options.metric.empty() &&
      options.metric != "top1" && options.expected.empty())
    return usage("--labels goes with --metric top1");
  if (options.bench && (!options.expected.empty() || !options.labels.empty() ||
                        !options.outputs.empty()))
    return usage("--bench goes without --output, --expect and --labels");
  return {};
}

} // namespace

Failure qrun::parseOptions(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word[0] != '-') {
      if (!options.model.empty())
        return usage("expects one artifact, found '" + options.model +
                     "' and '" + word + "'");
      options.model = word;
      continue;
    }
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    const Row *row = findRow(name);
    if (!row)
      return usage("unknown option '" + name + "'; see qrun --help");
    const char *argument = nullptr;
    if (row->argument && equals != std::string::npos)
      argument = argv[i] + equals + 1;
    else if (row->argument && i + 1 < argc)
      argument = argv[++i];
    if (row->argument && !argument)
      return usage(name + " expects " + row->argument);
    if (!row->argument && equals != std::string::npos)
      return usage(name + " takes no value");
    if (Failure failure = row->set(options, argument))
      return usage(name + ": " + failure.message);
  }
  if (options.help || options.version)
    return {};
  return checkTogether(options);
}

std::string qrun::helpText() {
  std::string text =
      R"(qrun: runs artifacts of qopt.

Examples:
  qrun model.qar --info
  qrun model.qar --input x=@x.npy --output y=@y.npy
  qrun model.qar --input @test.npz --batch 100 --labels @labels.npy --metric top1 --min 92
  qrun model.qar --input @x.npz --expect @ref.npz:y --metric sqnr --min 30
  qrun model.qar --bench --threads 1 --shape x=1x3x224x224 --json
  qrun model.qar --input @x.npy --profile
  qrun model.qar --input @x.npy --trace 'conv.*' > here.txt

A name may be left out where the model has one input (or output), and for an
.npz whose keys are the names of the inputs.

Options:
)";
  for (const Row &row : rows) {
    std::string left = std::string("  ") + row.name;
    if (row.argument)
      left += std::string(" ") + row.argument;
    left += left.size() < 26 ? std::string(26 - left.size(), ' ')
                             : "\n" + std::string(26, ' ');
    text += left;
    for (const char *c = row.help; *c; ++c)
      text += *c == '\n' ? "\n" + std::string(26, ' ') : std::string(1, *c);
    text += '\n';
  }
  return text + "\nExit codes: 0 ok, 1 internal, 2 usage, 3 bad input data, "
                "5 resources, 6 I/O,\n7 damaged artifact, 8 below the "
                "accuracy asked for.\n";
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Judge.h"
#include "Inputs.h"
#include "Metrics.h"
#include <cstdio>

using namespace qrun;

Failure Judge::read(const Session &session, const Options &options) {
  for (bool isLabels : {false, true})
    for (const FileBinding &binding :
         isLabels ? options.labels : options.expected) {
      Reference reference;
      if (Failure failure = session.findOutput(binding.name, reference.output))
        return failure;
      if (Failure failure =
              readOne(binding, session.outputs[reference.output].name,
                      reference.tensor))
        return failure;
      (isLabels ? labels : expected).push_back(std::move(reference));
    }
  return {};
}

// NaN passes no gate.
static Failure gate(const std::string &name, double value,
                    const Options &options) {
  if (options.hasMin && !(value >= options.min))
    return Failure(ExitAccuracy,
                   format("output '%s': %s is %.6g, below %.6g", name.c_str(),
                          options.metric.c_str(), value, options.min));
  if (options.hasMax && !(value <= options.max))
    return Failure(ExitAccuracy,
                   format("output '%s': %s is %.6g, above %.6g", name.c_str(),
                          options.metric.c_str(), value, options.max));
  return {};
}

static void print(const std::string &name, const Comparison &result,
                  JsonWriter *json) {
  if (!json) {
    std::printf("%s: sqnr %.2f dB, maxabs %.6g, relative %.6g, cosine %.8f, "
                "top1 %.2f %%%s\n",
                name.c_str(), result.sqnr, result.maxabs, result.relative,
                result.cosine, result.top1,
                result.identical ? ", identical" : "");
    return;
  }
  json->begin().string("output", name).number("sqnr", result.sqnr);
  json->number("maxabs", result.maxabs).number("relative", result.relative);
  json->number("cosine", result.cosine).number("top1", result.top1);
  json->boolean("identical", result.identical).end();
}

Failure Judge::judge(const std::vector<Tensor> &outputs, const Options &options,
                     JsonWriter *json) const {
  Failure shut;
  if (json)
    json->beginList("metrics");
  for (const Reference &reference : expected) {
    const Tensor &output = outputs[reference.output];
    Comparison result;
    if (Failure failure = compare(output, reference.tensor, result))
      return failure;
    print(output.name, result, json);
    if (!shut && !options.metric.empty())
      shut = gate(output.name, result.byName(options.metric), options);
  }
  if (json)
    json->end();
  for (const Reference &reference : labels) {
    const Tensor &output = outputs[reference.output];
    double percent;
    if (Failure failure = accuracy(output, reference.tensor, percent))
      return failure;
    if (json)
      json->number("top1", percent);
    else
      std::printf("%s: accuracy %.2f %% of %lld\n", output.name.c_str(),
                  percent, (long long)reference.tensor.elements());
    if (!shut && options.metric == "top1")
      shut = gate(output.name, percent, options);
  }
  return shut;
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Trace.h"
#include <cmath>
#include <cstdio>

using namespace qrun;

Trace::~Trace() {
  if (compiled)
    regfree(&pattern);
}

Failure Trace::start(Session &session, const std::string &regex) {
  int error = regcomp(&pattern, regex.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error) {
    char text[128];
    regerror(error, &pattern, text, sizeof(text));
    return Failure(ExitUsage, "--trace '" + regex + "': " + text);
  }
  compiled = true;
  qrt_context_set_trace(session.context, record, this);
  return {};
}

// FNV-1a, 64 bits.
static uint64_t hashOf(const std::vector<char> &bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char byte : bytes)
    hash = (hash ^ uint8_t(byte)) * 0x100000001b3;
  return hash;
}

void Trace::record(void *self, uint32_t, const char *name,
                   const qrt_array_t *array) {
  auto *trace = static_cast<Trace *>(self);
  if (regexec(&trace->pattern, name, 0, nullptr, 0) != 0)
    return;
  Tensor tensor = Tensor::copyOf(name, *array);
  trace->records.push_back(
      {name, tensor.type(), summarize(tensor), hashOf(tensor.data)});
}

void Trace::print(JsonWriter *json) const {
  if (json)
    json->beginList("trace");
  for (const Record &record : records) {
    const Summary &summary = record.summary;
    double absmax = std::fmax(std::fabs(summary.min), std::fabs(summary.max));
    std::string hash = format("%016llx", (unsigned long long)record.hash);
    if (!json) {
      std::printf("%s %s min %.9g max %.9g mean %.9g absmax %.9g nan %lld "
                  "hash %s\n",
                  record.name.c_str(), record.type.c_str(), summary.min,
                  summary.max, summary.mean, absmax, (long long)summary.nans,
                  hash.c_str());
      continue;
    }
    json->begin().string("name", record.name).string("type", record.type);
    json->number("min", summary.min).number("max", summary.max);
    json->number("mean", summary.mean).number("absmax", absmax);
    json->integer("nan", summary.nans).string("hash", hash).end();
  }
  if (json)
    json->end();
}

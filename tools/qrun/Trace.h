// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Says of every tensor that a run computes what it holds, so that two runs can
// be compared line by line.
#ifndef QRUN_TRACE_H
#define QRUN_TRACE_H

#include "Session.h"
#include <regex.h>

namespace qrun {

class Trace {
public:
  Trace() = default;
  Trace(const Trace &) = delete;
  ~Trace();

  // Traces the runs of `session` from here on; `regex` is POSIX extended.
  Failure start(Session &session, const std::string &regex);
  void print(JsonWriter *json) const;
  size_t size() const { return records.size(); }

private:
  struct Record {
    std::string name, type;
    Summary summary;
    uint64_t hash;
  };
  static void record(void *self, uint32_t command, const char *name,
                     const qrt_array_t *array);

  regex_t pattern;
  bool compiled = false;
  std::vector<Record> records;
};

} // namespace qrun

#endif // QRUN_TRACE_H

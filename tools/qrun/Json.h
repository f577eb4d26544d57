// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes one JSON object, key by key.
#ifndef QRUN_JSON_H
#define QRUN_JSON_H

#include <cstdint>
#include <string>
#include <vector>

namespace qrun {

class JsonWriter {
public:
  JsonWriter &begin(const char *key = nullptr) { return open(key, '{'); }
  JsonWriter &beginList(const char *key = nullptr) { return open(key, '['); }
  JsonWriter &end();

  // Infinities and NaN have no form in JSON: null.
  JsonWriter &number(const char *key, double value);
  JsonWriter &integer(const char *key, int64_t value);
  JsonWriter &string(const char *key, const std::string &value);
  JsonWriter &boolean(const char *key, bool value);
  JsonWriter &shape(const char *key, const std::vector<int64_t> &value);

  const std::string &text() const { return buffer; }

private:
  JsonWriter &open(const char *key, char bracket);
  void separate(const char *key);
  void quote(const std::string &text);

  std::string buffer;
  std::string closers; // brackets still open
  bool first = true;
};

} // namespace qrun

#endif // QRUN_JSON_H

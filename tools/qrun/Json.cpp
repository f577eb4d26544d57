// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Json.h"
#include "Failure.h"
#include <cmath>

using namespace qrun;

void JsonWriter::quote(const std::string &text) {
  buffer += '"';
  for (char c : text) {
    if (c == '"' || c == '\\')
      buffer += '\\';
    if (uint8_t(c) < 32)
      buffer += format("\\u%04x", c);
    else
      buffer += c;
  }
  buffer += '"';
}

void JsonWriter::separate(const char *key) {
  if (!first)
    buffer += ", ";
  first = false;
  if (key) {
    quote(key);
    buffer += ": ";
  }
}

JsonWriter &JsonWriter::open(const char *key, char bracket) {
  separate(key);
  buffer += bracket;
  closers += bracket == '{' ? '}' : ']';
  first = true;
  return *this;
}

JsonWriter &JsonWriter::end() {
  buffer += closers.back();
  closers.pop_back();
  first = false;
  return *this;
}

JsonWriter &JsonWriter::number(const char *key, double value) {
  separate(key);
  buffer += std::isfinite(value) ? format("%.9g", value) : "null";
  return *this;
}

JsonWriter &JsonWriter::integer(const char *key, int64_t value) {
  separate(key);
  buffer += std::to_string(value);
  return *this;
}

JsonWriter &JsonWriter::string(const char *key, const std::string &value) {
  separate(key);
  quote(value);
  return *this;
}

JsonWriter &JsonWriter::boolean(const char *key, bool value) {
  separate(key);
  buffer += value ? "true" : "false";
  return *this;
}

JsonWriter &JsonWriter::shape(const char *key,
                              const std::vector<int64_t> &value) {
  beginList(key);
  for (int64_t size : value)
    integer(nullptr, size);
  return end();
}

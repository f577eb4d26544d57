// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes a protobuf message such that it stays one: values become extreme or
// those of another field, elements are removed, doubled, moved.
#pragma once

#include <google/protobuf/message.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace qopt::fuzz {

class MessageMutator {
public:
  explicit MessageMutator(unsigned seed) : random(seed) {}

  /// One to three changes anywhere in `root`.
  void mutate(google::protobuf::Message &root);

private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  size_t below(size_t limit) { return random() % limit; }
  template <typename T> T oneOf(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }
  void collect(Message &message);
  void change(Message &message);
  void changeRepeated(Message &message, const Field *field);
  void setScalar(Message &message, const Field *field, int index);
  std::unique_ptr<Message> donor(const Message &kind);
  int64_t integer();
  double real();
  std::string text();

  std::minstd_rand random;
  std::vector<Message *> messages; // every message of the tree
  std::vector<std::string> texts;  // every short string of the tree
};

} // namespace qopt::fuzz

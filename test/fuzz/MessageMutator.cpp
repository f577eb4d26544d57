// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutations by means of protobuf's reflection.
#include "test/fuzz/MessageMutator.h"
#include "lib/Import/OpTable.h"
#include <cmath>

using namespace google::protobuf;

namespace qopt::fuzz {
namespace {
constexpr size_t longestText = 64;

const Message &prototype(const FieldDescriptor *field) {
  return *MessageFactory::generated_factory()->GetPrototype(
      field->message_type());
}

const std::vector<std::string> &operators() {
  static const std::vector<std::string> names = import::supportedOps();
  return names;
}
} // namespace

void MessageMutator::collect(Message &message) {
  messages.push_back(&message);
  const Reflection *reflection = message.GetReflection();
  std::vector<const FieldDescriptor *> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor *field : fields) {
    int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == Field::CPPTYPE_MESSAGE)
        collect(field->is_repeated()
                    ? *reflection->MutableRepeatedMessage(&message, field, i)
                    : *reflection->MutableMessage(&message, field));
      if (field->cpp_type() != Field::CPPTYPE_STRING)
        continue;
      std::string value = field->is_repeated()
                              ? reflection->GetRepeatedString(message, field, i)
                              : reflection->GetString(message, field);
      if (value.size() <= longestText)
        texts.push_back(value);
    }
  }
}

int64_t MessageMutator::integer() {
  if (below(2))
    return int64_t(below(20)) - 2;
  return oneOf<int64_t>({-1, 0, 1, 31, 32, 33, 63, 64, 255, 256, 65535, 65536,
                         INT32_MAX, INT32_MIN, int64_t(1) << 32,
                         int64_t(1) << 40, int64_t(1) << 62, INT64_MAX,
                         INT64_MIN, INT64_MIN + 1});
}

double MessageMutator::real() {
  return oneOf<double>({0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-45, 1e-30, 3e38,
                        1e300, double(NAN), double(INFINITY),
                        -double(INFINITY), double(below(100))});
}

std::string MessageMutator::text() {
  switch (below(4)) {
  case 0:
    return operators()[below(operators().size())];
  case 1:
    return oneOf<const char *>({"", "a", "axis", "axes", "NOTSET", "SAME_UPPER",
                                "com.microsoft", "ai.onnx", "\xff\xfe",
                                "location", "../x", "linear", "cubic",
                                "nearest", "reflect", "edge", "wrap"});
  default:
    return texts.empty() ? "x" : texts[below(texts.size())];
  }
}

void MessageMutator::setScalar(Message &message, const Field *field,
                               int index) {
  const Reflection *reflection = message.GetReflection();
  auto set = [&](auto value, auto single, auto repeated, auto add) {
    if (!field->is_repeated())
      (reflection->*single)(&message, field, value);
    else if (index >= 0)
      (reflection->*repeated)(&message, field, index, value);
    else
      (reflection->*add)(&message, field, value);
  };
  switch (field->cpp_type()) {
  case Field::CPPTYPE_INT32:
    return set(int32_t(integer()), &Reflection::SetInt32,
               &Reflection::SetRepeatedInt32, &Reflection::AddInt32);
  case Field::CPPTYPE_INT64:
    return set(integer(), &Reflection::SetInt64, &Reflection::SetRepeatedInt64,
               &Reflection::AddInt64);
  case Field::CPPTYPE_UINT64:
    return set(uint64_t(integer()), &Reflection::SetUInt64,
               &Reflection::SetRepeatedUInt64, &Reflection::AddUInt64);
  case Field::CPPTYPE_FLOAT:
    return set(float(real()), &Reflection::SetFloat,
               &Reflection::SetRepeatedFloat, &Reflection::AddFloat);
  case Field::CPPTYPE_DOUBLE:
    return set(real(), &Reflection::SetDouble, &Reflection::SetRepeatedDouble,
               &Reflection::AddDouble);
  case Field::CPPTYPE_ENUM:
    return set(int(below(24)), &Reflection::SetEnumValue,
               &Reflection::SetRepeatedEnumValue, &Reflection::AddEnumValue);
  case Field::CPPTYPE_STRING:
    return set(text(), &Reflection::SetString, &Reflection::SetRepeatedString,
               &Reflection::AddString);
  default: // ONNX has no others.
    return;
  }
}

// A copy of some message of this kind, or an empty one. Made before the tree
// changes: a field of a oneof takes the place of another message.
std::unique_ptr<Message> MessageMutator::donor(const Message &kind) {
  std::vector<Message *> others;
  for (Message *other : messages)
    if (other->GetDescriptor() == kind.GetDescriptor())
      others.push_back(other);
  std::unique_ptr<Message> copy(kind.New());
  if (!others.empty())
    copy->CopyFrom(*others[below(others.size())]);
  return copy;
}

void MessageMutator::changeRepeated(Message &message, const Field *field) {
  const Reflection *reflection = message.GetReflection();
  bool isMessage = field->cpp_type() == Field::CPPTYPE_MESSAGE;
  int size = reflection->FieldSize(message, field);
  size_t action = size == 0 ? 3 : below(5);
  if (action == 0) {
    reflection->RemoveLast(&message, field);
  } else if (action == 1) {
    reflection->SwapElements(&message, field, below(size), below(size));
  } else if (action == 2 && isMessage) {
    Message &target =
        *reflection->MutableRepeatedMessage(&message, field, below(size));
    target.CopyFrom(*donor(target));
  } else if (isMessage) {
    auto copy = donor(prototype(field));
    reflection->AddMessage(&message, field)->CopyFrom(*copy);
  } else {
    setScalar(message, field, action == 3 ? -1 : int(below(size)));
  }
}

void MessageMutator::change(Message &message) {
  const Reflection *reflection = message.GetReflection();
  const Descriptor *descriptor = message.GetDescriptor();
  std::vector<const FieldDescriptor *> fields;
  // Mostly fields that are there; now and then any other.
  if (below(5))
    reflection->ListFields(message, &fields);
  if (fields.empty())
    for (int i = 0; i < descriptor->field_count(); ++i)
      fields.push_back(descriptor->field(i));
  if (fields.empty())
    return;
  const FieldDescriptor *field = fields[below(fields.size())];
  if (below(12) == 0)
    reflection->ClearField(&message, field);
  else if (field->is_repeated())
    changeRepeated(message, field);
  else if (field->cpp_type() != Field::CPPTYPE_MESSAGE)
    setScalar(message, field, -1);
  else {
    auto copy = donor(prototype(field));
    reflection->MutableMessage(&message, field)->CopyFrom(*copy);
  }
}

void MessageMutator::mutate(Message &root) {
  size_t changes = 1 + below(3);
  for (size_t i = 0; i < changes; ++i) {
    messages.clear();
    texts.clear();
    collect(root);
    change(*messages[below(messages.size())]);
  }
}

} // namespace qopt::fuzz

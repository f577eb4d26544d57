// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes and input types of one node.
#include "lib/Import/SchemaChecks.h"
#include "lib/Support/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <onnx/defs/schema.h>

using namespace llvm;

namespace qopt::import {
namespace {
using Attribute = onnx::AttributeProto;

/// The newest opset whose schemas the installed library holds.
int64_t newestSchema() {
  static const int64_t newest =
      onnx::OpSchemaRegistry::DomainToVersionRange::Instance()
          .Map()
          .at(onnx::ONNX_DOMAIN)
          .second;
  return newest;
}

bool isStandard(StringRef domain) {
  return domain.empty() || domain == "ai.onnx";
}

struct Schema {
  const onnx::OpSchema *schema; // null: not known
  bool isExact;                 // the version that the model means
};

Schema schemaOf(const onnx::NodeProto &node, int64_t opset) {
  if (!isStandard(node.domain()))
    return {nullptr, false};
  bool isExact = opset <= newestSchema();
  int version = int(isExact ? opset : newestSchema());
  return {onnx::OpSchemaRegistry::Schema(node.op_type(), version), isExact};
}

StringRef kindName(int kind) {
  switch (kind) {
  case Attribute::FLOAT:
    return "a float";
  case Attribute::INT:
    return "an integer";
  case Attribute::STRING:
    return "a string";
  case Attribute::TENSOR:
    return "a tensor";
  case Attribute::GRAPH:
    return "a graph";
  case Attribute::FLOATS:
    return "floats";
  case Attribute::INTS:
    return "integers";
  case Attribute::STRINGS:
    return "strings";
  case Attribute::TENSORS:
    return "tensors";
  case Attribute::GRAPHS:
    return "graphs";
  default:
    return "another kind of value";
  }
}

/// The kinds of which `attribute` holds a value.
SmallVector<int> contents(const Attribute &attribute) {
  SmallVector<int> kinds;
  auto add = [&](bool has, int kind) {
    if (has)
      kinds.push_back(kind);
  };
  add(attribute.has_f(), Attribute::FLOAT);
  add(attribute.has_i(), Attribute::INT);
  add(attribute.has_s(), Attribute::STRING);
  add(attribute.has_t(), Attribute::TENSOR);
  add(attribute.has_g(), Attribute::GRAPH);
  add(attribute.floats_size(), Attribute::FLOATS);
  add(attribute.ints_size(), Attribute::INTS);
  add(attribute.strings_size(), Attribute::STRINGS);
  add(attribute.tensors_size(), Attribute::TENSORS);
  add(attribute.graphs_size(), Attribute::GRAPHS);
  return kinds;
}

/// What kind of value it holds; UNDEFINED when it says nothing. A kind without
/// content is a zero or an empty list, which some writers leave out.
Expected<int> kindOf(const Attribute &attribute) {
  SmallVector<int> found = contents(attribute);
  if (found.size() > 1)
    return fail(ExitCode::BadModel,
                "attribute '{0}' holds both {1} and {2}; expected one value",
                attribute.name(), kindName(found[0]), kindName(found[1]));
  bool says = attribute.has_type() && attribute.type() != Attribute::UNDEFINED;
  if (!says)
    return found.empty() ? int(Attribute::UNDEFINED) : found.front();
  if (!found.empty() && found.front() != attribute.type())
    return fail(ExitCode::BadModel,
                "attribute '{0}' is declared as {1}, but holds {2}",
                attribute.name(), kindName(attribute.type()),
                kindName(found.front()));
  return int(attribute.type());
}

struct Enumeration {
  StringLiteral ops;    // separated by blanks; "" for every op
  StringLiteral name;
  StringLiteral values; // of all opsets
};

constexpr Enumeration enumerations[] = {
    {"", "auto_pad", "NOTSET SAME_UPPER SAME_LOWER VALID"},
    {"BitShift", "direction", "LEFT RIGHT"},
    {"DepthToSpace", "mode", "DCR CRD"},
    {"Gelu", "approximate", "none tanh"},
    {"GridSample", "mode", "bilinear nearest bicubic linear cubic"},
    {"GridSample", "padding_mode", "zeros border reflection"},
    {"GRU LSTM RNN", "direction", "forward reverse bidirectional"},
    {"NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss", "reduction",
     "none sum mean"},
    {"Pad", "mode", "constant reflect edge wrap"},
    {"Resize Upsample", "mode", "nearest linear cubic"},
    {"Resize", "nearest_mode",
     "round_prefer_floor round_prefer_ceil floor ceil"},
    {"Resize", "coordinate_transformation_mode",
     "half_pixel half_pixel_symmetric pytorch_half_pixel align_corners "
     "asymmetric tf_half_pixel_for_nn tf_crop_and_resize"},
    {"Resize", "keep_aspect_ratio_policy", "stretch not_larger not_smaller"},
    {"RoiAlign", "mode", "avg max"},
    {"RoiAlign", "coordinate_transformation_mode",
     "half_pixel output_half_pixel"},
    {"ScatterElements ScatterND", "reduction", "none add mul max min"},
};

bool hasWord(StringRef words, StringRef word) {
  return llvm::is_contained(llvm::split(words, ' '), word);
}

Error checkEnumeration(const Attribute &attribute, StringRef op) {
  for (const Enumeration &row : enumerations) {
    bool applies = row.name == attribute.name() &&
                   (row.ops.empty() || hasWord(row.ops, op));
    // Some writers leave a string empty and mean the default.
    if (applies && !attribute.s().empty() &&
        !hasWord(row.values, attribute.s()))
      return fail(ExitCode::BadModel,
                  "expected attribute '{0}' to be one of {1}, found '{2}'",
                  row.name, row.values, attribute.s());
  }
  return Error::success();
}

Error checkAttribute(const Attribute &attribute, const onnx::NodeProto &node,
                     const Schema &schema) {
  if (attribute.name().empty())
    return fail(ExitCode::BadModel, "an attribute has no name");
  if (!attribute.ref_attr_name().empty())
    return fail(ExitCode::BadModel,
                "attribute '{0}' refers to an attribute of a function "
                "(ref_attr_name '{1}'), but the node is in none",
                attribute.name(), attribute.ref_attr_name());
  Expected<int> kind = kindOf(attribute);
  if (!kind)
    return kind.takeError();
  if (isStandard(node.domain()))
    if (Error error = checkEnumeration(attribute, node.op_type()))
      return error;
  if (!schema.schema)
    return Error::success();
  const auto &known = schema.schema->attributes();
  auto found = known.find(attribute.name());
  if (found == known.end()) {
    // Names that begin so are notes of the writer.
    if (!schema.isExact || StringRef(attribute.name()).starts_with("__"))
      return Error::success();
    return fail(ExitCode::BadModel,
                "attribute '{0}' is none of this op in the model's opset",
                attribute.name());
  }
  int expected = found->second.type;
  if (*kind != Attribute::UNDEFINED && *kind != expected)
    return fail(ExitCode::BadModel,
                "expected attribute '{0}' to be {1}, found {2}",
                attribute.name(), kindName(expected), kindName(*kind));
  return Error::success();
}

std::string typeList(const onnx::DataTypeSet &types) {
  std::vector<std::string> names;
  for (const std::string *type : types)
    names.push_back(*type);
  llvm::sort(names);
  return llvm::join(names, ", ");
}
} // namespace

Error checkAttributes(const onnx::NodeProto &node, int64_t opset) {
  Schema schema = schemaOf(node, opset);
  StringSet<> names;
  for (const Attribute &attribute : node.attribute()) {
    if (Error error = checkAttribute(attribute, node, schema))
      return error;
    if (!names.insert(attribute.name()).second)
      return fail(ExitCode::BadModel, "two attributes are named '{0}'",
                  attribute.name());
  }
  if (!schema.schema || !schema.isExact)
    return Error::success();
  for (const auto &[name, attribute] : schema.schema->attributes())
    if (attribute.required && !names.contains(name))
      return fail(ExitCode::BadModel, "expected an attribute '{0}', found none",
                  name);
  if (node.output_size() > schema.schema->max_output())
    return fail(ExitCode::BadModel, "expected at most {0} outputs, found {1}",
                schema.schema->max_output(), node.output_size());
  return Error::success();
}

Error checkInputTypes(const onnx::NodeProto &node, int64_t opset,
                      ArrayRef<OnnxType> types) {
  Schema schema = schemaOf(node, opset);
  if (!schema.schema || schema.schema->inputs().empty())
    return Error::success();
  const auto &formals = schema.schema->inputs();
  StringMap<size_t> firstOf; // of a type parameter
  for (auto [i, type] : llvm::enumerate(types)) {
    if (type == OnnxType::Undefined)
      continue;
    bool isLast = i >= formals.size() - 1;
    const auto &formal = isLast ? formals.back() : formals[i];
    bool isVariadic = formal.GetOption() == onnx::OpSchema::Variadic;
    if (i >= formals.size() && !isVariadic)
      return Error::success(); // Too many; said elsewhere.
    std::string name = "tensor(" + nameOf(type) + ")";
    const auto &allowed = formal.GetTypes();
    bool isAllowed = llvm::any_of(
        allowed, [&](const std::string *one) { return *one == name; });
    if (schema.isExact && !isAllowed)
      return fail(ExitCode::BadModel,
                  "expected input {0} '{1}' to be of type {2}, found {3}", i,
                  node.input(i), typeList(allowed), name);
    if (isVariadic && !formal.GetIsHomogeneous())
      continue;
    auto [first, isNew] = firstOf.try_emplace(formal.GetTypeStr(), i);
    if (!isNew && types[first->second] != type)
      return fail(ExitCode::BadModel,
                  "expected inputs {0} '{1}' and {2} '{3}' to be of one type, "
                  "found {4} and {5}",
                  first->second, node.input(first->second), i, node.input(i),
                  nameOf(types[first->second]), nameOf(type));
  }
  return Error::success();
}

} // namespace qopt::import

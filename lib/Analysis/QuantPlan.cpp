// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans as JSON, and format names as formats.
#include "lib/Analysis/QuantPlan.h"
#include "lib/Support/Errors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"

using namespace llvm;

namespace qopt {

StringRef QuantPlan::nameFor(StringRef id) const {
  auto found = weights.find(id.str());
  return found == weights.end() ? StringRef("int8") : StringRef(found->second);
}

std::string QuantPlan::toJson() const {
  json::Object formats;
  for (const auto &[id, format] : weights)
    formats[id] = format;
  json::Object root;
  root["block"] = block;
  root["weights"] = std::move(formats);
  return formatv("{0:2}\n", json::Value(std::move(root))).str();
}

Expected<QuantPlan> parsePlan(StringRef text) {
  Expected<json::Value> value = json::parse(text);
  if (!value)
    return fail(ExitCode::Usage, "not a plan: {0}", toString(value.takeError()));
  const json::Object *root = value->getAsObject();
  const json::Object *formats = root ? root->getObject("weights") : nullptr;
  if (!formats)
    return fail(ExitCode::Usage,
                "not a plan: expected an object with \"weights\"");
  QuantPlan plan;
  if (std::optional<int64_t> block = root->getInteger("block")) {
    // Kernels read eight inputs a step.
    if (*block < 8 || *block > 4096 || *block % 8)
      return fail(ExitCode::Usage,
                  "expected a block that is a multiple of 8, up to 4096, got "
                  "{0}",
                  *block);
    plan.block = *block;
  }
  for (const auto &[id, format] : *formats) {
    std::optional<StringRef> name = format.getAsString();
    if (!name)
      return fail(ExitCode::Usage,
                  "weight '{0}': expected the name of a format",
                  StringRef(id));
    plan.weights[id.str()] = name->str();
  }
  return plan;
}

Expected<QuantPlan> readPlan(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return fail(ExitCode::IO, "{0}: {1}", path, buffer.getError().message());
  Expected<QuantPlan> plan = parsePlan((*buffer)->getBuffer());
  if (!plan)
    return addContext(plan.takeError(), path);
  return plan;
}

Error writePlan(const QuantPlan &plan, StringRef path) {
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (!code) {
    os << plan.toJson();
    os.close();
    code = os.error();
  }
  if (code) {
    os.clear_error();
    return fail(ExitCode::IO, "{0}: {1}", path, code.message());
  }
  return Error::success();
}

Expected<FormatOverride> parseOverride(StringRef text) {
  // Formats hold '=' after their first word, patterns rarely do.
  auto [pattern, format] = text.split('=');
  std::string problem;
  if (pattern.empty() || format.empty())
    return fail(ExitCode::Usage, "--set: expected REGEX=FORMAT, got '{0}'",
                text);
  if (!Regex(pattern).isValid(problem))
    return fail(ExitCode::Usage, "--set '{0}': {1}", text, problem);
  return FormatOverride{pattern.str(), format.trim().str()};
}

Expected<std::optional<std::string>>
overrideFor(StringRef id, ArrayRef<FormatOverride> overrides) {
  std::optional<std::string> found;
  for (const FormatOverride &entry : overrides) {
    Regex regex(entry.pattern);
    std::string problem;
    if (!regex.isValid(problem))
      return fail(ExitCode::Usage, "--set '{0}': {1}", entry.pattern, problem);
    if (regex.match(id))
      found = entry.format;
  }
  return found;
}

Expected<std::optional<numerics::FormatSpec>>
resolveFormat(const Contraction &contraction, StringRef name, int64_t block) {
  auto refuse = [&](const Twine &what) {
    return makeFailure(ExitCode::Usage,
                       "'" + contraction.id + "' cannot take " + name + ": " +
                           what);
  };
  if (name == "float" || name == "f32")
    return std::nullopt;
  if (name == "int8")
    return int8WeightFormat(contraction);
  if (name == "int4") {
    if (contraction.isConv)
      return refuse("int4 weights need a matmul, or a 1x1 convolution of "
                    "stride 1 without padding and groups whose filter is its "
                    "own");
    if (std::optional<int64_t> fitting = int4Block(contraction, block))
      return int4WeightFormat(contraction, *fitting);
    return refuse("its " + Twine(contraction.weightType().getDimSize(0)) +
                  " input channels divide into blocks of neither " +
                  Twine(block) + " nor a smaller multiple of 8");
  }
  std::string error;
  std::optional<numerics::FormatSpec> spec =
      numerics::parseFormatSpec({name.data(), name.size()}, error);
  if (!spec)
    return refuse(error + "; or int8, int4, float");
  error = spec->verify(unsigned(contraction.weightType().getRank()));
  if (!error.empty())
    return refuse(error);
  return spec;
}

} // namespace qopt

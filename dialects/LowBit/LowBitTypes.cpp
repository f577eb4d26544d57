// Parsing and printing of `!lowbit.q<...>`.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/LowBit/LowBitTypes.h"
#include "dialects/LowBit/LowBitDialect.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt::lowbit;
using qopt::numerics::ElementFormat;
using qopt::numerics::FormatSpec;

#define GET_TYPEDEF_CLASSES
#include "dialects/LowBit/LowBitTypes.cpp.inc"

QType qopt::lowbit::getFormat(Type tensor) {
  return dyn_cast<QType>(getElementTypeOrSelf(tensor));
}

Type qopt::lowbit::getRealType(MLIRContext *context, const FormatSpec &spec) {
  switch (spec.of) {
  case numerics::RealType::F16:
    return Float16Type::get(context);
  case numerics::RealType::BF16:
    return BFloat16Type::get(context);
  case numerics::RealType::F32:
    return Float32Type::get(context);
  }
  return {};
}

// The text between the brackets is lexed by MLIR and put together again, so
// that numerics::parseFormatSpec is the one grammar:
//   element [, axis = N | , row | , block = [..]] [, scale = f16] ...
static ParseResult parseElement(AsmParser &parser, std::string &text) {
  StringRef keyword;
  if (parser.parseKeyword(&keyword) || parser.parseLess())
    return failure();
  text = keyword.str() + "<";
  int64_t bits;
  std::string name;
  OptionalParseResult number = parser.parseOptionalInteger(bits);
  if (number.has_value()) {
    if (failed(*number))
      return failure();
    text += std::to_string(bits);
  } else if (succeeded(parser.parseOptionalString(&name)) ||
             succeeded(parser.parseKeywordOrString(&name))) {
    text += name;
  } else {
    return failure();
  }
  text += ">";
  return parser.parseGreater();
}

static ParseResult parseClauseValue(AsmParser &parser, std::string &text) {
  int64_t number;
  OptionalParseResult parsed = parser.parseOptionalInteger(number);
  if (parsed.has_value()) {
    text += std::to_string(number);
    return *parsed;
  }
  if (succeeded(parser.parseOptionalLSquare())) {
    text += "[";
    auto parseExtent = [&]() -> ParseResult {
      if (parser.parseInteger(number))
        return failure();
      text += (text.back() == '[' ? "" : ", ") + std::to_string(number);
      return success();
    };
    if (parser.parseCommaSeparatedList(parseExtent) || parser.parseRSquare())
      return failure();
    text += "]";
    return success();
  }
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  text += keyword;
  return success();
}

Type QType::parse(AsmParser &parser) {
  llvm::SMLoc loc = parser.getCurrentLocation();
  std::string text;
  if (parser.parseLess() || parseElement(parser, text))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return {};
    text += ", " + keyword.str();
    if (succeeded(parser.parseOptionalEqual())) {
      text += " = ";
      if (parseClauseValue(parser, text))
        return {};
    }
  }
  if (parser.parseGreater())
    return {};
  std::string error;
  std::optional<FormatSpec> spec = numerics::parseFormatSpec(text, error);
  if (!spec)
    return parser.emitError(loc, error), Type();
  return QType::get(parser.getContext(), *spec);
}

void QType::print(AsmPrinter &printer) const {
  printer << "<" << numerics::toString(getSpec()) << ">";
}

void LowBitDialect::initialize() {
  registerTypes();
  registerOps();
}

void LowBitDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/LowBit/LowBitTypes.cpp.inc"
      >();
}

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ids and ranges are discardable attributes: a rewrite that does not know them
// drops them, and with them what is no longer true.
#include "lib/Analysis/ValueIds.h"
#include "dialects/NN/NNOps.h"
#include "lib/Analysis/LocationNames.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace qopt {
namespace {

constexpr StringLiteral idName = "nn.value_id";
constexpr StringLiteral rangeName = "lowbit.range";

// An attribute of a value: of its defining op (for the first result) or of the
// function argument.
Attribute attributeOf(Value value, StringRef name) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    return function ? function.getArgAttr(argument.getArgNumber(), name)
                    : Attribute();
  }
  auto result = cast<OpResult>(value);
  return result.getResultNumber() == 0 ? result.getOwner()->getAttr(name)
                                       : Attribute();
}

void setAttributeOf(Value value, StringRef name, Attribute attribute) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!function)
      return;
    if (attribute)
      function.setArgAttr(argument.getArgNumber(), name, attribute);
    else
      function.removeArgAttr(argument.getArgNumber(), name);
    return;
  }
  Operation *op = cast<OpResult>(value).getOwner();
  if (attribute)
    op->setAttr(name, attribute);
  else
    op->removeAttr(name);
}

class UniqueNames {
public:
  std::string make(StringRef wanted) {
    std::string name = wanted.str();
    for (unsigned i = 2; !taken.insert(name).second; ++i)
      name = (wanted + "#" + Twine(i)).str();
    return name;
  }
  void take(StringRef name) { taken.insert(name); }

private:
  llvm::StringSet<> taken;
};

} // namespace

StringRef valueId(Value value) {
  auto id = dyn_cast_or_null<StringAttr>(attributeOf(value, idName));
  return id ? id.getValue() : "";
}

void assignValueIds(func::FuncOp function) {
  UniqueNames names;
  SmallVector<std::pair<Value, std::string>> wanted;
  auto visit = [&](Value value, StringRef fallback) {
    if (!isa<RankedTensorType>(value.getType()))
      return;
    if (StringRef id = valueId(value); !id.empty())
      return names.take(id);
    wanted.push_back({value, nameOf(value.getLoc(), fallback)});
  };
  for (BlockArgument argument : function.getArguments())
    visit(argument, "input");
  // Contractions first: users speak of them, so of all ops made of one node
  // they get its plain name.
  for (bool contractions : {true, false})
    function.walk([&](Operation *op) {
      // A constant is known by its reader.
      if (op->getNumResults() && !op->hasTrait<OpTrait::ConstantLike>() &&
          isa<nn::MatMulOp, nn::ConvOp>(op) == contractions)
        visit(op->getResult(0), op->getName().stripDialect());
    });
  MLIRContext *context = function.getContext();
  for (auto &[value, name] : wanted)
    setAttributeOf(value, idName, StringAttr::get(context, names.make(name)));
}

std::optional<CodedRange> rangeOf(Value value) {
  auto range =
      dyn_cast_or_null<DenseF32ArrayAttr>(attributeOf(value, rangeName));
  if (!range || range.size() != 2)
    return std::nullopt;
  return CodedRange{range[0], range[1]};
}

void setRange(Value value, std::optional<CodedRange> range) {
  setAttributeOf(value, rangeName,
                 range ? DenseF32ArrayAttr::get(value.getContext(),
                                                {range->low, range->high})
                       : Attribute());
}

} // namespace qopt

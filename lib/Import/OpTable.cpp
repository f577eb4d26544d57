// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of importers.
#include "lib/Import/OpTable.h"

namespace qopt::import {
namespace {
using Table = llvm::StringMap<OpEntry>;

void add(Table &table, llvm::ArrayRef<OpEntry> rows) {
  for (const OpEntry &row : rows)
    table.try_emplace(row.op, row);
}

const Table &standardTable() {
  static const Table table = [] {
    Table table;
    for (auto family :
         {elementwiseOps(), activationOps(), attentionOps(), contractionOps(),
          convolutionOps(), poolingOps(), normalizationOps(),
          quantizationOps(), reductionOps(), movementOps(), selectionOps(),
          positionOps(), resizeOps(), lossOps(), recurrentOps(),
          shapeOps(), signalOps(), controlFlowOps(), dataDependentOps(),
          indexingOps(), cumulativeOps(), einsumOps(),
          samplingOps(), borderOps()})
      add(table, family);
    return table;
  }();
  return table;
}

const Table &trainingTable() {
  static const Table table = [] {
    Table table;
    add(table, trainingOps());
    return table;
  }();
  return table;
}

const Table &contribTable() {
  static const Table table = [] {
    Table table;
    for (auto family : {contribOps(), attentionContribOps(), qlinearOps(),
                        blockWeightOps()})
      add(table, family);
    // ONNX Runtime's quantizer writes them here for types newer than the
    // model's opset.
    for (llvm::StringRef op : {"QuantizeLinear", "DequantizeLinear"})
      table.try_emplace(op, standardTable().find(op)->second);
    return table;
  }();
  return table;
}
} // namespace

const OpEntry *findImporter(llvm::StringRef domain, llvm::StringRef op) {
  bool isStandard = domain.empty() || domain == "ai.onnx";
  if (domain == trainingDomain) {
    auto found = trainingTable().find(op);
    return found == trainingTable().end() ? nullptr : &found->second;
  }
  if (!isStandard && domain != contribDomain)
    return nullptr;
  const Table &table = isStandard ? standardTable() : contribTable();
  auto found = table.find(op);
  return found == table.end() ? nullptr : &found->second;
}

std::vector<std::string> supportedOps() {
  std::vector<std::string> names;
  for (const auto &entry : standardTable())
    names.push_back(entry.first().str());
  for (const auto &entry : contribTable())
    names.push_back((contribDomain + "." + entry.first()).str());
  for (const auto &entry : trainingTable())
    names.push_back((trainingDomain + "." + entry.first()).str());
  llvm::sort(names);
  return names;
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of importers.
#include "lib/Import/OpTable.h"
#include <array>

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
          samplingOps(), borderOps(), statefulOps(), ngramOps()})
      add(table, family);
    return table;
  }();
  return table;
}

/// One family alone.
template <llvm::ArrayRef<OpEntry> (*family)()> const Table &tableOf() {
  static const Table table = [] {
    Table table;
    add(table, family());
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

struct Domain {
  llvm::StringRef name;
  const Table &table;
};
std::array<Domain, 5> domains() {
  return {{{"", standardTable()},
           {contribDomain, contribTable()},
           {trainingDomain, tableOf<trainingOps>()},
           {classicalDomain, tableOf<classicalOps>()},
           {previewDomain, tableOf<previewOps>()}}};
}
} // namespace

const OpEntry *findImporter(llvm::StringRef name, llvm::StringRef op) {
  if (name == "ai.onnx")
    name = "";
  for (const Domain &domain : domains())
    if (domain.name == name) {
      auto found = domain.table.find(op);
      return found == domain.table.end() ? nullptr : &found->second;
    }
  return nullptr;
}

std::vector<std::string> supportedOps() {
  std::vector<std::string> names;
  for (const Domain &domain : domains())
    for (const auto &entry : domain.table)
      names.push_back(domain.name.str() + (domain.name.empty() ? "" : ".") +
                      entry.first().str());
  llvm::sort(names);
  return names;
}

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading Einsum's equations.
#include "lib/Import/EinsumEquation.h"
#include <map>

using namespace mlir;

namespace qopt::import {
namespace {

// A term's labels; `hidden` axes stand for its ellipsis, -1 if it must have
// none.
Labels parseTerm(NodeImport &node, StringRef term, int64_t hidden) {
  Labels labels;
  bool hasEllipsis = false;
  while (!term.empty()) {
    if (term.consume_front("...")) {
      if (hasEllipsis)
        node.bad("a term of its equation has two ellipses");
      hasEllipsis = true;
      for (int64_t i = hidden; i-- > 0;)
        labels.push_back(ellipsisLabel + int(i));
      continue;
    }
    if (!llvm::isAlpha(term.front()))
      node.bad("its equation has '" + term.take_front() +
               "' where a letter or an ellipsis is expected");
    labels.push_back(term.front());
    term = term.drop_front();
  }
  return labels;
}

int64_t countLetters(StringRef term) {
  return llvm::count_if(term, [](char c) { return llvm::isAlpha(c); });
}
} // namespace

EinsumEquation parseEinsum(NodeImport &node, StringRef equation,
                           ArrayRef<int64_t> ranks) {
  std::string packed;
  for (char c : equation)
    if (c != ' ')
      packed += c;
  auto [left, right] = StringRef(packed).split("->");
  bool isExplicit = StringRef(packed).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size())
    node.bad("expected an equation of " + Twine(ranks.size()) +
             " terms, found " + Twine(terms.size()));
  EinsumEquation result;
  int64_t most = 0; // axes that an ellipsis stands for
  std::map<int, int> uses;
  for (auto [term, rank] : llvm::zip_equal(terms, ranks)) {
    int64_t hidden = rank - countLetters(term);
    if (hidden < 0 || (hidden > 0 && !term.contains("...")))
      node.bad("the term '" + term + "' of its equation does not fit a tensor "
               "of rank " + Twine(rank));
    most = std::max(most, hidden);
    result.inputs.push_back(parseTerm(node, term, hidden));
    for (int label : result.inputs.back())
      ++uses[label];
  }
  if (isExplicit) {
    result.output = parseTerm(node, right, most);
  } else {
    for (int64_t i = most; i-- > 0;)
      result.output.push_back(ellipsisLabel + int(i));
    for (auto [label, count] : uses)
      if (label < ellipsisLabel && count == 1)
        result.output.push_back(label);
  }
  Labels sorted = result.output;
  llvm::sort(sorted);
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    node.bad("a label stands twice in the output of its equation");
  return result;
}

} // namespace qopt::import

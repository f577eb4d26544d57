// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Einsum: operands are joined from the left, two at a time. What a label means
// for a pair is where it stands: in both and needed later, a batch axis; in both
// only, contracted; in one, free or summed at once. Pairs that contract
// something are matrix products, the others elementwise ones.
#include "lib/Import/EinsumEquation.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/Positions.h"

using namespace mlir;

namespace qopt::import {
namespace {

/// A tensor whose axes have labels.
struct Term {
  Value x;
  Labels labels;

  int64_t find(int label) const {
    return llvm::find(labels, label) - labels.begin();
  }
  bool has(int label) const { return llvm::is_contained(labels, label); }
};

// Axes in the order of `order`, which names all of them.
Term arranged(NodeImport &node, const Term &term, const Labels &order) {
  SmallVector<int64_t> perm;
  for (int label : order)
    perm.push_back(term.find(label));
  return {node.transpose(term.x, perm), order};
}

// Both axes of a label that stands twice become their diagonal.
Term withoutRepeats(NodeImport &node, Term term) {
  for (size_t i = 0; i < term.labels.size(); ++i) {
    auto again = std::find(term.labels.begin() + i + 1, term.labels.end(),
                           term.labels[i]);
    if (again == term.labels.end())
      continue;
    size_t j = again - term.labels.begin();
    Scalars sizes = node.dims(term.x);
    if (sizes[i].isInt() && sizes[j].isInt() && !(sizes[i] == sizes[j]))
      node.bad("expected both axes of a repeated label to have one size, found " +
               Twine(sizes[i].integer) + " and " + Twine(sizes[j].integer));
    // That dynamic sizes agree is checked when the model runs.
    const Scalar n = sizes[i].isInt() ? sizes[i] : sizes[j];
    sizes[i] = sizes[j] = n;
    term.x = node.reshape(term.x, sizes);
    SmallVector<int64_t> perm;
    Scalars merged;
    Labels labels;
    for (size_t k = 0; k < sizes.size(); ++k)
      if (k != i && k != j) {
        perm.push_back(k);
        merged.push_back(sizes[k]);
        labels.push_back(term.labels[k]);
      }
    perm.append({int64_t(i), int64_t(j)});
    labels.push_back(term.labels[i]);
    IndexMath &math = node.math();
    merged.push_back(math.mul(n, n));
    Value x = node.reshape(node.transpose(term.x, perm), merged);
    Value diagonal = scaledPositions(
        node, n, math.add(n, Scalar::ofInt(1)), /*trailing=*/0);
    int64_t last = merged.size() - 1;
    term = {node.create<nn::GatherOp>(
                {x, diagonal},
                {node.attr("axis", node.builder().getI64IntegerAttr(last))}),
            labels};
    i = -1; // Axes have moved.
  }
  return term;
}

// Summed over the labels that `isNeeded` does not want.
Term summed(NodeImport &node, const Term &term,
            llvm::function_ref<bool(int)> isNeeded) {
  SmallVector<int64_t> axes;
  Labels kept;
  for (auto [axis, label] : llvm::enumerate(term.labels))
    if (isNeeded(label))
      kept.push_back(label);
    else
      axes.push_back(axis);
  if (axes.empty())
    return term;
  return {node.reduce<nn::ReduceSumOp>(term.x, axes, /*keepdims=*/false), kept};
}

// All axes of `labels` as one of size 1 each where the term lacks them.
Value aligned(NodeImport &node, const Term &term, const Labels &labels) {
  Labels own;
  Scalars sizes;
  for (int label : labels)
    if (term.has(label))
      own.push_back(label);
  Term moved = arranged(node, term, own);
  Scalars given = node.dims(moved.x);
  for (int label : labels)
    sizes.push_back(moved.has(label) ? given[moved.find(label)]
                                     : Scalar::ofInt(1));
  return node.reshape(moved.x, sizes);
}

class PairProduct {
public:
  PairProduct(NodeImport &node, Term a, Term b,
              llvm::function_ref<bool(int)> isNeeded)
      : node(node), a(a), b(b) {
    for (int label : a.labels)
      if (!b.has(label))
        rows.push_back(label);
      else if (isNeeded(label))
        batch.push_back(label);
      else
        contracted.push_back(label);
    for (int label : b.labels)
      if (!a.has(label))
        columns.push_back(label);
  }

  Term run() {
    Labels all = batch;
    llvm::append_range(all, rows);
    llvm::append_range(all, columns);
    if (!contracted.empty() && node.isFloat(a.x))
      return {product(), all};
    Labels wide = all;
    llvm::append_range(wide, contracted);
    Value y = node.create<nn::MulOp>(
        {aligned(node, a, wide), aligned(node, b, wide)});
    return summed(node, {y, wide},
                  [&](int label) { return llvm::is_contained(all, label); });
  }

private:
  Scalars sizesOf(const Term &term, const Labels &labels) {
    Scalars sizes;
    for (int label : labels)
      sizes.push_back(node.dims(term.x)[term.find(label)]);
    return sizes;
  }
  // [batch.., outer, inner], each list of labels one axis.
  Value matrix(const Term &term, const Labels &outer, const Labels &inner) {
    Labels order = batch;
    llvm::append_range(order, outer);
    llvm::append_range(order, inner);
    Scalars shape = sizesOf(term, batch);
    shape.push_back(node.math().product(sizesOf(term, outer)));
    shape.push_back(node.math().product(sizesOf(term, inner)));
    return node.reshape(arranged(node, term, order).x, shape);
  }
  Value product() {
    Value y = node.create<nn::MatMulOp>(
        {matrix(a, rows, contracted), matrix(b, contracted, columns)});
    Scalars shape(node.dims(y).begin(), node.dims(y).end() - 2);
    llvm::append_range(shape, sizesOf(a, rows));
    llvm::append_range(shape, sizesOf(b, columns));
    return node.reshape(y, shape);
  }

  NodeImport &node;
  Term a, b;
  Labels batch, rows, columns, contracted;
};

// A label of size 1 in one operand and more in the other broadcasts: the sum
// over it is the sum over the larger.
void dropBroadcast(NodeImport &node, Term &a, Term &b,
                   llvm::function_ref<bool(int)> isNeeded) {
  for (int label : Labels(a.labels)) {
    if (!b.has(label) || isNeeded(label))
      continue;
    const Scalar &inA = node.dims(a.x)[a.find(label)];
    const Scalar &inB = node.dims(b.x)[b.find(label)];
    if (inA.isInt(1) == inB.isInt(1))
      continue;
    auto others = [&](int other) { return other != label; };
    a = summed(node, a, others);
    b = summed(node, b, others);
  }
}

// A label has one size; 1 repeats.
void checkSizes(NodeImport &node, const std::vector<Term> &terms) {
  llvm::DenseMap<int, int64_t> sizes;
  for (const Term &term : terms)
    for (auto [label, size] :
         llvm::zip_equal(term.labels, node.typeOf(term.x).getShape())) {
      if (ShapedType::isDynamic(size) || size == 1)
        continue;
      int64_t known = sizes.try_emplace(label, size).first->second;
      if (known != size)
        node.bad("a label of its equation '" + node.text("equation", "") +
                 "' stands for the sizes " + Twine(known) + " and " +
                 Twine(size));
    }
}

void importEinsum(NodeImport &node) {
  std::vector<int64_t> ranks;
  for (size_t i = 0; i < node.numInputs(); ++i)
    ranks.push_back(node.rank(node.input(i)));
  EinsumEquation equation =
      parseEinsum(node, node.text("equation", ""), ranks);
  std::vector<Term> terms;
  for (size_t i = 0; i < node.numInputs(); ++i)
    terms.push_back(
        withoutRepeats(node, {node.input(i), equation.inputs[i]}));
  checkSizes(node, terms);
  Term result = terms.front();
  for (size_t next = 1; next <= terms.size(); ++next) {
    auto isWantedLater = [&](int label) {
      if (llvm::is_contained(equation.output, label))
        return true;
      for (size_t later = next + 1; later < terms.size(); ++later)
        if (terms[later].has(label))
          return true;
      return false;
    };
    if (next == terms.size()) {
      result = summed(node, result, isWantedLater);
      break;
    }
    Term &other = terms[next];
    result = summed(node, result, [&](int label) {
      return isWantedLater(label) || other.has(label);
    });
    other = summed(node, other, [&](int label) {
      return isWantedLater(label) || result.has(label);
    });
    dropBroadcast(node, result, other, isWantedLater);
    result = PairProduct(node, result, other, isWantedLater).run();
  }
  for (int label : equation.output)
    if (!result.has(label))
      node.bad("an output label of its equation is no input's");
  node.result(arranged(node, result, equation.output).x);
}

constexpr OpEntry rows[] = {{"Einsum", 1, anyNumber, importEinsum}};
} // namespace

ArrayRef<OpEntry> einsumOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TfIdfVectorizer: how often sequences of a pool occur among integers.
#include "dialects/NN/Constants.h"
#include "lib/Import/OpTable.h"
#include "lib/Import/WindowSlices.h"
#include <map>

using namespace mlir;

namespace qopt::import {
namespace {

/// The sequences of one length.
struct NGrams {
  int64_t length;
  std::vector<std::vector<int64_t>> sequences;
  std::vector<int64_t> columns; // of the result, one a sequence
};

struct NGramPool {
  SmallVector<NGrams> lengths;
  int64_t columns; // of the result
  int64_t skips;
};

/// Each token of each length at each distance is an op; the columns are a matrix.
void checkSize(NodeImport &node, const NGramPool &pool) {
  int64_t tokens = 0, sequences = 0;
  for (const NGrams &grams : pool.lengths) {
    tokens += grams.length * (grams.length == 1 ? 1 : pool.skips + 1);
    sequences += grams.sequences.size();
  }
  if (tokens > 1 << 12)
    node.unsupported("sequences this long with this many elements skipped are "
                     "not supported; expected the product of max_skip_count + 1 "
                     "with the sum of all lengths to be at most 4096, found " +
                     Twine(tokens));
  node.limitConstant({sequences, pool.columns});
}

NGramPool readPool(NodeImport &node) {
  SmallVector<int64_t> pool = node.integers("pool_int64s"),
                       starts = node.integers("ngram_counts"),
                       columns = node.integers("ngram_indexes");
  int64_t shortest = node.integer("min_gram_length", 1),
          longest = node.integer("max_gram_length", 1);
  NGramPool result{{}, 0, node.integer("max_skip_count", 0)};
  if (pool.empty())
    node.unsupported("a pool of strings is not supported; expected "
                     "pool_int64s");
  if (shortest < 1 || longest < shortest || result.skips < 0 ||
      result.skips > 1024 || longest > 1024)
    node.bad("expected 1 <= min_gram_length <= max_gram_length <= 1024 and "
             "max_skip_count from 0 to 1024");
  for (int64_t column : columns) {
    if (column < 0 || column > 1 << 20)
      node.bad("expected ngram_indexes from 0 to 2^20, found " + Twine(column));
    result.columns = std::max(result.columns, column + 1);
  }
  starts.push_back(pool.size());
  size_t number = 0; // of the sequence, in all of the pool
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    int64_t length = i + 1, from = starts[i], to = starts[i + 1];
    if (from < 0 || from > to || to > int64_t(pool.size()) ||
        (to - from) % length)
      node.bad("expected ngram_counts to ascend and to cut the pool into whole "
               "sequences");
    // Of equal sequences the last counts.
    std::map<std::vector<int64_t>, int64_t> found;
    for (; from < to; from += length, ++number) {
      if (number >= columns.size())
        node.bad("expected ngram_indexes to have an entry for each sequence of "
                 "the pool, found " + Twine(columns.size()));
      found[{pool.begin() + from, pool.begin() + from + length}] =
          columns[number];
    }
    if (length < shortest || length > longest || found.empty())
      continue;
    NGrams &grams = result.lengths.emplace_back();
    grams.length = length;
    for (auto &[sequence, column] : found) {
      grams.sequences.push_back(sequence);
      grams.columns.push_back(column);
    }
  }
  checkSize(node, result);
  return result;
}

/// How often each sequence occurs in rows x [B, C] of i64, with `step` - 1
/// elements skipped between two: [B, sequences] of f32.
Value countSequences(NodeImport &node, Value x, const NGrams &grams,
                     int64_t step) {
  IndexMath &math = node.math();
  Scalar batch = node.dims(x)[0], size = node.dims(x)[1];
  Scalar windows =
      math.sub(size, Scalar::ofInt((grams.length - 1) * step));
  if (windows.isInt() && windows.integer <= 0)
    return {};
  windows = math.max(windows, Scalar::ofInt(0));
  int64_t count = grams.sequences.size();
  Value hits;
  for (int64_t i = 0; i < grams.length; ++i) {
    Value tokens = sliceAxis(
        node, x, 1, math.min(Scalar::ofInt(i * step), size), windows);
    tokens = node.reshape(tokens, {batch, windows, Scalar::ofInt(1)});
    std::vector<int64_t> wanted;
    for (const std::vector<int64_t> &sequence : grams.sequences)
      wanted.push_back(sequence[i]);
    auto type = RankedTensorType::get({count}, node.elementOf(x));
    Value constant = nn::createConstant(node.builder(), node.loc(), type,
                                        wanted, "ngrams");
    Value equal = node.create<nn::EqualOp>({tokens, constant});
    hits = hits ? node.create<nn::AndOp>({hits, equal}) : equal;
  }
  Value ones = node.cast(hits, node.builder().getF32Type());
  return node.reduce<nn::ReduceSumOp>(ones, {1}, /*keepdims=*/false);
}

/// [B, columns]: the counts of all sequences, each in its column.
Value countAll(NodeImport &node, Value x, const NGramPool &pool) {
  SmallVector<Value> counts;
  std::vector<double> places;
  for (const NGrams &grams : pool.lengths) {
    Value sum;
    // Single elements have nothing to skip.
    int64_t steps = grams.length == 1 ? 1 : pool.skips + 1;
    for (int64_t step = 1; step <= steps; ++step)
      if (Value part = countSequences(node, x, grams, step))
        sum = sum ? node.create<nn::AddOp>({sum, part}) : part;
    if (!sum)
      continue;
    counts.push_back(sum);
    for (int64_t column : grams.columns)
      for (int64_t i = 0; i < pool.columns; ++i)
        places.push_back(i == column);
  }
  Type f32 = node.builder().getF32Type();
  if (counts.empty())
    return node.broadcastTo(node.constant({0}, {}, f32, "none"),
                            {node.dims(x)[0], Scalar::ofInt(pool.columns)});
  int64_t sequences = places.size() / pool.columns;
  Value matrix =
      node.constant(places, {sequences, pool.columns}, f32, "columns");
  return node.create<nn::MatMulOp>({node.concat(counts, 1), matrix});
}

void importTfIdfVectorizer(NodeImport &node) {
  NGramPool pool = readPool(node);
  Value x = node.cast(node.input(0), node.builder().getI64Type());
  bool isRow = node.rank(x) < 2;
  if (node.rank(x) > 2)
    node.bad("expected integers of rank 1 or 2, found rank " +
             Twine(node.rank(x)));
  if (isRow)
    x = node.reshape(x, {Scalar::ofInt(1), node.math().product(node.dims(x))});
  Value y = countAll(node, x, pool);
  std::string mode = node.text("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    node.bad("expected mode TF, IDF or TFIDF, found '" + Twine(mode) + "'");
  if (mode == "IDF")
    y = node.cast(node.create<nn::GreaterOp>({y, node.splat(0, y)}),
                  node.elementOf(y));
  SmallVector<double> weights = node.reals("weights");
  if (mode != "TF" && !weights.empty()) {
    // One a column of the result.
    if (int64_t(weights.size()) != pool.columns)
      node.bad("expected " + Twine(pool.columns) + " weights, found " +
               Twine(weights.size()));
    y = node.create<nn::MulOp>(
        {y, node.constant(weights, {pool.columns}, node.elementOf(y),
                          "weights")});
  }
  node.result(isRow ? node.reshape(y, {Scalar::ofInt(pool.columns)}) : y);
}

constexpr OpEntry rows[] = {
    {"TfIdfVectorizer", 1, 1, importTfIdfVectorizer},
};
} // namespace

ArrayRef<OpEntry> ngramOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How an array is cut follows from its shape and the input's alone; inputs must
// agree in the number of pieces, or be whole and shared by all.
#include "lib/Calibration/BatchCutter.h"
#include "lib/Support/Errors.h"
#include <cmath>
#include <cstring>

using namespace llvm;

namespace qopt {
namespace {

bool matches(ArrayRef<int64_t> shape, ArrayRef<int64_t> declared) {
  if (shape.size() != declared.size())
    return false;
  for (size_t i = 0; i < shape.size(); ++i)
    if (declared[i] >= 0 && shape[i] != declared[i])
      return false;
  return true;
}

struct Cut {
  int64_t pieces = 1;
  int64_t rows = 0;       // Along the leading axis, per piece; the last may
                          // have fewer.
  bool dropAxis = false;  // The leading axis is not the input's.
};

Expected<Cut> findCut(const HostTensor &array, const InputSpec &input) {
  ArrayRef<int64_t> shape = array.shape, declared = input.shape;
  if (matches(shape, declared))
    return Cut{1, shape.empty() ? 0 : shape[0], false};
  if (shape.size() == declared.size() + 1 && matches(shape.drop_front(), declared))
    return Cut{shape[0], 1, true};
  if (!shape.empty() && shape.size() == declared.size() &&
      matches(shape.drop_front(), declared.drop_front()) && declared[0] > 0 &&
      shape[0] % declared[0] == 0)
    return Cut{shape[0] / declared[0], declared[0], false};
  return fail(ExitCode::BadModel, "input '{0}': expected {1}, got {2}",
              input.name, describe(input.kind, input.shape),
              describe(array.kind, array.shape));
}

template <typename T> Error checkFinite(const HostTensor &array) {
  ArrayRef<T> values = array.view().as<T>();
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      return fail(ExitCode::BadModel,
                  "input '{0}': {1} at element {2}; calibration data must be "
                  "finite",
                  array.name, std::isnan(values[i]) ? "NaN" : "infinity", i);
  return Error::success();
}

Error checkArray(const HostTensor &array, const InputSpec &input) {
  if (array.kind != input.kind)
    return fail(ExitCode::BadModel,
                "input '{0}': expected {1}, got {2}; convert it with "
                "numpy's .astype('{1}')",
                input.name, nameOf(input.kind), nameOf(array.kind));
  // Only what stands for samples must be there: a decoder's past is empty at its
  // first token.
  bool isStacked = array.shape.size() > input.shape.size();
  ArrayRef<int64_t> samples = ArrayRef(array.shape).take_front(1 + isStacked);
  if (is_contained(samples, 0))
    return fail(ExitCode::BadModel, "input '{0}': the array is empty ({1})",
                input.name, describe(array.kind, array.shape));
  if (array.kind == ElementKind::F32)
    return checkFinite<float>(array);
  if (array.kind == ElementKind::F64)
    return checkFinite<double>(array);
  return Error::success();
}

HostTensor slicePiece(const HostTensor &array, const Cut &cut, int64_t piece) {
  HostTensor result;
  result.name = array.name;
  result.kind = array.kind;
  if (cut.pieces == 1 && !cut.dropAxis) {
    result.shape = array.shape;
    result.data = array.data;
    return result;
  }
  int64_t begin = piece * cut.rows;
  int64_t rows = std::min(cut.rows, array.shape[0] - begin);
  size_t rowBytes = array.data.size() / size_t(array.shape[0]);
  result.shape.assign(array.shape.begin() + (cut.dropAxis ? 1 : 0),
                      array.shape.end());
  if (!cut.dropAxis)
    result.shape[0] = rows;
  result.data.assign(array.data.begin() + begin * rowBytes,
                     array.data.begin() + (begin + rows) * rowBytes);
  return result;
}

// Every input whole, with a dynamic leading size, and the sizes equal: rows are
// samples and may be run in groups.
bool rowsAreSamples(ArrayRef<HostTensor> arrays, ArrayRef<InputSpec> inputs,
                    ArrayRef<Cut> cuts) {
  for (size_t i = 0; i < arrays.size(); ++i)
    if (cuts[i].pieces != 1 || cuts[i].dropAxis || inputs[i].shape.empty() ||
        inputs[i].shape[0] >= 0 || arrays[i].shape[0] != arrays[0].shape[0])
      return false;
  return true;
}

} // namespace

Error cutBatches(std::vector<HostTensor> arrays, ArrayRef<InputSpec> inputs,
                 int64_t rowsPerBatch,
                 std::deque<std::vector<HostTensor>> &batches) {
  std::vector<Cut> cuts;
  int64_t pieces = 1;
  for (size_t i = 0; i < arrays.size(); ++i) {
    if (Error error = checkArray(arrays[i], inputs[i]))
      return error;
    Expected<Cut> cut = findCut(arrays[i], inputs[i]);
    if (!cut)
      return cut.takeError();
    if (cut->pieces != 1 && pieces != 1 && cut->pieces != pieces)
      return fail(ExitCode::BadModel,
                  "input '{0}' holds {1} batches, an earlier one {2}",
                  inputs[i].name, cut->pieces, pieces);
    pieces = std::max(pieces, cut->pieces);
    cuts.push_back(*cut);
  }
  if (!arrays.empty() && rowsAreSamples(arrays, inputs, cuts)) {
    int64_t rows = arrays[0].shape[0];
    pieces = (rows + rowsPerBatch - 1) / rowsPerBatch;
    for (Cut &cut : cuts)
      cut = {pieces, rowsPerBatch, false};
  }
  for (int64_t piece = 0; piece < pieces; ++piece) {
    std::vector<HostTensor> &batch = batches.emplace_back();
    for (size_t i = 0; i < arrays.size(); ++i)
      batch.push_back(slicePiece(arrays[i], cuts[i], piece));
  }
  return Error::success();
}

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Batches.h"
#include <algorithm>

using namespace qrun;

namespace {

struct Cut {
  std::vector<bool> isCut; // by input
  int64_t total = 0;       // entries along axis 0
};

Failure findCut(const Session &session, const std::vector<Tensor> &inputs,
                Cut &cut) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const qrt_port_info_t &port = session.inputs[i];
    bool ranked = port.rank > 0 && !inputs[i].shape.empty();
    int64_t size = ranked ? inputs[i].shape[0] : 0;
    cut.isCut.push_back(ranked && (port.shape[0] < 0 || size > port.shape[0]));
    if (!cut.isCut[i])
      continue;
    if (cut.total && cut.total != size)
      return Failure(ExitBadInput,
                     format("input '%s' has %lld entries, others %lld",
                            port.name, (long long)size, (long long)cut.total));
    cut.total = size;
  }
  if (!cut.total)
    return Failure(ExitUsage, "--batch: no input has entries to cut along "
                              "axis 0");
  return {};
}

Failure setPiece(Session &session, const std::vector<Tensor> &inputs,
                 const Cut &cut, int64_t begin, int64_t end) {
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const Tensor &whole = inputs[i];
    if (!cut.isCut[i]) {
      if (Failure failure = session.setInput(i, whole))
        return failure;
      continue;
    }
    Tensor piece;
    piece.dtype = whole.dtype;
    piece.shape = whole.shape;
    piece.shape[0] = end - begin;
    size_t row = whole.rowBytes();
    piece.data.assign(whole.data.begin() + begin * row,
                      whole.data.begin() + end * row);
    if (Failure failure = session.setInput(i, piece))
      return failure;
  }
  return {};
}

Failure append(Tensor &joined, const Tensor &piece, int64_t entries) {
  if (piece.shape.empty() || piece.shape[0] != entries)
    return Failure(ExitUsage,
                   format("--batch: output '%s' is %s: not one entry for each "
                          "of %lld",
                          piece.name.c_str(), piece.type().c_str(),
                          (long long)entries));
  if (joined.shape.empty()) {
    joined = piece;
    return {};
  }
  if (!std::equal(joined.shape.begin() + 1, joined.shape.end(),
                  piece.shape.begin() + 1, piece.shape.end()))
    return Failure(ExitUsage, format("--batch: output '%s' changes its shape",
                                     piece.name.c_str()));
  joined.shape[0] += entries;
  joined.data.insert(joined.data.end(), piece.data.begin(), piece.data.end());
  return {};
}

Failure runAll(Session &session, const std::vector<Tensor> &inputs,
               std::vector<Tensor> &outputs) {
  for (uint32_t i = 0; i < inputs.size(); ++i)
    if (Failure failure = session.setInput(i, inputs[i]))
      return failure;
  if (Failure failure = session.run())
    return failure;
  for (uint32_t i = 0; i < outputs.size(); ++i)
    if (Failure failure = session.output(i, outputs[i]))
      return failure;
  return {};
}

} // namespace

Failure qrun::runBatches(Session &session, const std::vector<Tensor> &inputs,
                         int64_t batch, std::vector<Tensor> &outputs) {
  outputs.assign(session.outputs.size(), Tensor());
  if (!batch)
    return runAll(session, inputs, outputs);
  Cut cut;
  if (Failure failure = findCut(session, inputs, cut))
    return failure;
  for (int64_t begin = 0; begin < cut.total; begin += batch) {
    int64_t end = std::min(begin + batch, cut.total);
    if (Failure failure = setPiece(session, inputs, cut, begin, end))
      return failure;
    if (Failure failure = session.run())
      return failure;
    // The first run is the one to trace.
    qrt_context_set_trace(session.context, nullptr, nullptr);
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      Tensor piece;
      if (Failure failure = session.output(i, piece))
        return failure;
      if (Failure failure = append(outputs[i], piece, end - begin))
        return failure;
    }
  }
  return {};
}

Failure qrun::setFirstBatch(Session &session, const std::vector<Tensor> &inputs,
                            int64_t batch) {
  Cut cut;
  cut.isCut.assign(inputs.size(), false);
  if (batch) {
    cut.isCut.clear();
    if (Failure failure = findCut(session, inputs, cut))
      return failure;
  }
  return setPiece(session, inputs, cut, 0, std::min(batch, cut.total));
}

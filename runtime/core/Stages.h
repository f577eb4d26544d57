// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// When each size of a program is known. Stage 0 is what follows from the shapes
// of the inputs. Every later stage begins where a run reaches a size that it
// must read from memory: before its first command (elements of inputs), or
// behind the command that computed it. A program that reads no sizes has one
// stage.
#ifndef QRT_CORE_STAGES_H
#define QRT_CORE_STAGES_H

#include "runtime/core/Tables.h"

namespace qrt {

class Stages {
public:
  // Fails on a command that uses a size before it is known.
  qrt_status_t build(const Tables &tables, const qrt_allocator_t &allocator);

  uint32_t count() const { return uint32_t(starts.size()) - 1; }
  // Commands [first, end) run in a stage.
  uint32_t first(uint32_t stage) const { return starts[stage]; }
  uint32_t end(uint32_t stage) const { return starts[stage + 1]; }
  bool contains(uint32_t stage, uint32_t command) const {
    return command >= first(stage) && command < end(stage);
  }

  Array<uint32_t> exprs, tensors, storages; // the stage of each
  Array<uint32_t> reads; // expressions that read, in ascending order

private:
  void findTimes(const Tables &tables, const uint32_t *lastWriter);
  qrt_status_t checkTimes(const Tables &tables) const;
  qrt_status_t numberStages(const Tables &tables,
                            const qrt_allocator_t &allocator);

  Array<uint32_t> starts;
};

} // namespace qrt

#endif // QRT_CORE_STAGES_H

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Union-find whose members carry the class's element or its inverse.
#pragma once
#include <numeric>
#include <utility>
#include <vector>

namespace qopt {

class ParityUnion {
public:
  explicit ParityUnion(unsigned size) : parent(size), odd(size, false) {
    std::iota(parent.begin(), parent.end(), 0u);
  }

  // The representative: the least member, so that numbers are stable.
  unsigned find(unsigned member) { return resolve(member).first; }
  // Whether a member carries the inverse of its representative's element.
  bool isInverse(unsigned member) { return resolve(member).second; }

  // a carries b's element, or with `inverse` its inverse. False where that
  // contradicts what is known: then only g = 1/g is left.
  bool unite(unsigned a, unsigned b, bool inverse) {
    auto [rootA, oddA] = resolve(a);
    auto [rootB, oddB] = resolve(b);
    bool parity = oddA != oddB;
    if (rootA == rootB)
      return parity == inverse;
    if (rootB < rootA)
      std::swap(rootA, rootB);
    parent[rootB] = rootA;
    odd[rootB] = parity != inverse;
    return true;
  }

private:
  std::pair<unsigned, bool> resolve(unsigned member) {
    unsigned root = member;
    bool parity = false;
    while (parent[root] != root) {
      parity ^= odd[root];
      root = parent[root];
    }
    // Path compression: everybody on the way now hangs on the root.
    bool rest = parity;
    while (parent[member] != root && member != root) {
      unsigned next = parent[member];
      bool step = odd[member];
      parent[member] = root;
      odd[member] = rest;
      rest ^= step;
      member = next;
    }
    return {root, parity};
  }

  std::vector<unsigned> parent;
  std::vector<bool> odd; // Relative to the parent.
};

} // namespace qopt

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The multiple-choice knapsack: take one candidate of every group so that the
// sum of costs is least and no resource exceeds its limit.
//
//   min  sum_g cost[g, x_g]    s.t.  sum_g resource[r, g, x_g] <= limit[r]
//
// Solved as an integer program by CBC, on one thread, under a node limit and
// never a time limit: equal problems give equal answers on any machine.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace qopt::solver {

struct Candidate {
  std::string name;
  double cost = 0;                // Finite; the sum over groups is minimized.
  std::vector<double> resources;  // >= 0, one a limit.
};

struct Group {
  std::string name;
  std::vector<Candidate> candidates; // At least one.
};

struct Limit {
  std::string name; // For messages: "size"
  std::string unit; // "bytes"
  double value = 0;
};

struct Problem {
  std::vector<Group> groups;
  std::vector<Limit> limits;
};

struct SolveOptions {
  double gap = 1e-3;      // Relative; the search stops below it.
  int nodeLimit = 100000; // Of branch and bound.
};

struct Solution {
  bool feasible = false;
  std::string message;          // Why not, naming the limit; empty if feasible.
  std::vector<size_t> choice;   // One candidate a group.
  double objective = 0;         // Cost of the choice.
  double bound = 0;             // No choice costs less.
  double gap = 0;               // (objective - bound) / objective.
  std::vector<double> used;     // Of every resource.
  // Cost saved by one more unit of a resource (of the linear relaxation); 0
  // where the limit does not bind.
  std::vector<double> prices;
  size_t prunedCandidates = 0;  // Dominated: no cheaper in anything.
  bool provenToGap = false;     // False: the node limit came first.
};

Solution solve(const Problem &problem, const SolveOptions &options = {});

} // namespace qopt::solver

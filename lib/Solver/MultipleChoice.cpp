// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pruning, feasibility messages and the translation to CBC. Every resource is
// divided by its limit and costs by their largest, because CBC's tolerances are
// absolute.
#include "lib/Solver/MultipleChoice.h"
#include <algorithm>
#include <cmath>
#include <coin/Cbc_C_Interface.h>
#include <coin/Clp_C_Interface.h>
#include <cstdio>

namespace qopt::solver {
namespace {

std::string formatNumber(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.10g", value);
  return buffer;
}

// Whether `a` is no worse than `b` in anything.
bool dominates(const Candidate &a, const Candidate &b) {
  if (a.cost > b.cost)
    return false;
  for (size_t i = 0; i < a.resources.size(); ++i)
    if (a.resources[i] > b.resources[i])
      return false;
  return true;
}

// The candidates worth keeping, in order; of equal ones the first.
std::vector<size_t> undominated(const Group &group) {
  std::vector<size_t> kept;
  for (size_t i = 0; i < group.candidates.size(); ++i) {
    bool dominated = false;
    for (size_t j = 0; j < group.candidates.size() && !dominated; ++j)
      dominated = j != i &&
                  dominates(group.candidates[j], group.candidates[i]) &&
                  (j < i ||
                   !dominates(group.candidates[i], group.candidates[j]));
    if (!dominated)
      kept.push_back(i);
  }
  return kept;
}

std::string checkProblem(const Problem &problem) {
  for (const Group &group : problem.groups) {
    if (group.candidates.empty())
      return "group " + group.name + " has no candidate";
    for (const Candidate &candidate : group.candidates) {
      bool valid = std::isfinite(candidate.cost) &&
                   candidate.resources.size() == problem.limits.size();
      for (double resource : candidate.resources)
        valid &= std::isfinite(resource) && resource >= 0;
      if (!valid)
        return "candidate " + candidate.name + " of group " + group.name +
               " needs a finite cost and one finite, nonnegative figure for "
               "each limit";
    }
  }
  return "";
}

// Names the limit that even the smallest choice exceeds.
std::string explainInfeasible(const Problem &problem) {
  for (size_t r = 0; r < problem.limits.size(); ++r) {
    double least = 0;
    for (const Group &group : problem.groups) {
      double smallest = group.candidates.front().resources[r];
      for (const Candidate &candidate : group.candidates)
        smallest = std::min(smallest, candidate.resources[r]);
      least += smallest;
    }
    const Limit &limit = problem.limits[r];
    if (least > limit.value)
      return limit.name + ": the smallest choice takes " +
             formatNumber(least) + " " + limit.unit + ", the limit is " +
             formatNumber(limit.value) + " " + limit.unit;
  }
  std::string names;
  for (const Limit &limit : problem.limits)
    names += (names.empty() ? "" : ", ") + limit.name;
  return "no choice meets all limits together (" + names + ")";
}

// The program in compressed columns: rows are groups, then limits.
struct Columns {
  std::vector<size_t> group, candidate; // Of each column.
  std::vector<CoinBigIndex> starts = {0};
  std::vector<int> rows;
  std::vector<double> values, costs, lower, upper, rowLower, rowUpper;
  double costUnit = 1;
  std::vector<double> limitUnits;
};

double unitOf(double largest) { return largest > 0 ? largest : 1; }

Columns buildColumns(const Problem &problem,
                     const std::vector<std::vector<size_t>> &kept,
                     double tightening) {
  Columns columns;
  size_t groups = problem.groups.size();
  double largestCost = 0;
  for (size_t g = 0; g < groups; ++g)
    for (size_t c : kept[g])
      largestCost =
          std::max(largestCost, std::fabs(problem.groups[g].candidates[c].cost));
  columns.costUnit = unitOf(largestCost);
  for (const Limit &limit : problem.limits)
    columns.limitUnits.push_back(unitOf(limit.value));
  for (size_t g = 0; g < groups; ++g)
    for (size_t c : kept[g]) {
      const Candidate &candidate = problem.groups[g].candidates[c];
      columns.group.push_back(g);
      columns.candidate.push_back(c);
      columns.rows.push_back(int(g));
      columns.values.push_back(1);
      for (size_t r = 0; r < problem.limits.size(); ++r) {
        columns.rows.push_back(int(groups + r));
        columns.values.push_back(candidate.resources[r] /
                                 columns.limitUnits[r]);
      }
      columns.starts.push_back(CoinBigIndex(columns.rows.size()));
      columns.costs.push_back(candidate.cost / columns.costUnit);
    }
  columns.lower.assign(columns.costs.size(), 0);
  columns.upper.assign(columns.costs.size(), 1);
  columns.rowLower.assign(groups, 1);
  columns.rowUpper.assign(groups, 1);
  for (size_t r = 0; r < problem.limits.size(); ++r) {
    columns.rowLower.push_back(-1e300);
    columns.rowUpper.push_back(problem.limits[r].value /
                                   columns.limitUnits[r] -
                               tightening);
  }
  return columns;
}

// Duals of the linear relaxation, per unit of each resource.
std::vector<double> relaxationPrices(const Columns &columns, size_t groups) {
  Clp_Simplex *model = Clp_newModel();
  Clp_setLogLevel(model, 0);
  Clp_loadProblem(model, int(columns.costs.size()),
                  int(columns.rowLower.size()), columns.starts.data(),
                  columns.rows.data(), columns.values.data(),
                  columns.lower.data(), columns.upper.data(),
                  columns.costs.data(), columns.rowLower.data(),
                  columns.rowUpper.data());
  Clp_dual(model, 0);
  const double *duals = Clp_dualRowSolution(model);
  std::vector<double> prices;
  for (size_t r = 0; r < columns.limitUnits.size(); ++r)
    prices.push_back(std::max(0.0, -duals[groups + r]) * columns.costUnit /
                     columns.limitUnits[r]);
  Clp_deleteModel(model);
  return prices;
}

// The chosen column of every group; empty when there is none. Sets the bound.
std::vector<size_t> runCbc(const Columns &columns, size_t groups,
                           const SolveOptions &options, Solution &solution) {
  Cbc_Model *model = Cbc_newModel();
  Cbc_setLogLevel(model, 0);
  Cbc_setParameter(model, "log", "0");
  Cbc_loadProblem(model, int(columns.costs.size()),
                  int(columns.rowLower.size()), columns.starts.data(),
                  columns.rows.data(), columns.values.data(),
                  columns.lower.data(), columns.upper.data(),
                  columns.costs.data(), columns.rowLower.data(),
                  columns.rowUpper.data());
  for (size_t column = 0; column < columns.costs.size(); ++column)
    Cbc_setInteger(model, int(column));
  Cbc_setAllowableFractionGap(model, options.gap);
  Cbc_setMaximumNodes(model, options.nodeLimit);
  Cbc_solve(model);

  std::vector<size_t> chosen(groups, SIZE_MAX);
  const double *values = Cbc_getColSolution(model);
  bool found = !Cbc_isProvenInfeasible(model) && values;
  for (size_t column = 0; found && column < columns.costs.size(); ++column)
    if (values[column] > 0.5)
      chosen[columns.group[column]] = columns.candidate[column];
  found = found && std::find(chosen.begin(), chosen.end(), SIZE_MAX) ==
                       chosen.end();
  solution.bound = Cbc_getBestPossibleObjValue(model) * columns.costUnit;
  solution.provenToGap = !Cbc_isNodeLimitReached(model);
  Cbc_deleteModel(model);
  if (!found)
    chosen.clear();
  return chosen;
}

bool withinLimits(const Problem &problem, Solution &solution) {
  solution.objective = 0;
  solution.used.assign(problem.limits.size(), 0);
  for (size_t g = 0; g < problem.groups.size(); ++g) {
    const Candidate &candidate =
        problem.groups[g].candidates[solution.choice[g]];
    solution.objective += candidate.cost;
    for (size_t r = 0; r < solution.used.size(); ++r)
      solution.used[r] += candidate.resources[r];
  }
  for (size_t r = 0; r < solution.used.size(); ++r)
    if (solution.used[r] > problem.limits[r].value)
      return false;
  return true;
}

} // namespace

Solution solve(const Problem &problem, const SolveOptions &options) {
  Solution solution;
  solution.message = checkProblem(problem);
  if (!solution.message.empty())
    return solution;
  std::vector<std::vector<size_t>> kept;
  for (const Group &group : problem.groups) {
    kept.push_back(undominated(group));
    solution.prunedCandidates += group.candidates.size() - kept.back().size();
  }
  size_t groups = problem.groups.size();
  if (groups == 0) {
    solution.feasible = solution.provenToGap = true;
    solution.used.assign(problem.limits.size(), 0);
    solution.prices = solution.used;
    return solution;
  }
  // CBC may overstep a limit by its tolerance; then the limit is tightened by
  // more than that. The bound of the first run stays valid for the problem.
  for (double tightening : {0.0, 3e-6, 3e-5}) {
    Columns columns = buildColumns(problem, kept, tightening);
    Solution attempt = solution;
    attempt.choice = runCbc(columns, groups, options, attempt);
    if (tightening == 0.0)
      solution.bound = attempt.bound;
    if (attempt.choice.empty())
      continue;
    if (!withinLimits(problem, attempt))
      continue;
    attempt.feasible = true;
    attempt.bound = std::min(solution.bound, attempt.objective);
    attempt.gap = attempt.objective != 0
                      ? (attempt.objective - attempt.bound) /
                            std::fabs(attempt.objective)
                      : 0;
    attempt.prices = relaxationPrices(columns, groups);
    return attempt;
  }
  solution.message = explainInfeasible(problem);
  return solution;
}

} // namespace qopt::solver

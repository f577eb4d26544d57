// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Against brute force on small instances, and the messages of hopeless ones.
#include "lib/Solver/MultipleChoice.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace qopt::solver;

namespace {

Problem randomProblem(unsigned seed, size_t groups, size_t limits) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> unit(0, 1);
  Problem problem;
  std::vector<double> totals(limits, 0);
  for (size_t g = 0; g < groups; ++g) {
    Group group{"g" + std::to_string(g), {}};
    double size = 1000 + double(random() % 100000);
    for (double bits : {4.5, 8.0, 16.0, 32.0}) {
      Candidate candidate{std::to_string(bits), 0, {}};
      candidate.cost = unit(random) * std::exp2(-bits);
      for (size_t r = 0; r < limits; ++r)
        candidate.resources.push_back(std::floor(
            size * bits / 8 * (r == 0 ? 1.0 : 0.5 + unit(random))));
      group.candidates.push_back(candidate);
    }
    for (size_t r = 0; r < limits; ++r)
      totals[r] += group.candidates[1].resources[r];
    problem.groups.push_back(group);
  }
  for (size_t r = 0; r < limits; ++r)
    problem.limits.push_back({"r" + std::to_string(r), "bytes", totals[r]});
  return problem;
}

double bruteForce(const Problem &problem, size_t group,
                  std::vector<double> left) {
  for (double rest : left)
    if (rest < 0)
      return std::numeric_limits<double>::infinity();
  if (group == problem.groups.size())
    return 0;
  double best = std::numeric_limits<double>::infinity();
  for (const Candidate &candidate : problem.groups[group].candidates) {
    std::vector<double> rest = left;
    for (size_t r = 0; r < rest.size(); ++r)
      rest[r] -= candidate.resources[r];
    best = std::min(best,
                    candidate.cost + bruteForce(problem, group + 1, rest));
  }
  return best;
}

TEST(MultipleChoice, EqualsBruteForceToTheGap) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Problem problem = randomProblem(seed, 6, 1 + seed % 2);
    std::vector<double> limits;
    for (const Limit &limit : problem.limits)
      limits.push_back(limit.value);
    double best = bruteForce(problem, 0, limits);
    Solution solution = solve(problem);
    ASSERT_TRUE(solution.feasible) << solution.message;
    EXPECT_LE(solution.objective, best * 1.0011);
    EXPECT_GE(solution.objective, best * (1 - 1e-9));
    EXPECT_LE(solution.bound, best * (1 + 1e-6));
    EXPECT_LE(solution.gap, 1.1e-3);
    for (size_t r = 0; r < limits.size(); ++r)
      EXPECT_LE(solution.used[r], limits[r]);
  }
}

TEST(MultipleChoice, EqualProblemsGiveEqualAnswers) {
  Problem problem = randomProblem(7, 60, 2);
  Solution first = solve(problem), second = solve(problem);
  ASSERT_TRUE(first.feasible);
  EXPECT_EQ(first.choice, second.choice);
  EXPECT_EQ(first.objective, second.objective);
  EXPECT_LE(first.gap, 1e-3);
}

TEST(MultipleChoice, InfeasibleNamesTheLimit) {
  Problem problem = randomProblem(1, 3, 1);
  problem.limits[0] = {"size", "bytes", 10};
  Solution solution = solve(problem);
  EXPECT_FALSE(solution.feasible);
  EXPECT_NE(solution.message.find("size: the smallest choice takes"),
            std::string::npos)
      << solution.message;
  EXPECT_NE(solution.message.find("the limit is 10 bytes"), std::string::npos);
}

TEST(MultipleChoice, LimitsThatExcludeEachOther) {
  Problem problem;
  problem.groups = {{"g", {{"a", 0, {1, 9}}, {"b", 0, {9, 1}}}}};
  problem.limits = {{"size", "bytes", 5}, {"time", "us", 5}};
  Solution solution = solve(problem);
  EXPECT_FALSE(solution.feasible);
  EXPECT_NE(solution.message.find("together (size, time)"), std::string::npos);
}

TEST(MultipleChoice, DominatedCandidatesArePruned) {
  Problem problem;
  problem.groups = {
      {"g", {{"worse", 2, {5}}, {"good", 1, {4}}, {"twin", 1, {4}}}}};
  problem.limits = {{"size", "bytes", 100}};
  Solution solution = solve(problem);
  EXPECT_EQ(solution.prunedCandidates, 2u);
  EXPECT_EQ(solution.choice, std::vector<size_t>{1});
  EXPECT_EQ(solution.prices, std::vector<double>{0});
}

TEST(MultipleChoice, ABindingLimitHasAPrice) {
  Problem problem = randomProblem(3, 10, 1);
  EXPECT_GT(solve(problem).prices[0], 0);
}

TEST(MultipleChoice, BadInputIsRefused) {
  Problem problem;
  problem.groups = {{"empty", {}}};
  EXPECT_NE(solve(problem).message.find("no candidate"), std::string::npos);
  problem.groups = {{"g", {{"a", std::nan(""), {}}}}};
  EXPECT_NE(solve(problem).message.find("finite cost"), std::string::npos);
  problem.groups.clear();
  EXPECT_TRUE(solve(problem).feasible);
}

TEST(MultipleChoice, AnExactFitIsFound) {
  Problem problem;
  for (int g = 0; g < 12; ++g)
    problem.groups.push_back({"g", {{"small", 1.0 + g, {333333.0}},
                                    {"large", 0, {777777.0}}}});
  problem.limits = {{"size", "bytes", 6 * 333333.0 + 6 * 777777.0}};
  Solution solution = solve(problem);
  ASSERT_TRUE(solution.feasible);
  EXPECT_EQ(solution.objective, 1 + 2 + 3 + 4 + 5 + 6);
}

} // namespace

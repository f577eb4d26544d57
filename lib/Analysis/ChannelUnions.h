// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For one kind of group: which nodes carry one element, what pins them, and
// where constants absorb it.
#pragma once
#include "lib/Analysis/ChannelSpaces.h"
#include "lib/Analysis/ParityUnion.h"

namespace qopt {

// A norm that stands between two nodes for O.
struct NormPassage {
  const nn::ChannelAxes *op = nullptr;
  const nn::ChannelIndex *index = nullptr;
  unsigned x = 0, gain = 0, result = 0; // Slots.
  bool centered = false;
  std::vector<std::pair<unsigned, unsigned>> nodes; // Of x, of the result.
};

class ChannelUnions {
public:
  // Applies the laws of all ops; norms are left to `passNorms`.
  ChannelUnions(const ChannelSegments &segments, nn::Groups kind);

  nn::Groups kind() const { return group; }
  unsigned classOf(unsigned node) { return unions.find(node); }
  bool isInverse(unsigned node) { return unions.isInverse(node); }

  // What is known of a node's class.
  struct ClassFacts {
    bool pinned = false;
    bool positiveOnly = false; // D.
    bool contracted = false;   // Some product reads it along the channels.
  };
  const ClassFacts &facts(unsigned node) { return classFacts[classOf(node)]; }

  void unite(unsigned a, unsigned b, bool inverse, mlir::Operation *op);
  void pin(unsigned node, mlir::Operation *op, const llvm::Twine &reason);
  void addSite(unsigned node, ChannelSite site) {
    sites.push_back({node, std::move(site)});
  }

  std::vector<std::pair<unsigned, ChannelSite>> sites; // Program order.
  std::vector<std::pair<unsigned, ChannelPin>> pins;
  std::vector<NormPassage> norms;                      // Program order.
  std::vector<std::pair<unsigned, NormCondition>> conditions;

private:
  void applyLaw(const nn::ChannelAxes &op, const nn::LawOfIndex &law);
  void join(const nn::ChannelAxes &op, const nn::LawOfIndex &law);
  void contract(const nn::ChannelAxes &op, const nn::ChannelIndex &index);
  void multiply(const nn::ChannelAxes &op, const nn::LawOfIndex &law);
  void recordNorm(const nn::ChannelAxes &op, const nn::LawOfIndex &law);
  void absorbOwn(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
                 int operand);
  void absorb(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
              const nn::IndexedAxis &beside, const nn::IndexedAxis &constant,
              ChannelRole role, bool inverse);
  void applyPins(const nn::ChannelAxes &op);
  void pinUnsaid(const nn::ChannelAxes &op);
  void pinIndex(const nn::ChannelAxes &op, const nn::ChannelIndex &index,
                const llvm::Twine &reason);
  void pinByNature();
  void resolveProducts();

  struct Product {
    unsigned result, a, b;
    bool inverseB;
    mlir::Operation *op;
  };

  const ChannelSegments &segments;
  nn::Groups group;
  ParityUnion unions;
  std::vector<ClassFacts> classFacts;
  std::vector<Product> products;
};

// Unites across norms what may pass them and pins what may not.
void passNorms(ChannelUnions &orthogonal, ChannelUnions &diagonal,
               const ChannelSegments &segments);

} // namespace qopt

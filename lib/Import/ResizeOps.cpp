// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Enlarging images by whole factors, nearest neighbour: every element repeated.
#include "lib/Import/OpTable.h"
#include <cmath>

using namespace mlir;

namespace qopt::import {
namespace {

// Whether "nearest" under these modes takes element i / factor for output i.
bool repeatsElements(NodeImport &node, int64_t factor) {
  std::string coordinates =
      node.text("coordinate_transformation_mode", "half_pixel");
  std::string rounding = node.text("nearest_mode", "round_prefer_floor");
  bool rounds = rounding.rfind("round_", 0) == 0;
  if (coordinates == "half_pixel" || coordinates == "pytorch_half_pixel" ||
      coordinates == "half_pixel_symmetric")
    return rounds;
  if (coordinates == "asymmetric")
    return rounding == "floor" ||
           (rounding == "round_prefer_floor" && factor == 2);
  return false;
}

// The factor of each axis, from scales or from sizes.
SmallVector<int64_t> readFactors(NodeImport &node, Value x, size_t scalesInput,
                                 size_t sizesInput) {
  SmallVector<int64_t> factors;
  const SmallTensor *scales = node.known(scalesInput);
  if (scales && !scales->elements.empty()) {
    for (const Scalar &scale : scales->elements) {
      if (scale.isIndex() || scale.asDouble() < 1 ||
          scale.asDouble() != std::floor(scale.asDouble()) ||
          scale.asDouble() > 1 << 16)
        node.unsupported("only whole factors from 1 on are supported");
      factors.push_back(int64_t(scale.asDouble()));
    }
  } else if (node.hasInput(sizesInput)) {
    Scalars sizes = node.numbers(sizesInput, "sizes"), dims = node.dims(x);
    if (sizes.size() != dims.size())
      node.bad("expected one size an axis");
    for (auto [size, dim] : llvm::zip_equal(sizes, dims)) {
      auto factor =
          size == dim ? Scalar::ofInt(1) : node.math().quotient(size, dim);
      if (!factor || !factor->isInt() || factor->integer < 1)
        node.unsupported("only whole factors from 1 on are supported");
      factors.push_back(factor->integer);
    }
  } else {
    node.unsupported("scales that are no constants are not supported");
  }
  if (int64_t(factors.size()) != node.rank(x))
    node.bad("expected " + Twine(node.rank(x)) + " factors, found " +
             Twine(factors.size()));
  return factors;
}

void enlarge(NodeImport &node, size_t scalesInput, size_t sizesInput) {
  Value x = node.input(0);
  if (node.text("mode", "nearest") != "nearest")
    node.unsupported("mode '" + node.text("mode", "") +
                     "' is not supported, only 'nearest' is");
  if (node.hasAttribute("axes"))
    node.unsupported("the attribute 'axes' is not supported");
  SmallVector<int64_t> factors = readFactors(node, x, scalesInput, sizesInput);
  for (int64_t factor : factors)
    if (factor != 1 && !repeatsElements(node, factor))
      node.unsupported("this coordinate_transformation_mode and nearest_mode "
                       "are not supported");
  // Images are channels last: the transposes around meet those of convolutions.
  bool isImage = node.rank(x) == 4 && factors[0] == 1 && factors[1] == 1;
  if (isImage) {
    x = node.transpose(x, {0, 2, 3, 1});
    factors = {1, factors[2], factors[3], 1};
  }
  Scalars apart, grown, merged, dims = node.dims(x);
  for (auto [size, factor] : llvm::zip_equal(dims, factors)) {
    apart.push_back(size);
    grown.push_back(size);
    merged.push_back(node.math().mul(size, Scalar::ofInt(factor)));
    if (factor == 1)
      continue;
    apart.push_back(Scalar::ofInt(1));
    grown.push_back(Scalar::ofInt(factor));
  }
  Value y = node.broadcastTo(node.reshape(x, apart), grown);
  y = node.reshape(y, merged);
  node.result(isImage ? node.transpose(y, {0, 3, 1, 2}) : y);
}

void importResize(NodeImport &node) { enlarge(node, 2, 3); }

void importUpsample(NodeImport &node) {
  node.setText("coordinate_transformation_mode", "asymmetric");
  node.setText("nearest_mode", "floor");
  enlarge(node, 1, 4);
}

constexpr OpEntry rows[] = {
    {"Resize", 1, 4, importResize},
    {"Upsample", 1, 2, importUpsample},
};
} // namespace

ArrayRef<OpEntry> resizeOps() { return rows; }

} // namespace qopt::import

// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exact dot products of bytes into i32 lanes, in registers of the ISA's width:
// vpdpbusd where there is VNNI, pmaddwd on even and odd bytes elsewhere.

#ifndef QOPT_LIB_EMISSION_DOTPRODUCT_H
#define QOPT_LIB_EMISSION_DOTPRODUCT_H

#include "lib/Emission/KernelBuilder.h"

namespace qopt::emission {

class DotProduct {
public:
  explicit DotProduct(KernelBuilder &kb);

  // One register of bytes, and of i32 lanes.
  mlir::VectorType byteType() const { return bytes; }
  mlir::VectorType wordType() const { return words; }

  // Prepares the weights of one step: registers of byteType, s8.
  void beginPanels(llvm::ArrayRef<mlir::Value> registers);
  // Prepares four inputs of a row, the same in every i32 lane. With VNNI they
  // are u8 whatever |isSigned| says (the caller shifts s8 by 128).
  void beginRow(mlir::Value broadcast, bool isSigned);
  // sum + the row's inputs times register |i| of the panels.
  mlir::Value accumulate(mlir::Value sum, int64_t i);

  // vpdpbusd: sum + u8 lanes times s8 lanes. Only with VNNI.
  mlir::Value vnni(mlir::Value sum, mlir::Value unsignedWords,
                   mlir::Value signedWords);
  // 256-bit: pairs of u8 x s8 products, saturating to s16; pairs of s16
  // products to i32. Vectors of i16 lanes.
  mlir::Value maddUnsignedBytes(mlir::Value u8Words, mlir::Value s8Words);
  mlir::Value maddWords(mlir::Value a, mlir::Value b);

private:
  mlir::Value halves(mlir::Value words);
  mlir::Value shift(mlir::Value a, int64_t amount, bool left, bool isSigned);

  KernelBuilder &kb;
  mlir::VectorType bytes, words, shorts;
  llvm::SmallVector<mlir::Value> panels, evenPanels, oddPanels;
  mlir::Value row, evenRow, oddRow;
};

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_DOTPRODUCT_H

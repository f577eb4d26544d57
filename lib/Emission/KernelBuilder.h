// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// KernelBuilder writes the three functions of one compiled kernel
//
//   void <k>(void *const *operands, const i64 *dims, i64 begin, i64 end,
//            void *scratch)
//   i64  <k>_units(const i64 *dims)
//   i64  <k>_scratch(const i64 *dims)
//
// as func + scf + arith + vector + math on raw `!llvm.ptr`: no memrefs. All
// index arithmetic is i64 and folds, so static shapes leave constants only.
// One logical vector has 16 lanes on every ISA; LLVM splits it where registers
// are narrower.

#ifndef QOPT_LIB_EMISSION_KERNELBUILDER_H
#define QOPT_LIB_EMISSION_KERNELBUILDER_H

#include "lib/Emission/Targets.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <functional>
#include <optional>
#include <string>

namespace qopt::emission {

// Dialects whose ops KernelBuilder and the emitters create.
void loadKernelDialects(mlir::MLIRContext &context);

// How an element lies in memory: ui8/si8 -> i8, i1 -> i8 (one byte each),
// index -> i64; the rest is itself.
mlir::Type storageType(mlir::Type element);
// What a loaded lane is: as storageType, but i1 stays i1.
mlir::Type laneType(mlir::Type element);
// Bytes of one element in memory.
int64_t storageBytes(mlir::Type element);
// vector<16 x laneType(element)>.
mlir::VectorType laneVectorType(mlir::Type element);

// How many lanes of a vector access are live: all 16, or the first `count`
// (an i64 below 16).
struct LiveLanes {
  mlir::Value count = {};
  bool all() const { return !count; }
};

class KernelBuilder {
public:
  static constexpr int64_t lanes = 16;
  using Value = mlir::Value;
  using Type = mlir::Type;

  // |operands|: the kernel's tensor inputs, then its outputs. |indexInputs|:
  // inputs of type index, whose values follow all dims.
  KernelBuilder(mlir::ModuleOp module, llvm::StringRef name,
                llvm::ArrayRef<mlir::RankedTensorType> operands,
                const TargetIsa &isa, mlir::Location loc,
                unsigned indexInputs = 0);

  // |good|, emitted into the units function, is an i1 or null: where it does
  // not hold for the dims, units are -1 and the kernel is not run.
  void setPrecondition(std::function<Value()> good) {
    precondition = std::move(good);
  }

  // Each body is emitted into its function; all three must be defined.
  void defineUnits(llvm::function_ref<Value()> body);
  // Sizes in bytes of the kernel's scratch buffers: <k>_scratch returns their
  // sum, each rounded up to 64. carveScratch(body) in the run function yields
  // the buffers' pointers in the same order.
  using ScratchSizes = llvm::function_ref<llvm::SmallVector<Value>()>;
  void defineScratch(ScratchSizes sizes);
  void defineNoScratch();
  llvm::SmallVector<Value> carveScratch(Value scratch, ScratchSizes sizes);
  void defineRun(
      llvm::function_ref<void(Value begin, Value end, Value scratch)> body);
  // defineRun with the loop over units in place.
  void
  defineRunPerUnit(llvm::function_ref<void(Value unit, Value scratch)> body);
  // Removes what was emitted: for emitters that decline half way.
  void discard();

  // The kernel's operands, valid in whichever function is being emitted
  // (ptr only in run). All values are i64.
  llvm::ArrayRef<mlir::RankedTensorType> operandTypes() const {
    return operands;
  }
  Type elementType(unsigned operand) const;
  Value ptr(unsigned operand);
  Value dim(unsigned operand, unsigned axis);
  Value indexInput(unsigned number);
  // Product of the dims [from, to) of an operand.
  Value dimProduct(unsigned operand, unsigned from, unsigned to);
  Value dimProduct(unsigned operand);

  // Constants.
  Value i64(int64_t value);
  Value i32(int32_t value);
  Value i8(int value);
  Value i1(bool value);
  Value f32(float value);
  Value splat(Value scalar);                   // to 16 lanes
  Value splatF32(float value);                 // vector<16xf32>
  Value splatI32(int32_t value);               // vector<16xi32>
  Value constantLike(Type type, double value); // scalar or vector, int or float
  static std::optional<int64_t> constantOf(Value value);

  // i64 arithmetic, folded. Operands of div and rem are non-negative.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value rem(Value a, Value b);
  Value ceilDiv(Value a, Value b);
  Value alignUp(Value a, int64_t alignment);
  Value min(Value a, Value b);
  Value max(Value a, Value b);
  Value add(Value a, int64_t b) { return add(a, i64(b)); }
  Value sub(Value a, int64_t b) { return sub(a, i64(b)); }
  Value mul(Value a, int64_t b) { return mul(a, i64(b)); }
  Value div(Value a, int64_t b) { return div(a, i64(b)); }
  Value rem(Value a, int64_t b) { return rem(a, i64(b)); }
  Value ceilDiv(Value a, int64_t b) { return ceilDiv(a, i64(b)); }
  Value min(Value a, int64_t b) { return min(a, i64(b)); }
  Value max(Value a, int64_t b) { return max(a, i64(b)); }
  Value cmp(mlir::arith::CmpIPredicate predicate, Value a, Value b);
  Value select(Value condition, Value a, Value b);

  // Unfused float arithmetic on scalars or vectors; fma is the only fusion.
  Value addf(Value a, Value b);
  Value subf(Value a, Value b);
  Value mulf(Value a, Value b);
  Value divf(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  Value roundEven(Value a);

  // base + index elements of `element` (as stored).
  Value address(Value base, Type element, Value index);
  Value byteAddress(Value base, Value bytes);
  // Asks for the cache line at `address`; |locality| 3 = L1, 2 = L2, 1 = L3.
  void prefetch(Value address, int locality);

  // Typed access to element `index` of an array of `element`s at `base`.
  // Loads yield laneType / laneVectorType; stores take it.
  Value load(Type element, Value base, Value index);
  void store(Type element, Value value, Value base, Value index);
  // |alignment| in bytes, 0 = that of one element. Dead lanes load as zero and
  // are not stored; their memory is not touched.
  Value loadVector(Type element, Value base, Value index, LiveLanes live = {},
                   unsigned alignment = 0);
  void storeVector(Type element, Value value, Value base, Value index,
                   LiveLanes live = {}, unsigned alignment = 0);
  // Any LLVM type, no lane conversion: for packed panels.
  Value loadRaw(Type type, Value address, unsigned alignment);
  void storeRaw(Value value, Value address, unsigned alignment);
  // vector<16xi1>: lane < count.
  Value laneMask(Value count);
  // Scalar `lane` (0..15) of a vector.
  Value extract(Value vector, int64_t lane);

  // Control flow. Bodies yield what they return.
  using LoopBody = llvm::function_ref<void(Value iv)>;
  using CarryBody = llvm::function_ref<llvm::SmallVector<Value>(
      Value iv, mlir::ValueRange carried)>;
  void forLoop(Value lb, Value ub, Value step, LoopBody body);
  llvm::SmallVector<Value> forLoop(Value lb, Value ub, Value step,
                                   mlir::ValueRange inits, CarryBody body);
  // for i in [0, n) step 16: body(i, live); the tail, where there can be one,
  // is a second copy of the body with live.count set.
  void forVectors(Value n,
                  llvm::function_ref<void(Value index, LiveLanes live)> body);
  // The same with carried values (reductions along a row).
  llvm::SmallVector<Value> forVectors(
      Value n, mlir::ValueRange inits,
      llvm::function_ref<llvm::SmallVector<Value>(Value index, LiveLanes live,
                                                  mlir::ValueRange carried)>
          body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifThenElse(Value condition, llvm::function_ref<void()> thenBody,
                  llvm::function_ref<void()> elseBody);
  llvm::SmallVector<Value>
  ifThenElse(Value condition, mlir::TypeRange types,
             llvm::function_ref<llvm::SmallVector<Value>()> thenBody,
             llvm::function_ref<llvm::SmallVector<Value>()> elseBody);

  // A stack buffer of the current function, 64-byte aligned.
  Value stackBuffer(int64_t bytes);

  mlir::VectorType vectorType(Type lane) {
    return mlir::VectorType::get({lanes}, lane);
  }
  mlir::OpBuilder &builder() { return b; }
  mlir::Location loc() const { return location; }
  const TargetIsa &isa() const { return target; }
  mlir::ModuleOp module() const { return moduleOp; }
  llvm::StringRef name() const { return kernelName; }
  Type i1Type, i8Type, i32Type, i64Type, f16Type, f32Type, ptrType;

  template <typename OpT, typename... Args> auto create(Args &&...args) {
    return OpT::create(b, location, std::forward<Args>(args)...);
  }

private:
  mlir::func::FuncOp beginFunction(llvm::StringRef suffix,
                                   llvm::ArrayRef<Type> inputs,
                                   llvm::ArrayRef<Type> results,
                                   Value *dimsArgument);
  void loadDims(Value dimsArgument);

  mlir::ModuleOp moduleOp;
  std::string kernelName;
  llvm::SmallVector<mlir::RankedTensorType> operands;
  unsigned indexInputs;
  const TargetIsa &target;
  mlir::Location location;
  mlir::OpBuilder b;
  // Of the function being emitted: dims per operand and axis, pointers.
  llvm::SmallVector<llvm::SmallVector<Value>> currentDims;
  llvm::SmallVector<Value> currentIndices;
  llvm::SmallVector<Value> currentPtrs;
  llvm::SmallVector<mlir::func::FuncOp> functions;
  std::function<Value()> precondition;
};

// func/scf/arith/vector/math -> LLVM dialect. Fails on any fmuladd, whose
// fusion is the backend's choice and so has no stated result.
mlir::LogicalResult lowerToLLVMDialect(mlir::ModuleOp module);

} // namespace qopt::emission

#endif // QOPT_LIB_EMISSION_KERNELBUILDER_H

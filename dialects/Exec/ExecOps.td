// The operators of the exec dialect.
//
// Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef QOPT_DIALECTS_EXEC_EXECOPS_TD
#define QOPT_DIALECTS_EXEC_EXECOPS_TD

include "dialects/Exec/ExecDialect.td"
include "dialects/NN/NNTraits.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// What a kernel reads: tensors, then (offsets, sizes) index values.
def Exec_KernelInput : AnyTypeOf<[AnyRankedTensor, Index]>;

class Exec_Op<string mnemonic, list<Trait> traits = []>
    : Op<Exec_Dialect, mnemonic, traits>;

//===-- Kernels ------------------------------------------------------------===//

def Exec_KernelOp : Exec_Op<"kernel", [Pure, IsolatedFromAbove,
    SingleBlockImplicitTerminator<"::qopt::exec::YieldOp">,
    AttrSizedOperandSegments]> {
  let summary = "A piece of the network that becomes one kernel";
  let description = [{
    The region computes the results from the operands (weights included) with
    nn and lowbit ops; its ops state the arithmetic. `result_dims` are the
    dynamic dimensions of the results, in order.

    - (kernel_c1) the region's arguments have the operands' types, the yielded
      values the results' types.
    - (kernel_c2) one result_dims operand for each dynamic result dimension.

    ```mlir
    %y = exec.kernel "relu" (%x) dims(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    ^bb0(%a: tensor<?x8xf32>):
      %0 = nn.relu %a : (tensor<?x8xf32>) -> tensor<?x8xf32>
      exec.yield %0 : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, Variadic<Exec_KernelInput>:$inputs,
      Variadic<Index>:$result_dims);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{ $name `(` $inputs `)` (`dims` `(` $result_dims^ `)`)?
      attr-dict `:` functional-type($inputs, $outputs) $body }];
  let hasVerifier = 1;
}

def Exec_YieldOp : Exec_Op<"yield", [Pure, Terminator]> {
  let summary = "The results of a kernel";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ (void)$_builder; (void)$_state; }]>];
}

def Exec_KernelDefOp : Exec_Op<"kernel_def", [IsolatedFromAbove, Symbol,
    SingleBlockImplicitTerminator<"::qopt::exec::YieldOp">]> {
  let summary = "An outlined kernel; equal kernels are defined once";
  let description = [{
    The body's arguments are the kernel's inputs, the yielded values its
    outputs. The binary interface of the compiled kernel follows from the types
    alone: pointers of tensor inputs, then outputs; then numbers: every dynamic
    dimension of each of these, in order, and last the index inputs, in order.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
      OptionalAttr<StrAttr>:$description);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    ::mlir::TypeRange getInputTypes() { return getBody().getArgumentTypes(); }
    ::mlir::TypeRange getOutputTypes() {
      return getBody().front().getTerminator()->getOperandTypes();
    }
  }];
}

def Exec_UnpackPanelsOp : Exec_Op<"unpack_panels", [Pure]> {
  let summary = "The logical tensor behind weights packed for a kernel";
  let description = [{
    Never materialized by optimized kernels, which read the panels. `layout` is
    a name of lib/Emission/PanelLayout.

    ```mlir
    %w = exec.unpack_panels %p {layout = "i8.o16.i4"} : (tensor<96x96x64xi8>) -> tensor<384x1536xi8>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$packed, StrAttr:$layout);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$packed attr-dict `:` functional-type(operands, results)";
}

//===-- Control flow --------------------------------------------------------===//

// The sizes of results are what the program computes: known once it has run, as
// `tensor.dim` of the result.
def Exec_BranchOp : Exec_Op<"branch", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs one of two programs";
  let description = [{
    `@then` if the condition is not 0. Both are functions (after Schedule:
    programs) of the module.

    - (branch_c1) both take the operands and give the results: equal element
      types and ranks.

    ```mlir
    %y = exec.branch %c, @then, @else(%x) : (tensor<?xf32>) -> tensor<?xf32>
    ```
  }];
  let arguments = (ins Index:$condition, FlatSymbolRefAttr:$then_program,
      FlatSymbolRefAttr:$else_program, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{ $condition `,` $then_program `,` $else_program
      `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs) }];
}

def Exec_LoopOp : Exec_Op<"loop", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a program again and again";
  let description = [{
    While fewer than `trips` runs are done and the condition, at first
    `condition`, is not 0. The body takes the number of the run (i64), the
    condition (i1), the carried and the captured values; it gives the next
    condition, the next carried values, and values to stack. Results: the last
    carried values, then the stacked ones with a new first axis.

    - (loop_c1) element types and ranks of operands, results and body agree.

    ```mlir
    %y = exec.loop %n, %c, @body(%x) captures(%w) : (tensor<4xf32>) captures(tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Index:$trips, Index:$condition,
      FlatSymbolRefAttr:$body_program, Variadic<AnyRankedTensor>:$carried,
      Variadic<AnyRankedTensor>:$captured);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{ $trips `,` $condition `,` $body_program
      `(` $carried `)` (`captures` `(` $captured^ `)`)? attr-dict `:`
      `(` type($carried) `)` (`captures` `(` type($captured)^ `)`)? `->`
      type($outputs) }];
}

//===-- Programs --------------------------------------------------------------===//

def Exec_ProgramOp : Exec_Op<"program", [IsolatedFromAbove, Symbol,
    SingleBlockImplicitTerminator<"::qopt::exec::ReturnOp">]> {
  let summary = "The launches that run a model, in order";
  let description = [{
    Block arguments are the model's inputs. The body holds constants (weights),
    index arithmetic on `tensor.dim` of inputs and of results of branches and
    loops and on `tensor.extract` of computed tensors, views, launches, branches,
    loops and taps. `@main` is the model, others are what these run. Every
    launch result is a buffer of its own that lives until its last use.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$input_names,
      StrArrayAttr:$output_names);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Exec_ReturnOp : Exec_Op<"return", [Pure, Terminator,
    HasParent<"ProgramOp">]> {
  let summary = "The outputs of a program";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ (void)$_builder; (void)$_state; }]>];
}

def Exec_LaunchOp : Exec_Op<"launch", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel";
  let description = [{
    - (launch_c1) operand and result types are the kernel's.
    - (launch_c2) one result_dims operand for each dynamic result dimension.

    ```mlir
    %y = exec.launch @relu(%x) dims(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel,
      Variadic<Exec_KernelInput>:$inputs, Variadic<Index>:$result_dims);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{ $kernel `(` $inputs `)` (`dims` `(` $result_dims^ `)`)?
      attr-dict `:` functional-type($inputs, $outputs) }];
}

def Exec_ViewOp : Exec_Op<"view", [Pure]> {
  let summary = "The same buffer under another shape";
  let arguments = (ins AnyRankedTensor:$x, Variadic<Index>:$sizes,
      DenseI64ArrayAttr:$static_sizes);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{ $x `to` custom<DynamicIndexList>($sizes, $static_sizes)
      attr-dict `:` `(` type($x) `)` `->` type($result) }];
}

def Exec_TapOp : Exec_Op<"tap", [MemoryEffects<[MemWrite]>]> {
  let summary = "Shows a buffer to whoever runs the program";
  let arguments = (ins AnyRankedTensor:$x, StrAttr:$id);
  let assemblyFormat = "$x `as` $id attr-dict `:` type($x)";
}

#endif

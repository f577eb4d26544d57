"""Nodes whose attributes, types or shapes contradict their operator.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import numpy
import onnx
from onnx import TensorProto, helper

from models import FLOAT, INT64, i64, model, one_node, tensor, value

BAD, UNSUPPORTED, RESOURCES = 3, 4, 5
BOOL, UINT8, INT8 = TensorProto.BOOL, TensorProto.UINT8, TensorProto.INT8
HUGE = 2 ** 62
IMAGE = [1, 3, 8, 8]


def ones(*shape):
    return numpy.ones(shape, "f4")


def attribute_cases():
    """Attributes that are no attributes."""
    def edited(edit):
        result = one_node("LeakyRelu", [[2]], alpha=0.5)
        edit(result.graph.node[0])
        return result
    yield "attribute-twice", "two attributes", edited(
        lambda n: n.attribute.append(helper.make_attribute("alpha", 0.1)))
    yield "attribute-without-name", "attribute", edited(
        lambda n: n.attribute.append(helper.make_attribute("", 0.1)))
    yield "attribute-unknown", "'alhpa'", edited(
        lambda n: setattr(n.attribute[0], "name", "alhpa"))
    yield "attribute-int-for-float", "alpha", one_node("LeakyRelu", [[2]], alpha=1)
    yield "attribute-string-for-float", "alpha", one_node("LeakyRelu", [[2]], alpha="1")
    yield "attribute-floats-for-float", "alpha", one_node("LeakyRelu", [[2]],
                                                          alpha=[0.5])
    yield "attribute-float-for-int", "axis", one_node("Softmax", [[2, 3]], axis=1.0)
    yield "attribute-ints-for-int", "axis", one_node("Softmax", [[2, 3]], axis=[1])
    yield "attribute-int-for-ints", "perm", one_node("Transpose", [[2, 3]], perm=1)
    yield "attribute-floats-for-ints", "strides", one_node(
        "Conv", [IMAGE], [ones(4, 3, 3, 3)], strides=[1.0, 1.0])
    yield "attribute-ints-for-string", "auto_pad", one_node(
        "Conv", [IMAGE], [ones(4, 3, 3, 3)], auto_pad=[1])
    yield "attribute-type-lies", "alpha", edited(
        lambda n: setattr(n.attribute[0], "type", onnx.AttributeProto.INT))
    yield "attribute-graph-for-int", "axis", one_node(
        "Softmax", [[2, 3]], axis=helper.make_graph(
            [helper.make_node("Relu", ["x0"], ["t"])], "g", [],
            [onnx.ValueInfoProto(name="t")]))
    yield "attribute-reference", "ref_attr_name", edited(
        lambda n: (n.attribute[0].ClearField("f"),
                   setattr(n.attribute[0], "ref_attr_name", "outer")))


def convolution_cases():
    def conv(weights, shape=IMAGE, op="Conv", more=(), **attributes):
        return one_node(op, [shape], [weights, *more], **attributes)
    w = ones(4, 3, 3, 3)
    yield "conv-channels", "channels", conv(ones(4, 2, 3, 3))
    yield "conv-weight-rank", "rank", conv(ones(4, 3, 3))
    yield "conv-input-rank-2", "rank", conv(w, [3, 8])
    yield "conv-group-0", "group", conv(w, group=0)
    yield "conv-group-negative", "group", conv(w, group=-1)
    yield "conv-group-not-dividing", "group", conv(w, group=2)
    yield "conv-stride-0", "strides", conv(w, strides=[0, 1])
    yield "conv-stride-negative", "strides", conv(w, strides=[-1, 1])
    yield "conv-strides-count", "strides", conv(w, strides=[1])
    yield "conv-dilation-0", "dilations", conv(w, dilations=[0, 1])
    yield "conv-dilations-count", "dilations", conv(w, dilations=[1, 1, 1])
    yield "conv-dilation-huge", "dilations", conv(w, dilations=[HUGE, 1])
    yield "conv-pads-count", "pads", conv(w, pads=[1, 1])
    yield "conv-pads-negative", "pads", conv(w, pads=[-1, 0, 0, 0])
    yield "conv-pads-huge", "window", conv(w, pads=[HUGE, HUGE, HUGE, HUGE])
    yield "conv-kernel-shape", "kernel_shape", conv(w, kernel_shape=[5, 5])
    yield "conv-kernel-shape-count", "kernel_shape", conv(w, kernel_shape=[3])
    yield "conv-auto-pad", "auto_pad", conv(w, auto_pad="SAME")
    yield "conv-bias-shape", "4 and 5", conv(w, more=[ones(5)])
    yield "conv-bias-rank", "4x1", conv(w, more=[ones(4, 1)])
    yield "conv-window-past-input", "window", conv(ones(4, 3, 9, 9))
    yield "conv-empty-window", "kernel", conv(numpy.ones((4, 3, 0, 3), "f4"))
    yield "conv-int64-weights", "type", one_node(
        "Conv", [IMAGE], [numpy.ones((4, 3, 3, 3), "i8")])
    yield "conv-transpose-channels", "channels", conv(ones(2, 4, 3, 3),
                                                      op="ConvTranspose")
    yield "conv-transpose-output-padding", "output_padding", conv(
        ones(3, 4, 3, 3), op="ConvTranspose", output_padding=[5, 5])
    yield "conv-transpose-empty-window", "kernel", conv(
        numpy.ones((3, 4, 0, 3), "f4"), op="ConvTranspose")
    yield "conv-transpose-group-0", "group", conv(ones(3, 4, 3, 3),
                                                  op="ConvTranspose", group=0)
    pool = dict(kernel_shape=[2, 2])
    yield "pool-kernel-absent", "kernel_shape", one_node("MaxPool", [IMAGE])
    yield "pool-kernel-0", "kernel", one_node("MaxPool", [IMAGE],
                                                    kernel_shape=[0, 2])
    yield "pool-kernel-count", "kernel", one_node("MaxPool", [IMAGE],
                                                        kernel_shape=[2])
    yield "pool-stride-0", "strides", one_node("MaxPool", [IMAGE], strides=[0, 1], **pool)
    yield "pool-pads-negative", "pads", one_node("AveragePool", [IMAGE],
                                                 pads=[-1, 0, 0, 0], **pool)
    yield "pool-past-input", "window", one_node("MaxPool", [IMAGE], kernel_shape=[9, 9])
    yield "pool-input-rank", "rank", one_node("MaxPool", [[3, 8]], **pool)
    yield "global-pool-rank", "rank", one_node("GlobalAveragePool", [[3]])
    yield "batch-norm-scale", "scale", one_node(
        "BatchNormalization", [IMAGE], [ones(4), ones(3), ones(3), ones(3)])
    yield "batch-norm-inputs", "inputs", one_node("BatchNormalization", [IMAGE],
                                                  [ones(3)])
    yield "batch-norm-training-vector", "rank", one_node(
        "BatchNormalization", [[3]], [ones(3)] * 4, training_mode=1)
    yield "lrn-size-0", "size", one_node("LRN", [IMAGE], size=0)
    yield ("lrn-size-huge", "1024", one_node("LRN", [IMAGE], size=HUGE),
           UNSUPPORTED)
    yield "lrn-size-absent", "size", one_node("LRN", [IMAGE])


def contraction_cases():
    yield "matmul-inner", "MatMul", one_node("MatMul", [[2, 3], [4, 5]])
    yield "matmul-batch", "MatMul", one_node("MatMul", [[2, 3, 4], [3, 4, 5]])
    yield "matmul-scalar", "MatMul", one_node("MatMul", [[], [4, 5]])
    yield "matmul-types", "type", one_node("MatMul", [[2, 3], ([3, 4], TensorProto.DOUBLE)])
    yield "gemm-rank", "two matrices", one_node("Gemm", [[2, 3, 4], [4, 5]])
    yield "gemm-inner", "Gemm", one_node("Gemm", [[2, 3], [4, 5]])
    yield "gemm-trans", "Gemm", one_node("Gemm", [[2, 3], [3, 5]], transA=1)
    yield "gemm-bias", "Gemm", one_node("Gemm", [[2, 3], [3, 5]], [ones(4)])
    yield "einsum-no-equation", "equation", one_node("Einsum", [[2, 3], [3, 4]])
    for name, equation in (("arity", "ij,jk,kl->il"), ("rank", "ijk,kl->ijl"),
                           ("unknown-output", "ij,jk->iz"), ("sizes", "ij,ij->ij"),
                           ("garbage", "i$,j->"), ("two-arrows", "ij->->jk"),
                           ("repeated-output", "ij,jk->ii")):
        yield f"einsum-{name}", "equation", one_node("Einsum", [[2, 3], [3, 4]],
                                                     equation=equation)


def movement_cases():
    x = [2, 3, 4]

    def op(name, *constants, shape=x, **attributes):
        return one_node(name, [shape], constants, **attributes)
    for name, shape in (("two-inferred", (-1, -1)), ("product", (5, 5)),
                        ("negative", (-2, 12)), ("not-dividing", (-1, 7)),
                        ("overflow", (HUGE, HUGE, 4)), ("zero-too-far", (2, 3, 4, 0))):
        yield f"reshape-{name}", "Reshape", op("Reshape", i64(*shape))
    yield "reshape-float-shape", "type", op("Reshape", ones(2))
    yield "reshape-rank-2-shape", "vector", op("Reshape", numpy.ones((2, 2), "i8"))
    for name, perm in (("count", [0, 1]), ("twice", [0, 0, 1]), ("range", [0, 1, 3]),
                       ("negative", [-1, 0, 1])):
        yield f"transpose-{name}", "perm", op("Transpose", perm=perm)
    for name, axis in (("range", 3), ("negative", -4), ("huge", HUGE),
                       ("least", -2 ** 63)):
        yield f"concat-axis-{name}", "axis", one_node("Concat", [x, x], axis=axis)
        yield f"softmax-axis-{name}", "axis", op("Softmax", axis=axis)
        yield f"gather-axis-{name}", "axis", op("Gather", i64(0), axis=axis)
        yield f"flatten-axis-{name}", "axis", op("Flatten", axis=axis + (axis == 3))
        yield f"squeeze-axis-{name}", "an axis from", op("Squeeze", i64(axis))
        yield f"reduce-axis-{name}", "an axis from", op("ReduceSum", i64(axis))
    yield "concat-axis-absent", "axis", one_node("Concat", [x, x])
    yield "concat-shapes", "Concat", one_node("Concat", [x, [2, 5, 4]], axis=0)
    yield "concat-ranks", "Concat", one_node("Concat", [x, [2, 3]], axis=0)
    yield "concat-types", "type", one_node("Concat", [x, (x, INT64)], axis=0)
    yield "squeeze-not-1", "axis 1 of size 3", op("Squeeze", i64(1))
    yield "unsqueeze-twice", "axes", op("Unsqueeze", i64(1, 1))
    yield "unsqueeze-range", "an axis from", op("Unsqueeze", i64(7))
    yield "unsqueeze-absent", "inputs", op("Unsqueeze")
    yield "slice-step-0", "step", op("Slice", i64(0), i64(1), i64(0), i64(0))
    yield "slice-counts", "Slice", op("Slice", i64(0, 0), i64(1))
    yield "slice-axis", "an axis from", op("Slice", i64(0), i64(1), i64(9))
    yield "slice-scalar", "an axis from", op("Slice", i64(0), i64(1), i64(0), shape=[])
    yield "slice-axis-twice", "axes", op("Slice", i64(0, 0), i64(1, 1), i64(1, 1))
    yield "split-sum", "parts add up", one_node("Split", [x], [i64(1, 1)], outputs=2, axis=1)
    yield "split-negative", "negative", one_node("Split", [x], [i64(4, -1)], outputs=2,
                                              axis=1)
    yield "split-count", "2 sizes", one_node("Split", [x], [i64(1, 1, 1)], outputs=2,
                                           axis=1)
    yield "split-axis", "axis", one_node("Split", [x], outputs=2, axis=5)
    yield "pad-count", "pads", op("Pad", i64(1, 1))
    yield "pad-mode", "mode", op("Pad", i64(*[0] * 6), mode="mirror")
    yield "pad-reflect-too-far", "pads", op("Pad", i64(5, 0, 0, 0, 0, 0), mode="reflect")
    yield "pad-huge", "2^42", op("Pad", i64(HUGE, HUGE, 0, 0, 0, 0))
    yield "expand-shape", "Expand", op("Expand", i64(2, 5, 4))
    yield "expand-negative", "Expand", op("Expand", i64(2, 3, -4))
    yield "expand-huge", "Expand", op("Expand", i64(HUGE, 2, 3, 4))
    yield "tile-count", "repeats", op("Tile", i64(1, 2))
    yield "tile-negative", "negative", op("Tile", i64(1, 2, -1))
    yield "tile-huge", "2^42", op("Tile", i64(HUGE, HUGE, 2))
    yield "gather-float-indices", "type", op("Gather", ones(2))
    yield "gather-elements-rank", "rank", op("GatherElements", i64(0))
    yield "gather-nd-last", "GatherND", op("GatherND", i64(0, 0, 0, 0))
    yield "scatter-rank", "Scatter", one_node("ScatterElements", [x],
                                              [numpy.zeros((1, 1), "i8"), ones(1, 1)])
    yield "depth-to-space-0", "blocksize", one_node("DepthToSpace", [IMAGE], blocksize=0)
    yield "depth-to-space-channels", "blocksize", one_node("DepthToSpace", [IMAGE],
                                                           blocksize=2)
    yield "depth-to-space-mode", "mode", one_node("DepthToSpace", [[1, 4, 8, 8]],
                                                  blocksize=2, mode="ABC")
    yield "depth-to-space-rank", "rank", one_node("DepthToSpace", [x], blocksize=2)
    yield "space-to-depth-size", "blocksize", one_node("SpaceToDepth", [IMAGE],
                                                       blocksize=3)
    yield "constant-of-shape-negative", "ConstantOfShape", one_node(
        "ConstantOfShape", [], [i64(2, -1)])
    yield "constant-of-shape-huge", "ConstantOfShape", one_node(
        "ConstantOfShape", [], [i64(HUGE, HUGE)])
    yield "constant-of-shape-value", "value", one_node(
        "ConstantOfShape", [], [i64(2)], value=tensor("v", [1.0, 2.0]))
    yield "range-step-0", "delta", one_node(
        "Range", [], [numpy.array(0, "i8"), numpy.array(9, "i8"), numpy.array(0, "i8")])
    yield "range-types", "type", one_node(
        "Range", [], [numpy.array(0, "i8"), numpy.array(9, "f4"), numpy.array(1, "i8")])
    yield "range-huge", "Range", one_node(
        "Range", [], [numpy.array(0, "i8"), numpy.array(HUGE, "i8"),
                      numpy.array(1, "i8")]), UNSUPPORTED


def elementwise_cases():
    x = [2, 3]
    yield "add-shapes", "Add", one_node("Add", [x, [2, 4]])
    yield "add-types", "type", one_node("Add", [x, (x, INT64)])
    yield "add-bools", "type", one_node("Add", [(x, BOOL), (x, BOOL)])
    yield "and-floats", "type", one_node("And", [x, x])
    yield "not-int", "type", one_node("Not", [(x, INT64)])
    yield "sqrt-int", "type", one_node("Sqrt", [(x, INT64)])
    yield "where-condition", "type", one_node("Where", [x, x, x])
    yield "where-types", "type", one_node("Where", [(x, BOOL), x, (x, INT64)])
    yield "where-shapes", "Where", one_node("Where", [([5], BOOL), x, x])
    yield "cast-absent", "'to'", one_node("Cast", [x])
    yield "cast-undefined", "to", one_node("Cast", [x], to=0)
    yield "cast-unknown", "to", one_node("Cast", [x], to=99)
    yield "cast-negative", "to", one_node("Cast", [x], to=-1)
    yield "clip-types", "type", one_node("Clip", [x], [numpy.array(0, "i8")])
    yield "clip-shape", "min", one_node("Clip", [x], [ones(3)])
    yield "prelu-slope", "PRelu", one_node("PRelu", [x], [ones(5)])
    yield "mod-fmod", "fmod", one_node("Mod", [x, x], fmod=0)
    yield "bitshift-direction", "direction", one_node(
        "BitShift", [(x, UINT8), (x, UINT8)], direction="UP")
    yield "bitshift-absent", "direction", one_node("BitShift", [(x, UINT8), (x, UINT8)])
    yield "gelu-approximate", "approximate", one_node("Gelu", [x], opset=20,
                                                      approximate="magic")
    yield "cumsum-axis", "axis", one_node("CumSum", [x], [numpy.array(2, "i8")])
    yield "cumsum-axis-shape", "axis", one_node("CumSum", [x], [i64(0, 1)])
    yield "topk-k-large", "k", one_node("TopK", [x], [i64(4)], outputs=2)
    yield "topk-k-negative", "k", one_node("TopK", [x], [i64(-1)], outputs=2)
    yield "topk-axis", "axis", one_node("TopK", [x], [i64(1)], outputs=2, axis=2)
    yield "argmax-axis", "axis", one_node("ArgMax", [x], axis=2)
    yield "onehot-depth", "depth", one_node("OneHot", [(x, INT64)],
                                            [i64(-3), ones(2)])
    yield "onehot-values", "values", one_node("OneHot", [(x, INT64)],
                                              [i64(3), ones(3)])
    yield "reduce-axes-twice", "axes", one_node("ReduceMean", [x], axes=[1, 1])
    yield "layer-norm-axis", "axis", one_node("LayerNormalization", [x], [ones(3)],
                                              axis=5)
    yield "layer-norm-scale", "scale", one_node("LayerNormalization", [x], [ones(4)])
    yield "instance-norm-scale", "3 and 4", one_node(
        "InstanceNormalization", [IMAGE], [ones(4), ones(3)])
    yield "resize-no-sizes", "Resize", one_node("Resize", [IMAGE])
    yield "resize-both", "Resize", one_node(
        "Resize", [IMAGE], [None, ones(4), i64(1, 3, 8, 8)])
    yield "resize-mode", "mode", one_node("Resize", [IMAGE], [None, ones(4)], mode="sinc")
    yield "resize-scale-0", "sizes of 1 or more", one_node(
        "Resize", [IMAGE], [None, numpy.array([1, 1, 0, 1], "f4")])
    yield "resize-scale-negative", "scale", one_node(
        "Resize", [IMAGE], [None, numpy.array([1, 1, -2, 1], "f4")])
    yield "resize-scale-nan", "scale", one_node(
        "Resize", [IMAGE], [None, numpy.array([1, 1, numpy.nan, 1], "f4")])
    yield "resize-scale-huge", "scale", one_node(
        "Resize", [IMAGE], [None, numpy.array([1, 1, 1e30, 1], "f4")])
    yield "resize-scales-count", "4 factors", one_node("Resize", [IMAGE], [None, ones(3)])
    yield "resize-sizes-count", "one size an axis", one_node(
        "Resize", [IMAGE], [None, None, i64(8, 8)])
    yield "resize-sizes-negative", "scale", one_node(
        "Resize", [IMAGE], [None, None, i64(1, 3, -8, 8)])
    yield "resize-coordinates", "coordinate_transformation_mode", one_node(
        "Resize", [IMAGE], [None, ones(4)],
        coordinate_transformation_mode="half_pixels")
    yield "trilu-rank", "rank", one_node("Trilu", [[3]])
    yield "eyelike-rank", "rank", one_node("EyeLike", [[3]])


def quantization_cases():
    x = [2, 3]
    scale, zero = numpy.array(0.5, "f4"), numpy.array(1, "u1")

    def quantize(*constants, **attributes):
        return one_node("QuantizeLinear", [x], constants, **attributes)

    def dequantize(*constants, dtype=UINT8, **attributes):
        return one_node("DequantizeLinear", [(x, dtype)], constants, **attributes)
    yield "quantize-no-scale", "inputs", quantize()
    yield "quantize-scale-count", "scale", quantize(ones(5), numpy.zeros(5, "u1"), axis=1)
    yield "quantize-scale-rank", "scale", quantize(ones(2, 3), numpy.zeros((2, 3), "u1"))
    yield "quantize-axis", "axis", quantize(ones(3), numpy.zeros(3, "u1"), axis=7)
    yield "quantize-zero-point-shape", "zero", quantize(ones(3), zero, axis=1)
    yield "quantize-zero-point-type", "type", quantize(scale, numpy.array(0, "f4"))
    yield "quantize-int64", "type", one_node("QuantizeLinear", [(x, INT64)],
                                             [scale, zero])
    yield "quantize-scale-int", "type", quantize(numpy.array(1, "i8"), zero)
    yield "dequantize-zero-point-type", "type", dequantize(scale, numpy.array(0, "i1"))
    yield "dequantize-scale-count", "scale", dequantize(ones(4), axis=1)
    yield "dequantize-float", "type", dequantize(scale, dtype=FLOAT)
    yield "dequantize-block-size", "block", one_node(
        "DequantizeLinear", [(x, UINT8)], [ones(2, 2)], opset=21, axis=1, block_size=-2)
    yield "qlinear-matmul-inner", "MatMul", one_node(
        "QLinearMatMul", [(x, UINT8)],
        [scale, zero, numpy.ones((4, 2), "u1"), scale, zero, scale, zero])
    yield "qlinear-matmul-type", "type", one_node(
        "QLinearMatMul", [x],
        [scale, zero, numpy.ones((3, 2), "u1"), scale, zero, scale, zero])
    yield "qlinear-conv-channels", "channels", one_node(
        "QLinearConv", [(IMAGE, UINT8)],
        [scale, zero, numpy.ones((4, 2, 3, 3), "u1"), scale, zero, scale, zero])
    yield "matmul-integer-floats", "type", one_node("MatMulInteger", [x, [3, 2]])
    yield "conv-integer-floats", "type", one_node("ConvInteger", [IMAGE, [4, 3, 3, 3]])
    yield "dynamic-quantize-int", "type", one_node("DynamicQuantizeLinear", [(x, INT64)],
                                                   outputs=3)


def control_flow_cases():
    def graph(op="Relu", source="x0"):
        return helper.make_graph([helper.make_node(op, [source], ["t"])], "g", [],
                                 [onnx.ValueInfoProto(name="t")])
    condition = ([], BOOL)
    yield "if-no-branches", "attribute '", one_node("If", [condition])
    yield "if-one-branch", "else_branch", model(
        [helper.make_node("If", ["c"], ["y"], name="/node", then_branch=graph("Neg", "x"))],
        [value("c", [], BOOL), value("x", [2])], [value("y", [2])])
    yield "loop-no-body", "body", one_node("Loop", [([], INT64), condition])
    yield "scan-no-body", "body", one_node("Scan", [[2, 3]], num_scan_inputs=1)


def cases():
    for family in (attribute_cases, convolution_cases, contraction_cases, movement_cases,
                   elementwise_cases, quantization_cases, control_flow_cases):
        for name, message, content, *code in family():
            yield (name, *(code or [BAD]), message,
                   "one attribute, type or shape is wrong", content)

"""Initializers and constants whose bytes, types or shapes do not fit.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
from onnx import TensorProto, helper

from models import one_node, product, tensor

BAD, UNSUPPORTED, RESOURCES = 3, 4, 5


def weights(edit):
    result = product()
    edit(result.graph.initializer[0])
    return result


def typed(field, values, dtype, dims=(4, 2)):
    """A tensor that only goes through."""
    content = TensorProto(data_type=dtype, dims=dims)
    getattr(content, field).extend(values)
    return one_node("Identity", [], [content])


def cases():
    yield "raw-too-short", BAD, "needs 32 bytes", "28 of 32 bytes", \
        weights(lambda t: setattr(t, "raw_data", bytes(28)))
    yield "raw-too-long", BAD, "needs 32 bytes", "36 of 32 bytes", \
        weights(lambda t: setattr(t, "raw_data", bytes(36)))
    yield "raw-empty", BAD, "needs 32 bytes", "0 of 32 bytes", \
        weights(lambda t: setattr(t, "raw_data", b""))
    yield "raw-uneven", BAD, "needs 32 bytes", "31 of 32 bytes", \
        weights(lambda t: setattr(t, "raw_data", bytes(31)))
    yield "no-data", BAD, "needs 8 values", "neither raw data nor a field", \
        weights(lambda t: t.ClearField("raw_data"))
    yield "raw-and-typed", BAD, "both", "raw data and float_data", \
        weights(lambda t: t.float_data.extend([1.0] * 8))
    for field, values, dtype, name in (
            ("float_data", [1.0] * 7, TensorProto.FLOAT, "float"),
            ("double_data", [1.0] * 9, TensorProto.DOUBLE, "double"),
            ("int64_data", [1] * 7, TensorProto.INT64, "int64"),
            ("int32_data", [1] * 7, TensorProto.INT32, "int32"),
            ("int32_data", [1] * 7, TensorProto.INT8, "int8"),
            ("int32_data", [1] * 9, TensorProto.UINT16, "uint16"),
            ("int32_data", [1] * 9, TensorProto.FLOAT16, "float16"),
            ("int32_data", [1] * 9, TensorProto.BFLOAT16, "bfloat16"),
            ("int32_data", [1] * 7, TensorProto.BOOL, "bool"),
            ("uint64_data", [1] * 7, TensorProto.UINT32, "uint32"),
            ("uint64_data", [1] * 7, TensorProto.UINT64, "uint64"),
            ("int64_data", [1] * 8, TensorProto.FLOAT, "float-in-int64"),
            ("float_data", [1.0] * 8, TensorProto.INT64, "int64-in-float"),
            ("int32_data", [1] * 8, TensorProto.INT64, "int64-in-int32")):
        yield f"count-{name}", BAD, "values", "too few, too many or in another field", \
            typed(field, values, dtype)
    for name, values, dtype in (
            ("int8", [300] * 8, TensorProto.INT8),
            ("uint8", [-1] * 8, TensorProto.UINT8),
            ("uint16", [1 << 16] * 8, TensorProto.UINT16),
            ("int16", [1 << 15] * 8, TensorProto.INT16),
            ("bool", [2] * 8, TensorProto.BOOL),
            ("float16", [1 << 16] * 8, TensorProto.FLOAT16)):
        yield f"range-{name}", BAD, "range", "values its type cannot hold", \
            typed("int32_data", values, dtype)
    yield "negative-dimension", BAD, "-4 is negative", "dims -4 x 2", \
        weights(lambda t: t.dims.__setitem__(0, -4))
    yield "two-negative-dimensions", BAD, "-4 is negative", "dims -4 x -2", \
        weights(lambda t: (t.dims.__setitem__(0, -4), t.dims.__setitem__(1, -2)))
    yield "overflowing-dimensions", BAD, "2^42", "2^62 x 2^62 elements", \
        weights(lambda t: (t.dims.__setitem__(0, 1 << 62),
                           t.dims.__setitem__(1, 1 << 62)))
    yield "overflow-to-small", BAD, "2^42", "2^32 x 2^32 x 8 elements, 0 mod 2^64", \
        weights(lambda t: t.dims.extend([1 << 32, 1 << 32]))
    yield "huge-with-zero", BAD, "2^42", "2^62 x 2^62 x 0 elements", \
        weights(lambda t: (t.dims.__delitem__(slice(None)),
                           t.dims.extend([1 << 62, 1 << 62, 0])))
    yield "huge-dimension", BAD, "needs", "2^40 elements in 32 bytes", \
        weights(lambda t: t.dims.__setitem__(0, 1 << 39))
    yield "initializer-rank-17", BAD, "rank 17", "rank 17", \
        weights(lambda t: t.dims.extend([1] * 15))
    for number, name in ((0, "undefined"), (77, "77"), (-1, "minus-1")):
        yield f"initializer-type-{name}", BAD, "element type", "no such type", \
            weights(lambda t: setattr(t, "data_type", number))
    for number, name in ((TensorProto.STRING, "string"),
                         (TensorProto.COMPLEX64, "complex64"),
                         (TensorProto.COMPLEX128, "complex128")):
        yield f"initializer-type-{name}", UNSUPPORTED, name, "a type we refuse", \
            weights(lambda t: setattr(t, "data_type", number))
    yield "segmented", UNSUPPORTED, "segmented", "a segment of a tensor", \
        weights(lambda t: setattr(t.segment, "begin", 0))
    yield "bool-of-2", BAD, "range", "a byte of raw data that is no boolean", \
        one_node("Identity", [], [TensorProto(data_type=TensorProto.BOOL, dims=[2],
                                              raw_data=bytes([1, 2]))])
    yield "constant-too-short", BAD, "needs", "a Constant whose tensor is too short", \
        constant(TensorProto(data_type=1, dims=[4], raw_data=bytes(12)))
    yield "constant-of-strings", UNSUPPORTED, "string", "a Constant of strings", \
        constant(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"]))
    yield "constant-negative-dimension", BAD, "negative", "a Constant of size -1", \
        constant(TensorProto(data_type=1, dims=[-1], raw_data=b""))
    yield "constant-without-value", BAD, "Constant", "a Constant of nothing", \
        one_node("Constant", [])
    yield "constant-with-two-values", BAD, "Constant", "two values at once", \
        one_node("Constant", [], value_float=1.0, value_int=2)


def constant(content):
    return one_node("Constant", [], value=content)

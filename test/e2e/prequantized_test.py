"""Models that are quantized already run in integers, exactly.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import itertools
import unittest

import numpy

from onnx_models import CONTRIB, build, node, phase, run

F32, I8, U8, I32 = "float32", "int8", "uint8", "int32"


def saturate(x, kind):
    limits = numpy.iinfo(kind)
    return numpy.clip(x, limits.min, limits.max).astype(kind)


def quantize(x, scale, zero):
    """The standard's QuantizeLinear."""
    t = numpy.rint((x.astype(F32) / numpy.float32(scale)).astype(F32))
    return saturate(t.astype("int64") + int(zero), zero.dtype)


def requantize(acc, multiplier, zero):
    return saturate(numpy.rint(acc.astype(F32) * multiplier) + int(zero), zero.dtype)


def convolve(x, w, pad, stride=1, groups=1):
    """Integer convolution of centred codes, [N, C, H, W] by [O, C / groups, ...]."""
    x = numpy.pad(x.astype("int64"), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    n, _, height, width = x.shape
    o, c, kh, kw = w.shape
    rows, columns = (height - kh) // stride + 1, (width - kw) // stride + 1
    y = numpy.zeros((n, o, rows, columns), "int64")
    for i, j, k in itertools.product(range(rows), range(columns), range(o)):
        first = k // (o // groups) * c
        window = x[:, first:first + c, i * stride:i * stride + kh,
                   j * stride:j * stride + kw]
        y[:, k, i, j] = (window * w[k].astype("int64")).sum((1, 2, 3))
    return y


class Prequantized(unittest.TestCase):
    def setUp(self):
        self.random = numpy.random.default_rng(7)

    def codes(self, kind, *shape):
        limits = numpy.iinfo(kind)
        return self.random.integers(limits.min, limits.max + 1, shape).astype(kind)

    def test_qdq_convolution_is_one_integer_kernel(self):
        """Two 3x3 convolutions in QDQ form, per channel, the first with a bias
        and a clip: the standard's integers, and no float convolution left."""
        x = self.random.uniform(-1, 1, (2, 3, 9, 9)).astype(F32)
        w1, w2 = self.codes(I8, 5, 3, 3, 3), self.codes(I8, 4, 5, 3, 3)
        s1 = self.random.uniform(0.001, 0.01, 5).astype(F32)
        s2 = self.random.uniform(0.001, 0.01, 4).astype(F32)
        sx, sy, sz = (numpy.float32(v) for v in (0.008, 0.011, 0.09))
        zx, zy, zz = numpy.uint8(121), numpy.uint8(3), numpy.uint8(119)
        bias = self.random.integers(-500, 500, 5).astype(I32)
        nodes = [
            node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
            node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
            node("DequantizeLinear", ["w1", "s1", "z1"], ["w1d"], axis=0),
            node("DequantizeLinear", ["b", "sb"], ["bd"], axis=0),
            node("Conv", ["xd", "w1d", "bd"], ["c1"], pads=[1, 1, 1, 1]),
            node("Clip", ["c1", "lo", "hi"], ["k1"]),
            node("QuantizeLinear", ["k1", "sy", "zy"], ["yq"]),
            node("DequantizeLinear", ["yq", "sy", "zy"], ["yd"]),
            node("DequantizeLinear", ["w2", "s2", "z2"], ["w2d"], axis=0),
            node("Conv", ["yd", "w2d"], ["c2"], strides=[2, 2]),
            node("QuantizeLinear", ["c2", "sz", "zz"], ["z"])]
        constants = dict(sx=sx, zx=zx, sy=sy, zy=zy, sz=sz, zz=zz, w1=w1, s1=s1, w2=w2,
                         s2=s2, z1=numpy.zeros(5, I8), z2=numpy.zeros(4, I8), b=bias,
                         sb=sx * s1, lo=numpy.float32(0), hi=numpy.float32(2))
        model = build(nodes, {"x": (F32, ["n", 3, 9, 9])}, {"z": (U8, ["n", 4, 4, 4])},
                      constants)
        xq = quantize(x, sx, zx)
        acc = convolve(xq.astype(I32) - zx, w1, 1) + bias[:, None, None]
        yq = requantize(acc, (sx * s1 / sy)[:, None, None], zy)
        yq = numpy.clip(yq, quantize(numpy.float32([0]), sy, zy)[0],
                        quantize(numpy.float32([2]), sy, zy)[0])
        acc = convolve(yq.astype(I32) - zy, w2, 0, stride=2)
        expected = requantize(acc, (sy * s2 / sz)[:, None, None], zz)
        numpy.testing.assert_array_equal(run(model, {"x": x})["z"], expected)
        module = phase(model, "fuse")
        self.assertEqual(module.count("nn.conv"), 2)
        self.assertNotRegex(module, r"nn\.conv.*xf32>\) ->")
        requantized = phase(model, "fuse", "--requantize")
        self.assertNotRegex(requantized, "lowbit.(re|de)quantize")

    def test_qlinear_convolution(self):
        """Zero points of both sides, groups, strides; signed and unsigned."""
        for kind, groups, stride in ((U8, 1, 1), (I8, 2, 2)):
            with self.subTest(kind=kind, groups=groups):
                x, w = self.codes(kind, 2, 4, 7, 7), self.codes(kind, 6, 4 // groups, 3, 3)
                zx, zw = self.codes(kind, 1)[0], self.codes(kind, 6)
                zy = self.codes(kind, 1)[0]
                sx, sy = numpy.float32(0.03), numpy.float32(1.7)
                sw = self.random.uniform(0.01, 0.05, 6).astype(F32)
                model = build(
                    [node("QLinearConv", ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"],
                          ["y"], pads=[1, 1, 1, 1], group=groups,
                          strides=[stride, stride])],
                    {"x": (kind, ["n", 4, 7, 7])}, {"y": (kind, ["n", 6, None, None])},
                    dict(sx=sx, zx=zx, w=w, sw=sw, zw=zw, sy=sy, zy=zy), opset=17)
                acc = convolve(x.astype(I32) - zx, w.astype(I32) - zw[:, None, None, None],
                               1, stride, groups)
                expected = requantize(acc, (sx * sw / sy)[:, None, None], zy)
                numpy.testing.assert_array_equal(run(model, {"x": x})["y"], expected)

    def test_integer_products(self):
        """MatMulInteger of two computed operands, zero points by row and column."""
        for ka, kb in itertools.product((U8, I8), repeat=2):
            a, b = self.codes(ka, 3, 5, 19), self.codes(kb, 19, 7)
            za, zb = self.codes(ka, 5), self.codes(kb, 7)
            model = build([node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])],
                          {"a": (ka, ["n", 5, 19]), "b": (kb, [19, 7])},
                          {"y": (I32, ["n", 5, 7])}, dict(za=za, zb=zb), opset=17)
            expected = (a.astype(I32) - za[:, None]) @ (b.astype(I32) - zb)
            found = run(model, {"a": a, "b": b})["y"]
            numpy.testing.assert_array_equal(found, expected, f"{ka} {kb}")

    def test_dynamic_convolution(self):
        """ConvInteger whose zero point is found at run time; padding is 0."""
        x = self.random.normal(0.3, 1, (1, 2, 6, 6)).astype(F32)
        w = self.codes(I8, 3, 2, 3, 3)
        model = build(
            [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
             node("ConvInteger", ["q", "w", "z"], ["y"], pads=[1, 1, 1, 1])],
            {"x": (F32, [1, 2, 6, 6])},
            {"q": (U8, [1, 2, 6, 6]), "z": (U8, []), "y": (I32, [1, 3, 6, 6])},
            dict(w=w), opset=17)
        found = run(model, {"x": x})
        expected = convolve(found["q"].astype(I32) - int(found["z"]), w, 1)
        numpy.testing.assert_array_equal(found["y"], expected)

    def test_blocks_of_scales(self):
        """Blocked QuantizeLinear of int4 with zero points, its codes as output."""
        x = self.random.normal(0, 1, (3, 10, 4)).astype(F32)
        scale = self.random.uniform(0.1, 0.5, (3, 3, 4)).astype(F32)
        model = build(
            [node("QuantizeLinear", ["x", "s"], ["q"], axis=1, block_size=4,
                  output_dtype=22),
             node("DequantizeLinear", ["q", "s"], ["y"], axis=1, block_size=4)],
            {"x": (F32, [3, 10, 4])}, {"q": (22, [3, 10, 4]), "y": (F32, [3, 10, 4])},
            dict(s=scale))
        each = numpy.repeat(scale, 4, 1)[:, :10]
        codes = numpy.clip(numpy.rint(x / each), -8, 7)
        found = run(model, {"x": x})
        numpy.testing.assert_array_equal(found["q"].view(I8), codes)
        numpy.testing.assert_array_equal(found["y"], codes.astype(F32) * each)

    def test_matmul_nbits(self):
        """4 and 8 bits, with and without zero points: within the rounding of
        activations to 8 bits, and to float accuracy where the model asks."""
        k, n, block = 96, 20, 32
        x = self.random.normal(0, 1, (5, k)).astype(F32)
        for bits, zeros, level in itertools.product((4, 8), (False, True), (0, 1)):
            with self.subTest(bits=bits, zeros=zeros, level=level):
                codes = self.random.integers(0, 1 << bits, (n, k))
                scales = self.random.uniform(0.01, 0.03, (n, k // block)).astype(F32)
                zero = numpy.full((n, k // block), 1 << bits - 1)
                if zeros:
                    zero = self.random.integers(0, 1 << bits, (n, k // block))
                constants = dict(w=pack(codes, bits).reshape(n, k // block, -1), s=scales)
                if zeros:
                    constants["z"] = pack(zero, bits)
                model = build(
                    [node("MatMulNBits", ["x", "w", "s"] + ["z"] * zeros, ["y"],
                          CONTRIB, K=k, N=n, bits=bits, block_size=block,
                          accuracy_level=level)],
                    {"x": (F32, ["m", k])}, {"y": (F32, ["m", n])}, constants)
                each = (codes - numpy.repeat(zero, block, 1)) * numpy.repeat(scales, block, 1)
                expected = x @ each.T.astype(F32)
                bound = 1e-5 if level else 0.02
                found = run(model, {"x": x})["y"]
                self.assertLess(numpy.abs(found - expected).max(),
                                bound * numpy.abs(expected).max())
                blocks = phase(model, "fuse").count("lowbit.block_matmul")
                self.assertEqual(blocks, 0 if level else bits // 4)

    def test_scales_must_fit(self):
        model = build([node("QuantizeLinear", ["x", "s", "z"], ["y"], axis=1)],
                      {"x": (F32, [2, 3])}, {"y": (U8, [2, 3])},
                      dict(s=numpy.ones(4, F32), z=numpy.zeros(4, U8)))
        with self.assertRaisesRegex(AssertionError, "expected 3 scales for axis 1, found 4"):
            run(model, {"x": numpy.zeros((2, 3), F32)})


def pack(codes, bits):
    """Rows of codes, the first in the low bits of a byte."""
    if bits == 8:
        return codes.astype(U8)
    if codes.shape[1] % 2:
        codes = numpy.pad(codes, ((0, 0), (0, 1)))
    return (codes[:, ::2] | codes[:, 1::2] << 4).astype(U8)


if __name__ == "__main__":
    unittest.main()

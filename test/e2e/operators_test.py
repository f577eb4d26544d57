"""Operators that ONNX's own test data cover thinly, against loops in NumPy: forms
of old opsets, shifts, doubles, states, n-grams, sizes known at run time.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import math
import unittest

import numpy
from onnx import TensorProto, helper

from onnx_models import build, node, run

F16, F32, F64, I64 = "float16", "float32", "float64", "int64"
ERF = numpy.vectorize(math.erf)
RNG = numpy.random.default_rng(7)


def normal(*shape, kind=F32):
    return RNG.standard_normal(shape).astype(kind)


def with_domain(model, domain, version=1):
    model.opset_import.append(helper.make_opsetid(domain, version))
    return model


class OldOpsets(unittest.TestCase):
    def check(self, op, x, expected, opset, constants=(), dynamic=True, **attributes):
        """One node on x, its sizes fixed and open."""
        constants = dict(constants)
        shapes = [list(x.shape)] + [[f"d{i}" for i in range(x.ndim)]] * dynamic
        for shape in shapes:
            model = build([node(op, ["x", *constants], ["y"], **attributes)],
                          {"x": (x.dtype, shape)},
                          {"y": (expected.dtype, [None] * expected.ndim)},
                          constants, opset)
            numpy.testing.assert_allclose(run(model, {"x": x})["y"], expected, 1e-5)

    def test_attributes_of_old(self):
        x = normal(2, 3, 4)
        self.check("Cast", x, x.astype("int32"), 1, to="INT32")
        self.check("Reshape", x, x.reshape(6, 4), 1, shape=[6, 4])
        self.check("Pad", x, numpy.pad(x, ((0, 0), (1, 0), (0, 2))), 1,
                   paddings=[0, 1, 0, 0, 0, 2])
        self.check("Clip", x, x.clip(-0.5, 0.5), 1, min=-0.5, max=0.5)
        self.check("Neg", x, -x, 1, consumed_inputs=[0])
        selu = numpy.float32(1.0507) * numpy.where(
            x > 0, x, numpy.float32(1.6732) * numpy.expm1(x))
        self.check("Selu", x, selu, 1)

    def test_concat_joins_axis_1(self):
        x, y = normal(2, 3), normal(2, 1)
        self.check("Concat", x, numpy.concatenate([x, y], 1), 1, {"b": y},
                   dynamic=False)

    def test_tile_repeats_one_axis(self):
        x = normal(2, 3)
        self.check("Tile", x, numpy.tile(x, (1, 4)), 1,
                   {"tiles": numpy.float32(4), "axis": numpy.float32(1)})

    def test_operands_broadcast_from_an_axis(self):
        x, y = normal(2, 3, 4), normal(3)
        self.check("Add", x, x + y[:, None], 1, {"b": y}, broadcast=1, axis=1)

    def test_upsample_by_attributes(self):
        x = normal(1, 2, 3, 3)
        self.check("Upsample", x, x.repeat(2, 2).repeat(3, 3), 1, dynamic=False,
                   mode="nearest", height_scale=2.0, width_scale=3.0)

    def test_scan_with_a_batch(self):
        body = helper.make_graph(
            [node("Add", ["s", "x"], ["t"]), node("Neg", ["t"], ["o"])], "body",
            [helper.make_tensor_value_info(n, 1, [2]) for n in "sx"],
            [helper.make_tensor_value_info(n, 1, [2]) for n in "to"])
        x, s = normal(3, 5, 2), normal(3, 2)
        for direction in (0, 1):
            for batch, length in ((3, 5), ("b", "t")):
                scan = node("Scan", ["", "s", "x"], ["t", "o"], body=body,
                            num_scan_inputs=1, directions=[direction])
                model = build([scan], {"s": (F32, [batch, 2]), "x": (F32, [batch, length, 2])},
                              {"t": (F32, [None] * 2), "o": (F32, [None] * 3)}, {}, 8)
                order = x[:, ::-1] if direction else x
                sums = s[:, None] + numpy.cumsum(order, 1, F32)
                found = run(model, {"s": s, "x": x})
                numpy.testing.assert_allclose(found["t"], sums[:, -1], 1e-5)
                numpy.testing.assert_allclose(found["o"], -sums, 1e-5)


class Elementwise(unittest.TestCase):
    def test_shifts(self):
        for kind in ("int8", "int16", "int32", "int64", "uint8", "uint64"):
            info = numpy.iinfo(kind)
            x = numpy.array([0, 1, 2, 100, info.max, info.max - 1, info.min, info.min + 1,
                             *([-1, -2, -100] if info.min else [5, 6, 7])], kind)
            by = numpy.array([0, 1, 3, info.bits - 1, info.bits, info.bits + 1, 100,
                              *([-1, info.min] if info.min else [9, info.max])], kind)
            a, b = numpy.meshgrid(x, by)
            shifts = [[int(n) if 0 <= int(n) < info.bits else info.bits for n in row]
                      for row in b]
            for direction in ("LEFT", "RIGHT"):
                wide = [[int(v) << n if direction == "LEFT" else int(v) >> n
                         for v, n in zip(*rows)] for rows in zip(a, shifts)]
                mask = (1 << info.bits) - 1
                expected = numpy.array([[v & mask for v in row] for row in wide],
                                       f"u{info.bits // 8}").view(kind)
                model = build([node("BitShift", ["a", "b"], ["y"], direction=direction)],
                              {"a": (kind, a.shape), "b": (kind, b.shape)},
                              {"y": (kind, a.shape)}, {}, 28)
                found = run(model, {"a": a, "b": b})["y"]
                numpy.testing.assert_array_equal(found, expected, f"{kind} {direction}")

    def test_bits_stay(self):
        """Of inputs and of constants, which fold."""
        words = RNG.integers(0, 256, 64 * 8, "u1")
        words[:8] = 0, 0, 0, 0, 0, 0, 0xc0, 0x7f  # NaN, too
        for kind, to in (("u4", F32), (F32, "i4"), (F64, "i8"), ("u8", F64), (F16, "i2"),
                         ("u2", F16), ("i1", "u1"), ("u4", "i4"), ("?", "u1"), ("u1", "?")):
            x = (words & 1).view(kind) if kind == "?" else words.view(kind)
            expected = x != 0 if to == "?" else x.view(to)
            number = helper.mapping.NP_TYPE_TO_TENSOR_TYPE[numpy.dtype(to)]
            for constant in (False, True):
                model = build([node("BitCast", ["x"], ["y"], to=number)],
                              {} if constant else {"x": (x.dtype, x.shape)},
                              {"y": (number, x.shape)}, {"x": x} if constant else {}, 26)
                found = run(model, {} if constant else {"x": x})["y"]
                with self.subTest(kind=kind, to=to, constant=constant):
                    self.assertEqual(found.tobytes(), expected.tobytes())

    def test_remainders_of_doubles(self):
        x = numpy.array([0.0, -0.0, 1.5, -7.25, 1e300, -1e17, 5e-324, 1e10], F64)
        y = numpy.array([3.0, -0.7, 1e-3, 1e17, -5e-324, numpy.inf], F64)
        a, b = numpy.meshgrid(x, y)
        for fmod, function in ((1, numpy.fmod), (0, numpy.mod)):
            model = build([node("Mod", ["a", "b"], ["y"], fmod=fmod)],
                          {"a": (F64, a.shape), "b": (F64, b.shape)},
                          {"y": (F64, a.shape)}, {}, 28)
            found = run(model, {"a": a, "b": b})["y"]
            with self.subTest(fmod=fmod):
                expected = function(a, b)
                numpy.testing.assert_array_equal(found, expected)
                numpy.testing.assert_array_equal(numpy.signbit(found),
                                                 numpy.signbit(expected))

    def test_doubles_round_once(self):
        """Just beside the middles of two halves, where f32 sees the middle."""
        halves = numpy.arange(0, 0x7c00, 37, "u2").view(F16).astype(F64)
        middles = (halves + numpy.arange(1, 0x7c01, 37, "u2").view(F16)) / 2
        middles = middles[numpy.isfinite(middles)]
        x = numpy.concatenate([middles, numpy.nextafter(middles, 0),
                               numpy.nextafter(middles, numpy.inf),
                               [1e300, 65519.999999, 65520.0, 1e-30, numpy.inf, numpy.nan]])
        x = numpy.concatenate([x, -x])
        model = build([node("Cast", ["x"], ["y"], to=10)], {"x": (F64, x.shape)},
                      {"y": (F16, x.shape)}, {})
        with numpy.errstate(over="ignore"):
            expected = x.astype(F16)
        numpy.testing.assert_array_equal(run(model, {"x": x})["y"], expected)

    def test_functions_of_doubles(self):
        x = normal(4, 37, kind=F64) * 3
        e = numpy.exp(x - x.max(1, keepdims=True))
        sigmoid = 1 / (1 + numpy.exp(-x))
        wanted = {"Softmax": e / e.sum(1, keepdims=True), "Exp": numpy.exp(x),
                  "Tanh": numpy.tanh(x), "Sigmoid": sigmoid, "Swish": x * sigmoid,
                  "Softplus": numpy.logaddexp(0, x),
                  "LogSoftmax": x - x.max(1, keepdims=True) -
                  numpy.log(e.sum(1, keepdims=True)),
                  "Erf": ERF(x), "Sin": numpy.sin(x), "Cos": numpy.cos(x),
                  "Gelu": x / 2 * (1 + ERF(x * numpy.sqrt(0.5))),
                  "HardSwish": x * (x / 6 + 0.5).clip(0, 1),
                  "Atan": numpy.arctan(x), "Sinh": numpy.sinh(x), "Cosh": numpy.cosh(x),
                  "Asinh": numpy.arcsinh(x)}
        rows = x - x.mean(1, keepdims=True)
        norm = rows / numpy.sqrt((rows * rows).mean(1, keepdims=True) + 1e-5)
        gain, bias = normal(37, kind=F64), normal(37, kind=F64)
        rms = x / numpy.sqrt((x * x).mean(1, keepdims=True) + 1e-5) * gain
        more = {"tanh": x / 2 * (1 + numpy.tanh(
                    numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x ** 3))),
                "layer": norm * gain + bias, "rms": rms, "pow": abs(x) ** gain}
        nodes = [node(op, ["x"], [op]) for op in wanted]
        nodes += [node("Gelu", ["x"], ["tanh"], approximate="tanh"),
                  node("LayerNormalization", ["x", "g", "b"], ["layer"]),
                  node("RMSNormalization", ["x", "g"], ["rms"]),
                  node("Abs", ["x"], ["a"]), node("Pow", ["a", "g"], ["pow"])]
        wanted |= more
        model = build(nodes, {"x": (F64, x.shape)},
                      {op: (F64, x.shape) for op in wanted}, {"g": gain, "b": bias}, 24)
        found = run(model, {"x": x})
        for op, expected in wanted.items():
            # Epsilon is a float32.
            relative = 1e-10 if op in ("layer", "rms") else 1e-13
            numpy.testing.assert_allclose(found[op], expected, relative, 1e-14, err_msg=op)


class Sequences(unittest.TestCase):
    def test_linear_attention(self):
        batch, length, heads, groups, keys, values = 2, 5, 3, 2, 4, 6
        q = normal(batch, length, heads * groups * keys)
        k = normal(batch, length, heads * keys) / 2
        v, s = normal(batch, length, heads * values), normal(batch, heads, keys, values)
        decay = -abs(normal(batch, length, heads * keys))
        beta = 1 / (1 + numpy.exp(normal(batch, length, heads)))
        for rule in ("linear", "gated", "delta", "gated_delta"):
            feeds = {"q": q, "k": k, "v": v, "s": s}
            inputs = ["q", "k", "v", "s"]
            if "gated" in rule:
                feeds["g"] = decay
            if "delta" in rule:
                feeds["b"] = beta
            inputs += [n if n in feeds else "" for n in "gb"]
            state, y = s.copy(), numpy.zeros((batch, length, heads * groups, values), F32)
            for t in range(length):
                row = k[:, t].reshape(batch, heads, keys)
                new = v[:, t].reshape(batch, heads, values)
                if "gated" in rule:
                    state = state * numpy.exp(decay[:, t]).reshape(batch, heads, keys, 1)
                if "delta" in rule:
                    new = beta[:, t, :, None] * (
                        new - numpy.einsum("bhd,bhdm->bhm", row, state))
                state = state + row[..., None] * new[..., None, :]
                y[:, t] = numpy.einsum(
                    "bhd,bhdm->bhm", q[:, t].reshape(batch, heads * groups, keys),
                    state.repeat(groups, 1)) * 0.5
            for sizes in ((batch, length), ("b", "t")):
                model = build(
                    [node("LinearAttention", inputs, ["y", "n"], update_rule=rule,
                          q_num_heads=heads * groups, kv_num_heads=heads)],
                    {n: (F32, [*sizes[:1], *(a.shape[1:] if n == "s" else
                                            [sizes[1], a.shape[2]])])
                     for n, a in feeds.items()},
                    {"y": (F32, [None] * 3), "n": (F32, [None] * 4)}, {}, 27)
                found = run(model, feeds)
                numpy.testing.assert_allclose(
                    found["y"], y.reshape(batch, length, -1), 1e-4, 1e-5, err_msg=rule)
                numpy.testing.assert_allclose(found["n"], state, 1e-4, 1e-5, err_msg=rule)

    def test_flex_attention_with_both_graphs(self):
        q, k, v = normal(2, 4, 3, 8), normal(2, 2, 5, 8), normal(2, 2, 5, 6)
        def graph(op, name):
            return helper.make_graph(
                [node("Constant", [], ["c"], value_float=0.5), node(op, ["p", "c"], ["r"])],
                name, [helper.make_tensor_value_info("p", 1, None)],
                [helper.make_tensor_value_info("r", 1, None)])
        flex = node("FlexAttention", ["q", "k", "v"], ["y"], "ai.onnx.preview",
                    score_mod=graph("Mul", "scores"), prob_mod=graph("Sub", "weights"))
        model = with_domain(build([flex], {n: (F32, a.shape) for n, a in
                                           (("q", q), ("k", k), ("v", v))},
                                  {"y": (F32, [None] * 4)}, {}), "ai.onnx.preview")
        scores = q @ k.repeat(2, 1).swapaxes(2, 3) / numpy.sqrt(8) / 2
        e = numpy.exp(scores - scores.max(3, keepdims=True))
        expected = (e / e.sum(3, keepdims=True) - 0.5) @ v.repeat(2, 1)
        numpy.testing.assert_allclose(run(model, {"q": q, "k": k, "v": v})["y"], expected,
                                      1e-4, 1e-5)

    def test_ngrams(self):
        pool, starts = [2, 3, 5, 4, 5, 6, 7, 8, 6, 7], [0, 4]
        grams = [[2], [3], [5], [4], [5, 6], [7, 8], [6, 7]]
        columns, weights = [0, 2, 1, 3, 6, 4, 5], [1, 2, 3, 4, 5, 6, 7]
        x = RNG.integers(2, 9, (3, 11))
        counts = numpy.zeros((3, 7), F32)
        for row in range(3):
            for gram, column in zip(grams, columns):
                steps = range(1, 2 if len(gram) == 1 else 4)
                counts[row, column] += sum(
                    list(x[row, i:i + step * len(gram):step]) == gram
                    for step in steps for i in range(11))
        for mode, expected in (("TF", counts), ("IDF", (counts > 0) * weights),
                               ("TFIDF", counts * weights)):
            for shape in ([3, 11], ["n", "c"]):
                model = build([node("TfIdfVectorizer", ["x"], ["y"], mode=mode,
                                    min_gram_length=1, max_gram_length=2,
                                    max_skip_count=2, pool_int64s=pool,
                                    ngram_counts=starts, ngram_indexes=columns,
                                    weights=[float(w) for w in weights])],
                              {"x": (I64, shape)}, {"y": (F32, [None] * 2)}, {}, 17)
                numpy.testing.assert_array_equal(run(model, {"x": x})["y"], expected, mode)


class Sizes(unittest.TestCase):
    def test_center_crop_pad_by_run_time_sizes(self):
        x = normal(3, 8, 5)
        model = build([node("CenterCropPad", ["x", "s"], ["y"], axes=[1, -1])],
                      {"x": (F32, ["a", "b", "c"]), "s": (I64, [2])},
                      {"y": (F32, [None] * 3)}, {}, 18)
        for high, wide in ((8, 5), (5, 8), (3, 2), (11, 6)):
            expected = numpy.zeros((3, high, wide), F32)
            crop, pad = [slice(None)], [slice(None)]
            for has, size in ((8, high), (5, wide)):
                cut, add = max(has - size, 0), max(size - has, 0)
                crop.append(slice(cut // 2, cut // 2 + min(has, size)))
                pad.append(slice(add // 2, add // 2 + min(has, size)))
            expected[tuple(pad)] = x[tuple(crop)]
            found = run(model, {"x": x, "s": numpy.array([high, wide])})["y"]
            numpy.testing.assert_array_equal(found, expected)

    def test_features_of_a_vector_are_a_row(self):
        x = normal(6)
        model = with_domain(build(
            [node("ArrayFeatureExtractor", ["x", "i"], ["y"], "ai.onnx.ml"),
             node("Binarizer", ["y"], ["z"], "ai.onnx.ml", threshold=0.1)],
            {"x": (F32, [6])}, {"y": (F32, [1, 2]), "z": (F32, [1, 2])},
            {"i": numpy.array([4, 1])}), "ai.onnx.ml")
        found = run(model, {"x": x})
        numpy.testing.assert_array_equal(found["y"], x[None, [4, 1]])
        numpy.testing.assert_array_equal(found["z"], x[None, [4, 1]] > 0.1)


if __name__ == "__main__":
    unittest.main()

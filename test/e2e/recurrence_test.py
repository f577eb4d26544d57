"""RNN, GRU and LSTM against NumPy, and optimized against naive code.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import tempfile
import unittest

import numpy
from onnx import TensorProto, helper, numpy_helper

import tools

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
ACTIVATIONS = {
    "Sigmoid": lambda x, a, b: 1 / (1 + numpy.exp(-x)),
    "Tanh": lambda x, a, b: numpy.tanh(x),
    "Relu": lambda x, a, b: numpy.maximum(x, 0),
    "LeakyRelu": lambda x, a, b: numpy.where(x < 0, a * x, x),
    "ThresholdedRelu": lambda x, a, b: numpy.where(x >= a, x, 0),
    "ScaledTanh": lambda x, a, b: a * numpy.tanh(b * x),
    "HardSigmoid": lambda x, a, b: numpy.clip(a * x + b, 0, 1),
    "Elu": lambda x, a, b: numpy.where(x < 0, a * (numpy.exp(x) - 1), x),
    "Softsign": lambda x, a, b: x / (1 + abs(x)),
    "Softplus": lambda x, a, b: numpy.log1p(numpy.exp(x)),
    "Affine": lambda x, a, b: a * x + b,
}


def reference(kind, x, w, r, b, lengths, h, c, p, backward, activations,
              clip=0, linear_before_reset=0, input_forget=0):
    """One direction in f64: all h [T, B, H], the last h and c."""
    gates, hidden = GATES[kind], r.shape[1]
    functions = [lambda v, n=n, a=a, e=e: ACTIVATIONS[n](v, a, e)
                 for n, a, e in activations]
    cut = (lambda v: numpy.clip(v, -clip, clip)) if clip else (lambda v: v)
    wb, rb = b[:gates * hidden], b[gates * hidden:]
    outputs = numpy.zeros((*x.shape[:2], hidden))
    steps = range(len(x))
    for t in reversed(steps) if backward else steps:
        gx = x[t] @ w.T + wb
        gh = h @ r.T
        part = lambda v, i: v[..., i * hidden:(i + 1) * hidden]
        f = functions[0]
        next_c = c
        if kind == "RNN":
            next_h = f(cut(gx + gh + rb))
        elif kind == "GRU":
            both = gx + gh + rb
            z, reset = f(cut(part(both, 0))), f(cut(part(both, 1)))
            if linear_before_reset:
                n = part(gx, 2) + reset * (part(gh, 2) + part(rb, 2))
            else:
                n = part(gx, 2) + (reset * h) @ part(r.T, 2) + part(rb, 2)
            next_h = (1 - z) * functions[1](cut(n)) + z * h
        else:
            both = gx + gh + rb
            i = f(cut(part(both, 0) + part(p, 0) * c))
            forget = 1 - i if input_forget else f(cut(part(both, 2) + part(p, 2) * c))
            next_c = forget * c + i * functions[1](cut(part(both, 3)))
            o = f(cut(part(both, 1) + part(p, 1) * next_c))
            next_h = o * functions[2](next_c)
        alive = (t < lengths)[:, None]
        h, c = numpy.where(alive, next_h, h), numpy.where(alive, next_c, c)
        outputs[t] = numpy.where(alive, h, 0)
    return outputs, h, c


class Recurrence(unittest.TestCase):
    def check(self, kind, steps=5, batch=3, inputs=6, hidden=20,
              direction="forward", layout=0, activations=None, bias=True,
              lengths=None, state=False, peepholes=False, dynamic=True, **options):
        rng = numpy.random.default_rng(hash((kind, hidden, batch)) % 2 ** 32)
        draw = lambda *shape: rng.uniform(-1, 1, shape).astype("float32")
        gates, both = GATES[kind], 2 if direction == "bidirectional" else 1
        x = draw(steps, batch, inputs)
        w, r = draw(both, gates * hidden, inputs), draw(both, gates * hidden, hidden) / 3
        b = draw(both, 2 * gates * hidden) if bias else numpy.zeros(
            (both, 2 * gates * hidden), "float32")
        h = draw(both, batch, hidden) if state else numpy.zeros((both, batch, hidden), "float32")
        c = draw(both, batch, hidden) if state else numpy.zeros((both, batch, hidden), "float32")
        p = draw(both, 3 * hidden) if peepholes else numpy.zeros((both, 3 * hidden), "float32")
        given = numpy.full(batch, steps) if lengths is None else numpy.array(lengths)
        names = activations or {
            "RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"],
            "LSTM": ["Sigmoid", "Tanh", "Tanh"]}[kind] * both
        rows = [n if isinstance(n, tuple) else (n, 0, 0) for n in names]

        wanted = [reference(kind, x, w[d], r[d], b[d], given, h[d], c[d], p[d],
                            direction == "reverse" or d == 1,
                            rows[d * len(rows) // both:(d + 1) * len(rows) // both],
                            **options) for d in range(both)]
        y = numpy.stack([v[0] for v in wanted], 1)
        last = [numpy.stack([v[i] for v in wanted]) for i in (1, 2)]
        flip = (lambda v: v.swapaxes(0, 1)) if layout else (lambda v: v)
        expected = {"Y": y.transpose(2, 0, 1, 3) if layout else y,
                    "Y_h": flip(last[0]), "Y_c": flip(last[1])}

        feeds = {"X": flip(x)}
        constants = {"W": w, "R": r}
        slots = ["X", "W", "R", "", "", "", "", ""]
        if bias:
            slots[3], constants["B"] = "B", b
        if lengths is not None:
            slots[4], feeds["lengths"] = "lengths", numpy.array(lengths, "int32")
        if state:
            slots[5], feeds["h"] = "h", flip(h)
            if kind == "LSTM":
                slots[6], feeds["c"] = "c", flip(c)
        if peepholes:
            slots[7], constants["P"] = "P", p
        results = ["Y", "Y_h"] + (["Y_c"] if kind == "LSTM" else [])
        attributes = dict(hidden_size=hidden, direction=direction, **options)
        if layout:
            attributes["layout"] = 1
        if activations:
            attributes["activations"] = [n for n, _, _ in rows]
            attributes["activation_alpha"] = [
                float(a) for n, a, _ in rows
                if n in ("LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid",
                         "Elu", "Affine")]
            attributes["activation_beta"] = [
                float(e) for n, _, e in rows if n in ("ScaledTanh", "HardSigmoid", "Affine")]
        # An empty list has no element that tells its type.
        attributes = {k: v for k, v in attributes.items() if v != []}
        while not slots[-1]:
            slots.pop()
        node = helper.make_node(kind, slots, results, **attributes)
        found = [self.execute(node, feeds, constants, results, dynamic, level)
                 for level in (2, 0)]
        for name in results:
            numpy.testing.assert_allclose(found[0][name], expected[name], 2e-4, 2e-5,
                                          err_msg=name)
            self.assertEqual(found[0][name].tobytes(), found[1][name].tobytes(), name)

    def execute(self, node, feeds, constants, results, dynamic, level):
        shape = lambda v: [None] * v.ndim if dynamic else v.shape
        kinds = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
        graph = helper.make_graph(
            [node], "recurrence",
            [helper.make_tensor_value_info(
                k, kinds[str(v.dtype)],
                [*shape(v)[:-1], v.shape[-1]] if v.ndim > 1 else shape(v))
             for k, v in feeds.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in results],
            [numpy_helper.from_array(v, k) for k, v in constants.items()])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        with tempfile.TemporaryDirectory(dir=tools.WORK) as folder:
            path = pathlib.Path(folder)
            (path / "model.onnx").write_bytes(model.SerializeToString())
            tools.run("qopt", "compile", path / "model.onnx", "-o", path / "model.qar",
                      "--preset", "fp32", "-O", level, "--target", "native")
            numpy.savez(path / "in.npz", **feeds)
            arguments = [v for n in results for v in ("--output", f"{n}=@{path / n}.npy")]
            tools.run("qrun", path / "model.qar", "--input", f"@{path / 'in.npz'}",
                      *arguments)
            return {n: numpy.load(path / f"{n}.npy") for n in results}

    def test_plain(self):
        for kind in GATES:
            for batch, hidden in ((1, 5), (9, 72)):
                with self.subTest(kind=kind, batch=batch, hidden=hidden):
                    self.check(kind, batch=batch, hidden=hidden)

    def test_directions(self):
        for kind in GATES:
            for direction in ("reverse", "bidirectional"):
                with self.subTest(kind=kind, direction=direction):
                    self.check(kind, direction=direction, state=True, bias=False)

    def test_batch_first(self):
        for kind in GATES:
            self.check(kind, layout=1, direction="bidirectional", state=True,
                       dynamic=False)

    def test_lengths(self):
        for kind in GATES:
            self.check(kind, lengths=[2, 5, 0], direction="bidirectional", state=True)
        self.check("LSTM", lengths=[5, 1, 4], direction="reverse", dynamic=False)

    def test_no_steps(self):
        for kind in GATES:
            self.check(kind, steps=0, state=True)

    def test_lstm_variants(self):
        self.check("LSTM", peepholes=True, state=True, direction="bidirectional")
        self.check("LSTM", input_forget=1)
        self.check("LSTM", clip=0.25)

    def test_gru_variants(self):
        for reset in (0, 1):
            self.check("GRU", linear_before_reset=reset, batch=5, hidden=37, state=True)
        self.check("GRU", clip=0.2, linear_before_reset=1)

    def test_activations(self):
        # One a direction, parameters from one list.
        names = sorted(ACTIVATIONS) + ["Tanh"]
        for pair in zip(names[::2], names[1::2]):
            with self.subTest(pair):
                self.check("RNN", activations=[(n, 0.5, 0.25) for n in pair],
                           direction="bidirectional", clip=2.0)
        self.check("LSTM", activations=[("HardSigmoid", 0.3, 0.4), ("Elu", 0.7, 0),
                                        ("Affine", 0.5, 0.1)])


if __name__ == "__main__":
    unittest.main()

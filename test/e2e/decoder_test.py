"""A small Llama with a key-value cache, spelled as Optimum exports it: against
NumPy, at once and token by token, optimized and naive.

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import pathlib
import sys
import tempfile
import unittest

import numpy

import tools

sys.path.append(str(tools.ROOT / "tools/zoo"))
import llama

LAYERS, DIM, HEADS, KV_HEADS, HEAD, INNER, WORDS = 2, 48, 6, 2, 8, 80, 50
BASE, EPSILON = 10000.0, 1e-5
ROWS, LENGTH = 2, 21
CACHE = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]


class RandomModel:
    """What the exporter asks of a GGUF."""

    metadata = {"llama.block_count": LAYERS, "llama.embedding_length": DIM,
                "llama.attention.head_count": HEADS,
                "llama.attention.head_count_kv": KV_HEADS,
                "llama.rope.dimension_count": HEAD, "llama.rope.freq_base": BASE,
                "llama.attention.layer_norm_rms_epsilon": EPSILON,
                "llama.vocab_size": WORDS}

    def __init__(self):
        rng = numpy.random.default_rng(7)
        shapes = {"token_embd": (WORDS, DIM), "output_norm": (DIM,)}
        for layer in range(LAYERS):
            shapes.update({f"blk.{layer}.{name}": shape for name, shape in {
                "attn_norm": (DIM,), "ffn_norm": (DIM,), "attn_q": (DIM, DIM),
                "attn_k": (KV_HEADS * HEAD, DIM), "attn_v": (KV_HEADS * HEAD, DIM),
                "attn_output": (DIM, DIM), "ffn_gate": (INNER, DIM),
                "ffn_up": (INNER, DIM), "ffn_down": (DIM, INNER)}.items()})
        self.weights = {
            name: rng.normal(0, shape[-1] ** -0.5 if len(shape) > 1 else 1,
                             shape).astype("float32")
            for name, shape in shapes.items()}

    def array(self, name):
        return self.weights[name.removesuffix(".weight")]


def reference(model, ids, positions, mask):
    """Logits in f64, as llama.cpp computes: neighbours of a head turn, and a head
    of keys serves the next HEADS / KV_HEADS of queries."""
    w = {name: value.astype("float64") for name, value in model.weights.items()}
    norm = lambda x, gain: x / numpy.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * gain

    def heads(x, count):
        return x.reshape(*ids.shape, count, HEAD).transpose(0, 2, 1, 3)

    def turn(x):
        angles = positions[:, None, :, None] * BASE ** -(numpy.arange(0, HEAD, 2) / HEAD)
        a, b, cos, sin = x[..., ::2], x[..., 1::2], numpy.cos(angles), numpy.sin(angles)
        return numpy.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)

    length = ids.shape[1]
    seen = numpy.tri(length, dtype=bool) & (mask[:, None, None, :] != 0)
    x = w["token_embd"][ids]
    for layer in range(LAYERS):
        part = lambda name: w[f"blk.{layer}.{name}"]
        h = norm(x, part("attn_norm"))
        q = turn(heads(h @ part("attn_q").T, HEADS))
        k = turn(heads(h @ part("attn_k").T, KV_HEADS)).repeat(HEADS // KV_HEADS, 1)
        v = heads(h @ part("attn_v").T, KV_HEADS).repeat(HEADS // KV_HEADS, 1)
        scores = numpy.where(seen, q @ k.swapaxes(2, 3) / numpy.sqrt(HEAD), -1e30)
        weights = numpy.exp(scores - scores.max(-1, keepdims=True))
        y = weights / weights.sum(-1, keepdims=True) @ v
        x = x + y.transpose(0, 2, 1, 3).reshape(x.shape) @ part("attn_output").T
        h = norm(x, part("ffn_norm"))
        gate = h @ part("ffn_gate").T
        x = x + (gate / (1 + numpy.exp(-gate)) * (h @ part("ffn_up").T)) @ part("ffn_down").T
    return norm(x, w["output_norm"]) @ w["token_embd"].T


def first_cache():
    return {f"present.{part}": numpy.zeros((ROWS, KV_HEADS, 0, HEAD), "float32")
            for part in CACHE}


def feeds(ids, positions, mask, cache):
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions,
            **{f"past_key_values.{part}": cache[f"present.{part}"] for part in CACHE}}


class Decoder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(dir=tools.WORK)
        cls.path = pathlib.Path(cls.folder.name)
        cls.model = RandomModel()
        llama.Exporter(cls.model, "decoder").export(cls.path / "decoder.onnx")
        rng = numpy.random.default_rng(8)
        cls.ids = rng.integers(0, WORDS, (ROWS, LENGTH))
        # The second row is shorter: filled up in front, as generation does it.
        cls.mask = numpy.ones((ROWS, LENGTH), "int64")
        cls.mask[1, :3] = 0
        cls.positions = numpy.maximum(cls.mask.cumsum(1) - 1, 0)
        numpy.savez(cls.path / "calib.npz", **feeds(cls.ids, cls.positions, cls.mask,
                                                    first_cache()))
        for name, arguments in {"0": ("--preset", "fp32", "-O", "0"),
                                "2": ("--preset", "fp32", "-O", "2"),
                                "int8": ("--preset", "int8", "--calib",
                                         cls.path / "calib.npz")}.items():
            tools.run("qopt", "compile", cls.path / "decoder.onnx", "-o",
                      cls.path / f"{name}.qar", *arguments)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_model(self, name, inputs):
        numpy.savez(self.path / "in.npz", **inputs)
        outputs = ["logits", *(f"present.{part}" for part in CACHE)]
        tools.run("qrun", self.path / f"{name}.qar", "--input", f"@{self.path}/in.npz",
                  *(word for output in outputs
                    for word in ("--output", f"{output}=@{self.path}/{output}.npy")))
        return {output: numpy.load(self.path / f"{output}.npy") for output in outputs}

    def at_once(self, name):
        return self.run_model(name, feeds(self.ids, self.positions, self.mask,
                                          first_cache()))

    def in_steps(self, name, cuts):
        """Logits of all tokens, and the last cache."""
        cache, logits = first_cache(), []
        for begin, end in zip(cuts, cuts[1:]):
            cache = self.run_model(name, feeds(
                self.ids[:, begin:end], self.positions[:, begin:end],
                self.mask[:, :end], cache))
            logits.append(cache["logits"])
        return {**cache, "logits": numpy.concatenate(logits, 1)}

    def test_against_numpy(self):
        wanted = reference(self.model, self.ids, self.positions, self.mask)
        found = self.at_once("2")["logits"]
        kept = self.mask != 0
        numpy.testing.assert_allclose(found[kept], wanted[kept], 1e-4, 1e-4)
        self.assertGreater(tools.sqnr(wanted[kept], self.at_once("int8")["logits"][kept]),
                           20)

    def test_naive_code(self):
        optimized, naive = self.at_once("2"), self.at_once("0")
        for output, value in optimized.items():
            self.assertEqual(value.tobytes(), naive[output].tobytes(), output)

    def test_the_cache_changes_no_bit(self):
        """What a query does not see counts with weight 0, and sums ascend."""
        kept = self.mask != 0
        for name in "2", "0", "int8":
            whole = self.at_once(name)
            for cuts in [0, 4, LENGTH], [0, *range(12, LENGTH + 1)]:
                with self.subTest(name=name, cuts=cuts):
                    steps = self.in_steps(name, cuts)
                    self.assertEqual(steps["logits"][kept].tobytes(),
                                     whole["logits"][kept].tobytes())
                    for part in CACHE:
                        rows = [value[f"present.{part}"].swapaxes(1, 2)[kept]
                                for value in (steps, whole)]
                        self.assertEqual(rows[0].tobytes(), rows[1].tobytes(), part)

    def test_export(self):
        """The exported model computes the same."""
        tools.run("qopt", "export", self.path / "decoder.onnx", "-o",
                  self.path / "exported.onnx", "--preset", "fp32")
        tools.run("qopt", "compile", self.path / "exported.onnx", "-o",
                  self.path / "exported.qar", "--preset", "fp32")
        wanted, found = self.at_once("2"), self.at_once("exported")
        for output in wanted:
            numpy.testing.assert_allclose(found[output], wanted[output], 1e-4, 1e-4)

    def test_shared_heads_are_not_repeated(self):
        text = tools.run("qopt", "compile", self.path / "decoder.onnx", "--to",
                         "simplify").stdout
        self.assertEqual(text.count("nn.attention"), LAYERS)
        self.assertEqual(text.count("tensor<?x2x3x?x8xf32>, tensor<?x2x1x?x8xf32>, "
                                    "tensor<?x2x1x?x8xf32>"), LAYERS)
        self.assertFalse([line for line in text.splitlines()
                          if "nn.broadcast_to" in line and "tensor<?x2x3x?x8xf32>" in line])


if __name__ == "__main__":
    unittest.main()

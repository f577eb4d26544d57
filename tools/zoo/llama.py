# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A decoder of the Llama family from its GGUF, with a key-value cache.

The graph is spelled as Optimum exports it: RMS norm in primitive ops, shapes
computed from Shape, angles of the positions by MatMul, halves of a head turned
by Slice, Neg and Concat, keys and values of the cache repeated by Expand for
the heads that share them, the causal mask by Range and Less, one table for
embedding and head.
"""

import numpy as np
from onnx import numpy_helper

from onnx_graph import Graph

LOWEST = np.finfo(np.float32).min
END = np.iinfo(np.int64).max


class Exporter:
    """export() writes the model a Gguf holds."""

    def __init__(self, model, name):
        self.model, self.graph = model, Graph(name)
        settings = {key.removeprefix("llama."): value
                    for key, value in model.metadata.items()}
        self.layers = settings["block_count"]
        self.dim = settings["embedding_length"]
        self.heads = settings["attention.head_count"]
        self.kv_heads = settings["attention.head_count_kv"]
        self.head_dim = settings["rope.dimension_count"]
        self.base = settings["rope.freq_base"]
        self.epsilon = settings["attention.layer_norm_rms_epsilon"]
        self.vocabulary = settings["vocab_size"]

    #===-- Spellings ------------------------------------------------------===#

    def scalar(self, value, scope, dtype=np.int64):
        return self.graph.constant(value, scope, dtype)

    def size(self, x, axis, scope):
        shape = self.graph.op("Shape", [x], scope)
        return self.graph.op("Gather", [shape, self.scalar(axis, scope)], scope,
                             axis=0)

    def vector(self, sizes, scope):
        """int64 [n] of numbers and of scalars of the graph."""
        parts = [self.scalar([size], scope) if isinstance(size, int) else
                 self.unsqueeze(size, [0], scope) for size in sizes]
        return self.graph.op("Concat", parts, scope, axis=0)

    def unsqueeze(self, x, axes, scope):
        return self.graph.op("Unsqueeze", [x, self.scalar(axes, scope)], scope)

    def reshape(self, x, sizes, scope):
        return self.graph.op("Reshape", [x, self.vector(sizes, scope)], scope)

    def transpose(self, x, perm, scope):
        return self.graph.op("Transpose", [x], scope, perm=perm)

    def expand(self, x, sizes, scope):
        """Sizes of -1 mean 1, whether or not the exporter knew them."""
        graph = self.graph
        last = self.scalar([-1], scope)
        shape = graph.op("Reshape", [self.vector(sizes, scope), last], scope)
        rank = graph.op("Shape", [shape], scope)
        ones = graph.op("ConstantOfShape", [rank], scope,
                        value=self.tensor([1], np.int64))
        minus = graph.op("Mul", [ones, self.scalar(-1, scope)], scope)
        open_sizes = graph.op("Equal", [shape, minus], scope)
        shape = graph.op("Where", [open_sizes, ones, shape], scope)
        return graph.op("Expand", [x, shape], scope)

    def fill(self, value, sizes, scope):
        return self.graph.op("ConstantOfShape", [self.vector(sizes, scope)], scope,
                             value=self.tensor([value], np.float32))

    def count(self, limit, scope):
        """0, 1, .. below a scalar of the graph."""
        return self.graph.op("Range", [self.scalar(0, scope), limit,
                                       self.scalar(1, scope)], scope)

    @staticmethod
    def tensor(values, dtype):
        return numpy_helper.from_array(np.array(values, dtype))

    #===-- Parts ----------------------------------------------------------===#

    def linear(self, x, name, scope, turned_heads=0):
        """x @ weight; llama.cpp turns neighbours where the exporter turns halves,
        so it keeps the rows of `turned_heads` in another order."""
        weight = self.model.array(f"{name}.weight")
        if turned_heads:
            weight = weight.reshape(turned_heads, -1, 2, weight.shape[1])
            weight = weight.swapaxes(1, 2).reshape(-1, weight.shape[-1])
        weight = self.graph.initializer(torch_name(name), weight.T)
        return self.graph.op("MatMul", [x, weight], scope)

    def norm(self, x, name, scope):
        """x / sqrt(mean(x^2) + epsilon) * gain."""
        graph = self.graph
        square = graph.op("Pow", [x, self.scalar(2, scope, np.float32)], scope)
        mean = graph.op("ReduceMean", [square], scope, axes=[-1], keepdims=1)
        epsilon = self.scalar(self.epsilon, scope, np.float32)
        root = graph.op("Sqrt", [graph.op("Add", [mean, epsilon], scope)], scope)
        one = self.scalar(1, scope, np.float32)
        x = graph.op("Mul", [x, graph.op("Div", [one, root], scope)], scope)
        gain = graph.initializer(torch_name(name), self.model.array(f"{name}.weight"))
        return graph.op("Mul", [gain, x], scope)

    def rotation(self, positions):
        """Cosine and sine of each position's angles, [batch, sequence, head]."""
        graph, scope = self.graph, "/model/rotary_emb"
        exponents = np.arange(0, self.head_dim, 2, dtype=np.float32) / self.head_dim
        rates = (1 / self.base ** exponents).astype(np.float32)
        rates = graph.constant(rates[None, :, None], scope)
        batch = self.size(positions, 0, scope)
        rates = self.expand(rates, [batch, -1, 1], scope)
        positions = self.unsqueeze(positions, [1], scope)
        positions = graph.op("Cast", [positions], scope, to=1)
        angles = graph.op("MatMul", [rates, positions], scope)
        angles = self.transpose(angles, [0, 2, 1], scope)
        angles = graph.op("Concat", [angles, angles], scope, axis=-1)
        return [graph.op(kind, [angles], scope) for kind in ("Cos", "Sin")]

    def rotate(self, x, cosine, sine, scope):
        """x * cos + (-second half, first half) * sin."""
        graph = self.graph
        half = graph.op("Div", [self.size(x, 3, scope), self.scalar(2, scope)], scope)
        half = graph.op("Cast", [half], scope, to=7)
        first, axes, steps, end = (self.scalar([n], scope) for n in (0, 3, 1, END))
        half = self.unsqueeze(half, [0], scope)
        a = graph.op("Slice", [x, first, half, axes, steps], scope)
        b = graph.op("Slice", [x, half, end, axes, steps], scope)
        turned = graph.op("Concat", [graph.op("Neg", [b], scope), a], scope, axis=-1)
        return graph.op("Add", [graph.op("Mul", [x, cosine], scope),
                                graph.op("Mul", [turned, sine], scope)], scope)

    def mask(self, ids, attention_mask, past_length):
        """0 where a query sees a key, else the lowest float; [b, 1, s, past + s]."""
        graph, scope = self.graph, "/model"
        batch, length = (self.size(ids, axis, scope) for axis in (0, 1))
        total = graph.op("Add", [past_length, length], scope)
        counts = self.count(length, scope)
        after = graph.op("Add", [counts, self.scalar(1, scope)], scope)
        seen = graph.op("Less", [counts, self.reshape(after, [length, 1], scope)],
                        scope)
        low = self.fill(LOWEST, [length, length], scope)
        zero = self.scalar(0, scope, np.float32)
        causal = graph.op("Where", [seen, zero, low], scope)
        past = self.fill(0, [length, past_length], scope)
        causal = graph.op("Concat", [past, causal], scope, axis=-1)
        causal = self.unsqueeze(causal, [0], scope)
        causal = self.unsqueeze(causal, [1], scope)
        causal = self.expand(causal, [batch, 1, length, total], scope)
        kept = self.unsqueeze(attention_mask, [1], scope)
        kept = self.unsqueeze(kept, [2], scope)
        keys = self.size(attention_mask, 1, scope)
        kept = self.expand(kept, [batch, 1, length, keys], scope)
        kept = graph.op("Cast", [kept], scope, to=1)
        padding = graph.op("Sub", [self.scalar(1, scope, np.float32), kept], scope)
        hidden = graph.op("Cast", [padding], scope, to=9)
        return graph.op("Where", [hidden, self.scalar(LOWEST, scope, np.float32),
                                  causal], scope)

    def repeat(self, x, scope):
        """Each head of the cache for all queries' heads that share it."""
        batch, length = (self.size(x, axis, scope) for axis in (0, 2))
        times = self.heads // self.kv_heads
        x = self.unsqueeze(x, [2], scope)
        x = self.expand(x, [batch, self.kv_heads, times, length, self.head_dim], scope)
        return self.reshape(x, [batch, self.heads, length, self.head_dim], scope)

    def attention(self, x, layer, angles, mask, past):
        """The attended x, and keys and values for the cache."""
        graph, scope = self.graph, f"/model/layers.{layer}/self_attn"
        batch, length = (self.size(x, axis, scope) for axis in (0, 1))

        def heads(part, count, turned=0):
            y = self.linear(x, f"blk.{layer}.attn_{part}", f"{scope}/{part}_proj",
                            turned)
            y = self.reshape(y, [batch, length, count, self.head_dim], scope)
            return self.transpose(y, [0, 2, 1, 3], scope)

        query = heads("q", self.heads, self.heads)
        key = heads("k", self.kv_heads, self.kv_heads)
        value = heads("v", self.kv_heads)
        angles = [self.unsqueeze(part, [1], scope) for part in angles]
        query, key = (self.rotate(part, *angles, scope) for part in (query, key))
        key, value = present = [
            graph.op("Concat", parts, scope, axis=-2)
            for parts in zip(past, (key, value))]
        key, value = (self.repeat(part, scope) for part in (key, value))
        scores = graph.op("MatMul", [query, self.transpose(key, [0, 1, 3, 2], scope)],
                          scope)
        root = self.scalar(np.sqrt(self.head_dim), scope, np.float32)
        scores = graph.op("Div", [scores, root], scope)
        weights = graph.op("Softmax", [graph.op("Add", [scores, mask], scope)], scope,
                           axis=-1)
        y = graph.op("MatMul", [weights, value], scope)
        y = self.transpose(y, [0, 2, 1, 3], scope)
        y = self.reshape(y, [batch, length, self.dim], scope)
        y = self.linear(y, f"blk.{layer}.attn_output", f"{scope}/o_proj")
        return y, present

    def gated(self, x, layer):
        """down(silu(gate(x)) * up(x))."""
        graph, scope = self.graph, f"/model/layers.{layer}/mlp"
        gate, up = (self.linear(x, f"blk.{layer}.ffn_{part}", f"{scope}/{part}_proj")
                    for part in ("gate", "up"))
        act = graph.op("Sigmoid", [gate], f"{scope}/act_fn")
        act = graph.op("Mul", [gate, act], f"{scope}/act_fn")
        y = graph.op("Mul", [act, up], scope)
        return self.linear(y, f"blk.{layer}.ffn_down", f"{scope}/down_proj")

    def export(self, path):
        graph, rows, tokens = self.graph, "batch_size", "sequence_length"
        before = "past_sequence_length"
        both = f"{before} + {tokens}"
        ids = graph.input("input_ids", np.int64, [rows, tokens])
        attention_mask = graph.input("attention_mask", np.int64, [rows, both])
        positions = graph.input("position_ids", np.int64, [rows, tokens])
        pasts = [[graph.input(f"past_key_values.{layer}.{part}", np.float32,
                              [rows, self.kv_heads, before, self.head_dim])
                  for part in ("key", "value")] for layer in range(self.layers)]
        table = graph.initializer("model.embed_tokens.weight",
                                  self.model.array("token_embd.weight"))
        x = graph.op("Gather", [table, ids], "/model/embed_tokens")
        mask = self.mask(ids, attention_mask, self.size(pasts[0][0], 2, "/model"))
        angles = self.rotation(positions)
        presents = []
        for layer, past in enumerate(pasts):
            scope, name = f"/model/layers.{layer}", f"blk.{layer}"
            y = self.norm(x, f"{name}.attn_norm", f"{scope}/input_layernorm")
            y, present = self.attention(y, layer, angles, mask, past)
            x = graph.op("Add", [x, y], scope)
            y = self.norm(x, f"{name}.ffn_norm", f"{scope}/post_attention_layernorm")
            x = graph.op("Add", [x, self.gated(y, layer)], scope)
            presents.append(present)
        x = self.norm(x, "output_norm", "/model/norm")
        head = self.transpose(table, [1, 0], "/lm_head")
        logits = graph.op("MatMul", [x, head], "/lm_head")
        graph.output("logits", logits, np.float32, [rows, tokens, self.vocabulary])
        for layer, present in enumerate(presents):
            for part, value in zip(("key", "value"), present):
                graph.output(f"present.{layer}.{part}", value, np.float32,
                             [rows, self.kv_heads, both, self.head_dim])
        graph.save(path)


def torch_name(name):
    """The checkpoint's name of a weight: blk.0.attn_q -> model.layers.0...."""
    parts = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
             "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
             "ffn_norm": "post_attention_layernorm", "output_norm": "norm"}
    prefix, _, last = name.rpartition(".")
    prefix = f"{prefix.replace('blk', 'layers')}." if prefix else ""
    return f"model.{prefix}{parts[last]}.weight"

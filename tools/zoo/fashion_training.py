# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the two Fashion-MNIST training scripts share: loop, options, judging."""

import argparse
import math
import os
import pathlib
import time

# One thread, so that sums add in one order; OpenBLAS reads this when loaded.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import torch
import torch.nn.functional as F

import fashion_data

BATCH = 128
LABEL_SMOOTHING = 0.05


def parse_options(description, epochs):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=pathlib.Path, help="the .onnx to write")
    parser.add_argument("--epochs", type=int, default=epochs,
                        help="0 writes an untrained model (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return options


def augment(images, shift, rng):
    """Mirrors half of the images and moves each by up to `shift` pixels."""
    count = len(images)
    padded = np.pad(images[:, 0], ((0, 0), (shift, shift), (shift, shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), (1, 2))
    dy, dx = rng.integers(0, 2 * shift + 1, (2, count))
    moved = windows[np.arange(count), dy, dx]
    mirrored = rng.random(count) < 0.5
    moved[mirrored] = moved[mirrored, :, ::-1]
    return moved[:, None]


def one_cycle(step, steps, peak, warmup=0.15):
    """Learning rate: linear rise to `peak`, then half a cosine down to 0."""
    t = (step + 1) / steps
    if t < warmup:
        return peak * t / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (t - warmup) / (1 - warmup)))


def train(model, optimizer, peak, shift, options):
    """Trains for `options.epochs`; prints loss and time of each epoch.

    `peak` is the highest learning rate, `shift` the augmentation's in pixels.
    """
    images, labels = fashion_data.load("train")
    rng = np.random.default_rng(options.seed)
    steps_per_epoch = len(images) // BATCH
    steps = options.epochs * steps_per_epoch
    model.train()
    for epoch in range(options.epochs):
        start, total = time.time(), 0.0
        order = rng.permutation(len(images))
        for i in range(steps_per_epoch):
            for group in optimizer.param_groups:
                group["lr"] = one_cycle(epoch * steps_per_epoch + i, steps, peak)
            pick = order[i * BATCH:(i + 1) * BATCH]
            batch = torch.from_numpy(augment(images[pick], shift, rng))
            logits = model(batch)
            loss = F.cross_entropy(logits, torch.from_numpy(labels[pick]),
                                   label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{options.epochs}: loss "
              f"{total / steps_per_epoch:.4f}, {time.time() - start:.0f} s",
              flush=True)


def decay_groups(model, decay):
    """Weight decay for matrices and filters, none for biases and norms."""
    return [{"params": [p for p in model.parameters() if p.ndim > 1],
             "weight_decay": decay},
            {"params": [p for p in model.parameters() if p.ndim <= 1],
             "weight_decay": 0.0}]


def report(model, path):
    """Prints top-1 on the 10,000 test images, and the size of the file."""
    images, labels = fashion_data.load("test")
    model.eval()
    with torch.no_grad():
        chosen = torch.cat([model(batch).argmax(1) for batch in
                            torch.from_numpy(images).split(500)]).numpy()
    print(f"{path}: top-1 {100 * np.mean(chosen == labels):.2f} %, "
          f"{path.stat().st_size} bytes")

#!/usr/bin/env python3
# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes calibration and test data made from Debian's Fashion-MNIST.

Example:
    fashion_data.py build/demo

writes into build/demo
    calib.npz        `image` float32 [256, 1, 28, 28], from the training images
    test.npz         `image` float32 [10000, 1, 28, 28]
    test_labels.npy  int64 [10000]
with pixels scaled to [0, 1]. Needs numpy and the package
dataset-fashion-mnist; nothing else.
"""

import argparse
import gzip
import pathlib
import sys

import numpy as np

DATASET = pathlib.Path("/usr/share/datasets/fashion-mnist")
CALIBRATION_IMAGES = 256
CLASSES = ["T-shirt/top", "trouser", "pullover", "dress", "coat",
           "sandal", "shirt", "sneaker", "bag", "ankle boot"]


def read_idx(path):
    """Reads a gzipped IDX file of bytes: 0, 0, 8, rank, big-endian dims, data."""
    with gzip.open(path, "rb") as file:
        data = file.read()
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: expected an IDX file of bytes, "
                         f"found the header {data[:3].hex()}")
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(split, dataset=DATASET):
    """Returns (images, labels) of `split` ("train" or "test").

    Images are float32 [count, 1, 28, 28] in [0, 1], labels int64 [count].
    """
    stem = {"train": "train", "test": "t10k"}[split]
    images = read_idx(dataset / f"{stem}-images-idx3-ubyte.gz")
    labels = read_idx(dataset / f"{stem}-labels-idx1-ubyte.gz")
    return (images[:, None].astype(np.float32) / np.float32(255),
            labels.astype(np.int64))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where to write")
    parser.add_argument("--dataset", type=pathlib.Path, default=DATASET,
                        help="folder of the four .gz files (default %(default)s)")
    args = parser.parse_args()
    if not args.dataset.is_dir():
        sys.exit(f"error: no folder {args.dataset}; install the package "
                 "dataset-fashion-mnist or name its folder with --dataset")

    args.folder.mkdir(parents=True, exist_ok=True)
    images, _ = load("train", args.dataset)
    np.savez(args.folder / "calib.npz", image=images[:CALIBRATION_IMAGES])
    images, labels = load("test", args.dataset)
    np.savez(args.folder / "test.npz", image=images)
    np.save(args.folder / "test_labels.npy", labels)


if __name__ == "__main__":
    main()

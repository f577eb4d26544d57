# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Basic Pitch: which notes sound in a piece of music."""

import numpy as np

import audio
import packages

MEMBER = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
METRIC, LOSS = "notes sounding, F-score against fp32, %", 5.0
TESTS = ("test",)
INPUT, NOTES = "serving_default_input_2:0", "StatefulPartitionedCall:1"
RATE, SAMPLES = 22050, 43844
THRESHOLD = 0.3
CALIBRATION_CLIPS, TEST_CLIPS = 16, 24


def fetch(output, cache):
    data = packages.read_member(packages.BASIC_PITCH, cache, MEMBER)
    (output / "basic_pitch.onnx").write_bytes(data)
    count = CALIBRATION_CLIPS + TEST_CLIPS
    # A little more than needed: lengths are cut to whole samples.
    clips = audio.music(cache, RATE, SAMPLES / RATE + 0.01, count)
    clips = clips[:, :SAMPLES, None]
    clips = clips[np.random.default_rng(1).permutation(count)]
    calibration, test = np.split(clips, [CALIBRATION_CLIPS])
    for name, rows in (("calib", calibration), ("test", test),
                       ("time", test[:1])):
        np.savez(output / f"basic_pitch-{name}.npz", **{INPUT: rows})


def judge(_folder, outputs, reference):
    ours, theirs = (o[0][NOTES] > THRESHOLD for o in (outputs, reference))
    return 200 * np.sum(ours & theirs) / (np.sum(ours) + np.sum(theirs))

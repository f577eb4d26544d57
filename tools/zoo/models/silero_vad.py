# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Silero VAD: is this 32 ms of sound speech? One step at a time, with state.

The model holds one network for 16 kHz and one for 8 kHz, chosen by If; ours is
compiled for 16 kHz.
"""

import numpy as np

import audio
import packages

MEMBER = "silero_vad/data/silero_vad.onnx"
METRIC, LOSS = "frames that agree with fp32 on speech, %", 0.5
TESTS = ()
RATE, STEP, CONTEXT, STATE = 16000, 512, 64, 128
STEPS, CLIPS, CALIBRATION_CLIPS = 60, 32, 8
THRESHOLD = 0.5
FROZEN = {"sr": RATE}


def sounds(cache):
    """float32 [clips, steps, context + step], speech and music by turns."""
    seconds = STEPS * STEP / RATE
    halves = [make(cache, RATE, seconds, (CLIPS + CALIBRATION_CLIPS) // 2)
              for make in (audio.speech, audio.music)]
    clips = np.stack(halves, 1).reshape(-1, STEPS * STEP)
    clips = np.pad(clips, ((0, 0), (CONTEXT, 0)))
    return np.lib.stride_tricks.sliding_window_view(
        clips, CONTEXT + STEP, axis=1)[:, ::STEP]


def calibrate(folder, clips, run):
    """Writes what the model is fed, states included: they are real too."""
    rate = np.array(RATE, np.int64)
    target = folder / "silero_vad-calib"
    target.mkdir(exist_ok=True)
    state = np.zeros((2, len(clips), STATE), np.float32)
    for step in range(STEPS):
        inputs = {"input": np.ascontiguousarray(clips[:, step]), "state": state,
                  "sr": rate}
        if step % 8 == 0:
            np.savez(target / f"{step:02}.npz", **inputs)
        state = run(inputs)["stateN"]
    first = {"input": inputs["input"][:1], "state": state[:, :1], "sr": rate}
    np.savez(folder / "silero_vad-time.npz", **first)


def fetch(output, cache):
    data = packages.read_member(packages.SILERO_VAD, cache, MEMBER)
    path = output / "silero_vad.onnx"
    path.write_bytes(data)
    clips = sounds(cache)
    np.save(output / "silero_vad-test.npy", clips[CALIBRATION_CLIPS:])
    import runners
    calibrate(output, clips[:CALIBRATION_CLIPS], runners.Ort(path))


def evaluate(folder, run):
    """[{"output": [steps, clips]}]: the clips side by side, step by step."""
    clips = np.load(folder / "silero_vad-test.npy")
    state = np.zeros((2, len(clips), STATE), np.float32)
    speech = []
    for step in range(STEPS):
        outputs = run({"input": np.ascontiguousarray(clips[:, step]),
                       "state": state, "sr": np.array(RATE, np.int64)})
        state = outputs["stateN"]
        speech.append(outputs["output"][:, 0])
    return [{"output": np.stack(speech), "stateN": state}]


def judge(_folder, outputs, reference):
    ours, theirs = (o[0]["output"] > THRESHOLD for o in (outputs, reference))
    return 100 * np.mean(ours == theirs)

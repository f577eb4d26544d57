# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Spoken prompts and music of Debian's asterisk packages, as float samples."""

import wave

import numpy as np

import packages

SOUNDS, MUSIC = "usr/share/asterisk/sounds", "usr/share/asterisk/moh"
# Half the taps of the filter that resamples, in periods of the lower rate.
FILTER_PERIODS = 16


def read_wave(path):
    """(float32 samples in [-1, 1), rate) of a 16-bit mono file."""
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise ValueError(f"{path}: expected 16-bit mono samples")
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768, \
            file.getframerate()


def resample(samples, rate, target):
    """Samples at the rate `target`: a sinc in a Hann window, summed directly."""
    cutoff = min(1.0, target / rate)
    half = int(np.ceil(FILTER_PERIODS / cutoff))
    times = np.arange(int(len(samples) * target / rate)) * (rate / target)
    first = np.floor(times).astype(int)
    padded = np.pad(samples, (half, half + 1))
    result = np.zeros(len(times))
    for tap in range(-half, half + 1):
        distance = times - (first + tap)
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (half + 1), -1, 1))
        result += cutoff * np.sinc(cutoff * distance) * window \
            * padded[first + tap + half]
    return result.astype(np.float32)


def speech(cache, rate, seconds, count, language="en"):
    """`count` clips [count, seconds * rate] from the longer spoken prompts."""
    folder = packages.unpack_debian(packages.SPEECH[language], cache) / SOUNDS
    paths = sorted(folder.rglob("*.wav"))
    order = np.random.default_rng(1).permutation(len(paths))
    clips = []
    for index in order:
        samples, own = read_wave(paths[index])
        if len(samples) >= seconds * own and len(clips) < count:
            clips.append(resample(samples[:int(seconds * own)], own, rate))
    if len(clips) < count:
        raise ValueError(f"{folder}: expected {count} prompts of {seconds} s, "
                         f"found {len(clips)}")
    return np.stack(clips)


def music(cache, rate, seconds, count):
    """`count` clips [count, seconds * rate] spread over the pieces of music."""
    folder = packages.unpack_debian(packages.MUSIC, cache) / MUSIC
    pieces = [read_wave(path) for path in sorted(folder.glob("*.wav"))]
    clips = []
    for index in range(count):
        samples, own = pieces[index % len(pieces)]
        length = int(seconds * own)
        start = (len(samples) - length) * (index + 1) // (count + 1)
        clips.append(resample(samples[start:start + length], own, rate))
    return np.stack(clips)


def mel_filters(rate, size, count):
    """[count, size / 2 + 1] triangles of unit area on Slaney's mel scale.

    Linear to 1 kHz (200 / 3 Hz a mel), then logarithmic (27 mels for a factor
    of 6.4); M. Slaney, Auditory Toolbox, 1998.
    """
    step, knee, ratio = 200 / 3, 1000.0, np.log(6.4) / 27
    top = knee / step + np.log(rate / 2 / knee) / ratio
    mels = np.linspace(0, top, count + 2)
    edges = np.where(mels < knee / step, mels * step,
                     knee * np.exp(ratio * (mels - knee / step)))
    bins = np.linspace(0, rate / 2, size // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area[:, None]


def mel_spectrogram(samples, rate, size, hop, count):
    """float32 [frames, count]: power in `count` mel bands, frames centred."""
    padded = np.pad(samples, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window = np.hanning(size + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    return (power @ mel_filters(rate, size, count).T).astype(np.float32)

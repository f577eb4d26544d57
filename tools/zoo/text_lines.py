# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lines of real text, rendered with Debian's fonts, for reading them back."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import descriptions
import packages

HEIGHT = 48
LEAST_LETTERS, MOST_LETTERS = 10, 32


def fonts(cache):
    """Paths of the plain and bold faces of DejaVu and Liberation."""
    folders = [packages.unpack_debian(package, cache) / "usr/share/fonts"
               for package in (packages.DEJAVU, packages.LIBERATION)]
    return sorted(path for folder in folders for path in folder.rglob("*.ttf"))


def texts(cache, count):
    """`count` short descriptions of packages, cut at a word."""
    lines = []
    for short, _ in descriptions.package_descriptions(cache):
        line = short[:MOST_LETTERS + 1].rpartition(" ")[0].strip(" ,-(")
        if len(line) >= LEAST_LETTERS and line.isascii():
            lines.append(line)
    return lines[:count]


def render(text, font, rng):
    """A grey or tinted picture of one line, slightly blurred and noisy."""
    face = ImageFont.truetype(str(font), int(rng.integers(26, 40)))
    left, top, right, bottom = face.getbbox(text)
    margin = int(rng.integers(3, 9))
    paper = tuple(int(v) for v in rng.integers(170, 256, 3))
    ink = tuple(int(v) for v in rng.integers(0, 90, 3))
    size = (right - left + 2 * margin, bottom - top + 2 * margin)
    picture = Image.new("RGB", size, paper)
    ImageDraw.Draw(picture).text((margin - left, margin - top), text, ink, face)
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.9)))
    pixels = np.asarray(picture, np.float32) + rng.normal(0, 6, size[::-1] + (3,))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def lines(cache, count, seed):
    """[(text, picture)], the texts and faces differing with `seed`."""
    rng = np.random.default_rng(seed)
    available, faces = texts(cache, 4 * count * (seed + 1)), fonts(cache)
    chosen = rng.choice(len(available), count, replace=False)
    return [(available[i], render(available[i], faces[rng.integers(len(faces))],
                                  rng)) for i in chosen]


def network_input(picture, width):
    """float32 [3, 48, width], BGR in [-1, 1]: scaled to the height, then padded
    with zeros, or squeezed where it is too long."""
    scaled = min(width, int(np.ceil(HEIGHT * picture.width / picture.height)))
    picture = picture.resize((scaled, HEIGHT), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture, np.float32)[:, :, ::-1] / 127.5 - 1
    result = np.zeros((3, HEIGHT, width), np.float32)
    result[:, :, :scaled] = pixels.transpose(2, 0, 1)
    return result

# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real English text: what Debian's packages say of themselves."""

import functools
import re

import numpy as np

import packages

SECTIONS = {"education", "games", "graphics", "math", "science", "sound",
            "video", "web"}


@functools.cache
def package_descriptions(cache):
    """(short, long) descriptions of Debian packages, in a fixed mixed order."""
    stanzas = packages.apt_cache(cache, "dumpavail")
    names = sorted({field(s, "Package") for s in stanzas
                    if field(s, "Section") in SECTIONS})
    pairs = {}
    for start in range(0, len(names), 1000):
        for stanza in packages.apt_cache(cache, "show",
                                         *names[start:start + 1000]):
            text = field(stanza, "Description-en")
            short, _, body = text.partition("\n")
            # A line of one dot is Debian's empty line.
            body = " ".join(re.sub(r"(?m)^ \.$", "", body).split())
            if len(body) > 200:
                pairs.setdefault(field(stanza, "Package"), (short, body))
    # One of a family ("foo", "foo-data") is enough: the others read the same.
    unique = list({body[:80]: (short, body)
                   for _, (short, body) in sorted(pairs.items())}.values())
    order = np.random.default_rng(1).permutation(len(unique))
    return [unique[i] for i in order]


def field(stanza, name):
    """The value of a field with its indented lines, or ""."""
    match = re.search(rf"(?m)^{name}: (.*(?:\n .*)*)", stanza)
    return match.group(1) if match else ""

# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Byte-level byte-pair encoding (GPT-2's), digits one by one.

Text is cut to words: a contraction's end ('ll), letters or other signs,
each with one space before it, one digit, and white space. A word's bytes, written
as printable letters, are joined pair by pair, the earliest learnt pair first.
"""

import functools
import re
import unicodedata

CONTRACTION = re.compile("'(?:s|t|re|ve|m|ll|d)")
# On classes: L letter, N number, ' ' space, S other white space, O the rest. The
# last space of many goes with the word behind it, unless that is a digit.
WORD = re.compile(" ?L+|N| ?O+|[ S]+(?![^ SN])|[ S]+")


def _letters_of_bytes():
    """Printable bytes stand for themselves, the others for letters from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD),
                 *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable},
            **{byte: chr(256 + i) for i, byte in enumerate(rest)}}


LETTERS = _letters_of_bytes()
BYTES = {letter: byte for byte, letter in LETTERS.items()}


class BytePairs:
    def __init__(self, tokens, merges):
        """`tokens` by id; `merges` are "left right", the first learnt first."""
        self.tokens = tokens
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.ranks = {tuple(pair.split(" ")): i for i, pair in enumerate(merges)}

    def encode(self, text):
        """Ids of ordinary text: names of special tokens are text too."""
        return [i for word in split_words(text) for i in self._word(word)]

    def decode(self, ids):
        letters = "".join(self.tokens[i] for i in ids)
        return bytes(BYTES[letter] for letter in letters).decode(errors="replace")

    @functools.cache
    def _word(self, word):
        parts = [LETTERS[byte] for byte in word.encode()]
        while len(parts) > 1:
            pairs = list(zip(parts, parts[1:]))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            joined, i = [], 0
            while i < len(parts):
                here = tuple(parts[i:i + 2]) == best
                joined.append("".join(parts[i:i + 2]) if here else parts[i])
                i += 2 if here else 1
            parts = joined
        return [self.ids[part] for part in parts]


def split_words(text):
    classes, at, words = "".join(map(_class, text)), 0, []
    while at < len(text):
        match = CONTRACTION.match(text, at) or WORD.match(classes, at)
        words.append(text[at:match.end()])
        at = match.end()
    return words


def _class(letter):
    if letter.isspace():
        return " " if letter == " " else "S"
    category = unicodedata.category(letter)[0]
    return category if category in "LN" else "O"

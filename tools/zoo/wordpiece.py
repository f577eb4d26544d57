# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""BERT's uncased tokenizer: words and punctuation, then longest known pieces."""

import unicodedata

import numpy as np

LONGEST_WORD = 100


class WordPiece:
    def __init__(self, vocabulary):
        """`vocabulary` is the text of a vocab.txt: one piece a line."""
        self.ids = {piece: i for i, piece in enumerate(vocabulary.splitlines())}

    def encode(self, text, length):
        """Token ids of [CLS] text [SEP], cut to at most `length`."""
        pieces = [p for word in split_words(text) for p in self._pieces(word)]
        pieces = ["[CLS]"] + pieces[:length - 2] + ["[SEP]"]
        return [self.ids[piece] for piece in pieces]

    def batch(self, texts, length):
        """The three int64 [len(texts), length] inputs of BERT, zero-padded."""
        ids = np.zeros((len(texts), length), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            tokens = self.encode(text, length)
            ids[row, :len(tokens)] = tokens
            mask[row, :len(tokens)] = 1
        return {"input_ids": ids, "attention_mask": mask,
                "token_type_ids": np.zeros_like(ids)}

    def _pieces(self, word):
        pieces, start = [], 0
        while start < len(word) <= LONGEST_WORD:
            prefix = "##" if start else ""
            end = next((end for end in range(len(word), start, -1)
                        if prefix + word[start:end] in self.ids), None)
            if end is None:
                return ["[UNK]"]
            pieces.append(prefix + word[start:end])
            start = end
        return pieces or ["[UNK]"]


def split_words(text):
    """Lowercase words without accents; each punctuation mark is a word."""
    text = unicodedata.normalize("NFD", text.lower())
    spaced = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Mn" or category in ("Cc", "Cf") and not char.isspace():
            continue
        alone = category[0] == "P" or char in "$+<=>^`|~" or is_ideograph(char)
        spaced.append(f" {char} " if alone else char)
    return "".join(spaced).split()


def is_ideograph(char):
    code = ord(char)
    return (0x3400 <= code <= 0x4DBF or 0x4E00 <= code <= 0x9FFF or
            0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2CEAF or
            0x2F800 <= code <= 0x2FA1F)

#!/usr/bin/python3
"""Writes the corpus of malformed models, in the manner of project Wycheproof:
each case has one flaw, the exit code it must lead to and words that the message
must hold.

    make_corpus.py FOLDER

writes FOLDER/<case>/model.onnx (and what else a case needs) and
FOLDER/corpus.json: [{"name", "comment", "code", "message"}].

Part of qopt, under the Apache License v2.0 with LLVM Exceptions.
SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""
import json
import pathlib
import sys

import external_cases
import file_cases
import graph_cases
import operator_cases
import tensor_cases

FAMILIES = [file_cases, graph_cases, tensor_cases, external_cases, operator_cases]


def make_corpus(folder):
    """The index: a list of dictionaries."""
    index = []
    for family in FAMILIES:
        for name, code, message, comment, content in family.cases():
            own = folder / name
            own.mkdir(parents=True)
            if callable(content):  # writes files beside the model
                content = content(own)
            if not isinstance(content, bytes):
                content = content.SerializeToString()
            (own / "model.onnx").write_bytes(content)
            index.append({"name": name, "comment": comment, "code": code,
                          "message": message})
    names = [case["name"] for case in index]
    assert len(names) == len(set(names)), "two cases have one name"
    (folder / "corpus.json").write_text(json.dumps(index, indent=1) + "\n")
    return index


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_corpus.py FOLDER")
    print(len(make_corpus(pathlib.Path(sys.argv[1]))), "cases")

# Part of qopt. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real English prose: documents that Debian packages."""

import gzip

import packages

HISTORY = (packages.DEBIAN_HISTORY,
           "debian-history/docs/project-history.en.txt.gz")
FAQ = (packages.DEBIAN_FAQ, "debian/FAQ/debian-faq.en.txt.gz")
LEAST_LETTERS = 200


def paragraphs(document, cache):
    """The text of a document without headings, lists and tables of contents:
    its long paragraphs that end in a full stop, each on one line."""
    package, path = document
    folder = packages.unpack_debian(package, cache)
    text = gzip.decompress((folder / "usr/share/doc" / path).read_bytes()).decode()
    blocks = (" ".join(block.split()) for block in text.split("\n\n"))
    return "\n\n".join(block for block in blocks
                       if len(block) >= LEAST_LETTERS and block.endswith("."))

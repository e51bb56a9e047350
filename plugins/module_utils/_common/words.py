# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of others (names, labels, messages, logs) as they may be shown: one line, no control characters, bounded."""

from __future__ import annotations

import codecs
import re

# C0 and C1 control characters, line and paragraph separators, and what turns the direction of writing around.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")

# Whole orders to a terminal (ECMA-48): colours and moves, titles and links with their end, sets of characters.
# What is cut short is left to CONTROL, so that nothing behind it disappears.
ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f\n]*(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[()*+][0-~]"
)


def clean(value: object, most: int = 200) -> str:
    """Return ``value`` as one line of at most ``most`` characters that no terminal, log or page takes for orders."""
    line = " ".join(CONTROL.sub(" ", ESCAPES.sub("", str(value))).split())
    line = line.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be printed
    return line if len(line) <= most else line[: most - 1] + "…"


class Output:
    """Output of a program, piece by piece, as a log may keep it and a terminal show it: lines and tabs stay lines and
    tabs, every other control character becomes a question mark."""

    ORDERS = re.compile(r"(?![\n\t])(?:" + CONTROL.pattern.removesuffix("+") + ")")

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may come in two pieces

    def clean(self, piece: bytes) -> bytes:
        """Return the piece without orders to a terminal."""
        text = self._decoder.decode(piece).replace("\r\n", "\n").replace("\r", "\n")
        return self.ORDERS.sub("?", text).encode()

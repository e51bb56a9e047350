# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others, made fit to be shown to somebody else or kept: no control characters, one line, bounded length."""

from __future__ import annotations

import logging
import unicodedata

LONGEST = 300
# Characters that nobody sees and that turn round what stands beside them (Unicode's bidirectional controls).
_TURNING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(words: object, longest: int = LONGEST) -> str:
    """Return at most ``longest`` characters of ``words``, each control character as a question mark, on one line."""
    text = str(words)[: longest + 1]
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(
        "?" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _TURNING else char
        for char in text.replace("\n", " ").replace("\t", " ")
    )


class CleanRecords(logging.Filter):
    """Makes each message of a log one line without control characters: part of it may come from anybody."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = clean(record.getMessage(), 10_000)
        record.args = ()
        return True

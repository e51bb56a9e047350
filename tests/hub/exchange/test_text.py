# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others reach nobody's terminal as they came."""

from __future__ import annotations

import logging

import pytest
from labhub.exchange.text import CleanRecords, clean


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("\x1b[2J\rfake row", "?[2J?fake row"),
        ("one\ntwo\tthree", "one two three"),
        ("\u202egnp.exe\u2028\x9b31m\ud800", "?gnp.exe??31m?"),
        ("Grüße, 日本", "Grüße, 日本"),
        ("x" * 12, "x" * 9 + "…"),
        (float("inf"), "inf"),
    ],
)
def test_words_are_made_fit_to_be_shown(words: object, shown: str) -> None:
    assert clean(words, 10 if len(str(words)) == 12 and "x" in str(words) else 300) == shown


def test_a_log_keeps_its_lines_apart() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "login of %s", ("eve\n[I] root\x1b[0m",), None)
    assert CleanRecords().filter(record)
    assert record.getMessage() == "login of eve [I] root?[0m"

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, lengths of time and numbers of cores, as people read them."""

from __future__ import annotations

import pytest
from labhub.words.amounts import amount, cores, span


@pytest.mark.parametrize(
    ("size", "words"),
    [(512, "512 B"), (512 << 20, "512 MiB"), (3 << 29, "1.5 GiB"), (2 << 40, "2 TiB"), (1010 << 20, "0.986 GiB")],
)
def test_amounts(size: float, words: str) -> None:
    assert amount(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 second"), (300, "5 minutes"), (3600, "1 hour"), (5400, "2 hours"), (86400, "1 day")]
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(1, "1 core"), (0.5, "0.5 cores"), (16, "16 cores")])
def test_cores(count: float, words: str) -> None:
    assert cores(count) == words

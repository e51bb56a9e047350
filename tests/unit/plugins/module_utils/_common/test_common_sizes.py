# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes are read and shown in one way, and words of others are one harmless line."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import sizes, words


@pytest.mark.parametrize(
    ("value", "size"),
    [("4G", 4 << 30), ("4GiB", 4 << 30), ("4 gb", 4 << 30), ("1.5T", 3 << 39), (512, 512), ("0", 0), ("20m", 20 << 20)],
)
def test_good_sizes(value: object, size: int) -> None:
    assert sizes.parse(value) == size


@pytest.mark.parametrize("value", ["", "4X", "-1", "4 G B", True, None, "1e9", "four"])
def test_bad_sizes_say_what_is_allowed(value: object) -> None:
    with pytest.raises(ValueError, match="write a number with K, M, G or T"):
        sizes.parse(value)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (950, "950 B"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (1000 << 40, "1000 TiB")]
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert sizes.text(count) == text


def test_orders_to_a_terminal_become_spaces() -> None:
    assert words.clean("\x1b[2J\x1b[Hall is well\nroot  critical\u202egnp\x9b31m") == "all is well root critical gnp"
    assert words.clean("\x1b]0;a title\x07said \x1b]8;;http://x\x1b\\\x1b(Bhere") == "said here"


@pytest.mark.parametrize("cut", ["\x1b[31", "\x1b]0;title", "\x1b", "\x9b", "\x1bP1;2|"])
def test_an_order_that_never_ends_hides_nothing_behind_it(cut: str) -> None:
    assert words.clean(f"before {cut}\nthe alarm").endswith("the alarm")


def test_long_words_are_cut() -> None:
    assert words.clean("a" * 500, 10) == "aaaaaaaaa…"
    assert words.clean("\ud800") == "?"

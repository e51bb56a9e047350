# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Patterns for names, and time spans such as ``30d``, as inputs give them."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

UNITS = {"min": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "mo": 30 * 86400, "y": 365 * 86400}


@functools.cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression.

    A shell pattern: ``*`` and ``?`` stop at ``/``, ``**`` does not. After ``~``: a regular expression for the whole
    name. Raises ValueError.
    """
    if pattern.startswith("~"):
        try:
            return re.compile(pattern[1:])
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = ""
    for part in parts:
        if part in special:
            text += special[part]
        elif part.startswith("[") and part.endswith("]"):
            text += "[^" + part[2:] if part.startswith("[!") else part
        else:
            text += re.escape(part)
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a pattern: {error}") from error


def first_match(patterns: Iterable[str], name: str) -> str:
    """Return the first pattern that matches the whole name, or an empty text."""
    return next((pattern for pattern in patterns if compile_pattern(pattern).fullmatch(name)), "")


def duration(text: object) -> float:
    """Return ``30d``, ``12h``, ``1y6mo`` or a number of seconds in seconds. Raises ValueError."""
    if isinstance(text, int | float) and not isinstance(text, bool) and text >= 0:
        return float(text)
    cleaned = str(text).strip().lower()
    if re.fullmatch(r"\d+", cleaned):
        return float(cleaned)
    if not re.fullmatch(r"(\d+(min|h|d|w|mo|y))+", cleaned):
        raise ValueError(f"{text!r} is not a time span; give numbers with min, h, d, w, mo or y, for example 30d")
    return float(sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(min|h|d|w|mo|y)", cleaned)))


def duration_text(seconds: float) -> str:
    """Return a time span in the largest unit that divides it."""
    for unit in ("y", "mo", "w", "d", "h", "min"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{int(seconds // UNITS[unit])}{unit}"
    return f"{seconds:g}s"

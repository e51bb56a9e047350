# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes in bytes: one grammar for every input, and one way to show them."""

from __future__ import annotations

import re

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\Z", re.IGNORECASE)
FACTOR = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def parse(value: object) -> int:
    """Return bytes of a size such as ``4G`` or ``4GiB`` (powers of 1024) or a plain number; raises ValueError."""
    match = None if isinstance(value, bool) else SIZE.match(str(value).strip())
    if not match:
        raise ValueError(f'"{value}" is not a size; write a number with K, M, G or T, for example 4G')
    return int(float(match[1]) * FACTOR[match[2].upper()])


def text(count: float) -> str:
    """Return bytes for people, with three digits at most: ``950 B``, ``1.5 GiB``, ``20 MiB``."""
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count /= 1024
        unit += 1
    digits = 0 if unit == 0 or count >= 10 else 1
    return f"{count:.{digits}f} {UNITS[unit]}"

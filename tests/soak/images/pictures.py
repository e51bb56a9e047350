# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at pictures as far as a test needs it: how often each colour occurs, and how much two of them differ."""

from __future__ import annotations

import io
from collections import Counter

from PIL import Image, ImageChops


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def colours(png: bytes) -> Counter[tuple[int, int, int]]:
    """Return how many pixels have which colour."""
    return Counter(_open(png).get_flattened_data())


def changed(before: bytes, after: bytes) -> float:
    """Return the part of the pixels that differ, from 0 to 1."""
    first, second = _open(before), _open(after)
    assert first.size == second.size
    difference = ImageChops.difference(first, second).convert("L").point(lambda value: 255 if value > 16 else 0)
    return difference.histogram()[255] / (first.width * first.height)

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes how disks and homes fill up, and judges when each is full. A record that cannot be kept ends no look."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from . import homes, recorded, signs, trend


def of_disks(root: Path, free: Mapping[str, int], now: float, *, keep: bool = True) -> dict[str, signs.Verdict]:
    """Return name of the matter -> verdict for each disk (mount point -> bytes free). Without ``keep`` nothing is
    written."""
    known = recorded.points(root, recorded.DISKS)
    if keep:
        with contextlib.suppress(OSError):  # a full disk is told of already
            known = recorded.note(root, recorded.DISKS, free, now)
    left = {name: trend.forecast(known.get(name, ()), now, recorded.DISKS.least) for name in free}
    return {f"growth{trend.slug(name)}": signs.growth(name, left[name], count) for name, count in free.items()}


def of_homes(root: Path, now: float, *, keep: bool = True) -> signs.Verdict:
    """Judge the homes that a quota counts by when each is full. Without ``keep`` nothing is written."""
    try:
        if keep and homes.is_fresh(root, now):
            used = {name: used for name, (used, _limit) in homes.counted(root).items()}
            recorded.note(root, recorded.HOMES, used, now)
        rows = homes.read(root, now)
    except (OSError, ValueError):  # the status names a file that cannot be read
        rows = []
    return signs.homes([row for row in rows if homes.part(row) < homes.TOLD])  # those who are beyond are told already

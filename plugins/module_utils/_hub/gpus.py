# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The graphics cards of a host that Docker can hand out."""

from __future__ import annotations

import re
from pathlib import Path

# Docker hands out cards when it finds this program, which NVIDIA's container toolkit brings.
HOOK = "usr/bin/nvidia-container-runtime-hook"
CARDS = "proc/driver/nvidia/gpus"


def detected(root: Path) -> list[str]:
    """Return the ids of the cards that the driver knows, in the order of the bus; none without the toolkit."""
    if not (root / HOOK).exists():
        return []
    found = []
    for card in sorted((root / CARDS).glob("*/information")):
        uuid = re.search(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)\s*$", card.read_text(), re.MULTILINE)
        if uuid:
            found.append(uuid.group(1))
    return found

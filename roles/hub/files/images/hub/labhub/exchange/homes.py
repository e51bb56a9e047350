# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much each person keeps in the home, as the host's job ``hub-watch`` sees it in ``fullness.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Home:
    """Bytes in use, and the quota (0: there is none)."""

    used_bytes: int
    limit_bytes: int = 0

    @property
    def part(self) -> float:
        """The part of the quota that is used; 0 without one."""
        return self.used_bytes / self.limit_bytes if self.limit_bytes else 0.0


def parse_homes(document: Mapping[str, Any]) -> dict[str, Home]:
    """Return the homes whose use is known, by login name."""
    homes = document.get("homes") or {}
    return {str(name): Home(int(one["used"]), int(one["limit"])) for name, one in homes.items()}

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of a registry: policies, protection, guards, and how garbage is collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .model import DEFAULT_LIMITS, NO_PROTECTION, Limits, Protection
from .policy import Policy


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted. ``grace``: blobs written within so many seconds are not collected; their push may still run.

    ``collector`` runs another collector than the one here while the registry pauses.
    """

    policies: Sequence[Policy] = ()
    protection: Protection = NO_PROTECTION
    limits: Limits = DEFAULT_LIMITS
    collect: bool = True
    grace: float = 3600.0
    collector: Callable[[], None] | None = None

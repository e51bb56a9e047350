# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times with a zone: now, and as pages have them."""

from __future__ import annotations

import datetime


def aware_utc_now() -> datetime.datetime:
    """Return the time, with its zone. JupyterHub's database has it without (``servers.visits``)."""
    return datetime.datetime.now(datetime.UTC)


def stamp(moment: datetime.datetime | None) -> str:
    """Return a time as pages have it."""
    return "" if moment is None else moment.astimezone(datetime.UTC).isoformat(timespec="seconds")

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clock of the host, and moments as text in every exchange file."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SKEW = timedelta(minutes=5)
"""Between two clocks, or one before and after it was set: what lies farther ahead was written by a wrong clock."""

PARTS_OF_A_SECOND = re.compile(r"(?<=:\d\d)\.\d+")


def utc_now() -> datetime:
    """Return the present moment with its zone; handed in where a test moves the clock."""
    return datetime.now(UTC)


def past(text: str, now: datetime) -> datetime | None:
    """Return the moment that an exchange file names; None when it is empty, damaged, or written by a wrong clock."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment <= now + SKEW else None
    except (ValueError, TypeError):  # the latter: without a zone
        return None


def stamp(moment: datetime) -> str:
    """Return ISO 8601 in UTC, to the second, as in every exchange file."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_second(text: str) -> str:
    """Return a moment of others (ISO 8601) without parts of a second: Docker and registries write nanoseconds."""
    return PARTS_OF_A_SECOND.sub("", text)

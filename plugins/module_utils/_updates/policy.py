# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted: the input ``labserver_updates``, and the file that the host's program reads. All pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .._common import exchange

FILE = "etc/labserver/updates.json"
"""Relative to the root."""
WEEKDAYS = ("daily", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
ENGINE = ("with_reboot", "when_idle", "never")


@dataclass(frozen=True)
class Reboot:
    """When the host may be restarted: from ``time`` (HH:MM by its clock) on ``weekday``, for ``window_hours``.

    People are told ``notice_hours`` before.
    """

    weekday: str
    time: str
    window_hours: int = 2
    notice_hours: int = 24


@dataclass(frozen=True)
class Policy:
    """``security``: updates of security are installed every day. ``engine``: one of ``ENGINE``."""

    security: bool = True
    engine: str = "never"
    reboot: Reboot | None = None

    @property
    def has_job(self) -> bool:
        """Whether something is left for the job of the host."""
        return self.reboot is not None or self.engine != "never"


def policy(values: Mapping[str, Any]) -> Policy | None:
    """Return what a checked input wants; None where it is empty and the host's own settings are left alone."""
    if not values:
        return None
    reboot = values.get("reboot") or None
    window = None
    if reboot:
        known = {key: value for key, value in reboot.items() if value is not None}
        window = Reboot(
            str(known["weekday"]),
            str(known["time"]),
            int(known.get("window_hours", 2)),
            int(known.get("notice_hours", 24)),
        )
    engine = values.get("engine") or ("with_reboot" if window else "never")
    security = values.get("security")
    return Policy(True if security is None else bool(security), str(engine), window)


def to_json(wanted: Policy) -> str:
    """Return the content of ``FILE``."""
    return json.dumps({"version": 1, **asdict(wanted)}, indent=2) + "\n"


def from_json(content: bytes) -> Policy:
    """Read ``FILE``. Raises ExchangeError."""
    document = exchange.parse(content, f"/{FILE}")
    try:
        reboot = document["reboot"]
        return Policy(bool(document["security"]), str(document["engine"]), None if reboot is None else Reboot(**reboot))
    except (KeyError, TypeError) as error:
        raise exchange.ExchangeError(f"/{FILE} is damaged ({error!r}); {exchange.HINT}") from error

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which ways somebody is told of what is not well here: who looks at the page should not trust in a silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common.page import Html, element
from .._schedule import alert, heartbeat


def read(root: Path) -> dict[str, Any]:
    """Return the ways that are set up, and the form of the heartbeat (empty: none). Raises OSError, ValueError."""
    config = alert.load(root)
    return {
        "ways": alert.configured(config),
        "heartbeat": heartbeat.form(config) if config.get("heartbeat_url") else "",
    }


def shown(report: Mapping[str, Any]) -> list[Html]:
    """Return a line of the page; nothing of a server that does not say it."""
    found = report.get("alerts")
    if found is None:
        return []
    ways, beats = found["ways"], found["heartbeat"]
    told = f"alerts go out by {' and '.join(ways)}" if ways else "nobody is told of anything (schedule_alert_...)"
    outside = "" if beats else ", and nothing outside notices when it is dead (schedule_heartbeat_url)"
    return [element("p", f"{told}{outside}", kind="soft" if ways and beats else "warning")]

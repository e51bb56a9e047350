# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the fields of ``labserver_updates``; their types are looked at before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
LIMITS = {"window_hours": (1, 12), "notice_hours": (1, 168)}
"""Whole hours. A notice of more than a week would pass over the next window of each week."""


def problems(inputs: Mapping[str, Any], label: str = "labserver_updates") -> list[str]:
    """Return every problem of the role's variables, each with its place."""
    wanted = inputs.get("updates_policy") or {}
    if not isinstance(wanted, Mapping):
        return []
    found = []
    reboot = wanted.get("reboot") or {}
    if isinstance(reboot, Mapping) and reboot:
        found += _of_reboot(reboot, f"{label}.reboot")
    if wanted.get("engine") == "with_reboot" and not reboot:
        found.append(
            f"{label}.engine: is with_reboot, but {label}.reboot does not say when the host is restarted; give it a"
            " weekday and a time, or say when_idle or never"
        )
    if (
        wanted
        and wanted.get("security") in (False, "false", "no")
        and not reboot
        and wanted.get("engine") != "when_idle"
    ):
        found.append(
            f"{label}: neither installs updates of security nor restarts the host; set security: true, or remove it"
            " to leave the host's own settings alone"
        )
    return found


def _of_reboot(reboot: Mapping[str, Any], label: str) -> list[str]:
    found = []
    time = reboot.get("time")
    if time is not None and not TIME.fullmatch(str(time)):
        number = str(time).isdecimal()
        why = "; without quotes YAML makes a number of it" if number else ""
        found.append(f'{label}.time: {time!r} is no time of the day; give it in quotes, for instance "04:00"{why}')
    for key, (low, high) in LIMITS.items():
        value = reboot.get(key)
        if value is not None and str(value).lstrip("-").isdecimal() and not low <= int(value) <= high:
            found.append(f"{label}.{key}: {value} is not a number of hours from {low} to {high}")
    return found

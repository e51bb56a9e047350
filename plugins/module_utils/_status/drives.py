# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What drives say of themselves (SMART), and the pools of ZFS, where the host has the programs that tell. All pure but
``look``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._common import words
from .signs import OK, Verdict

SCAN = ("smartctl", "--scan", "--json=c")
ASK = ("smartctl", "--health", "--attributes", "--nocheck=standby", "--json=c")
"""A drive that sleeps is not woken."""
POOLS = ("zpool", "list", "-H", "-o", "name,health")
MOST_DRIVES = 32
# ATA attributes that announce the end of a drive (Backblaze's study of 2016 names these), and what each counts.
COUNTS = {5: "sectors moved", 187: "errors not corrected", 197: "sectors that wait", 198: "sectors lost"}

Answer = Callable[..., str]
"""Runs a command and returns what it writes, whatever its exit status: smartctl tells of failing drives by that."""


def look(answer: Answer) -> dict[str, Verdict]:
    """Return what there is to judge: nothing where neither program is installed."""
    found: dict[str, Verdict] = {}
    scanned = _json(answer(*SCAN))
    if scanned.get("devices"):
        told = {}
        for device in list(scanned["devices"])[:MOST_DRIVES]:
            name = str(device.get("name", ""))
            told[name] = _json(answer(*ASK, "--device", str(device.get("type", "auto")), name))
        found["drives"] = drives(told)
    listed = answer(*POOLS)
    if listed.strip():
        found["pools"] = pools(line.split("\t") for line in listed.splitlines())
    return found


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def drives(told: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """Judge what each drive says (``smartctl --json``)."""
    failing, worn = [], []
    for name, data in told.items():
        gone, signs = _of_drive(data)
        if gone:
            failing.append(f"{name} ({gone})")
        elif signs:
            worn.append(f"{name} ({', '.join(signs)})")
    if failing:
        more = f"; worn: {', '.join(worn)}" if worn else ""
        return "critical", words.clean(
            f"{', '.join(failing)} fails by its own account: look at the backup now, replace it{more}"
        )
    if worn:
        return "warning", words.clean(
            f"{', '.join(worn)}: it wears out; look at the backup, have another drive ready. smartctl -a says more"
        )
    return OK, "the drives find no fault of their own"


def _of_drive(data: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return why a drive fails (empty: it does not), and signs that it wears out."""
    signs = []
    gone = "its self-test failed" if (data.get("smart_status") or {}).get("passed") is False else ""
    for item in (data.get("ata_smart_attributes") or {}).get("table") or ():
        count = (item.get("raw") or {}).get("value") or 0
        if item.get("id") in COUNTS and count:
            signs.append(f"{count} {COUNTS[item['id']]}")
    flash = data.get("nvme_smart_health_information_log") or {}
    if flash.get("critical_warning"):
        gone = gone or f"critical warning {flash['critical_warning']}"
    if (flash.get("percentage_used") or 0) >= 100:
        signs.append(f"{flash['percentage_used']} % of its writes used")
    if flash.get("media_errors"):
        signs.append(f"{flash['media_errors']} media errors")
    return gone, signs


def pools(rows: Iterable[list[str]]) -> Verdict:
    """Judge the pools of ZFS: name and health."""
    bad = [f"{row[0]} is {row[1]}" for row in rows if len(row) == 2 and row[1] != "ONLINE"]
    if not bad:
        return OK, "the pools of ZFS are online"
    return "critical", words.clean(f"{', '.join(bad)}: another failure may lose data; zpool status says which drive")

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other rooms leave of people's servers, shares, registry, backup, updates and usage.

Each part is read by itself: one that cannot be read is named, never left out, and takes no other part with it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from .._backup import history
from .._common import clock, exchange, labels, words
from .._common.docker_api import DockerEngine, EngineError
from .._registry import outlook
from .._usage.store import FILE as USAGE
from .._usage.store import Store
from . import drift, exchanged, failures, homes, updates, ways

SHARES = "etc/labserver/public/shares.json"
SHARES_STATUS = "etc/labserver/public/shares-status.json"
IMAGES = "var/lib/labserver/catalogue/images.json"
COMPLETE = "var/lib/labserver/backup/complete.json"
USAGE_JOB = "etc/labserver/jobs.d/usage.json"
ENGINE_SECONDS = 10.0
MOST_USAGE = 10
MONTH = timedelta(days=30)

Get = Callable[..., Any]
Rows = list[dict[str, Any]]


def _clean(item: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: words.clean(value) if isinstance(value := item.get(key), str) else value for key in keys}


def servers(get: Get) -> Rows:
    """Return people's servers that run: whose, since when, memory and its limit, cores and theirs. Raises EngineError.

    ``memory_bytes`` is what the kernel cannot take back: what is used without the cache of files.
    """
    found = []
    filters = json.dumps({"label": [labels.HUB_SERVERS]})
    for item in get("/containers/json", filters=filters):
        name = item["Id"]
        try:
            data = get(f"/containers/{name}/json")
            stats = get(f"/containers/{name}/stats", stream="false", **{"one-shot": "true"})
        except EngineError as error:
            if error.status == 404:
                continue  # it has just stopped
            raise
        memory = stats.get("memory_stats") or {}
        inner = memory.get("stats") or {}
        cache = inner.get("inactive_file", inner.get("total_inactive_file", 0))
        host = data.get("HostConfig") or {}
        found.append(
            {
                "server": words.clean(str(data.get("Name", "")).lstrip("/")),
                "user": words.clean((item.get("Labels") or {}).get(labels.USER, "")),
                "image": words.clean((data.get("Config") or {}).get("Image", "")),
                "since": words.clean((data.get("State") or {}).get("StartedAt", ""))[:19],
                "memory_bytes": max(0, int(memory.get("usage") or 0) - int(cache or 0)),
                "memory_limit_bytes": int(host.get("Memory") or 0),
                "cpu_seconds": round(
                    int((stats.get("cpu_stats") or {}).get("cpu_usage", {}).get("total_usage", 0)) / 1e9
                ),
                "cpu_limit": round(int(host.get("NanoCpus") or 0) / 1e9, 2),
            }
        )
    return sorted(found, key=lambda row: -row["memory_bytes"])


def memory(root: Path) -> dict[str, int]:
    """Return the host's memory in bytes: all, what is free for new servers, and swap in use. Raises OSError."""
    lines = (line.split() for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines())
    numbers = {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) > 1}
    return {
        "total_bytes": numbers["MemTotal"],
        "available_bytes": numbers["MemAvailable"],
        "swap_used_bytes": numbers["SwapTotal"] - numbers["SwapFree"],
    }


def _document(root: Path, path: str) -> dict[str, Any] | None:
    """Return an exchange file, None where there is none; raises ValueError for a damaged one."""
    try:
        return exchange.parse((root / path).read_bytes(), f"/{path}")
    except FileNotFoundError:
        return None


def shares(root: Path) -> Rows:
    """Return the shares of the inventory, and how the last look found each."""
    wanted, seen = _document(root, SHARES), _document(root, SHARES_STATUS) or {}
    states = seen.get("shares") or {}
    rows = []
    for name, item in ((wanted or {}).get("shares") or {}).items():
        state = states.get(name) or {"state": "unknown", "reason": "nobody has looked yet"}
        level = state.get("state") if state.get("state") in ("ok", "warning", "critical") else "unknown"
        rows.append(
            {"share": words.clean(name), **_clean(item, "path", "type"), "level": level, **_clean(state, "reason")}
        )
        rows[-1].update(free_percent=state.get("free_percent"), checked=words.clean(seen.get("checked", "")))
    return rows


def registry(root: Path) -> Rows:
    """Return the repositories as the catalogue offers them: tags, and bytes (shared layers count in each).

    ``newest``: when its newest image was made, to the second.
    """
    found: dict[str, dict[str, Any]] = {}
    for item in (_document(root, IMAGES) or {}).get("images") or ():
        row = found.setdefault(
            words.clean(item.get("repository", "")), {"tags": 0, "size_bytes": 0, "broken": 0, "newest": ""}
        )
        row["tags"] += 1
        row["size_bytes"] += int(item.get("size_bytes") or 0)
        row["broken"] += item.get("state") == "broken"
        row["newest"] = max(row["newest"], clock.to_second(words.clean(item.get("created", ""))))
    return [{"repository": name, **row} for name, row in sorted(found.items(), key=lambda each: -each[1]["size_bytes"])]


def pruning(root: Path) -> dict[str, Any]:
    """Return what the next maintenance of the registry would free; nothing on a host without one. Raises OSError,
    ValueError."""
    found = outlook.read(root)
    if found:
        found["repositories"] = {words.clean(name): row for name, row in found["repositories"].items()}
        found.update(_clean(found, "looked", "refused"))
    return found


def backup(root: Path, now: datetime) -> dict[str, Any]:
    """Return age and size of the last complete backup, and how the backups grow; nothing on a host that makes none.

    ``history``: seconds since 1970 and bytes of the complete ones. ``added_bytes``: what those of MONTH added. Raises
    OSError and ValueError.
    """
    kept = history.read(root)
    runs = kept.get("runs", [])
    complete = [run for run in runs if run["complete"]]
    last = complete[-1] if complete else _complete(root)
    if not last and not runs:
        return {}
    recent = [run for run in runs if (at := clock.past(run["at"], now)) and now - at < MONTH]
    at = clock.past(str(last.get("at")), now)
    return {
        "complete": last.get("at") or "",
        "age_hours": None if at is None else round((now - at).total_seconds() / 3600, 1),
        "max_age_hours": kept.get("max_age_hours"),
        "bytes": last.get("bytes"),
        "files": last.get("files"),
        "last": runs[-1] if runs else None,
        "added_bytes": sum(run["added_bytes"] for run in recent),
        "added_runs": len(recent),
        "history": [[datetime.fromisoformat(run["at"]).timestamp(), run["bytes"]] for run in complete],
    }


def _complete(root: Path) -> dict[str, Any]:
    """Return what the file tells from which the next backup knows what has to be there: that of older releases too."""
    path = root / COMPLETE
    if not path.exists():
        return {}
    data = json.loads(path.read_bytes())
    at = clock.stamp(datetime.fromtimestamp(path.stat().st_mtime, clock.UTC))
    return {"at": at, "bytes": data.get("bytes"), "files": data.get("files")}


def usage(root: Path, now: datetime) -> Rows | None:
    """Return who used most this month, by hours of CPU; None where nothing is recorded.

    Raises OSError and sqlite3.Error.
    """
    if not (root / USAGE).exists():
        return None
    store = Store(root / USAGE)
    try:
        sums = store.sums(f"{now:%Y-%m}")
    finally:
        store.close()
    people: dict[str, list[float]] = {}
    for key, one in sums.items():
        row = people.setdefault(words.clean(key.person), [0.0, 0.0, 0.0])
        for place, value in enumerate((one.seconds, one.cpu, one.gpu)):
            row[place] += value / 3600
    first = sorted(people.items(), key=lambda item: -item[1][1])[:MOST_USAGE]
    names = ("hours", "cpu_hours", "gpu_hours")
    return [{"person": name, **dict(zip(names, (round(x, 1) for x in row), strict=True))} for name, row in first]


def read(root: Path, now: datetime, ask_apt: bool = True) -> dict[str, Any]:
    """Return all parts, and under ``unread`` those that could not be read, each with the reason.

    To ask apt for updates costs seconds of CPU when something changed since it was asked last.
    """
    parts: dict[str, Callable[[], Any]] = {
        "servers": lambda: servers(DockerEngine(timeout=ENGINE_SECONDS).get) if root == Path("/") else [],
        "memory": lambda: memory(root),
        "homes": lambda: homes.read(root, now.timestamp()),
        "shares": lambda: shares(root),
        "registry": lambda: registry(root),
        "pruning": lambda: pruning(root),
        "backup": lambda: backup(root, now),
        "updates": lambda: updates.read(root) if root == Path("/") and ask_apt else {},
        "usage": lambda: usage(root, now),
        "alerts": lambda: ways.read(root),
        "failures": lambda: failures.of_days(root, now),
        "site": lambda: drift.state(root, exchanged.read),
    }
    found: dict[str, Any] = {}
    unread: list[dict[str, str]] = []
    for name, part in parts.items():
        try:
            found[name] = part()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EngineError, sqlite3.Error) as error:
            unread.append({"part": name, "message": words.clean(error or repr(error))})
    if found.get("usage") is None:
        # On a host without a hub, or where the inventory wants no record, nothing is missing.
        if (root / USAGE_JOB).exists() and not any(item["part"] == "usage" for item in unread):
            unread.append({"part": "usage", "message": f"nothing is recorded yet (/{USAGE} is not there)"})
        found["usage"] = []
    return {**found, "unread": unread}

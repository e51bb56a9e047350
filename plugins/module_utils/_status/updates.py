# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which updates of packages wait. To ask apt costs seconds of CPU.

So its answer is kept while what it read is the same.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._common import exchange, files, process, words
from .._updates import pending, state

APT_SECONDS = 15.0
KEPT = "var/lib/labserver/status/updates.json"
KEEP_SECONDS = 12 * 3600.0
"""Whatever the files say: not all that apt reads is among them."""
READS = ("var/lib/dpkg/status", "var/lib/apt/lists", "var/lib/apt/extended_states", "etc/apt", "etc/apt/preferences.d")
"""What decides apt's answer; each is replaced, or something in it, when it changes."""


def ask() -> dict[str, Any]:
    """Return what apt would upgrade. Raises OSError where it does not say."""
    done = process.call(pending.SIMULATE, APT_SECONDS, environment={"LC_ALL": "C"})
    if done.status:
        raise OSError(done.words)
    waiting = pending.parse(done.output.decode("utf-8", "replace")).packages
    return {
        "packages": len(waiting),
        "security": sum(one.security for one in waiting),
        "engine": any(one.part == "engine" for one in waiting),
    }


def read(root: Path, asked: Callable[[], dict[str, Any]] = ask, now: Callable[[], float] = time.time) -> dict[str, Any]:
    """Return how many packages wait, whether a reboot is due and when, and the last one that was due.

    Raises OSError where apt does not say.
    """
    of = [_changed(root / path) for path in READS]
    found = _kept(root, of, now())
    if found is None:
        found = asked()
        _keep(root, {"version": 1, "at": now(), "of": of, "updates": found})
    known = state.read(root)
    return {
        **found,
        "reboot_due": (root / "run/reboot-required").exists(),
        "reboot_announced": known.begins,
        "reboot_missed": words.clean(known.missed),
        "rebooted": known.last.at if known.last else "",
        "rebooted_for": words.clean(known.last.why) if known.last else "",
    }


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _kept(root: Path, of: list[int], now: float) -> dict[str, Any] | None:
    """Return the answer that was kept; None when it is old, of other files, or damaged."""
    try:
        data = exchange.parse((root / KEPT).read_bytes(), f"/{KEPT}")
        if data["of"] == of and 0 <= now - data["at"] < KEEP_SECONDS:
            return dict(data["updates"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _keep(root: Path, data: dict[str, Any]) -> None:
    path = root / KEPT
    with contextlib.suppress(OSError):  # who is not root asks each time
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace(path, json.dumps(data).encode() + b"\n", 0o644)

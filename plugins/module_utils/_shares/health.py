# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver share-health``: is every share there, does it answer, can it be read, has it room? Never hangs."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from .._common import job
from .apply import look
from .current import read_json
from .model import HEALTH, STATUS
from .world import Host

STATES = ("ok", "warning", "critical")


def check_share(host: Host, share: Mapping[str, Any], seconds: float, clock: Callable[[], float]) -> dict[str, Any]:
    """Return state (ok, warning, critical), reason, mounted, answer_seconds and free_percent of one share."""
    begin = clock()
    result: dict[str, Any] = {"state": "critical", "mounted": False, "answer_seconds": None, "free_percent": None}
    point = share["mount_point"]
    reason = look(host, point, seconds)
    if reason:
        result["mounted"] = any(mount.target == point and mount.fstype != "autofs" for mount in host.mounts())
        return {**result, "reason": reason}
    result.update(mounted=True, answer_seconds=round(clock() - begin, 2))
    if share.get("sentinel"):
        done = host.run(["head", "--bytes=1", "--", f"{point}/{share['sentinel']}"], seconds)
        if not done.well:
            why = f"no answer within {seconds:g} s" if done.code is None else done.output.rpartition(": ")[2]
            return {**result, "reason": f"the sentinel {share['sentinel']} cannot be read: {why}"}
    done = host.run(["stat", "--file-system", "--format=%a %b", "--", point], seconds)
    if not done.well:
        return {**result, "reason": "its free space cannot be read"}
    free, total = (int(word) for word in done.output.split())
    percent = round(100 * free / total, 1) if total else 100.0
    result["free_percent"] = percent
    if percent < share.get("min_free_percent", 0):
        return {**result, "state": "warning", "reason": f"only {percent:g} % of its space is free"}
    return {**result, "state": "ok", "reason": ""}


def check_all(host: Host, now: Callable[[], datetime], clock: Callable[[], float]) -> dict[str, Any]:
    """Check every share at once and return the content of the status file."""
    config = read_json(host, HEALTH)
    shares, seconds = config.get("shares", {}), float(config.get("timeout_seconds", 20))
    with ThreadPoolExecutor(max_workers=max(1, len(shares))) as pool:
        results = list(pool.map(lambda share: check_share(host, share, seconds, clock), shares.values()))
    return {
        "version": 1,
        "checked": now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "shares": dict(zip(shares, results, strict=True)),
    }


def main(argv: Sequence[str], host: Host | None = None) -> int:
    """Check, write the status file, print a line for each share; 0 all well, 1 a warning, 2 a share is not usable."""
    parser = argparse.ArgumentParser(prog="labserver share-health", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the status file instead of lines")
    arguments = parser.parse_args(argv)
    host = host or Host()
    status = check_all(host, lambda: datetime.now(UTC), time.monotonic)
    text = json.dumps(status, indent=1, sort_keys=True) + "\n"
    host.write(STATUS, text.encode(), 0o644)
    if arguments.json:
        sys.stdout.write(text)
    else:
        for name, share in status["shares"].items():
            detail = share["reason"] or f"answered in {share['answer_seconds']:g} s, {share['free_percent']:g} % free"
            sys.stdout.write(f"{name}: {share['state']}: {detail}\n")
    ill = [f"{name}: {share['reason']}" for name, share in status["shares"].items() if share["reason"]]
    job.leave("; ".join(ill) or f"{len(status['shares'])} shares well")
    return max((STATES.index(share["state"]) for share in status["shares"].values()), default=0)

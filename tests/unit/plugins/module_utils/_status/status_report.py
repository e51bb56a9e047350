# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server of a large lab says of itself, and a name that means harm, for the tests of table, page and metrics."""

from __future__ import annotations

from typing import Any

DAY = 86400.0
NOW = 1_790_000_000.0
GIB = 1 << 30
EVIL = "\x1b[2J\x1b]0;x\x07<img src=x onerror=alert(1)>\n\u202e\"'"


def row(number: int) -> dict[str, Any]:
    return {
        "server": f"jupyter-p{number}", "user": f"person{number:03}", "image": "127.0.0.1:5000/scientific:2026.11",
        "since": "2026-11-27T08:12:30", "memory_bytes": (number % 7 + 1) * GIB // 4, "memory_limit_bytes": 2 * GIB,
        "cpu_seconds": 3600 * (number % 11), "cpu_limit": 2.0,
    }  # fmt: skip


def report(people: int, **more: Any) -> dict[str, Any]:
    """A server as ``labserver status --json`` tells of it, with 60 days behind it."""
    history = [[NOW - (60 - day) * DAY, int(800 * GIB - day * 9 * GIB)] for day in range(60)]
    job = {"last_success": "2026-11-27T04:17:13Z", "last_run": "", "next_due": "", "message": ""}
    return {
        "version": 1,
        "jobs": [
            {**job, "job": "backup", "level": "ok", "message": "412 GiB in 1812345 files"},
            {**job, "job": "backup-drill", "level": "warning", "message": "100 of 100 files equal, 1 missing"},
            {**job, "job": "registry-maintenance", "level": "ok", "message": "7 tags and 12 GiB were removed"},
        ],
        "services": [{"service": "hub", "level": "ok", "message": ""}],
        "disks": [
            {"disk": "/home", "level": "ok", "message": "269 GiB of 1.0 TiB free", "total_bytes": 1024 * GIB,
             "free_bytes": 269 * GIB, "days_left": 29.0, "growth_days": 14, "history": history},
        ],
        "certificates": [
            {"certificate": "hub", "names": ["lab.example"], "source": "acme", "level": "ok", "message": "renewed",
             "days_left": 61.2, "served": "yes", "last_renewed": ""},
            {"certificate": "registry", "names": [], "source": "internal_ca", "level": "critical", "message": "late",
             "days_left": 3.0, "served": "no", "last_renewed": ""},
        ],
        "servers": [row(number) for number in range(people)],
        "memory": {"total_bytes": 512 * GIB, "available_bytes": 60 * GIB, "swap_used_bytes": 0},
        "shares": [{"share": "data", "path": "/mnt/data", "level": "critical", "reason": "not mounted"}],
        "registry": [{"repository": "stm", "tags": 9, "size_bytes": 14 * GIB, "broken": 1, "newest": "2026-11-26"}],
        "pruning": {
            "looked": "2026-11-27T03:40:00Z", "refused": "", "free_bytes": 7 * GIB, "unknown_bytes": GIB,
            "repositories": {
                "stm": {"tags": 12, "bytes": 15 * GIB, "remove_tags": 3, "remove_bytes": 5 * GIB},
                "quiet": {"tags": 1, "bytes": GIB, "remove_tags": 0, "remove_bytes": 0},
            },
        },
        "backup": {
            "complete": "2026-11-27T03:10:00Z", "age_hours": 6.8, "max_age_hours": 48.0, "bytes": 412 * GIB,
            "files": 1812345, "added_bytes": 31 * GIB, "added_runs": 29,
            "last": {"at": "2026-11-27T03:10:00Z", "complete": True, "added_bytes": GIB, "bytes": 412 * GIB},
            "history": [[NOW - day * DAY, (412 - day) * GIB] for day in range(29, -1, -1)],
        },
        "homes": [{"person": f"person{each:03}", "used_bytes": (99 - each % 99) * GIB, "limit_bytes": 100 * GIB,
                   "days_left": 3.0 + each if each < 2 else None, "growth_days": 14 if each < 2 else None}
                  for each in range(people)],
        "updates": {"packages": 14, "security": 3, "engine": True, "reboot_due": True},
        "usage": [{"person": "person001", "hours": 300.0, "cpu_hours": 412.0, "gpu_hours": 0.0}],
        "failed_starts": [{"at": "2026-11-27T09:00:00Z", "user": "mira", "image": "x", "sentence": "its home is full"}],
        "unread": [],
        **more,
    }  # fmt: skip

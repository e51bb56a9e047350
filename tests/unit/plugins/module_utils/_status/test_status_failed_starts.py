# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that did not start stand in the status of their host."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview
from ansible_collections.labserver.jupyter.plugins.module_utils._status import table as status_table

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def entry(at: str, user: str) -> str:
    return json.dumps({"at": at, "user": user, "image": "fit:1", "reason": "memory", "sentence": "Out of memory."})


def test_the_failures_of_the_last_day_are_in_the_table(tmp_path: Path) -> None:
    assert overview.failed_starts(tmp_path, NOW) == [], "a host without a hub"
    file = tmp_path / overview.FAILURES.lstrip("/")
    file.parent.mkdir(parents=True)
    lines = [entry("2026-11-18T12:00:00+00:00", "alice"), '{"at": 1}', "half a li", "[]",
             entry("2026-11-20T11:00:00+00:00", "bob")]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    found = overview.failed_starts(tmp_path, NOW)
    assert [(one["user"], one["reason"]) for one in found] == [("bob", "memory")]
    text = status_table.table({"lab1": {"jobs": [], "certificates": [], "failed_starts": found}, "lab2": None})
    assert "lab1  2026-11-20T11:00:00+00:00  bob   fit:1  Out of memory." in text
    assert "failed start" not in status_table.table({"lab1": {"jobs": [], "certificates": []}})

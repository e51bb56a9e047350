# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server uses, from Docker's numbers."""

from __future__ import annotations

from typing import Any

from labhub.servers.usage import Meter, memory_bytes


def test_memory_is_what_cannot_be_given_back() -> None:
    assert (
        memory_bytes({"memory_stats": {"usage": 100, "stats": {"total_inactive_file": 30, "inactive_file": 1}}}) == 70
    )
    assert memory_bytes({"memory_stats": {"usage": 100, "stats": {"inactive_file": 30}}}) == 70
    assert memory_bytes({"memory_stats": {}}) is None
    assert memory_bytes({}) is None


def test_cores_need_two_counts() -> None:
    clock = iter([100.0, 110.0, 200.0])
    meter = Meter(lambda: next(clock))

    def stats(seconds: float) -> dict[str, Any]:
        return {"cpu_stats": {"cpu_usage": {"total_usage": int(seconds * 1e9)}}}

    assert meter.read("alice", stats(5))["cores"] is None
    assert meter.read("alice", stats(20))["cores"] == 1.5
    assert meter.read("alice", stats(50))["cores"] is None, "the last count is too old"

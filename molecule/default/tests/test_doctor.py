# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor on a lab server that site.yml has just set up: it could look at everything, and raises no false alarm.

This host has no backup, so that is the one critical hazard.
"""

from __future__ import annotations

import json
import typing as t

# Of the machine of the test and of this disposable host: its disk, its old image of the system, what is in no registry.
NOT_OURS = {"disk-full", "disk-full-soon", "updates-not-looked-for", "image-here-only"}


def test_all_that_is_critical_on_a_lab_server_as_it_is_set_up_is_the_missing_backup(host: t.Any) -> None:
    done = host.run("labserver doctor --json")
    data = json.loads(done.stdout)
    assert "labserver" in data["kinds"] and data["looked_at"] >= 30
    assert data["unread"] == [] and data["seconds"] < 10
    found = [one for one in data["findings"] if one["hazard"] not in NOT_OURS]
    shown = "\n".join(f"{one['level']} {one['hazard']} {one['subject']}: {one['text']}" for one in found)
    assert [one["hazard"] for one in found if one["level"] == "critical"] == ["backup-none"], shown
    assert done.rc == 2, shown

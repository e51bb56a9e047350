# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on a host."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._common.run_lock import LEASE, Run

NOW = datetime(2026, 11, 27, 20, 31, 5, tzinfo=UTC)
ANNA = Run("laptop (0a)", "anna", 4711, "Fri Nov 27 20:30:00 2026")
BEN = Run("desk (0b)", "ben", 12, "Fri Nov 27 20:31:00 2026")


def test_another_run_is_named(tmp_path: Path) -> None:
    assert run_lock.take(tmp_path, ANNA, NOW) is None
    assert run_lock.take(tmp_path, ANNA, NOW) is None, "the same run may ask again"
    other = run_lock.take(tmp_path, BEN, NOW + timedelta(minutes=5))
    assert other is not None
    assert (other.run, other.since) == (ANNA, "2026-11-27T20:31:05Z")
    run_lock.release(tmp_path, BEN)
    assert run_lock.read(tmp_path) is not None, "only who has it gives it back"
    run_lock.release(tmp_path, ANNA)
    assert run_lock.take(tmp_path, BEN, NOW) is None
    assert (tmp_path / run_lock.FILE).stat().st_mode & 0o777 == 0o600


def test_a_run_that_died_gives_way(tmp_path: Path) -> None:
    run_lock.take(tmp_path, ANNA, NOW)
    assert run_lock.take(tmp_path, BEN, NOW, dead=replace(ANNA, process=1)) is not None, "another one died"
    assert run_lock.take(tmp_path, BEN, NOW, dead=ANNA) is None
    assert run_lock.take(tmp_path, ANNA, NOW + LEASE - timedelta(seconds=5)) is not None
    assert run_lock.take(tmp_path, ANNA, NOW + LEASE) is None, "or when nobody knows, after a while"


def test_a_run_of_which_something_works_does_not_give_way(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    run_lock.take(tmp_path, ANNA, now - timedelta(hours=5))
    run_lock.working(check_mode=True, root=tmp_path)
    assert run_lock.take(tmp_path / "other", BEN, now) is None
    note = run_lock.read(tmp_path)
    assert note is not None
    assert datetime.fromisoformat(note.seen) < now - timedelta(hours=4), "a run in check mode does not hold the host"
    run_lock.working(root=tmp_path, every_seconds=0.05)  # its thread ends with this process
    other = run_lock.take(tmp_path, BEN, now)
    assert other is not None, "seen when a module began"
    assert other.since == clock.stamp(now - timedelta(hours=5))
    old = (now - timedelta(hours=5)).timestamp()
    os.utime(tmp_path / run_lock.FILE, (old, old))
    deadline = time.monotonic() + 30
    while (tmp_path / run_lock.FILE).stat().st_mtime < old + 60:
        assert time.monotonic() < deadline, "and again while it works"
        time.sleep(0.02)


def test_the_same_run_keeps_its_beginning(tmp_path: Path) -> None:
    run_lock.take(tmp_path, ANNA, NOW)
    run_lock.take(tmp_path, ANNA, NOW + timedelta(minutes=20))
    other = run_lock.take(tmp_path, BEN, NOW + timedelta(minutes=40))
    assert other is not None, "it was seen twenty minutes ago"
    assert (other.since, other.seen, other.until) == (
        "2026-11-27T20:31:05Z", "2026-11-27T20:51:05Z", "2026-11-27T21:21:05Z",
    )  # fmt: skip


def test_a_clock_that_was_put_back_stops_nobody(tmp_path: Path) -> None:
    run_lock.take(tmp_path, ANNA, NOW + timedelta(days=700))
    assert run_lock.take(tmp_path, BEN, NOW) is None


def test_a_note_that_is_damaged_stops_nobody(tmp_path: Path) -> None:
    run_lock.take(tmp_path, ANNA, NOW)
    (tmp_path / run_lock.FILE).write_text("{")
    assert run_lock.take(tmp_path, BEN, NOW) is None

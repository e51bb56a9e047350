# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What failed is counted by day, kept for two weeks, and bounded whatever fails."""

from __future__ import annotations

import json
import threading
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import history
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule.history import Failure
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._schedule.schedule_server import (
    Server,
    server,
)

__all__ = ["server"]  # a fixture
NOON = datetime(2026, 11, 20, 12, 0).astimezone()


def failure(name: str = "backup", level: str = "critical", ago: timedelta = timedelta(0), said: str = "no") -> Failure:
    return Failure(history.JOB, name, level, NOON - ago, said)


def test_the_runner_counts_each_run_that_did_not_end_well(server: Server) -> None:
    for status, times in ((0, 0), (1, 1), (2, 2), (0, 2), (3, 2)):
        server.job("tidy", "/bin/sh", "-c", rf"printf '\033[31mno room\033[0m' >$LABSERVER_SUMMARY; exit {status}")
        server.run("tidy")
        days = history.read(server.root).days
        assert sum(kinds["job"]["tidy"]["times"] for kinds in days.values()) == times
    (kinds,) = days.values()
    assert (kinds["job"]["tidy"]["level"], kinds["job"]["tidy"]["message"]) == ("critical", "no room")
    assert (server.root / history.PATH).stat().st_mode & 0o777 == 0o600, "it names people"


def test_a_day_is_that_of_the_host_and_the_oldest_go(tmp_path: Path) -> None:
    for days in range(20, -1, -1):
        history.note(tmp_path, [failure(ago=timedelta(days=days))], NOON - timedelta(days=days))
    found = history.read(tmp_path).days
    assert list(found) == [f"2026-11-{day:02}" for day in range(7, 21)]
    late = history.add({}, [Failure("job", "x", "warning", NOON.replace(hour=23, minute=59), "")], date(2026, 11, 20))
    assert list(late) == ["2026-11-20"]
    assert history.add(found, [], date(2027, 1, 1)) == {}
    assert history.add({}, [failure(ago=timedelta(days=30))], NOON.date()) == {}, "what failed before that"


def test_the_worst_level_and_the_last_words_of_a_day_stand() -> None:
    hour = timedelta(hours=1)
    days = history.add({}, [failure(ago=2 * hour, said="first"), failure(level="warning", said="last")], NOON.date())
    days = history.add(days, [failure(level="warning", ago=hour, said="between")], NOON.date())
    entry = days["2026-11-20"]["job"]["backup"]
    assert (entry["times"], entry["level"], entry["message"]) == (3, "critical", "last")


def test_it_stays_small_whatever_fails_and_however_often(tmp_path: Path) -> None:
    many = [failure(f"job{number}", said="x" * 5000) for number in range(history.MOST_NAMES + 40)]
    for day in range(14, -1, -1):
        shifted = [Failure(kind, one.name, one.level, NOON - timedelta(days=day), one.message)
                   for one in many for kind in history.KINDS]  # fmt: skip
        history.note(tmp_path, shifted, NOON - timedelta(days=day))
    names = history.read(tmp_path).days["2026-11-20"]["job"]
    assert len(names) == history.MOST_NAMES + 1
    assert names[history.OTHERS]["times"] == 40
    assert (tmp_path / history.PATH).stat().st_size < 1_200_000


def test_jobs_that_fail_at_once_are_all_counted(tmp_path: Path) -> None:
    threads = [threading.Thread(target=history.note, args=(tmp_path, [failure()], NOON)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert history.read(tmp_path).days["2026-11-20"]["job"]["backup"]["times"] == 8


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"version": 1}', '{"version": 1, "days": {"2026-11-20": {"job": {"x": {"times": "a"}}}}}',
                '{"version": 1, "days": {"2026-11-20": {"job": {"x": {"times": 1, "level": "ok", "last": ""}}}}}'],
)  # fmt: skip
def test_a_damaged_file_is_told_and_begins_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / history.PATH
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(ValueError, match=r"failures\.json"):
        history.read(tmp_path)
    history.note(tmp_path, [failure()], NOON)
    assert history.read(tmp_path).days["2026-11-20"]["job"]["backup"]["times"] == 1


def test_a_disk_that_takes_nothing_ends_no_run(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    (server.root / "var/lib/labserver/status").parent.mkdir(parents=True, exist_ok=True)
    (server.root / "var/lib/labserver/status").write_text("no folder")
    server.job("tidy", "/bin/sh", "-c", "exit 2")
    assert server.run("tidy") == 2
    assert "what failed could not be kept" in capsys.readouterr().err
    assert server.status("tidy")["level"] == "critical"


def test_what_is_kept_is_what_the_schema_s_page_shows(tmp_path: Path) -> None:
    history.note(tmp_path, [failure()], NOON, "2026-11-20T09:00:00+00:00")
    document = json.loads((tmp_path / history.PATH).read_text())
    assert list(document) == ["version", "days", "starts_until"]
    history.note(tmp_path, [failure()], NOON)
    assert history.read(tmp_path).starts_until == "2026-11-20T09:00:00+00:00", "a job does not forget it"

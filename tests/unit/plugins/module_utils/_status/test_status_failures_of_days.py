# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of jobs, services and starts of servers of the last days stand in table, page, JSON and metrics."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import history
from ansible_collections.labserver.jupyter.plugins.module_utils._status import (
    alarm,
    failures,
    lately,
    metrics,
    overview,
    services,
    table,
    view,
)

NOW = datetime(2026, 11, 20, 12, 0).astimezone()
DAY = timedelta(days=1)


def start(root: Path, user: str, at: datetime, sentence: str = "Out of memory.") -> None:
    """Add a failed start as the hub notes it."""
    path = root / failures.PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps({"at": at.isoformat(), "user": user, "image": "fit:1", "sentence": sentence}) + "\n")


def bad(name: str, level: str = "critical") -> services.Health:
    return services.Health(services.Service(name), level, "it does not answer")


def test_starts_are_counted_once_and_stay_when_the_hub_has_forgotten_them(tmp_path: Path) -> None:
    start(tmp_path, "alice", NOW - 3 * DAY)
    start(tmp_path, "alice", NOW - 3 * DAY + timedelta(hours=1), "No room.")
    start(tmp_path, "bob", NOW - timedelta(hours=1))
    shown = failures.of_days(tmp_path, NOW)
    assert [(row["day"], row["name"], row["times"], row["message"]) for row in shown["rows"]] == [
        ("2026-11-20", "bob", 1, "fit:1: Out of memory."),
        ("2026-11-17", "alice", 2, "fit:1: No room."),
    ]
    assert not (tmp_path / history.PATH).exists(), "a look writes nothing"
    for _look in range(3):
        alarm.keep(tmp_path, [], NOW)
    assert failures.of_days(tmp_path, NOW) == shown
    (tmp_path / failures.PATH).write_text("")
    assert failures.of_days(tmp_path, NOW) == shown
    start(tmp_path, "bob", NOW + timedelta(minutes=1))
    alarm.keep(tmp_path, [], NOW + timedelta(minutes=2))
    assert failures.of_days(tmp_path, NOW)["times"] == {"job": 0, "service": 0, "start": 4}
    assert failures.of_days(tmp_path, NOW + 14 * DAY)["rows"] == []


def test_a_clock_that_was_set_back_counts_nothing_twice(tmp_path: Path) -> None:
    start(tmp_path, "bob", NOW)
    alarm.keep(tmp_path, [], NOW)
    alarm.keep(tmp_path, [], NOW - timedelta(hours=3))
    assert failures.of_days(tmp_path, NOW)["times"]["start"] == 1


def test_each_look_at_what_is_not_well_counts(tmp_path: Path) -> None:
    for minute in (0, 5, 10):
        alarm.keep(tmp_path, [bad("hub"), bad("host-mounts", "warning")], NOW + timedelta(minutes=minute))
    rows = failures.of_days(tmp_path, NOW)["rows"]
    assert [(row["kind"], row["name"], row["level"], row["times"]) for row in rows] == [
        ("service", "host-mounts", "warning", 3), ("service", "hub", "critical", 3),
    ]  # fmt: skip
    assert datetime.fromisoformat(rows[0]["last"]) == NOW + timedelta(minutes=10)


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alarm.keep(tmp_path, [bad("hub")], NOW)
    (tmp_path / history.PATH).write_text("{")
    (tmp_path / failures.PATH).mkdir(parents=True)  # cannot be opened as a file, by root neither
    assert overview.main(["--root", str(tmp_path), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    unread = {row["part"]: row["message"] for row in report["unread"]}
    assert "failures.json is damaged" in unread["failures"]
    assert "failures.jsonl" in unread["failed_starts"]
    alarm.keep(tmp_path, [bad("hub")], NOW)
    assert "starts of servers cannot be counted" in capsys.readouterr().err
    assert history.read(tmp_path).days["2026-11-20"]["service"]["hub"]["times"] == 1, "what can be kept is"


def row(day: int, name: str, level: str = "critical", times: int = 1, kind: str = "job") -> dict[str, Any]:
    last = f"2026-11-{day:02}T04:00:00Z"
    return {"day": last[:10], "kind": kind, "name": name, "level": level, "times": times, "last": last,
            "message": f"said on {day}"}  # fmt: skip


def report(*rows: dict[str, Any]) -> dict[str, Any]:
    times = {kind: sum(one["times"] for one in rows if one["kind"] == kind) for kind in history.KINDS}
    return {"version": 1, "failures": {"days": 14, "rows": list(rows), "left_out": 0, "times": times}}


def test_the_days_of_one_thing_come_together_critical_ones_first() -> None:
    found = lately.by_name([row(20, "tidy", "warning"), row(19, "backup", times=2), row(18, "tidy", "warning", 4),
                            row(17, "backup", "warning")])  # fmt: skip
    assert [(one["name"], one["level"], one["times"], one["days"], one["message"]) for one in found] == [
        ("backup", "critical", 3, 2, "said on 19"), ("tidy", "warning", 5, 2, "said on 20"),
    ]  # fmt: skip
    assert lately.by_name([row(20, "x", "of tomorrow"), row(19, "x")])[0]["level"] == "critical"


def test_all_forms_show_them() -> None:
    evil = "\x1b]0;x\x07<img src=x>\n\u202e"
    whole = report(row(20, "backup"), row(19, "backup"), row(19, evil, "warning", 3, "start"))
    shown = table.table({"atlas": whole})
    assert re.search(r"^atlas +job backup +critical +2 +2 +2026-11-20T04:00:00Z +said on 20$", shown, re.MULTILINE)
    markup = view.document({"atlas": whole}, "now")
    assert "Failures of the last 14 days" in markup
    assert re.search("2026-11-19</span><i [^>]*></i><span>2, 1 critical</span>", markup)
    assert '2 times on 2 days</span></td><td data-head="last"><span>2026-11-20 04:00 UTC<' in markup
    for text in (shown, markup):
        assert "\x1b" not in text and "\u202e" not in text
    assert "<img" not in markup
    assert 'labserver_failures{kind="job"} 2\n' in metrics.text(whole)
    assert 'labserver_failures{kind="start"} 3\n' in metrics.text(whole)
    assert "failed lately" not in table.table({"atlas": report()})
    assert "Failures" not in view.document({"atlas": report()}, "now")


def test_many_are_folded_on_the_page_and_cut_in_the_table() -> None:
    many = report(*(row(20, f"job{number:03}") for number in range(200)))
    markup = view.document({"atlas": many}, "now")
    assert f"and {200 - lately.MOST_ROWS} more" in markup
    assert markup.count("job199") == 1
    shown = table.table({"atlas": many})
    assert len([line for line in shown.splitlines() if "said on 20" in line]) == table.MOST_FAILURES
    assert f"and {200 - table.MOST_FAILURES} more on atlas" in shown


def test_the_rows_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    for day in range(6):
        found = [history.Failure("job", f"job{number}", "warning", NOW - day * DAY, "") for number in range(50)]
        history.note(tmp_path, found, NOW)
    shown = failures.of_days(tmp_path, NOW)
    assert (len(shown["rows"]), shown["left_out"]) == (failures.MOST_OF_DAYS, 100)
    assert shown["times"]["job"] == 300
    assert {one["day"] for one in shown["rows"]} == {f"2026-11-{day}" for day in (17, 18, 19, 20)}
    assert "100 more of earlier days" in view.document({"atlas": {"failures": shown}}, "now")


def test_times_of_tags_have_no_parts_of_a_second(tmp_path: Path) -> None:
    path = tmp_path / "var/lib/labserver/catalogue/images.json"
    path.parent.mkdir(parents=True)
    images = [{"repository": "fit", "created": f"2026-11-20T09:00:0{second}.123456789+01:00"} for second in (1, 2)]
    path.write_text(json.dumps({"version": 1, "images": [*images, {"repository": "old", "created": "1.5"}]}))
    registry = {one["repository"]: one["newest"] for one in overview.rooms.registry(tmp_path)}
    assert registry == {"fit": "2026-11-20T09:00:02+01:00", "old": "1.5"}
    assert ".123" not in view.document({"atlas": {"registry": overview.rooms.registry(tmp_path)}}, "now")


def test_the_page_is_english_and_says_so() -> None:
    assert view.document({}, "now").startswith('<!doctype html>\n<html lang="en">')

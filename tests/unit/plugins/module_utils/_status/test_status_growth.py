# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When disks and quotas are full: the forecast, its record, and where it is told."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import (
    disks,
    growth,
    homes,
    metrics,
    overview,
    recorded,
    rooms,
    table,
    trend,
    view,
)
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_report import (
    DAY,
    GIB,
    NOW,
    report,
)

HOUR = 3600.0
WHEN = datetime.fromtimestamp(NOW, UTC)


def words_of(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", markup))


def hourly(free: Callable[[float], float], days: float) -> trend.Points:
    """What is free by the hours of the last days; ``free`` takes days since the begin."""
    return [(NOW - days * DAY + hour * HOUR, round(free(hour / 24))) for hour in range(int(days * 24) + 1)]


def test_a_disk_is_full_on_the_day_that_its_growth_says() -> None:
    steady = [(NOW - (10 - day) * DAY, (30 - day) * GIB) for day in range(11)]
    assert trend.forecast(steady, NOW) == trend.Forecast(20.0, 10)
    # One night with a large file in between changes nothing.
    spike = [(at, free - (15 * GIB if index == 5 else 0)) for index, (at, free) in enumerate(steady)]
    found = trend.forecast(spike, NOW)
    assert found is not None and found.days == pytest.approx(20.0, abs=1.0)
    assert trend.forecast([(at, 30 * GIB) for at, _free in steady], NOW) is None


@pytest.mark.parametrize(("days", "said"), [(0.5, False), (2.9, False), (3.0, True), (14.0, True)])
def test_of_fewer_than_three_days_nothing_is_said(days: float, said: bool) -> None:
    assert (trend.forecast(hourly(lambda day: (100 - day) * GIB, days), NOW) is not None) is said


def test_the_day_that_is_told_is_the_day_on_which_it_happens() -> None:
    """Disks of a lab that go on as they did: files from Monday to Friday, more on some days than on others."""
    chance = random.Random(20261129)
    missed = []
    for _disk in range(200):
        daily, begin = chance.uniform(2, 40) * GIB, chance.randrange(7)
        went = [
            daily * chance.uniform(0.6, 1.4) if (day + begin) % 7 < 5 else 0.05 * daily * chance.random()
            for day in range(400)
        ]
        free = [chance.uniform(15, 60) * daily]
        while free[-1] > 0:
            free.append(free[-1] - went[len(free) - 1])
        full = len(free) - 2 + free[-2] / (free[-2] - free[-1])
        today = chance.randrange(14, max(15, len(free) - 3))
        if today >= len(free) - 1:
            continue
        points = [(NOW - (today - day) * DAY, int(free[day])) for day in range(today + 1)]
        found = trend.forecast(points, NOW)
        left = full - today
        missed.append(abs((found.days if found else 1e9) - left) / max(left, 5.0))
    assert len(missed) > 150
    assert sorted(missed)[len(missed) // 2] < 0.25 and sorted(missed)[int(len(missed) * 0.9)] < 0.6


@pytest.mark.parametrize(
    "free",
    [
        lambda day: 400 * GIB - 8 * GIB * (day % 7),  # what an upkeep frees each Sunday
        lambda day: 400 * GIB - 30 * GIB * (day % 1),  # and each night
        lambda day: 400 * GIB - 300 * GIB * (day > 9),  # copied once
        lambda day: 400 * GIB - 20 * GIB * min(day, 8),  # and what stands still for six days or more
        lambda day: 400 * GIB + 5 * GIB * day,
    ],
    ids=["weekly upkeep", "nightly", "once", "no more", "less"],
)
def test_what_comes_and_goes_is_no_growth(free: Callable[[float], float]) -> None:
    for days in (14.0, 14.5, 16.0, 20.0, 20.9):
        assert trend.forecast(hourly(free, days), NOW) is None, days


def test_a_disk_that_was_made_larger_is_told_of_all_the_same(tmp_path: Path) -> None:
    """What was free at the begin of the record was less than what is free now, though it fills up day by day."""
    for hour in range(0, 20 * 24 + 1, 8):
        free = 20 * GIB if hour < 48 else 250 * GIB - (hour - 48) * GIB // 2
        found = growth.of_disks(tmp_path, {"/home": free}, NOW + hour * HOUR)
    assert found["growth_home"][0] == "warning"
    assert found["growth_home"][1].startswith("/home is full in 3 days at the growth of the last 14 days (34 GiB left)")


def test_a_small_disk_that_loses_a_little_is_none_that_grows() -> None:
    points = hourly(lambda day: (300 - 10 * day) * (1 << 20), 14)
    assert trend.forecast(points, NOW) is not None
    assert trend.forecast(points, NOW, recorded.DISKS.least) is None


@pytest.mark.parametrize(
    ("days", "words"),
    [(0.0, "less than a day"), (0.9, "less than a day"), (1.0, "1 day"), (1.4, "1 day"), (8.6, "9 days")],
)
def test_a_number_of_days_reads_well(days: float, words: str) -> None:
    assert trend.said(days, 14) == f"full in {words} at the growth of the last 14 days"


def test_growth_is_recorded_once_an_hour_and_forgotten_after_its_days(tmp_path: Path) -> None:
    (tmp_path / "etc/labserver").mkdir(parents=True)
    for kept, days in ((60, 60), (20, 20)):
        if kept != 60:
            (tmp_path / "etc/labserver/alerts.json").write_text(json.dumps({"version": 1, "growth_days": kept}))
        for hour in range(24 * (kept + 2)):
            if hour % 12 == 0:
                at = NOW + kept * 100 * DAY + hour * HOUR
                recorded.note(tmp_path, recorded.DISKS, {"/": 900 * GIB - GIB // 48 * hour}, at)
                recorded.note(tmp_path, recorded.DISKS, {"/": 5}, at + 300)
        data = json.loads((tmp_path / recorded.DISKS.path).read_text())
        assert len(data["free"]["/"]) == days * 2 + 1
        assert 5 not in [free for _at, free in data["free"]["/"]]
        free = data["free"]["/"][-1][1]
        assert data["days_left"].get("/") == (pytest.approx(free / GIB * 2, abs=0.3) if free < 180 * GIB else None)
        (tmp_path / recorded.DISKS.path).unlink()


def test_what_is_away_for_an_hour_keeps_its_record(tmp_path: Path) -> None:
    for hour in range(6 * 24):
        seen = {"/": 500 * GIB} | ({} if hour in (100, 101) else {"/home": (900 - hour) * GIB})
        recorded.note(tmp_path, recorded.DISKS, seen, NOW + hour * HOUR)
    assert len(recorded.points(tmp_path, recorded.DISKS)["/home"]) == 6 * 24 - 2
    recorded.note(tmp_path, recorded.DISKS, {"/": 1}, NOW + 90 * DAY)
    assert list(recorded.points(tmp_path, recorded.DISKS)) == ["/"], "after 60 days it is forgotten"


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "damaged",
        "",
        "[]",
        '{"version": 2, "free": {}}',
        '{"version": 1}',
        '{"version": 1, "free": {"/": [[1]]}}',
        '{"version": 1, "free": {"/": [[1e999, 2]]}}',
    ],
)
def test_a_record_that_is_damaged_is_named_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / recorded.DISKS.path
    path.parent.mkdir(parents=True)
    monkeypatch.setattr(
        disks, "of_host", lambda _root: [disks.Disk("/", disks.Health(disks.Service("disk_root"), "ok"))]
    )

    def unread(now: float) -> str:
        parts = overview.report(tmp_path, datetime.fromtimestamp(now, UTC))["unread"]
        assert isinstance(parts, list)
        return "".join(one["message"] for one in parts if one["part"] == "growth of disks")

    assert unread(NOW).startswith("nothing is recorded yet (/var/lib/labserver/status/disks.json is not there)")
    path.write_text(content)
    if "1e999" not in content:
        assert unread(NOW).startswith("/var/lib/labserver/status/disks.json")
        assert "it begins anew with the next look" in unread(NOW) and "site.yml" not in unread(NOW)
    assert growth.of_disks(tmp_path, {"/": 50 * GIB}, NOW) == {"growth_root": ("ok", "/ does not fill up soon")}
    if "1e999" not in content:
        assert unread(NOW + DAY).startswith("the record began anew at 2026-09-21T14:13:20Z, so that little is known")
    recorded.note(tmp_path, recorded.DISKS, {"/": 50 * GIB}, NOW + 3 * DAY)
    assert unread(NOW + 3 * DAY + 60) == "" and json.loads(path.read_text())["free"]["/"][0] == [NOW, 50 * GIB]


def test_homes_stand_against_their_quotas_the_fullest_first(tmp_path: Path) -> None:
    kept = {"jonas": (5, 100), "mira": (91, 100), "ada": (400, 0), "evil<b>": (7, 100), "rita": (99, 100)}
    document = {name: {"used": used * GIB, "limit": limit * GIB} for name, (used, limit) in kept.items()}
    (tmp_path / homes.PATH).parent.mkdir(parents=True)
    (tmp_path / homes.PATH).write_text(json.dumps({"version": 1, "announcements": [], "homes": document}))
    rows = rooms.read(tmp_path, WHEN)["homes"]
    assert [row["person"] for row in rows] == ["rita", "mira", "evil<b>", "jonas", "ada"]
    markup = view.document({"atlas": {"version": 1, "homes": rows}}, "now")
    assert "Homes 2 of 5 have used 90% of the quota or more" in words_of(markup)
    assert "rita 99 GiB of 100 GiB mira 91 GiB of 100 GiB" in words_of(markup)
    assert "ada 400 GiB of no quota" in words_of(markup) and "evil<b>" not in markup
    many = view.document({"atlas": report(500)}, "now")
    assert "and 445 more that are less full" in many
    assert "Homes" not in view.document({"atlas": {"version": 1, "homes": []}}, "now")
    (tmp_path / homes.PATH).write_text('{"version": 1, "homes": {"mira": 5}}')
    unread = rooms.read(tmp_path, WHEN)["unread"]
    assert "fullness.json is damaged" in next(item["message"] for item in unread if item["part"] == "homes")


class Lab:
    """Homes that a quota counts, as the hub's job leaves them each few minutes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / homes.PATH).parent.mkdir(parents=True)

    def count(self, now: float, **kept: tuple[float, float]) -> None:
        document = {name: {"used": int(used * GIB), "limit": int(limit * GIB)} for name, (used, limit) in kept.items()}
        path = self.root / homes.PATH
        path.write_text(json.dumps({"version": 1, "announcements": [], "homes": document}))
        os.utime(path, (now, now))

    def days(self, days: int, **daily: float) -> None:
        """Let days go by, in which the homes grow by so many GiB each; the limits are 100 GiB."""
        for look in range(days * 12 + 1):
            now = NOW - (days - look / 12) * DAY
            self.count(now, **{name: (20 + each * look / 12, 100.0) for name, each in daily.items()})
            self.verdict = growth.of_homes(self.root, now)

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["person"]: row for row in homes.read(self.root, NOW)}


def test_a_home_is_full_on_the_day_that_its_growth_says(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.days(10, mira=6.0, jonas=1.0, ada=0.0)
    left = {name: row["days_left"] for name, row in lab.rows().items()}
    assert left == {"mira": pytest.approx(20 / 6, abs=0.1), "jonas": pytest.approx(70, abs=1), "ada": None}
    assert lab.verdict[0] == "warning" and "full at the growth of the last days: mira in 3 days; tell" in lab.verdict[1]
    path = tmp_path / recorded.HOMES.path
    assert path.stat().st_mode & 0o777 == 0o600, "it names people"
    assert [len(points) for points in json.loads(path.read_text())["used"].values()] == [11, 11, 11], "one a day"
    # A quota that is raised gives room at once.
    lab.count(NOW, mira=(80, 500), jonas=(30, 100), ada=(20, 100))
    assert lab.rows()["mira"]["days_left"] == pytest.approx(70, abs=1)
    assert growth.of_homes(tmp_path, NOW, keep=False) == ("ok", "no quota of a home is full soon")


def test_nobody_is_told_of_a_home_twice_nor_of_what_is_counted_no_more(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.days(12, mira=6.4)
    assert lab.rows()["mira"]["days_left"] == pytest.approx(0.5, abs=0.1)
    assert lab.verdict[0] == "ok", "the hub's job tells of homes from 90 % on"
    before = (tmp_path / recorded.HOMES.path).read_bytes()
    growth.of_homes(tmp_path, NOW + 3 * DAY)
    assert (tmp_path / recorded.HOMES.path).read_bytes() == before, "what stands still since the job ended is no use"
    (tmp_path / homes.PATH).unlink()
    assert growth.of_homes(tmp_path, NOW)[0] == "ok" and lab.rows() == {}
    (tmp_path / homes.PATH).write_text("{")
    assert growth.of_homes(tmp_path, NOW)[0] == "ok"


def test_the_record_of_a_large_lab_is_of_a_bounded_size(tmp_path: Path) -> None:
    people = {f"person{number:04}": 40 * GIB + number for number in range(500)}
    path = tmp_path / recorded.HOMES.path
    path.parent.mkdir(parents=True)
    old = {name: [[round(NOW + day * DAY), count] for day in range(-90, 0)] for name, count in people.items()}
    path.write_text(json.dumps({"version": 1, "used": old}))
    recorded.note(tmp_path, recorded.HOMES, people, NOW)
    assert {len(points) for points in json.loads(path.read_text())["used"].values()} == {61}
    assert path.stat().st_size < 1_000_000
    recorded.note(tmp_path, recorded.HOMES, {"person0001": 1}, NOW + 200 * DAY)
    assert list(json.loads((tmp_path / recorded.HOMES.path).read_text())["used"]) == ["person0001"], (
        "who left is forgotten"
    )


def test_what_is_full_soon_stands_in_table_page_data_and_metrics_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.days(10, mira=6.0, jonas=2.6, ada=0.5)
    whole = report(0, homes=rooms.read(tmp_path, WHEN)["homes"])
    shown = table.table({"atlas": whole})
    assert re.search(r"^atlas +mira +80 GiB of 100 GiB +full in 3 days at the growth of the last 10 days$", shown, re.M)
    assert re.search(r"^atlas +jonas +46 GiB of 100 GiB +full in 21 days", shown, re.M)
    assert "ada" not in shown, "it is full in 150 days"
    assert shown.count("full in 29 days at the growth") == 1
    page = words_of(view.document({"atlas": whole}, "now"))
    assert "Homes 2 are full within 30 days at their growth" in page
    assert "ada 25 GiB of 100 GiB full in 150 days at the growth of the last 10 days" in page
    text = metrics.text(whole)
    assert "labserver_homes 3\n" in text and "labserver_homes_full_soon 2\n" in text
    assert "labserver_homes_near_quota 0\n" in text and "mira" not in text, "anybody may ask for metrics"
    assert 'labserver_disk_full_in_days{disk="/home"} 29' in text
    # What the watch tells of stands there once.
    whole["disks"][0]["days_left"] = 9.0
    assert "disk /home" in table.table({"atlas": whole}).split("\n\n")[0]
    said = "/home is full in 9 days at the growth of the last 14 days (269 GiB left)"
    whole["services"].append({"service": "host-growth_home", "level": "warning", "message": said})
    first = table.table({"atlas": whole}).split("\n\n")[0]
    assert first.count("full in 9 days") == 1 and "disk /home" not in first


def test_a_server_of_an_older_release_is_shown_as_before() -> None:
    old = report(1)
    del old["disks"][0]["growth_days"]
    old["homes"] = [{"person": "nora", "used_bytes": 5, "limit_bytes": 9}]
    assert "full in 29 days at the growth of the last 14 days" in words_of(view.document({"atlas": old}, "now"))
    assert "labserver_homes_full_soon 0" in metrics.text(old) and "nora" not in table.table({"atlas": old})

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table and the page of all hosts."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.filter.usage_report import usage_report
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import page, report, table
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Key, Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import FILE, Disk

HOUR, GIB = 3600.0, 1 << 30


def told() -> dict[str, Any]:
    sums = {
        Key("2026-11", "mira", ("leem", "xps"), "notebook"): Sum(
            100 * HOUR, 400 * HOUR, 0, 5.0 * GIB * HOUR, GIB, 7 * HOUR, 3
        ),
        Key("2026-11", "jonas", ("leem",), "steps"): Sum(10 * HOUR, 12 * HOUR, 2 * HOUR, 0, 0, 0, 1),
        Key("2026-10", "jonas", (), "steps"): Sum(1 * HOUR, 1 * HOUR, 0, 0, 0, 0, 1),
    }
    return report.document(
        sums, [Disk("2026-11", "mira", 2 * GIB, 3 * GIB, GIB), Disk("2026-11", "ada", GIB, GIB, GIB)]
    )


def test_a_month_in_one_sentence() -> None:
    usage = table.merged({"atlas": told(), "boreas": told()})
    assert page.sentence(usage, "2026-11") == "November 2026: leem 824 CPU hours, xps 800 CPU hours"
    assert page.sentence(usage, "2026-10") == "October 2026: 2 CPU hours"


def test_people_groups_and_images_of_all_hosts_together() -> None:
    usage = table.merged({"atlas": told(), "boreas": told()})
    assert usage.months == ["2026-11", "2026-10"]
    assert {name: one.cpu / HOUR for name, one in usage.people("2026-11").items()} == {"mira": 800, "jonas": 24}
    assert {name: one.starts for name, one in usage.images("2026-11").items()} == {"notebook": 6, "steps": 2}
    assert usage.disk("2026-11") == {"mira": (4 * GIB, 6 * GIB), "ada": (2 * GIB, 2 * GIB)}
    assert list(usage.groups("2026-10")) == [""]


def test_the_table_for_spreadsheets() -> None:
    lines = list(csv.DictReader(io.StringIO(table.csv_text(table.merged({"atlas": told()})))))
    mira, jonas, _october, *disks = lines
    assert (mira["person"], mira["groups"], mira["cpu_hours"], mira["gpu_hours"]) == (
        "mira",
        "leem xps",
        "400.000",
        "7.000",
    )
    assert jonas["cpu_hours_estimated"] == "2.000"
    assert [(one["person"], one["disk_average_gib"], one["disk_peak_gib"]) for one in disks] == [
        ("mira", "2.000", "3.000"),
        ("ada", "1.000", "1.000"),
    ]


class Seen(HTMLParser):
    """What of a page a browser would act on, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetched: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [one for one in attrs if one[0] in ("src", "href", "onerror", "onload", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_needs_no_other_file_and_takes_no_name_for_orders() -> None:
    evil = told()
    evil["rows"][0]["person"] = "<script>alert(1)</script>\x1b[2J\n=1+1"
    evil["rows"][0]["image"] = '"><img src=x onerror=alert(1)>'
    evil["rows"][0]["groups"] = ["=cmd|calc"]
    found = usage_report({"<b>atlas</b>": evil, "boreas": "no <i>answer</i>\x1b]0;x\x07"}, "Lab <1>", "now")
    seen = Seen(found["html"])
    assert not seen.tags & {"script", "img", "link", "iframe", "b", "form"} and seen.fetched == []
    assert "<script>alert(1)</script>" in seen.words and "no <i>answer</i>" in seen.words and "Lab <1>" in seen.words
    assert not any(sign in found["html"] + found["csv"] + "".join(found["silent"]) for sign in ("\x1b", "\x07"))
    cells = [cell for line in csv.reader(io.StringIO(found["csv"])) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]


def test_hosts_without_a_report_are_named() -> None:
    usage = table.merged({"atlas": told(), "boreas": None, "castor": {"version": 2}, "pollux": {"version": 1}})
    assert sorted(usage.silent) == ["boreas", "castor", "pollux"]
    assert "Without boreas: no answer" in Seen(page.page(usage, "", "now")).words


def test_a_lab_without_any_use_has_a_page_too() -> None:
    usage = table.merged({})
    assert "Nothing was recorded yet" in page.page(usage, "", "now")
    assert table.text(usage) == "nothing was recorded yet\n"


def test_lines_for_a_terminal() -> None:
    lines = table.text(table.merged({"": told()})).splitlines()
    assert lines[0] == "2026-11"
    assert lines[1].split() == [
        "person",
        "hours",
        "CPU",
        "hours",
        "GiB",
        "hours",
        "peak",
        "GiB",
        "GPU",
        "hours",
        "disk",
        "GiB",
    ]
    assert lines[2].split() == ["mira", "100.0", "400.0", "5.0", "1.0", "7.0", "2.0"]
    assert lines[4].split() == ["ada", "0.0", "0.0", "0.0", "0.0", "0.0", "1.0"]


def test_months_are_counted_back() -> None:
    now = 1795867200.0  # 2026-11-28
    assert [report.months(now, count) for count in (1, 11, 12, 24)] == ["2026-11", "2026-01", "2025-12", "2024-12"]


def test_nothing_recorded_is_a_warning_and_a_damaged_record_critical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["--root", str(tmp_path)]) == 1
    assert "nothing was recorded" in capsys.readouterr().err
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 100)
    assert report.main(["--root", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "file is not a database" in printed.err

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that did not start stand in the status of their host."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import failures, overview
from ansible_collections.labserver.jupyter.plugins.module_utils._status import table as status_table

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def entry(at: str, user: str) -> str:
    return json.dumps({"at": at, "user": user, "image": "fit:1", "reason": "memory", "sentence": "Out of memory."})


def test_the_failures_of_the_last_day_are_in_the_table(tmp_path: Path) -> None:
    assert failures.read(tmp_path, NOW) == ([], 0), "a host without a hub"
    file = tmp_path / failures.PATH
    file.parent.mkdir(parents=True)
    lines = [entry("2026-11-18T12:00:00+00:00", "alice"), '{"at": 1}', "half a li", "[]",
             entry("2026-11-20T11:00:00+00:00", "bob")]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    found, left_out = failures.read(tmp_path, NOW)
    assert left_out == 0
    assert [(one["user"], one["reason"]) for one in found] == [("bob", "memory")]
    text = status_table.table({"lab1": {"jobs": [], "certificates": [], "failed_starts": found}, "lab2": None})
    assert "lab1  2026-11-20T11:00:00+00:00  bob   fit:1  Out of memory." in text
    assert "failed start" not in status_table.table({"lab1": {"jobs": [], "certificates": []}})


def test_what_people_write_cannot_order_the_terminal_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / failures.PATH
    file.parent.mkdir(parents=True)
    now = datetime.now(UTC).isoformat()
    image = "\x1b[2J\nfake row \u202egpj" + "x" * 5000
    file.write_text(
        json.dumps({"at": now, "user": "bob", "image": image, "reason": ["\x9b"], "sentence": "No."}) + "\n"
    )
    assert overview.main(["--root", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "fake row gpjxxx" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert max(len(line) for line in text.splitlines()) < 400
    # The same for a report that came from a host by the playbook.
    report = {
        "jobs": [],
        "certificates": [],
        "failed_starts": [{"at": "", "user": "b", "image": image, "sentence": "\r\x1b"}],
    }
    assert not re.search("[\x00-\x09\x0b-\x1f]", status_table.table({"lab1": report}))


def test_a_file_that_somebody_made_huge_is_read_from_its_end_and_shown_in_part(tmp_path: Path) -> None:
    file = tmp_path / failures.PATH
    file.parent.mkdir(parents=True)
    at = "2026-11-20T11:00:00+00:00"
    with file.open("w") as out:
        out.write(json.dumps({"at": at, "user": "x" * 8_000_000}) + "\n")
        for number in range(100):
            out.write(entry(at, f"u{number}") + "\n")
    found, left_out = failures.read(tmp_path, NOW)
    assert [one["user"] for one in found] == [f"u{number}" for number in range(80, 100)]
    assert left_out == 80
    table = status_table.table({"lab1": {"failed_starts": found, "failed_starts_left_out": left_out}})
    assert "and 80 more on lab1" in table


def test_a_failure_from_the_future_is_not_of_today(tmp_path: Path) -> None:
    file = tmp_path / failures.PATH
    file.parent.mkdir(parents=True)
    file.write_text(entry("2028-11-20T11:00:00+00:00", "bob") + "\n")
    assert failures.read(tmp_path, NOW) == ([], 0)

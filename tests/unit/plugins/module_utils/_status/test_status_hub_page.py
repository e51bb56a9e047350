# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page for the hub's administrators, and what the host asks apt only when something changed."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import hub_page, overview, updates

WAITING = {"packages": 3, "security": 1, "engine": False}


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Whom a file was given to; who tests may be nobody who can give files away."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _file, owner, group: found.append((owner, group)))
    return found


def test_the_page_is_replaced_and_only_root_and_the_hub_may_read_it(
    tmp_path: Path, owners: list[tuple[int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "etc/labserver/hub/status.json"
    path.parent.mkdir(parents=True)
    path.write_text("the page before")
    before = path.stat().st_ino
    assert overview.main(["--for-hub", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "", "a job for every minute fills no log"
    assert path.stat().st_ino != before and path.stat().st_mode & 0o777 == 0o640 and owners == [(-1, 64100)]
    document = json.loads(path.read_text())
    assert document["page"].startswith("<!doctype html>") and "could not be read" in document["page"]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(document["made"])).total_seconds()) < 60
    assert [one.name for one in path.parent.iterdir()] == ["status.json"]


def test_a_host_without_a_hub_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert overview.main(["--for-hub", "--root", str(tmp_path)]) == 2
    assert "the page of the status cannot be written" in capsys.readouterr().err
    assert hub_page.PATH not in {str(path) for path in tmp_path.rglob("*")}


class Apt:
    """Counts how often it is asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.times, self.now = root, 0, 1_795_000_000.0
        for path in updates.READS:
            (root / path).mkdir(parents=True, exist_ok=True)

    def ask(self) -> dict[str, Any]:
        self.times += 1
        return {**WAITING, "packages": self.times}

    def read(self) -> int:
        return int(updates.read(self.root, self.ask, lambda: self.now)["packages"])


def test_apt_is_asked_again_when_something_changed_and_twice_a_day(tmp_path: Path) -> None:
    apt = Apt(tmp_path)
    assert [apt.read(), apt.read()] == [1, 1]
    for count, path in enumerate(updates.READS, 2):
        os.utime(tmp_path / path, (count, count))
        assert [apt.read(), apt.read()] == [count, count], path
    apt.now += updates.KEEP_SECONDS
    assert apt.read() == apt.times == len(updates.READS) + 2
    apt.now -= 3600  # the clock was ahead
    assert apt.read() == len(updates.READS) + 3
    (tmp_path / updates.KEPT).write_text('{"version": 1, "at"')
    assert apt.read() == len(updates.READS) + 4


def test_a_reboot_is_seen_at_once_and_who_may_not_write_is_told_all_the_same(tmp_path: Path) -> None:
    apt = Apt(tmp_path)
    (tmp_path / "var/lib/labserver").write_text("no folder")
    found = updates.read(tmp_path, apt.ask)
    assert found.items() >= {**WAITING, "packages": 1, "reboot_due": False}.items()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-required").touch()
    assert updates.read(tmp_path, apt.ask)["reboot_due"]

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled check of the shares, on a machine of make-believe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils import _program
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import health
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine

POINT = "/srv/labserver/shares/data/files"


class Nas(Machine):
    """One share; ``answers`` maps the program that looks to what it says."""

    def __init__(self, root: Path, sentinel: str = "") -> None:
        super().__init__(root)
        self.answers: dict[str, host_core.Done] = {}
        share = {"type": "cifs", "mount_point": POINT, "sentinel": sentinel, "min_free_percent": 10}
        config = {"version": 1, "timeout_seconds": 3, "shares": {"data": share}}
        self.file("/etc/labserver/shares/health.json", json.dumps(config))

    def command(self, command: Sequence[str], seconds: float) -> host_core.Done:
        key = "free" if "--file-system" in command else command[0]
        return self.answers.get(key, host_core.Done(0, "50 100" if key == "free" else ""))

    def check(self) -> tuple[int, dict[str, object]]:
        status = health.main([], host=self)
        return status, json.loads(self.file("/etc/labserver/public/shares-status.json"))["shares"]["data"]


def test_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nas = Nas(tmp_path, sentinel="a/b")
    nas.put(POINT, "//nas/data", "cifs", "rw")
    status, share = nas.check()
    assert (status, share["state"], share["mounted"], share["free_percent"]) == (0, "ok", True, 50.0)
    assert "data: ok: answered in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "mounted", "status", "reason"),
    [
        ({"stat": host_core.Done(None, "")}, True, 2, "no answer within 3 s"),
        (
            {"stat": host_core.Done(1, "stat: cannot statx 'x': Host is down")},
            True,
            2,
            "the password was changed there",
        ),
        (
            {"stat": host_core.Done(1, "stat: cannot statx 'x': No such device")},
            False,
            2,
            "not mounted: No such device",
        ),
        (
            {
                "stat": host_core.Done(1, "x"),
                "journalctl": host_core.Done(0, "a\nmount error(2): No such file or directory\n"),
            },
            False,
            2,
            "not mounted: the server has no such share or folder (error 2)",
        ),
        ({"journalctl": host_core.Done(0, "")}, False, 2, "not mounted"),  # stat is content with the empty folder
        (
            {"head": host_core.Done(1, "head: cannot open 'x': Permission denied")},
            True,
            2,
            "a/b cannot be read: Permission denied",
        ),
        ({"head": host_core.Done(None, "")}, True, 2, "a/b cannot be read: no answer within 3 s"),
        ({"free": host_core.Done(0, "9 100")}, True, 1, "only 9 % of its space is free"),
        ({"free": host_core.Done(None, "")}, True, 2, "free space cannot be read"),
        ({"free": host_core.Done(0, "0 0")}, True, 0, ""),
    ],
)
def test_ill(tmp_path: Path, answers: dict[str, host_core.Done], mounted: bool, status: int, reason: str) -> None:
    nas = Nas(tmp_path, sentinel="a/b")
    nas.answers = answers
    nas.put(POINT, "systemd-1", "autofs", "rw")
    if mounted:
        nas.put(POINT, "//nas/data", "cifs", "rw")
    found, share = nas.check()
    assert found == status and reason in str(share["reason"])
    assert share["mounted"] is mounted


def test_no_shares_and_no_config_are_no_alarm(tmp_path: Path) -> None:
    assert health.main(["--json"], host=Machine(tmp_path)) == 0


def test_the_program_knows_the_command() -> None:
    assert _program.COMMANDS["share-health"][0] == "_shares.health:main"

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run went, from what its program printed and from how its container ended. What it prints is not trusted."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from labhub.runs import outcome
from labhub.runs.model import Definition, Running
from labhub.servers import run
from runs_lab import START

BEGAN = START
ONE = Definition("0" * 12, "alice", 20001, "x.ipynb", "notebook:1.0", "0 3 * * *", 7200, 3, START)
GOES = Running("0" * 12 + "-20261120120000", START, BEGAN, "notebook:1.0", "c1")
NOW = START + datetime.timedelta(minutes=5)


def said(reason: str, **more: Any) -> bytes:
    return b"\x01\0\0\0\0\0\0\x40labserver-run: " + json.dumps({"reason": reason, **more}).encode() + b"\n"


@pytest.mark.parametrize(
    ("log", "state", "sentence"),
    [
        (said("ok"), {"ExitCode": 0}, ""),
        (said("cell", cell=3, line="KeyError: 'a'"), {"ExitCode": 1}, "Cell 3 failed: KeyError: 'a'"),
        (said("missing"), {"ExitCode": 1}, "There is no notebook x.ipynb in the home."),
        (said("kernel", line="julia"), {"ExitCode": 1}, "The image notebook:1.0 has no kernel julia, which the"),
        (said("dead"), {"ExitCode": 1}, "The kernel ended; most often it needed more memory than the limit of 1 GiB."),
        (said("dead"), {"ExitCode": 1, "OOMKilled": True}, "It needed more memory than the limit of 1 GiB."),
        (b"", {"ExitCode": 137, "OOMKilled": True}, "It needed more memory than the limit of 1 GiB."),
        (said("files", line="Disk quota exceeded"), {"ExitCode": 1}, "A file could not be read or written: Disk quota"),
        (said("late"), {"ExitCode": 1}, "It was ended after 2 h, its limit."),
        (said("stopped"), {"ExitCode": 1}, "It was interrupted: the server was stopped or started anew."),
        (b"", {"ExitCode": run.UNABLE}, "The image notebook:1.0 cannot run notebooks by itself"),
        (b"", {"ExitCode": 127}, "It ended by itself with exit code 127."),
        (said("ok"), {"ExitCode": 1}, "It ended by itself with exit code 1."),
        (said("no such reason"), {"ExitCode": 4}, "It ended by itself with exit code 4."),
        (b"labserver-run: {nonsense}\n", {"ExitCode": 4}, "It ended by itself with exit code 4."),
        (
            said("cell", cell=1, line="first") + said("other", line="last"),
            {"ExitCode": 1},
            "It ended with an error: last",
        ),
    ],
)
def test_the_sentence(log: bytes, state: dict[str, Any], sentence: str) -> None:
    inspected = {"State": {"FinishedAt": "2026-11-20T12:04:00Z", **state}, "HostConfig": {"Memory": 1 << 30}}
    result = outcome.of_container(ONE, GOES, inspected, log, NOW)
    assert result.told().startswith(sentence) and result.sentence == result.told()
    assert result.well is (sentence == "")
    assert result.ended == START + datetime.timedelta(minutes=4)


def test_what_a_program_prints_is_shown_on_one_line_without_control_characters() -> None:
    log = said("cell", cell="<b>\x1b[31m", line="x\u202e" + "y" * 5000, output=["a", "b"])
    assert len(log) > 4000
    short = said("cell", cell="<b>\x1b[31m", line="x\u202ey", output=["a", "b"])
    result = outcome.of_container(ONE, GOES, {"State": {"ExitCode": 1}}, short, NOW)
    assert result.told() == "Cell <b>?[31m failed: x?y"
    assert isinstance(result.output, str)
    assert outcome.of_container(ONE, GOES, {"State": {"ExitCode": 1}}, log, NOW).reason == "exit"


@pytest.mark.parametrize("finished", ["0001-01-01T00:00:00Z", "", "later", "2026-11-20T13:00:00Z"])
def test_a_time_that_docker_does_not_know_or_that_is_to_come_is_now(finished: str) -> None:
    assert outcome.ended_at({"FinishedAt": finished}, NOW) == NOW

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that does not start says why, in words."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.utils import format_exception
from labhub.servers import failures
from labhub.servers.spawner import StartError

STOPPED = {"Running": False, "ExitCode": 1, "OOMKilled": False}
RUNS = {"Running": True, "ExitCode": 0, "OOMKilled": False}


@pytest.mark.parametrize(
    ("state", "log", "reason", "words"),
    [
        (
            {**STOPPED, "OOMKilled": True, "ExitCode": 137},
            "",
            "memory",
            "out of memory while it started (limit 512 MiB)",
        ),
        ({**STOPPED, "ExitCode": 137}, "", "memory", "out of memory"),
        (STOPPED, "OSError: [Errno 122] Disk quota exceeded: 'x'", "quota", "Your disk quota is full"),
        (STOPPED, "OSError: [Errno 28] No space left on device", "disk", "The disk is full"),
        (STOPPED, "RuntimeError: can't start new thread", "limit", "limit of processes"),
        (STOPPED, "MemoryError", "memory", "ran out of memory"),
        (STOPPED, "PermissionError: [Errno 13] Permission denied: '/home/x'", "home", "could not write to your home"),
        (STOPPED, "ModuleNotFoundError: No module named 'jupyterhub'", "image", "no notebook server"),
        ({**STOPPED, "ExitCode": 127}, "", "image", "no notebook server"),
        ({**STOPPED, "ExitCode": 3}, "bye", "exit", "stopped by itself with exit code 3"),
        (RUNS, "still loading", "timeout", "did not answer within 60 seconds"),
        (None, "", "gone", "disappeared"),
    ],
)
def test_causes_of_a_container_without_a_server(
    state: dict[str, Any] | None, log: str, reason: str, words: str
) -> None:
    found = failures.of_container(state, log, 512 << 20, 60)
    assert (found.reason, words in found.sentence) == (reason, True), found


def counted(used: int, faults: int, name: str = "pgmajfault") -> dict[str, Any]:
    """Docker's memory statistics of a container with a limit of 512 MiB."""
    return {"usage": used, "limit": 512 << 20, "stats": {name: faults, "file": 1 << 20}}


@pytest.mark.parametrize(
    ("memory", "reason"),
    [
        (counted(511 << 20, 90_000), "memory"),
        (counted(511 << 20, 90_000, "total_pgmajfault"), "memory"),  # cgroup v1
        (counted(511 << 20, 300), "timeout"),  # full of what it read once
        (counted(200 << 20, 90_000), "timeout"),
        ({}, "timeout"),
        (None, "timeout"),
    ],
)
def test_a_server_that_gets_nowhere_for_want_of_memory_is_not_just_slow(
    memory: dict[str, Any] | None, reason: str
) -> None:
    """Nothing was killed there: with 60 MiB a server read its libraries anew for five minutes."""
    found = failures.of_container(RUNS, "", 512 << 20, 300, memory)
    assert found.reason == reason
    assert "did not answer within 300 seconds" in found.sentence
    assert ("memory limit of 512 MiB is too low" in found.sentence) == (reason == "memory")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('exec: "jupyterhub-singleuser": executable file not found in $PATH', "image"),
        ("No such image: 127.0.0.1:5000/notebook@sha256:1", "image"),
        ("exec format error", "image"),
        ("write /var/lib/docker/x: no space left on device", "disk"),
        ("refused by the lab's Docker guard: home folder: /home/x does not exist", "home"),
        ("could not select device driver", "gpu"),
        ("refused by the lab's Docker guard: HostConfig.Memory has a value that is not allowed", "limit"),
        ("Minimum memory limit allowed is 6MB", "limit"),
        ("something else", "engine"),
    ],
)
def test_causes_of_a_container_that_could_not_be_made(message: str, reason: str) -> None:
    assert failures.of_engine(message).reason == reason


def test_the_log_is_short_and_without_tokens() -> None:
    log = "\n".join(f"line {number}" for number in range(100)) + "\n\x1b[31mtoken=abc123 end\x1b[0m\x00\x07"
    lines = failures.last_lines(log)
    assert len(lines) == failures.KEPT_LINES, "so many for the administrator"
    assert lines[-1] == "token=... end"
    page = failures.Failure("exit", "It stopped.", lines).page()
    assert "line 87\n" in page
    assert "line 85\n" not in page, "and fewer for the person"


def test_failures_at_one_moment_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: failures.keep(path, {"number": number}), range(100)))
    assert sorted(json.loads(line)["number"] for line in path.read_text().splitlines()) == list(range(100))
    for number in range(failures.KEPT_FAILURES):
        failures.keep(path, {"number": number})
    assert len(path.read_text().splitlines()) == failures.KEPT_FAILURES
    assert [file.name for file in tmp_path.iterdir()] == ["failures.jsonl"]


def test_what_a_server_writes_is_not_taken_for_markup() -> None:
    page = failures.Failure("exit", "It <stopped>.", ("<script>alert(1)</script>",)).page()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_page_about_a_failed_start_shows_the_words() -> None:
    """By the function with which JupyterHub's page takes them."""
    failure = failures.Failure("disk", "The {what} is full.", ("a line",), {"what": "<disk>"})
    assert format_exception(StartError(failure), only_jupyterhub=True) == ("The <disk> is full.", failure.page())
    assert "<strong>The &lt;disk&gt; is full.</strong>" in failure.page()
    assert format_exception(StartError(failures.Failure("r", "x{")), only_jupyterhub=True) == ("x{", None)


def test_what_is_kept_is_clean_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "failures.jsonl"
    path.write_text(json.dumps({"sentence": "x" * 8_000_000}) + "\n")  # as an earlier version kept it
    wild = {"user": "bob", "image": None, "sentence": "\x1b[2J" + "ä" * 10**6, "log": ["\x1b[H\n" + "ä" * 10**5] * 500}
    for _number in range(120):
        failures.keep(path, wild)
    assert path.stat().st_size < failures.KEPT_BYTES + failures.ENTRY_BYTES
    lines = path.read_text().splitlines()
    assert len(lines) > 40
    assert all(len(line) <= failures.ENTRY_BYTES for line in lines)
    last = json.loads(lines[-1])
    assert (last["user"], last["image"]) == ("bob", None)
    assert "\x1b" not in json.dumps(last, ensure_ascii=False)
    assert len(last["sentence"]) <= failures.LONGEST_WORDS
    assert last["log"], "some of the log is still there"

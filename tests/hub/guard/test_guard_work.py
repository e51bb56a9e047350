# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What works in a server that looks idle: a marked process, or a file in the home that was written just now."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path
from typing import Any

import pytest
from labhub.guard import work


def engine(exit_code: int, runs: int = 1) -> tuple[Any, list[tuple[str, str, Any]]]:
    """Return a stand-in for Docker whose executions end so; and what it was asked."""
    asked: list[tuple[str, str, Any]] = []

    async def answer(method: str, path: str, query: Any = None, body: Any = None) -> tuple[int, str, bytes]:
        asked.append((method, path, body))
        if path.endswith("/exec"):
            return 201, "", b'{"Id": "e1"}'
        if path.endswith("/start"):
            return 200, "", b""
        running = sum(one[1] == path for one in asked) <= runs
        return 200, "", json.dumps({"Running": running, "ExitCode": None if running else exit_code}).encode()

    return answer, asked


@pytest.mark.parametrize(
    ("code", "words"), [(work.MARKED, "a process is marked with labserver-keep"), (work.WRITTEN, "a file was written"),
                        (0, ""), (127, "")]
)  # fmt: skip
async def test_what_works_is_told_in_words(code: int, words: str) -> None:
    answer, asked = engine(code)
    assert await work.find(answer, "c" * 64, 12) == words
    (command,) = [body["Cmd"] for method, path, body in asked if path.endswith("/exec")]
    assert command[-1] == "12"


@pytest.fixture
def alone() -> t.Iterator[None]:
    """Let only one test of this machine look at a time: each sees the processes that others have marked."""
    with (Path(tempfile.gettempdir()) / "labserver-tests-look.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def look(home: Path) -> int:
    """Run the look on this machine, and return its exit status."""
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.run(["sh", "-c", work.LOOK, "sh", "10"], env=environment, check=False).returncode


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("start", ["exec -a labserver-keep sleep 60", "exec -a /usr/local/bin/labserver-keep sleep 60"])
def test_the_look_finds_a_marked_process_and_not_itself(tmp_path: Path, start: str) -> None:
    assert look(tmp_path) == 0
    process = subprocess.Popen(["bash", "-c", start])
    try:
        end = time.monotonic() + 60  # until the shell has become the program
        while (found := look(tmp_path)) != work.MARKED and time.monotonic() < end:
            time.sleep(0.1)
        assert found == work.MARKED
    finally:
        process.kill()
        process.wait()


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("name", "age", "found"),
    [("data.csv", 5, True), ("deep/er/data.csv", 5, True), ("data.csv", 3600, False), (".cache/x", 5, False),
     (".bash_history", 5, False)],
)  # fmt: skip
def test_the_look_finds_what_was_written(tmp_path: Path, name: str, age: int, found: bool) -> None:
    home = tmp_path / ".home of somebody"
    path = home / name
    path.parent.mkdir(parents=True)
    path.write_text("1")
    os.utime(path, (time.time() - age,) * 2)
    assert look(home) == (work.WRITTEN if found else 0)

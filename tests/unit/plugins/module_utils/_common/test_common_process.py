# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands end in time with what they started, and what they wrote, inherited and were given is what was meant."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import marks, process


def alive(number: int) -> bool:
    """Whether a process runs; one that nobody waited for yet does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ends(number: int) -> bool:
    """Wait until a process that was killed has ended; a busy machine takes a moment to do it."""
    deadline = time.monotonic() + 20
    while alive(number) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(number)


def test_output_and_errors_come_apart_or_merged() -> None:
    script = ["sh", "-c", "echo out; echo bad >&2; exit 3"]
    assert process.call(script, 10) == process.Done(3, b"out\n", b"bad\n")
    assert process.call(script, 10, merged=True) == process.Done(3, b"out\nbad\n")


def test_more_than_a_pipe_holds_goes_in_and_comes_out() -> None:
    much = os.urandom(1 << 20)
    assert process.call(["cat"], 60, stdin=much).output == much
    assert process.call(["cat", "/dev/stdin"], 60, stdin=much).output == much, "opened anew by its name"


def test_output_goes_to_an_open_file(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        done = process.call(["echo", "dump"], 10, output=file)
    assert (done.output, (tmp_path / "x").read_bytes()) == (b"", b"dump\n")


def test_nothing_is_read_from_the_standard_input_of_the_caller() -> None:
    assert process.call(["cat"], 10) == process.Done(0)


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    done = process.call(["sh", "-c", f"sleep 600 & echo $! >{tmp_path}/child; echo began; wait"], 1)
    assert (done.status, done.timed_out, done.output) == (process.TIMED_OUT, True, b"began\n")
    assert done.reason == "did not end within 1 s and was ended"
    assert ends(int((tmp_path / "child").read_text()))


def test_what_stays_in_the_background_holds_nobody_up(tmp_path: Path) -> None:
    done = process.call(["sh", "-c", f"sleep 600 & echo $! >{tmp_path}/child"], 30)
    child = int((tmp_path / "child").read_text())
    try:
        assert (done.status, alive(child)) == (0, True)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_command_is_ended_when_its_caller_is_interrupted(tmp_path: Path) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            process.call(["sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 600"], 60)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert ends(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (None, process.NOT_FOUND, "is not installed or not executable"),
        ("#!/no/such/interpreter\n", process.NOT_STARTED, "cannot be started: No such file or directory"),
    ],
)
def test_what_cannot_be_started_is_told(content: str | None, status: int, words: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    if content:
        program.write_text(content)
        program.chmod(0o755)
    done = process.call([str(program)], 10)
    assert (done.status, done.words) == (status, f"{program} {words}")


def test_the_end_by_a_signal_is_told() -> None:
    done = process.call(["sh", "-c", "kill -9 $$"], 10)
    assert (done.status, done.words) == (137, "ended by signal 9")


def test_an_environment_of_its_own_keeps_the_mark_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(marks.MARK, "job")
    monkeypatch.setenv("SECRET", "x")
    path = os.environ["PATH"]
    assert b"SECRET=x" in process.call(["env"], 10, environment={"A": "1"}).output.splitlines()
    alone = process.call(["env"], 10, environment={"A": "1", "PATH": path}, inherit=False).output.splitlines()
    assert sorted(alone) == sorted([b"A=1", f"PATH={path}".encode(), f"{marks.MARK}=job".encode()])


def test_a_command_is_fed_and_read_while_it_runs() -> None:
    with process.started(["cat"], stdin=process.PIPE, stdout=process.PIPE) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        cat.stdin.write(b"line\n")
        cat.stdin.flush()
        assert cat.stdout.readline() == b"line\n"
        cat.stdin.close()
        assert cat.wait() == 0


def test_what_was_started_is_ended_when_its_block_fails() -> None:
    with pytest.raises(ValueError), process.started(["sleep", "600"], stdin=process.PIPE) as sleeper:
        raise ValueError
    assert sleeper.returncode == -signal.SIGKILL


def test_a_command_that_ignores_sigterm_is_ended_in_time() -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    begun = time.monotonic()
    result, output = process.capture([sys.executable, "-c", code], 2)
    assert (result.status, result.timed_out, output) == (process.TIMED_OUT, True, "up\n")
    assert time.monotonic() - begun < 120

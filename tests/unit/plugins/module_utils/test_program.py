# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a lab server: its one page of help, JSON of every command, exit statuses, and completion by bash."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils import _program
from ansible_collections.labserver.jupyter.plugins.module_utils._common import completion


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(tmp_path_factory.mktemp("completion")) / "labserver"
    path.write_text(_program.completion())
    return path


def complete(script: Path, line: str, path: str = "") -> list[str]:
    """Return what bash offers after the words of a line; its last word is the one that is typed."""
    typed = line.split(" ")
    words = " ".join(f"'{word}'" for word in typed)
    order = (
        f". {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _labserver; printf '%s\\n' ${{COMPREPLY[@]}}"
    )
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-uc", order], capture_output=True, text=True, check=True, env=environment)
    assert done.stderr == ""
    return sorted(done.stdout.split())


def test_help_names_every_command_and_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    assert _program.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in _program.COMMANDS)
    assert "exit status" in text and list(_program.COMMANDS) == sorted(_program.COMMANDS)
    assert all(name in text for name in _program.WITHOUT_JSON)


@pytest.mark.parametrize("name", _program.COMMANDS)
def test_every_command_has_json_once_or_is_named_as_one_without(name: str) -> None:
    starts = [[], [_program.SECOND_PARSER[name]]] if name in _program.SECOND_PARSER else [[]]
    for start in starts:
        parser = completion.parser_of(_program.command_of(name), start)
        parsers = [below for _name, below in completion.under(parser)] or [parser]
        own = {"--json" in completion.words_of(one).words for one in parsers}
        assert own == {name not in _program.IN_LINES | _program.WITHOUT_JSON}
    assert not _program.IN_LINES & _program.WITHOUT_JSON


@pytest.mark.parametrize("name", _program.COMMANDS)
def test_bash_offers_every_option_of_every_command(
    script: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the help that the command itself prints."""
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        _program.main([name, "--help"])
    lines = [line.split(" -", 1) for line in capsys.readouterr().out.splitlines() if line.startswith("  -")]
    options = {word.strip(",") for line in lines for word in f"-{line[-1]}".split()[:4] if word.startswith("--")}
    assert "--help" in options
    options |= {"--json"} if name in _program.IN_LINES else set()
    assert options <= set(complete(script, f"labserver {name} -"))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("labserver sta", ["status"]),
        ("labserver alert", ["alert-test"]),
        ("labserver --v", ["--version"]),
        ("labserver status --p", ["--page", "--prometheus"]),
        ("labserver backup h", ["home"]),
        ("labserver backup home --as", ["--as-of"]),
        ("labserver backup --m", ["--make-repository"]),
        ("labserver ca s", ["sign"]),
        ("labserver nothing --", []),
    ],
)
def test_bash_completes_commands_and_options(script: Path, line: str, offered: list[str]) -> None:
    assert complete(script, line) == offered


def test_bash_completes_jobs_and_people_of_the_host(script: Path, tmp_path: Path) -> None:
    host = tmp_path / "host"
    (host / _program.JOBS).mkdir(parents=True)
    (host / _program.JOBS / "backup-drill.json").touch()
    (host / _program.ROSTER).parent.mkdir(parents=True)
    people = {"mira": {}, "mary-ann": {}, "jonas": {}, "bad\nname": {}}
    (host / _program.ROSTER).write_text(json.dumps({"version": 1, "users": people}))
    assert _program.known("people", tmp_path) == _program.known("jobs", tmp_path) == []
    for kind in ("jobs", "people"):
        (tmp_path / kind).write_text("\n".join(_program.known(kind, host)))
    stand_in = tmp_path / "labserver"
    stand_in.write_text(f'#!/bin/sh\n[ "$1" = completion ] && cat {tmp_path}/"$2"\n')
    stand_in.chmod(0o755)
    assert complete(script, "labserver run b", str(tmp_path)) == ["backup-drill"]
    assert complete(script, "labserver backup home m", str(tmp_path)) == ["mary-ann", "mira"]
    assert complete(script, "labserver backup list jo", str(tmp_path)) == ["jonas"]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    def use(command: Callable[..., Any]) -> None:
        monkeypatch.setattr(_program, "command_of", lambda _name: command)

    return use


@pytest.mark.parametrize(
    ("status", "level"), [(0, "ok"), (1, "warning"), (2, "critical"), (3, "busy"), (9, "critical")]
)
def test_a_command_that_speaks_in_lines_is_an_object(
    program: Any, capsys: pytest.CaptureFixture[str], status: int, level: str
) -> None:
    def usage(argv: Sequence[str]) -> int:
        assert argv == ["--root", "/x"]
        sys.stdout.write("one\n\ntwo \x1b[2J\n")
        sys.stdout.flush()
        sys.stdout.buffer.write("three ü\n".encode())
        sys.stderr.write("a problem\n")
        return status

    program(usage)
    assert _program.main(["usage", "--json", "--root", "/x"]) == status
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "version": 1, "command": "usage", "exit_status": status, "level": level,
        "said": ["one", "two", "three ü"], "problems": ["a problem"],
    }  # fmt: skip
    assert printed.err == ""


def test_wrong_arguments_are_told_as_ever(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program(lambda argv: argparse.ArgumentParser(prog="labserver usage").parse_args(argv))
    with pytest.raises(SystemExit) as ended:
        _program.main(["usage", "--json", "--wrong"])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == "" and "unrecognized arguments: --wrong" in printed.err


@pytest.mark.parametrize("words", [["usage"], ["usage", "--json"], ["status"]])
def test_a_fault_of_the_program_is_no_mere_warning(
    program: Any, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def broken(_argv: Sequence[str]) -> int:
        raise KeyError("reserve_memory_bytes")

    program(broken)
    assert _program.main(words) == 2
    told = capsys.readouterr().err
    assert (
        "KeyError: 'reserve_memory_bytes'" in told and f"labserver {words[0]}: this is a fault of the program" in told
    )

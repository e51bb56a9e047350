# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packed program as a host runs it: its version, and the help of every command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.action import host_program
from ansible_collections.labserver.jupyter.plugins.module_utils._program import COMMANDS

COLLECTION = Path(host_program.__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "labserver"
    path.write_bytes(host_program.pack(COLLECTION))
    return path


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60, cwd=program.parent
    )


def test_the_version_is_that_of_the_collection(program: Path) -> None:
    wanted = yaml.safe_load((COLLECTION / "galaxy.yml").read_text())["version"]
    answer = run(program, "--version")
    assert (answer.returncode, answer.stdout) == (0, f"labserver {wanted}\n")


def test_an_installed_collection_has_its_version_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "7.8.9"}}))
    shutil.copytree(COLLECTION / "plugins/module_utils", tmp_path / "plugins/module_utils")
    path = tmp_path / "labserver"
    path.write_bytes(host_program.pack(tmp_path))
    assert run(path, "--version").stdout == "labserver 7.8.9\n"


def test_the_same_cores_give_the_same_program(program: Path) -> None:
    assert host_program.pack(COLLECTION) == program.read_bytes()


def test_commands_are_in_alphabetical_order() -> None:
    assert list(COMMANDS) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(program: Path, command: str) -> None:
    answer = run(program, command, "--help")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"usage: labserver {command}")


def test_an_unknown_command_is_refused_with_those_that_there_are(program: Path) -> None:
    answer = run(program, "renwe")
    assert answer.returncode == 2
    assert "unknown command 'renwe'; known: accounts-expire, adopt-watch, alert-test" in answer.stderr
    assert run(program).returncode == 2


class Copies:
    """Stands in for the copy of a file to the host: what came, in order, and what is answered."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = answers
        self.came: list[dict[str, Any]] = []

    def __call__(self, _action: object, _name: str, arguments: dict[str, Any], _variables: object) -> dict[str, Any]:
        self.came.append({**arguments, "content": Path(arguments["src"]).read_bytes()})
        return dict(self.answers[len(self.came) - 1])


def install(monkeypatch: pytest.MonkeyPatch, copies: Copies, **arguments: str) -> dict[str, Any]:
    monkeypatch.setattr(host_program._delegated, "run", copies)
    monkeypatch.setattr(host_program.ActionBase, "run", lambda *_given, **_more: {})
    action = object.__new__(host_program.ActionModule)
    action._task = SimpleNamespace(args=arguments)
    return action.run(None, {})


SAME, CHANGED = {"changed": False, "dest": "/x"}, {"changed": True, "dest": "/x"}


@pytest.mark.parametrize(("first", "second"), [(SAME, SAME), (CHANGED, SAME), (SAME, CHANGED), (CHANGED, CHANGED)])
def test_the_completion_comes_before_the_program(
    monkeypatch: pytest.MonkeyPatch, program: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """A run that dies in between is finished by the next, which asks nothing more once the program is there."""
    copies = Copies(first, second)
    assert install(monkeypatch, copies)["changed"] == (CHANGED in (first, second))
    completion, packed = copies.came
    assert Path(completion["src"]).name == "labserver", "the name of the command that bash looks for"
    assert (completion["dest"], completion["mode"]) == ("/usr/share/bash-completion/completions/", "0644")
    assert b"complete -o bashdefault -o default -F _labserver labserver" in completion["content"]
    assert completion["content"].decode() == run(program, "completion").stdout
    assert (packed["dest"], packed["mode"]) == ("/usr/local/sbin/labserver", "0755")
    assert packed["content"] == program.read_bytes()


def test_a_failure_of_the_first_ends_it_and_another_place_gets_no_completion(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Copies({"failed": True, "msg": "no room"})
    assert install(monkeypatch, copies) == {"failed": True, "msg": "no room"} and len(copies.came) == 1
    copies = Copies(CHANGED)
    assert install(monkeypatch, copies, path="/opt/labserver") == CHANGED
    assert [one["dest"] for one in copies.came] == ["/opt/labserver"]

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a CoCalc server keeps when a replacement was interrupted; the rest of its life is in molecule/apps."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc import world as cocalc_host
from ansible_collections.labserver.jupyter.plugins.module_utils._cocalc.model import Desired

DUMP = b"-- \xff\xfe is no UTF-8\n"


class Engine:
    """Containers by name; every command goes well."""

    def __init__(
        self,
        *names: str,
        commands: Sequence[str] = ("letsencrypt-cert",),
        started: str = "2026-11-20T09:00:00.123456789Z",
    ) -> None:
        self.names = set(names)
        self.started = started
        self.commands = commands
        self.changes: list[str] = []

    def __call__(self, command: Sequence[str], _stdin: str) -> tuple[int, str, str]:
        words = list(command[1:])
        if command[0] == "cp":
            shutil.copytree(command[-2], command[-1])
            return 0, "", ""
        if words[0] == "run":
            return int(words[-1].split()[-1] not in self.commands), "", ""
        if words[:2] == ["image", "inspect"]:
            return 0, "2", ""
        if words[0] in ("stop", "rm", "rename", "create", "start"):
            self.changes.append(words[0])
        if words[:2] == ["container", "inspect"]:
            state = {"Status": "running", "StartedAt": self.started}
            item = {"Image": "1", "Config": {"Image": "i"}, "State": state}
            return (0, json.dumps([item]), "") if words[2] in self.names else (1, "", "no such container")
        if words[0] == "rm":
            self.names.remove(words[-1])
        elif words[0] == "rename":
            self.names.remove(words[1])
            self.names.add(words[2])
        elif words[0] == "create":
            self.names.add(next(word[len("--name=") :] for word in words if word.startswith("--name=")))
        elif words[0] == "exec":
            return 0, DUMP.decode("utf-8", "surrogateescape"), ""
        return 0, "", ""


class KilledError(Exception):
    """The run was killed."""


class Dying(Engine):
    """An engine whose caller is killed after so many changes."""

    def __init__(self, *names: str, after: int) -> None:
        super().__init__(*names)
        self.after = after

    def __call__(self, command: Sequence[str], stdin: str) -> tuple[int, str, str]:
        answer = super().__call__(command, stdin)
        if len(self.changes) == self.after:
            raise KilledError
        return answer


@pytest.fixture
def server(tmp_path: Path) -> Desired:
    for folder, text in (("projects/postgres", "newer"), ("projects.before-upgrade", "older")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "table").write_text(text)
    return Desired("cocalc", "i", tmp_path / "projects", tmp_path / "dumps")


def world(engine: Engine) -> cocalc_host.World:
    return cocalc_host.World(engine, probe=lambda _url: 200, stamp=lambda: "20261120T100000Z")


def test_the_database_of_an_interrupted_replacement_is_put_aside(
    server: Desired, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine("cocalc", "cocalc-previous")
    for step in ("certificate", "container", "access", "letsencrypt"):
        monkeypatch.setattr(core, step, lambda *_arguments: None)
    outcome = core.converge(world(engine), server, check=False)
    aside = tmp_path / "projects.interrupted-20261120T100000Z"
    assert (server.data_folder / "postgres/table").read_text() == "older"
    assert (aside / "table").read_text() == "newer"
    assert outcome.actions[0]["reason"].endswith(f"its database is in {aside}")
    assert engine.names == {"cocalc"}


def test_absent_after_an_interrupted_replacement_leaves_the_database_as_it_was(server: Desired, tmp_path: Path) -> None:
    engine = Engine("cocalc", "cocalc-previous")
    foreseen = core.remove(world(engine), server, check=True)
    assert (server.data_folder / "postgres/table").read_text() == "newer"
    outcome = core.remove(world(engine), server, check=False)
    aside = tmp_path / "projects.interrupted-20261120T100000Z"
    assert (server.data_folder / "postgres/table").read_text() == "older"
    assert (aside / "table").read_text() == "newer"
    assert engine.names == set()
    assert [action["what"] for action in foreseen.actions] == ["remove", "remove"]
    assert [action["what"] for action in outcome.actions] == ["remove", "remove", "recover"]
    assert outcome.left == [str(server.data_folder), str(aside)]


def test_absent_that_was_killed_itself_can_be_repeated(server: Desired) -> None:
    """Killed after each of its commands in turn, the next run ends at the same place."""
    for killed_after in range(1, 6):
        (server.data_folder.parent / "projects.before-upgrade").mkdir(exist_ok=True)
        (server.data_folder.parent / "projects.before-upgrade/table").write_text("older")
        (server.data_folder / "postgres/table").write_text("newer")
        engine = Dying("cocalc", "cocalc-previous", after=killed_after)
        with contextlib.suppress(KilledError):
            core.remove(world(engine), server, check=False)
        engine.after = -1
        core.remove(world(engine), server, check=False)
        assert engine.names == set()
        assert (server.data_folder / "postgres/table").read_text() == "older"
        shutil.rmtree(server.data_folder.parent / "projects.interrupted-20261120T100000Z")


def test_a_copy_that_a_run_left_is_not_overwritten_by_the_next_replacement(server: Desired, tmp_path: Path) -> None:
    """Without the kept container nobody knows which of the two databases is the good one."""
    host = world(Engine("cocalc"))
    assert host.leftovers(server) == [str(tmp_path / "projects.before-upgrade")]
    old = host.container("cocalc")
    assert old is not None
    host.replace(server, old, "2", exposed=False)
    (kept,) = host.leftovers(server)
    assert (Path(kept) / "table").read_text() == "older"


@pytest.mark.parametrize("there", [False, True])
def test_a_server_whose_disk_is_away_is_not_replaced_by_an_empty_one(server: Desired, there: bool) -> None:
    engine = Engine("cocalc")
    old = world(engine).container("cocalc")
    assert old is not None
    shutil.rmtree(server.data_folder)
    if there:
        server.data_folder.mkdir()
    with pytest.raises(cocalc_host.CocalcError, match="is its disk mounted"):
        world(engine).replace(server, old, "2", exposed=False)
    assert engine.changes == []


def test_a_container_that_never_started_is_replaced_although_it_has_no_data(server: Desired) -> None:
    """Its port was taken, say: with another port in the inventory the next run goes on."""
    engine = Engine("cocalc", started="0001-01-01T00:00:00Z")
    old = world(engine).container("cocalc")
    assert old is not None
    shutil.rmtree(server.data_folder)
    world(engine).replace(server, old, "1", exposed=False)
    assert engine.names == {"cocalc"}
    assert engine.changes == ["stop", "rename", "create", "start", "rm"]


def test_an_image_without_the_certificate_program_is_refused_before_anything_is_touched(server: Desired) -> None:
    engine = Engine("cocalc", commands=())
    wanted = dataclasses.replace(server, letsencrypt={"domain": "x.org", "email": "a@x.org"})
    with pytest.raises(cocalc_host.CocalcError, match="the image i has no letsencrypt-cert"):
        core.container(world(engine), wanted, core.Outcome(), False)
    assert engine.changes == []


def test_a_dump_keeps_its_bytes(server: Desired) -> None:
    path = world(Engine("cocalc")).dump(server)
    assert gzip.decompress(Path(path).read_bytes()) == DUMP

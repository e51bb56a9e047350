# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``labserver backup list|home|file|database`` with the real restic: by a person's name, beside what is there."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import cli, model
from backup_server import HOME, Server

FILE = f"{HOME}/measured/7"


class Console:
    """The command line of a server below a folder."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self.capsys = server, capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        assert cli.main(words) == status
        out, error = self.capsys.readouterr()
        return error if status else out

    def json(self, *words: str) -> dict[str, t.Any]:
        found: dict[str, t.Any] = json.loads(self(*words, "--json"))
        assert found["version"] == 1
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """One for all tests, which take files of their own: each call of restic costs a second."""
    server = Server(tmp_path_factory.mktemp("server"))
    server.settings_file()
    with sqlite3.connect(server.at(model.DATABASES[1])) as store:
        store.execute("create table passwords (name, hash)")
        store.execute("insert into passwords values ('alice', 'x')")
    server.write(f"{HOME}/thesis.tex", "all of it")
    os.chown(server.at(f"{HOME}/thesis.tex"), 20001, 20001)
    server.back_up()
    server.write(FILE, "measured again\n")
    server.back_up()
    return server


@pytest.fixture
def console(server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setattr(cli, "World", server.world)
    monkeypatch.setattr(cli.run_lock, "working", lambda: None)
    return Console(server, capsys)


def test_what_there_is_of_a_person_by_date(console: Console) -> None:
    found = console.json("list", "alice")
    assert (found["person"], found["path"]) == ("alice", HOME)
    (backup,) = found["backups"]  # one is kept
    assert (backup["kind"], backup["entries"], backup["complete"]) == ("dir", 2, True)
    (backup,) = console.json("list", "jupyter-alice", "measured/7")["backups"]
    assert (backup["kind"], backup["size"]) == ("file", len("measured again\n"))
    (backup,) = console.json("list", "alice", "measured/none")["backups"]
    assert backup["kind"] == ""
    assert "not in this backup" in console("list", "alice", "measured/none")
    assert console.json("list")["databases"] == ["jupyterhub", "passwords"]


def test_nobody_of_that_name(console: Console) -> None:
    assert "nobody is called 'mira' here; there are alice, bob" in console("list", "mira", status=2)
    assert "is not in the home of alice" in console("file", "alice", "../jupyter-bob/measured/1", status=2)
    assert "is not in the home of alice" in console("file", "alice", "/etc/shadow", status=2)
    assert "give a date such as" in console("home", "alice", "--as-of", "yesterday", status=2)
    assert "no backup of this host has the id 12345678" in console("home", "alice", "--snapshot", "12345678", status=2)


def test_people_are_known_by_the_backup_where_the_host_lost_its_list(console: Console) -> None:
    console.server.at(model.ROSTER).rename(console.server.at("/roster"))
    try:
        assert console.json("list", "bob")["path"] == "/home/jupyter-bob"
    finally:
        console.server.at("/roster").rename(console.server.at(model.ROSTER))


def test_a_home_comes_back_beside_and_is_not_overwritten(console: Console) -> None:
    server = console.server
    before = server.at(FILE).read_text()
    server.write(FILE, "spoilt")
    restored = Path(console.json("home", "alice")["restored"])
    assert restored.parent == server.at("/home")
    assert restored.name.startswith("jupyter-alice.restored-")
    assert (restored / "measured/7").read_text() == before
    assert server.at(FILE).read_text() == "spoilt"
    assert "is there already" in console("home", "alice", status=2)
    assert not [path for path in server.at("/home").iterdir() if path.name.startswith(".labserver-restore")]


def test_a_file_comes_back_beside_itself(console: Console) -> None:
    server = console.server
    server.write(f"{HOME}/thesis.tex", "spoilt")
    restored = Path(console.json("file", "alice", "thesis.tex")["restored"])
    assert (restored.parent, restored.suffix) == (server.at(HOME), ".tex")
    assert restored.read_text() == "all of it"
    assert restored.stat().st_uid == 20001
    assert server.at(f"{HOME}/thesis.tex").read_text() == "spoilt"


def test_a_file_whose_folder_is_gone_or_leads_elsewhere(console: Console) -> None:
    """Nobody gets a file of root's into a folder of the system by a symbolic link."""
    server = console.server
    home = server.at("/home/jupyter-bob")
    shutil.rmtree(home / "measured")
    server.at("/system").mkdir()
    (home / "measured").symlink_to(server.at("/system"))
    restored = Path(console.json("file", "bob", "measured/7")["restored"])
    assert restored.parent == home
    assert list(server.at("/system").iterdir()) == []


def test_into_a_folder(console: Console, tmp_path: Path) -> None:
    server = console.server
    target = tmp_path / "wanted"
    restored = Path(console.json("file", "alice", "measured/9", "--to", str(target))["restored"])
    assert restored.read_bytes() == server.at(f"{HOME}/measured/9").read_bytes()
    assert "is not empty" in console("home", "alice", "--to", str(target), status=2)


def test_in_place_wants_the_name_of_the_host(console: Console) -> None:
    assert "this host is atlas" in console("home", "alice", "--in-place", "boreas", status=2)


def test_a_database_comes_back_for_root_alone(console: Console) -> None:
    restored = Path(console.json("database", "passwords")["restored"])
    assert restored.parent.stat().st_mode & 0o777 == 0o700
    with sqlite3.connect(restored) as store:
        assert store.execute("select name from passwords").fetchall() == [("alice",)]
    assert "is there already" in console("database", "passwords", status=2)
    assert "no database 'grades'; it has jupyterhub, passwords" in console("database", "grades", status=2)

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole server comes back from its repository: what is refused, and that all of it is there. With the real restic.

With a real host, its engine and its hub: molecule/backup.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import (
    bring_back,
    model,
    restic,
    resurrect,
    resurrect_cli,
)
from backup_server import HOME, Server

LOST = ("etc", "home", "srv", "var")
STORE = model.DATABASES[1]


def listing(server: Server) -> str:
    """Everything that a server keeps, with owners, modes and sums, by programs of the system."""
    command = (
        "find etc home srv var/lib/docker/volumes ! -path '*/backup/*' -printf '%p %U %G %m %l\\n' | sort;"
        "find etc home srv var/lib/docker/volumes -type f ! -name '*.sqlite' ! -path '*/backup/*' -exec sha256sum {} +"
        " | sort"
    )
    return subprocess.run(["sh", "-c", command], cwd=server.root, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, str]:
    """A server with a backup, and what it kept; all of it is lost then but the repository."""
    server = Server(tmp_path_factory.mktemp("server"))
    with sqlite3.connect(server.at(STORE)) as store:
        store.execute("create table passwords (name, hash)")
        store.execute("insert into passwords values ('alice', '$2b$x')")
    server.at(STORE).chmod(0o600)
    subprocess.run(["chown", "-R", "20001:20001", server.at(HOME)], check=True)
    server.at(f"{HOME}/measured/3").chmod(0o640)
    (server.at(HOME) / "link").symlink_to("measured/3")
    links = server.at(f"{model.REGISTRY_LINKS}/notebook/_manifests/tags/latest/current/link")
    links.parent.mkdir(parents=True)
    links.write_text("sha256:1")
    server.write("/etc/labserver/ca/key.pem", "the lab's authority")
    before = listing(server)
    assert server.back_up().findings == ()
    lose(server)
    return server, before


def lose(server: Server) -> None:
    for name in LOST:
        shutil.rmtree(server.at(f"/{name}"), ignore_errors=True)


@pytest.fixture
def bare(saved: tuple[Server, str], monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Server]:
    server = saved[0]
    monkeypatch.setattr(resurrect_cli.run_lock, "working", lambda: None)
    settings, mounts = server.settings, server.mounts
    yield server
    server.settings, server.mounts, server.engine.made = settings, mounts, []
    lose(server)


def step(server: Server, what: str, host: str = "atlas", **wanted: str) -> tuple[list[str], list[str]]:
    return resurrect_cli.step(server.world(), server.settings, what, resurrect.Desired(host, **wanted))


def refused(server: Server, host: str = "atlas", **wanted: str) -> str:
    """Return why the first step is refused; nothing was touched then."""
    before = sorted(path for name in LOST for path in server.at(f"/{name}").rglob("*"))
    with pytest.raises((model.SettingsError, restic.RepositoryError)) as caught:
        step(server, "check", host, **wanted)
    assert sorted(path for name in LOST for path in server.at(f"/{name}").rglob("*")) == before
    return str(caught.value)


def test_everything_comes_back_with_owners_and_rights(saved: tuple[Server, str], bare: Server) -> None:
    lines, warnings = step(bare, "check")
    assert "atlas of " in lines[0] and "2 people" in lines[0]
    assert warnings == []
    step(bare, "restore")
    assert listing(bare) == saved[1]
    with sqlite3.connect(bare.at(STORE)) as store:
        assert store.execute("select * from passwords").fetchall() == [("alice", "$2b$x")]
    assert bare.engine.made == [
        {
            "Name": "outside",
            "Labels": {},
        },
        {
            "Name": "zulip_db",
            "Labels": {"com.docker.compose.project": "zulip", "com.docker.compose.volume": "db"},
        },
    ]
    assert not bare.at(model.STAGE).exists()
    # A later run brings nothing back over what people did since; when all is set up the host is like any other.
    bare.write(f"{HOME}/measured/3", "new work")
    assert "is back already" in step(bare, "restore")[0][0]
    assert bare.at(f"{HOME}/measured/3").read_text() == "new work"
    step(bare, "end")
    assert "this host holds data already" in refused(bare)


def test_a_run_that_was_killed_goes_on_with_the_same_backup(saved: tuple[Server, str], bare: Server) -> None:
    step(bare, "check")
    kill = RuntimeError("killed")

    class Killed:
        def __call__(self, settings: model.Settings) -> t.Any:
            call = restic.run_restic(settings)

            def run(words: t.Sequence[str]) -> restic.Done:
                done = call(words)
                if words[0] == "restore":
                    bare.at(f"{HOME}/measured/3").write_text("half")
                    raise kill
                return done

            return run

    with pytest.raises(RuntimeError):
        resurrect_cli.step(replace(bare.world(), restic=Killed()), bare.settings, "restore", resurrect.Desired("atlas"))
    assert "2 people" in step(bare, "check")[0][0]  # what is there is its own
    step(bare, "restore")
    assert listing(bare) == saved[1]


def test_what_is_refused_before_anything_is_touched(bare: Server) -> None:
    settings = bare.settings
    bare.settings = replace(settings, password="another passphrase")
    assert "backup_password is not its password" in refused(bare)
    bare.settings = replace(settings, repository=str(bare.at("/mnt/empty")))
    assert "there is no repository at" in refused(bare)
    bare.settings = replace(settings, mount_point="/mnt/disk")
    assert "nothing is mounted at /mnt/disk; mount the disk" in refused(bare)
    bare.settings = replace(settings, host="nova")
    said = refused(bare, "nova")
    assert "the repository holds backups of atlas, none of nova; this host is nova, say whose" in said
    bare.settings = settings
    assert "holds backups of atlas, none of boreas" in refused(bare, "boreas")
    assert "has the id 1234" in refused(bare, snapshot="1234")
    assert "there is no backup of that time or before" in refused(bare, moment="2020-01-01")
    bare.write("/home/jupyter-bob/thesis.tex", "work")
    assert "this host holds data already (" in refused(bare)
    assert "/home/jupyter-bob" in refused(bare)


def test_another_name_is_taken_with_the_word(bare: Server) -> None:
    bare.settings = replace(bare.settings, host="nova")
    assert "atlas of " in step(bare, "check", "atlas")[0][0]
    with pytest.raises(model.SettingsError, match="bringing back atlas was begun here"):
        step(bare, "restore", "nova")


def test_not_enough_room_and_a_disk_that_is_missing() -> None:
    saved = resurrect.Saved(
        "1" * 64, "2026-11-20T03:00", "atlas", ("/home",), size=5 << 30, mounts={"/home": "ext4 sdb"}
    )
    (problem,) = resurrect.problems(saved, resurrect.Current(free={1: 2 << 30, 2: 3 << 30}))
    assert "takes 5.0 GiB and 1.0 GiB to work with, and 5.0 GiB are free here" in problem
    assert resurrect.problems(saved, resurrect.Current(free={1: 6 << 30})) == []
    (note,) = resurrect.notes(saved, resurrect.Current())
    assert "/home was a file system of its own (ext4 sdb)" in note


def test_docker_keeps_its_volumes_elsewhere() -> None:
    volumes = {"zulip": {"zulip_db": "/data/docker/volumes/zulip_db/_data"}}
    saved = resurrect.Saved("1" * 64, "", "atlas", (), volumes=volumes)
    (problem,) = resurrect.engine_problems(saved, resurrect.Current(volumes_folder="/var/lib/docker/volumes"))
    assert "give it the data-root of the old server" in problem
    assert resurrect.engine_problems(saved, resurrect.Current(volumes_folder="/data/docker/volumes")) == []


def test_what_came_back_damaged_is_not_put_in_place(bare: Server) -> None:
    step(bare, "check")
    world = bare.world()
    repo = bare.repository()
    saved, manifest = resurrect.read_saved(world, repo, repo.snapshots()[-1])
    manifest["databases"][STORE]["passwords"] = 2
    with pytest.raises(restic.RepositoryError, match="has 1 passwords instead of 2"):
        bring_back.bring_back(world, repo, saved, manifest)
    assert not bare.at(STORE).exists()
    assert not Path(bare.at(HOME), "nothing").exists()

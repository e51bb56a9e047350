# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was named and is not there is a finding with its name; what was never wanted is none."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import model, plan, read, sources
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount

SETTINGS = model.Settings("/mnt/disk", "secret of the test", "atlas", paths=("/data/instruments",))
ROSTER = {
    "users": {
        "alice": {"home": "/home/jupyter-alice", "state": "present"},
        "gone": {"home": "/home/jupyter-gone", "state": "absent"},
    }
}
ITEMS = [
    {"name": "zulip", "paths": ["/srv/labserver/compose/zulip", "/data/zulip"], "compose_project": "zulip"},
    {"name": "wiki", "paths": ["/data/wiki"], "compose_project": "wiki", "optional": True},
]
VOLUMES = {"zulip": {"zulip_db": "/var/lib/docker/volumes/zulip_db/_data", "f" * 64: "/v/f"}, "wiki": {}}
DISK = Mount("/home", "/dev/sdb1", "ext4", frozenset())
NAMED = sources.named(SETTINGS, ROSTER, ITEMS, VOLUMES)
WHOLE = sources.Current({source.path: sources.Look() for source in NAMED}, (DISK,), volumes=VOLUMES)
UNWANTED = plan.patterns(SETTINGS)
KNOWN = sources.remember(NAMED, WHOLE, UNWANTED, files=1000, size_bytes=1 << 30)


def found(current: sources.Current, known: sources.Known | None = KNOWN, **changes: t.Any) -> list[str]:
    named = changes.get("named", NAMED)
    return sources.findings(SETTINGS, named, changes.get("items", ITEMS), current, known, UNWANTED)


def without(*paths: str) -> sources.Current:
    return replace(WHOLE, looks={path: look for path, look in WHOLE.looks.items() if path not in paths})


def test_a_whole_host_has_no_findings() -> None:
    assert found(WHOLE) == found(WHOLE, None) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/home/jupyter-alice", "/home/jupyter-alice (home of alice) is not there"),
        ("/data/instruments", "/data/instruments (backup_paths) is not there"),
        ("/data/zulip", "/data/zulip (zulip) is not there"),
        (
            "/var/lib/docker/volumes/zulip_db/_data",
            "/var/lib/docker/volumes/zulip_db/_data (volume zulip_db of zulip) is not there",
        ),
    ],
)
def test_what_is_configured_has_to_be_there_from_the_first_backup_on(path: str, text: str) -> None:
    assert found(without(path), None) == found(without(path)) == [text]


@pytest.mark.parametrize("path", ["/srv/labserver", "/srv/labserver/compose/zulip", *model.DATABASES])
def test_what_the_last_backup_had_has_to_be_there(path: str) -> None:
    (text,) = found(without(path))
    assert text.startswith(f"{path} (")
    assert "is not there, and was in the last complete backup" in text
    assert found(without(path), None) == []


@pytest.mark.parametrize("path", ["/home/jupyter-gone", "/data/wiki"])
def test_what_left_the_lab_is_not_missed(path: str) -> None:
    assert found(without(path)) == []


def test_an_empty_folder_where_data_were_is_not_taken_for_them() -> None:
    empty = replace(WHOLE, looks=WHOLE.looks | {"/home/jupyter-alice": sources.Look(empty=True)})
    (text,) = found(empty)
    assert "/home/jupyter-alice (home of alice) is empty, and was not in the last complete backup" in text
    assert found(empty, sources.remember(NAMED, empty, UNWANTED, 1, 1)) == []


def test_a_file_system_that_is_not_mounted_any_more() -> None:
    (text,) = found(replace(WHOLE, mounts=()))
    assert "nothing is mounted at /home, where ext4 /dev/sdb1 was at the last complete backup" in text
    named_by_fstab = replace(WHOLE, mounts=(), planned_mounts=("/home", "/mnt/backup", "/"))
    (text,) = found(named_by_fstab, None)
    assert text == "nothing is mounted at /home, which /etc/fstab names; mount it or take it out there"


@pytest.mark.parametrize(
    "mount",
    [
        Mount("/home/jupyter-alice/remote", "alice@cluster:", "fuse.sshfs", frozenset()),
        Mount("/srv/labserver/shares/data/files", "//nas/data", "cifs", frozenset()),
        Mount("/", "/dev/sda1", "ext4", frozenset()),
        Mount("/mnt/other", "/dev/sdc1", "ext4", frozenset()),
        Mount("/home/jupyter-alice/tmp", "tmpfs", "tmpfs", frozenset()),
        Mount("/srv/labserver/engine/overlay2/1/merged", "overlay", "overlay", frozenset()),
    ],
)
def test_file_systems_that_are_none_of_the_backup_may_come_and_go(mount: Mount) -> None:
    known = sources.remember(NAMED, replace(WHOLE, mounts=(DISK, mount)), UNWANTED, 1, 1)
    assert found(WHOLE, known) == []


@pytest.mark.parametrize("fstype", ["fuse.glusterfs", "overlay"])
def test_any_file_system_above_a_home_counts(fstype: str) -> None:
    mount = Mount("/home", "homes", fstype, frozenset())
    known = sources.remember(NAMED, replace(WHOLE, mounts=(mount,)), UNWANTED, 1, 1)
    (text,) = found(replace(WHOLE, mounts=()), known)
    assert f"{fstype} homes" in text


def test_people_whose_list_is_gone() -> None:
    nobody = replace(WHOLE, people=False)
    named = sources.named(SETTINGS, {}, ITEMS, VOLUMES)
    (text,) = found(nobody, named=named)
    assert text.startswith("/etc/labserver/public/roster.json is not there, so nobody's home is in this backup")
    (text,) = found(replace(nobody, register=True), None, named=named)
    assert "roster.json" in text
    assert found(nobody, None, named=named) == []  # a host that never had people


def test_volumes_that_could_not_be_asked_or_are_gone() -> None:
    down = replace(WHOLE, volumes={}, unknown=("the volumes of zulip are not in this backup: no engine",))
    assert found(down) == ["the volumes of zulip are not in this backup: no engine"]
    (text,) = found(replace(WHOLE, volumes={"zulip": {}, "wiki": {}}))
    assert text.startswith("the volume zulip_db of zulip is not there, or not used any more")


def test_a_much_smaller_snapshot() -> None:
    assert sources.shrunk(KNOWN, 600, 1 << 29) == []
    assert "much smaller (499 files, 1.0 GiB)" in sources.shrunk(KNOWN, 499, 1 << 30)[0]
    assert "(1000 files, 100 MiB)" in sources.shrunk(KNOWN, 1000, 100 << 20)[0]
    assert sources.shrunk(None, 0, 0) == []
    assert sources.shrunk(replace(KNOWN, files=10, bytes=100), 0, 0) == []  # a server that has hardly anything


def test_what_is_remembered_comes_back_as_it_was() -> None:
    assert sources.known_from(KNOWN.as_dict() | {"filled": list(KNOWN.filled)}) == KNOWN
    for damaged in (None, [], {}, {"version": 1}, {"version": 2}, {**KNOWN.as_dict(), "mounts": 1}):
        assert sources.known_from(damaged) is None


def test_an_automount_below_a_source_is_asked_before_it_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody uses is unmounted after a while: no alarm every night, and no wait for those left out."""
    trap = Mount("/data/instruments/nas", "systemd-1", "autofs", frozenset())
    left = Mount("/srv/labserver/shares/data/files", "systemd-1", "autofs", frozenset())
    mounts = [trap, left]
    asked: list[str] = []

    def look(_world: World, path: str) -> sources.Look:
        asked.append(path)
        if path == trap.target:
            mounts.append(replace(trap, source="//nas/x", fstype="cifs"))
        return sources.Look()

    monkeypatch.setattr(read, "look", look)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").write_text(f"//nas/x {trap.target} cifs x-systemd.automount\n")
    world = World(tmp_path, mounts=lambda: tuple(mounts))
    named, items, current = read.read(world, SETTINGS)
    assert trap.target in asked
    assert left.target not in asked
    assert sources.findings(SETTINGS, named, items, current, None, UNWANTED) == []

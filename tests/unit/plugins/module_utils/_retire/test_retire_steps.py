# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps on a small host below a folder: its files are real ones, engine, mounts and restic are stand-ins."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.restic import Done
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World as Host
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount
from ansible_collections.labserver.jupyter.plugins.module_utils._retire import carry_out, read, record, show
from ansible_collections.labserver.jupyter.plugins.module_utils._retire.model import Desired, Record, RetireError

SECRET = "of the test, and not short"
NOW = datetime(2026, 12, 15, 9, 0, tzinfo=UTC)
AFTER, BEFORE = "2026-12-15T09:30:00.123456789Z", "2026-12-15T03:00:00Z"
WORDS = Desired("atlas", "2026-12-15", contact="Rita Vega")
WIPE = Desired("atlas", "2026-12-15", contact="Rita Vega", wipe=True)
DISK = Mount("/", "/dev/sda1", "ext4", frozenset({"rw"}))


@dataclass
class Engine:
    """Containers by name: labels, and whether they run."""

    containers: dict[str, dict[str, str]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def get(self, path: str, filters: Mapping[str, Any] | None = None, **_query: Any) -> Any:
        if path == "/volumes":
            return {"Volumes": [{"Name": "pad_data", "Mountpoint": "/var/lib/docker/volumes/pad_data/_data"}]}
        if path == "/containers/json":
            (label,) = (filters or {})["label"]
            key, _equals, value = label.partition("=")
            names = [
                name
                for name, labels in self.containers.items()
                if name in self.running and key in labels and value in ("", labels[key])
            ]
            return [{"Id": name, "Names": [f"/{name}"], "Mounts": []} for name in names]
        name = path.split("/")[2]
        if name not in self.containers:
            raise EngineError(f"no {name}", 404)
        state = {"Running": name in self.running, "StartedAt": ""}
        return {"Id": name, "Name": f"/{name}", "Config": {"Labels": self.containers[name]}, "State": state}

    def request(self, method: str, path: str, **_more: Any) -> None:
        self.calls.append(f"{method} {path}")
        if path.endswith("/stop"):
            name = path.split("/")[2]
            if name not in self.containers:
                raise EngineError(f"no {name}", 404)
            self.running.discard(name)


@dataclass
class Small:
    """The host, and what its stand-ins answer."""

    root: Path
    engine: Engine
    world: read.World
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    table: list[Mount] = field(default_factory=lambda: [DISK])
    ran: list[list[str]] = field(default_factory=list)

    def file(self, path: str, content: str | Mapping[str, Any] = "x") -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    def look(self) -> Any:
        return read.read(self.world)

    def backup(self, time: str, drilled: bool = True, tag: str = "labserver", without: str = "") -> None:
        paths = [
            "/etc/labserver",
            "/srv/labserver",
            "/home/jupyter-mira",
            "/data/leem",
            "/var/lib/docker/volumes/pad_data",
        ]
        paths = [f"{self.root}{path}" for path in paths if path != without]
        name = f"{len(self.snapshots) + 1:08x}"
        self.snapshots.append({"id": name, "short_id": name, "time": time, "tags": [tag], "paths": paths})
        level, message = (
            ("ok", f"{name}: 3 databases and 9 files came back as they were") if drilled else ("critical", "no")
        )
        status = {"version": 1, "job": "backup-drill", "level": level, "message": message}
        self.file("/var/lib/labserver/jobs/backup-drill.json", status)


@pytest.fixture
def host(tmp_path: Path) -> Small:
    engine = Engine()
    engine.containers = {
        "labserver-hub": {"org.labserver.room": "hub"},
        "labserver-registry": {"org.labserver.room": "registry"},
        "jupyter-mira": {"org.labserver.room": "hub-server", "org.labserver.user": "mira"},
    }
    engine.running = set(engine.containers)
    small = Small(tmp_path, engine, read.World())

    def restic(words: Sequence[str]) -> Done:
        if words[0] == "cat":
            return Done(0, json.dumps({"id": "f" * 64}), "")
        assert words[0] == "snapshots", words
        return Done(0, json.dumps(small.snapshots), "")

    def run(argv: Sequence[str], _seconds: float) -> process.Done:
        small.ran.append(list(argv))
        if argv[0] == "du":
            return process.Done(0, "".join(f"4096\t{path}\n" for path in argv[5:]).encode())
        if argv[0] == "umount":
            small.table = [mount for mount in small.table if mount.target != argv[1]]
        return process.Done(0, b"192.0.2.7 \n")

    world = Host(tmp_path, lambda: NOW, lambda: tuple(small.table), engine, lambda _settings: restic)  # type: ignore[arg-type]
    small.world = read.World(world, run)
    user = {"home": "/home/jupyter-mira", "state": "present", "system_name": "jupyter-mira"}
    small.file("/etc/labserver/public/roster.json", {"version": 1, "users": {"mira": user}, "groups": {}})
    small.file("/home/jupyter-mira/thesis.tex")
    small.file("/home/operator/notes")
    small.file("/data/leem/raw.dat")
    wanted = {
        "accounts_groups": [{"name": "leem"}],
        "accounts_shared_folders": [{"path": "/data/leem", "group": "leem"}],
    }
    wanted |= {"accounts_users": [{"name": "mira"}]}
    small.file(
        "/etc/labserver/accounts/wanted.json", {"version": 1, "inputs": wanted, "ids": {"users": {}, "groups": {}}}
    )
    settings = {
        "version": 1,
        "repository": "/mnt/disk/atlas",
        "password": SECRET,
        "host": "atlas",
        "paths": ["/data/leem"],
    }
    small.file("/etc/labserver/backup/settings.json", settings)
    items = [{"name": "pad", "paths": ["/etc/ssl", "/srv/labserver/compose/pad"], "compose_project": "pad"}]
    small.file("/etc/labserver/backup.d/compose_app.json", {"version": 1, "items": items})
    small.file("/etc/labserver/tls/server/key.pem", SECRET)
    small.file("/etc/labserver/jobs.d/backup.json", "{}")
    small.file("/etc/ssl/openssl.cnf")
    small.file("/srv/labserver/registry/docker/registry/v2/repositories/lab/notebook/_manifests/x")
    small.file("/srv/labserver/compose/pad/text")
    small.file("/var/lib/labserver/one-time-passwords.csv", SECRET)
    small.file("/mnt/disk/atlas/config", "the repository")
    state = small.root / "srv/labserver/hub/state"
    state.mkdir(parents=True)
    with sqlite3.connect(state / "jupyterhub.sqlite") as connection:
        connection.execute("CREATE TABLE users(name TEXT, last_activity TEXT)")
        connection.execute("INSERT INTO users VALUES('mira', '2026-12-14 10:00:00'), ('ben', NULL)")
    return small


def roles(host: Small) -> None:
    """Do what the roles do with state absent."""
    host.engine.containers.clear()
    (host.root / "etc/labserver/jobs.d/backup.json").unlink()
    (host.root / "etc/labserver/backup/settings.json").unlink()


def stopped(host: Small, words: Desired = WORDS) -> None:
    """Go all the way until the roles have done their part."""
    carry_out.announce(host.world, words, host.look())
    host.engine.running.discard("jupyter-mira")
    carry_out.freeze(host.world, words, host.look())
    host.backup(AFTER)
    carry_out.save(host.world, words, host.look())
    roles(host)
    carry_out.finish(host.world, words, host.look())


def left(host: Small) -> set[str]:
    """Return all files below the root."""
    return {f"/{path.relative_to(host.root)}" for path in host.root.rglob("*") if path.is_file()}


def test_a_roster_that_is_missing_is_named_before_the_backup_and_not_while_everything_is_deleted(host: Small) -> None:
    (host.root / "etc/labserver/public/roster.json").unlink()
    found = host.look()
    assert [text for text in found.unread if "roster.json is missing" in text] != []
    record.write(host.root, Record(stage="stopped"))
    assert not any("roster.json" in text for text in host.look().unread)


def test_the_host_is_read_as_it_is(host: Small) -> None:
    found = host.look()
    assert found.unread == ()
    assert (found.hub, found.running, found.seen) == ("running", ("mira",), (("mira", "2026-12-14 10:00:00"),))
    assert found.homes == {"/home/jupyter-mira": 4096} and found.groups == {"/data/leem": 4096}
    assert (found.repositories, found.apps, found.volumes) == (("lab/notebook",), ("pad",), ("pad_data",))
    assert found.jobs == ("backup",) and "jupyter-mira" in found.containers
    assert {"private keys of certificates", "password of the backups", "one-time passwords"} <= set(found.secrets)
    assert found.targets == (
        "/data/leem",
        "/etc/labserver",
        "/home/jupyter-mira",
        "/srv/labserver",
        "/var/lib/labserver",
    ), "neither /etc/ssl, whatever an app says, nor the backup"
    assert (found.backup.problem, found.backup.repository, found.backup.last) == ("", "/mnt/disk/atlas", None)
    assert {"/etc/labserver", "/srv/labserver", "/home/jupyter-mira", "/data/leem"} <= set(found.backup.holds)
    assert SECRET not in repr(found)


def test_an_engine_that_does_not_answer_is_not_taken_for_one_without_servers(host: Small) -> None:
    def silent(_path: str, **_query: Any) -> None:
        raise EngineError("no answer")

    host.engine.get = silent  # type: ignore[method-assign]
    assert any("whose servers run (no answer)" in text for text in host.look().unread)


def test_people_are_told_once(host: Small) -> None:
    words = Desired("atlas", "2026-12-01", day="2026-12-15", contact="Rita Vega")
    assert carry_out.announce(host.world, words, host.look(), check=True)
    assert not (host.root / carry_out.NOTICE).exists()
    assert carry_out.announce(host.world, words, host.look())
    notice = host.root / carry_out.NOTICE
    assert json.loads(notice.read_text()) == {"version": 1, "day": "2026-12-15", "contact": "Rita Vega"}
    assert stat.S_IMODE(notice.stat().st_mode) == 0o644
    assert not carry_out.announce(host.world, words, host.look())
    assert carry_out.take_back(host.world, words, host.look())
    assert not notice.exists() and record.read(host.root).stage == ""
    assert not carry_out.take_back(host.world, words, host.look())


def test_running_servers_are_stopped_by_the_word_alone_and_the_hub_first(host: Small) -> None:
    carry_out.announce(host.world, WORDS, host.look())
    with pytest.raises(RetireError, match="servers of mira run; say retire_stop_servers=true"):
        carry_out.freeze(host.world, WORDS, host.look())
    assert host.engine.calls == []
    words = Desired("atlas", "2026-12-15", contact="Rita Vega", stop_servers=True)
    assert carry_out.freeze(host.world, words, host.look())
    assert [call.split("/")[2] for call in host.engine.calls] == ["labserver-hub", "labserver-ssh", "jupyter-mira"]
    assert host.engine.running == {"labserver-registry"}
    assert record.read(host.root).frozen == "2026-12-15T09:00:00Z"
    assert not carry_out.freeze(host.world, words, host.look())


def test_containers_for_files_are_stopped_though_nobody_works_in_them(host: Small) -> None:
    box = {**host.engine.containers.pop("jupyter-mira"), "org.labserver.box": "1"}
    host.engine.containers["jupyter-mira-files"] = box
    host.engine.running.add("jupyter-mira-files")
    assert host.look().running == ()
    carry_out.announce(host.world, WORDS, host.look())
    carry_out.freeze(host.world, WORDS, host.look())
    assert host.engine.running & set(host.engine.containers) == {"labserver-registry"}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"time": BEFORE}, "from before people were out"),
        ({"time": AFTER, "tag": "labserver-incomplete"}, "something is missing in the last backup"),
        ({"time": AFTER, "drilled": False}, "no drill has restored of the last backup"),
        ({"time": AFTER, "without": "/home/jupyter-mira"}, "does not hold /home/jupyter-mira"),
        (None, "there is no backup of this server: none was made"),
    ],
    ids=["old", "incomplete", "not proved", "without a home", "none"],
)
def test_nothing_goes_on_without_a_good_backup(host: Small, how: dict[str, Any] | None, said: str) -> None:
    carry_out.announce(host.world, WIPE, host.look())
    host.engine.running.discard("jupyter-mira")
    carry_out.freeze(host.world, WIPE, host.look())
    if how:
        host.backup(**how)
    with pytest.raises(RetireError, match=said):
        carry_out.save(host.world, WIPE, host.look())
    assert record.read(host.root).stage == "frozen"


def test_a_drill_of_an_earlier_backup_proves_nothing(host: Small) -> None:
    host.backup(BEFORE)
    assert host.look().backup.last.proved
    host.snapshots.append({**host.snapshots[0], "id": "9" * 8, "short_id": "9" * 8, "time": AFTER})
    assert not host.look().backup.last.proved


def test_what_still_runs_is_named(host: Small) -> None:
    carry_out.announce(host.world, WORDS, host.look())
    host.engine.running.discard("jupyter-mira")
    carry_out.freeze(host.world, WORDS, host.look())
    host.backup(AFTER)
    carry_out.save(host.world, WORDS, host.look())
    with pytest.raises(RetireError, match="the container labserver-registry, the job backup"):
        carry_out.finish(host.world, WORDS, host.look())


def test_data_and_keys_stay_unless_the_word_is_said(host: Small) -> None:
    before = left(host)
    stopped(host)
    gone = {"/etc/labserver/jobs.d/backup.json", "/etc/labserver/backup/settings.json"}
    assert before - left(host) == gone
    assert not (host.root / carry_out.NOTICE).exists(), "a hub that is set up again starts servers"
    assert record.read(host.root).stage == "stopped"
    text = "\n".join(show.report(record.read(host.root)))
    assert "its data are still on its disks: /data/leem" in text and "private keys of certificates" in text
    assert SECRET not in (host.root / record.FILE).read_text()


def test_a_wipe_deletes_everything_of_the_lab_server_and_nothing_else(host: Small) -> None:
    stopped(host, WIPE)
    assert carry_out.wipe(host.world, WIPE, host.look(), check=True)
    assert "/data/leem/raw.dat" in left(host)
    assert carry_out.wipe(host.world, WIPE, host.look())
    assert left(host) == {
        "/etc/ssl/openssl.cnf",
        "/home/operator/notes",
        "/mnt/disk/atlas/config",
        f"/{record.FILE}",
    }
    assert not (host.root / "home/jupyter-mira").exists() and not (host.root / "etc/labserver").exists()
    assert "DELETE /volumes/pad_data" in host.engine.calls
    assert not carry_out.wipe(host.world, WIPE, host.look()), "a second run has nothing to do"
    assert "its data are deleted" in "\n".join(show.report(record.read(host.root)))


def test_a_wipe_that_dies_is_finished_by_the_next(host: Small) -> None:
    stopped(host, WIPE)
    home, broken = host.root / "home/jupyter-mira", host.file("/var/lib/labserver/the-last/x").parent
    real = carry_out.tree.remove

    def remove(place: Path) -> None:
        if place == broken:
            raise OSError("it broke")
        real(place)

    carry_out.tree.remove = remove
    try:
        with pytest.raises(OSError, match="it broke"):
            carry_out.wipe(host.world, WIPE, host.look())
    finally:
        carry_out.tree.remove = real
    assert broken.exists() and not home.exists() and record.read(host.root).stage == "stopped"
    assert show.compare(WIPE, host.look(), {}).refusals == ()
    assert carry_out.wipe(host.world, WIPE, host.look())
    assert not broken.exists()


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        (
            Mount("/srv/labserver/shares/raw/files", "//nas/raw", "cifs", frozenset()),
            "//nas/raw .cifs., which is no disk",
        ),
        (Mount("/srv/labserver/local", "/dev/sda1", "ext4", frozenset(), "/other"), "which is no disk of its own"),
        (Mount("/home", "nas:/home", "nfs4", frozenset()), "/home/jupyter-mira lies on nas:/home"),
    ],
    ids=["a share", "a part of another disk", "homes on a share"],
)
def test_nothing_on_a_share_is_deleted(host: Small, mount: Mount, said: str) -> None:
    stopped(host, WIPE)
    before = left(host)
    host.table.append(mount)
    with pytest.raises(RetireError, match=said):
        carry_out.wipe(host.world, WIPE, host.look())
    assert left(host) == before


def test_shares_that_their_role_unmounts_are_not_in_the_way_of_the_plan(host: Small) -> None:
    host.table.append(Mount("/srv/labserver/shares/raw/files", "//nas/raw", "cifs", frozenset()))
    assert host.look().obstacles == ()
    host.table.append(Mount("/srv/labserver/other", "//nas/raw", "cifs", frozenset()))
    assert len(host.look().obstacles) == 1


def test_a_disk_of_the_lab_server_is_emptied_and_unmounted(host: Small) -> None:
    stopped(host, WIPE)
    host.table.append(Mount("/srv/labserver/registry", "/dev/sdb1", "xfs", frozenset()))
    carry_out.wipe(host.world, WIPE, host.look())
    assert ["umount", "/srv/labserver/registry"] in host.ran
    assert not (host.root / "srv/labserver").exists()


def test_a_disk_that_is_away_keeps_its_data_and_is_named(host: Small) -> None:
    host.file("/etc/fstab", "/dev/sdb1 /srv/labserver/registry xfs defaults 0 2\n")
    assert "/srv/labserver/registry is in /etc/fstab and not mounted" in host.look().obstacles[0]


def test_no_link_is_followed(host: Small) -> None:
    stopped(host, WIPE)
    (host.root / "home/jupyter-mira/link").symlink_to(host.root / "home/operator")
    (host.root / "etc/labserver/link").symlink_to(host.root / "etc/ssl")
    (host.root / "var/lib/labserver/link").symlink_to(host.root / "etc/ssl")
    carry_out.wipe(host.world, WIPE, host.look())
    assert {"/home/operator/notes", "/etc/ssl/openssl.cnf"} <= left(host)


def test_data_behind_a_link_of_the_lab_server_are_deleted_with_it(host: Small) -> None:
    (host.root / "disk2").mkdir()
    host.file("/disk2/registry/layer")
    (host.root / "srv/labserver/images").symlink_to(host.root / "disk2/registry")
    assert "/disk2/registry" in host.look().targets


@pytest.mark.parametrize(("place", "stays"), [("disk2", False), ("var/cache", True)], ids=["a disk", "the system's"])
def test_a_home_that_is_a_link_goes_with_what_it_leads_to(host: Small, place: str, stays: bool) -> None:
    (host.root / place).mkdir(parents=True)
    (host.root / "home/jupyter-mira").rename(host.root / place / "mira")
    (host.root / "home/jupyter-mira").symlink_to(host.root / place / "mira")
    unsaved = Desired("atlas", "2026-12-15", contact="Rita Vega", wipe=True, unsaved=True)
    stopped(host, unsaved)
    carry_out.wipe(host.world, unsaved, host.look())
    assert not (host.root / "home/jupyter-mira").is_symlink()
    assert (host.root / place / "mira/thesis.tex").exists() is stays


@pytest.mark.parametrize("step", [carry_out.freeze, carry_out.save, carry_out.finish, carry_out.wipe])
def test_no_step_is_gone_before_the_one_that_comes_first(host: Small, step: Any) -> None:
    with pytest.raises(RetireError, match="this step comes after"):
        step(host.world, WIPE, host.look())
    assert "/home/jupyter-mira/thesis.tex" in left(host) and host.engine.calls == []


def test_a_server_that_was_set_up_again_is_not_wiped_by_the_old_backup(host: Small) -> None:
    stopped(host, WIPE)
    host.file("/etc/labserver/jobs.d/backup.json", "{}")  # as playbooks/site.yml does
    assert show.compare(WIPE, host.look(), {}).stage == "announced"
    with pytest.raises(RetireError, match="this step comes after"):
        carry_out.wipe(host.world, WIPE, host.look())

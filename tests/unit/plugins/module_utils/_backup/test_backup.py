# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup holds, where it goes, and that an empty place is never taken for it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import typing as t
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import (
    canary,
    drill,
    model,
    plan,
    proof,
    restic,
    restore,
    sources,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import input as backup_input
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import stage as backup_stage
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common import process

DEFAULTS = yaml.safe_load((Path(__file__).resolve().parents[5] / "roles/backup/defaults/main.yml").read_text())
GOOD = {**DEFAULTS, "backup_repository": "/mnt/disk/atlas", "backup_password": "long enough to use"}
SETTINGS = model.Settings(repository="/mnt/disk/atlas", password="secret of the test", host="atlas")


def test_no_repository_needs_nothing_else() -> None:
    assert backup_input.problems(DEFAULTS) == []
    assert backup_input.problems(GOOD) == []
    assert backup_input.problems({**GOOD, "backup_repository": "sftp:backup@nas:/atlas"}) == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"backup_password": "short"}, "backup_password: has less than 12 characters"),
        ({"backup_repository": "backup/atlas"}, "backup_repository: 'backup/atlas' is neither an absolute path nor"),
        ({"backup_repository": "/srv/labserver/backup"}, "'/srv/labserver/backup' lies in what is saved"),
        ({"backup_mount_point": "/mnt/other"}, "backup_mount_point: '/mnt/disk/atlas' does not lie below '/mnt/other'"),
        (
            {"backup_repository": "rest:https://nas/", "backup_mount_point": "/mnt"},
            "backup_mount_point: is for a repository in a folder of the host",
        ),
        ({"backup_environment": {"A-B": ""}}, "backup_environment: 'A-B' is not the name of a variable"),
        ({"backup_environment": {"RESTIC_PASSWORD": ""}}, "backup_environment: RESTIC_PASSWORD is set by the role"),
        ({"backup_paths": ["data"]}, "backup_paths[0]: 'data' is not an absolute path"),
        (
            {"backup_paths": ["/srv/labserver/shares/data"]},
            "backup_paths[0]: '/srv/labserver/shares/data' is on a share",
        ),
        ({"backup_exclude": ["*.tmp", " "]}, "backup_exclude[1]: is empty"),
        ({"backup_keep_weekly": -1}, "backup_keep_weekly: -1 is less than 0"),
        ({"backup_drill_read_percent": 101}, "backup_drill_read_percent: 101 is not above 0 and at most 100"),
    ],
)
def test_problems(inputs: dict[str, t.Any], message: str) -> None:
    (problem,) = backup_input.problems({**GOOD, **inputs})
    assert message in problem
    assert "long enough" not in problem


ROSTER = {
    "users": {
        "bob": {"home": "/home/jupyter-bob", "state": "present"},
        "alice": {"home": "/home/jupyter-alice", "state": "locked"},
    }
}
ZULIP = {"name": "zulip", "paths": ["/data/zulip"], "compose_project": "zulip", "dump": ["pg_dumpall"]}
VOLUMES = {"zulip": {"zulip_db": "/var/lib/docker/volumes/zulip_db/_data"}}


def decide(there: t.Collection[str] | None = None, settings: model.Settings = SETTINGS) -> plan.Plan:
    named = sources.named(settings, ROSTER, [ZULIP], VOLUMES)
    looks = {source.path: sources.Look(there=there is None or source.path in there) for source in named}
    return plan.compare(settings, named, [ZULIP], sources.Current(looks, volumes=VOLUMES))


def test_everything_that_a_server_keeps_is_saved() -> None:
    decided = decide()
    assert decided.paths == (
        "/data/zulip",
        "/etc/labserver",
        "/home/jupyter-alice",
        "/home/jupyter-bob",
        "/srv/labserver",
        "/var/lib/docker/volumes/zulip_db/_data",
        "/var/lib/labserver/backup/stage",
    )
    assert decided.dumps == (plan.Dump("zulip", ("pg_dumpall",)),)


def test_what_is_in_use_is_saved_as_a_copy_and_only_so() -> None:
    decided = decide()
    for path in decided.databases:
        assert model.left_out(path, decided.exclude)
        assert model.left_out(f"{path}-wal", decided.exclude)
        assert not model.left_out(model.staged(path), decided.exclude)
    assert model.left_out(f"{model.REGISTRY_LINKS}/notebook/_manifests", decided.exclude)
    assert not model.left_out(f"{model.REGISTRY}/docker/registry/v2/blobs/sha256/aa", decided.exclude)


def test_shares_are_never_saved_and_the_registry_only_when_wanted() -> None:
    assert model.left_out("/srv/labserver/shares/data/files/a", decide().exclude)
    without = decide(settings=model.Settings("r", "p", "atlas", registry=False))
    assert (without.links, model.left_out(f"{model.REGISTRY}/docker", without.exclude)) == ("", True)


def test_what_is_not_there_is_left_out() -> None:
    decided = decide(there=["/etc/labserver"])
    assert decided.paths == ("/etc/labserver", model.STAGE)
    assert (decided.databases, decided.links) == ((), "")


def test_what_a_link_leads_to_is_saved_too_without_what_is_left_out_there() -> None:
    looks = {
        "/srv/labserver": sources.Look(link="/data/lab"),
        model.DATABASES[0]: sources.Look(),
    }
    named = sources.named(SETTINGS, {}, [], {})
    decided = plan.compare(SETTINGS, named, [], sources.Current(looks))
    assert decided.paths == ("/data/lab", "/srv/labserver", model.STAGE)
    assert model.left_out("/data/lab/shares/data/file", decided.exclude)
    assert model.left_out("/data/lab/hub/state/jupyterhub.sqlite-wal", decided.exclude)
    assert not model.left_out("/data/lab/hub/cookie", decided.exclude)


def test_copies_belong_to_the_path_above_them() -> None:
    copies = ["/srv/labserver/hub/state/passwords.sqlite", "/srv/labserver/registry/docker/registry/v2/repositories"]
    assert model.copies_below("/srv/labserver/hub", copies) == copies[:1]
    assert model.copies_below("/srv/labserver/hub/state/passwords.sqlite", copies) == copies[:1]
    assert model.copies_below("/srv/labserver", copies) == copies
    assert model.copies_below("/srv/labserver/hub2", copies) == []


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2}', '{"version": 1, "repository": "/r"}'])
def test_settings_that_cannot_be_used(content: str) -> None:
    with pytest.raises(model.SettingsError):
        model.settings_from(content)


class FakeRestic:
    """Stands in for restic alone: what it says of the place, and what it was asked to do."""

    def __init__(self, there: str = "") -> None:
        self.there, self.asked = there, []
        self.refusal: restic.Done | None = None

    def __call__(self, words: Sequence[str]) -> restic.Done:
        self.asked.append(words[0])
        if words[0] == "init":
            self.there = "1" * 64
        if words[0] == "cat" and self.refusal:
            return self.refusal
        if words[0] == "cat" and not self.there:
            return restic.Done(1, "", "Fatal: unable to open config file: stat /mnt/disk/atlas/config: no such file")
        return restic.Done(0, json.dumps({"id": self.there}), "")


def repository(run: FakeRestic, folder: Path, mounts: Sequence[str] = (), point: str = "") -> restic.Repository:
    settings = model.Settings("/mnt/disk/atlas", "secret of the test", "atlas", mount_point=point)
    return restic.Repository(settings, run, lambda: mounts, folder / "repository-id")


def test_repository_is_made_once_and_recorded(tmp_path: Path) -> None:
    run = FakeRestic()
    assert repository(run, tmp_path).make()
    assert (tmp_path / "repository-id").read_text().strip() == "1" * 64
    assert not repository(run, tmp_path).make()
    assert run.asked.count("init") == 1


def test_repository_of_a_lost_server_is_taken_over(tmp_path: Path) -> None:
    run = FakeRestic("2" * 64)
    assert repository(run, tmp_path).make()
    assert "init" not in run.asked
    assert (tmp_path / "repository-id").read_text().strip() == "2" * 64


@pytest.mark.parametrize(("there", "words"), [("", "the repository is not there"), ("3" * 64, "another repository")])
def test_an_empty_or_other_place_is_an_error_and_stays_as_it_is(tmp_path: Path, there: str, words: str) -> None:
    (tmp_path / "repository-id").write_text("1" * 64)
    run = FakeRestic(there)
    for use in (repository(run, tmp_path).open, repository(run, tmp_path).make):
        with pytest.raises(restic.RepositoryError, match=words):
            use()
    assert "init" not in run.asked


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (1, "Fatal: wrong password or no key found", "backup_password is not its password"),
        (12, "Fatal: wrong password or no key found", "backup_password is not its password"),
        (1, "Fatal: unable to open config file: client.Head: connection refused\nIs there", "cannot be reached"),
        (1, "Fatal: unable to open repository at sftp:nas:/x: unable to start the sftp session", "cannot be reached"),
        (11, "unable to create lock in backend: repository is already locked", "cannot be reached"),
    ],
)
def test_a_repository_that_cannot_be_opened_is_not_called_lost(
    tmp_path: Path, code: int, error: str, words: str
) -> None:
    (tmp_path / "repository-id").write_text("1" * 64)
    run = FakeRestic("1" * 64)
    run.refusal = restic.Done(code, "", error)
    for use in (repository(run, tmp_path).open, repository(run, tmp_path).make):
        with pytest.raises(restic.RepositoryError, match=words) as caught:
            use()
        assert "remove" not in str(caught.value)
    assert "init" not in run.asked


def test_a_wrong_password_does_not_make_another_repository(tmp_path: Path) -> None:
    run = FakeRestic("1" * 64)
    run.refusal = restic.Done(1, "", "Fatal: wrong password or no key found")
    with pytest.raises(restic.RepositoryError, match="backup_password is not its password"):
        repository(run, tmp_path).make()
    assert "init" not in run.asked


def test_nothing_is_made_below_a_mount_point_without_a_mount(tmp_path: Path) -> None:
    run = FakeRestic()
    with pytest.raises(restic.RepositoryError, match="nothing is mounted at /mnt/disk"):
        repository(run, tmp_path, mounts=["/"], point="/mnt/disk").make()
    assert run.asked == []
    assert repository(run, tmp_path, mounts=["/", "/mnt/disk"], point="/mnt/disk").make()


def test_files_are_drawn_without_a_look_at_what_is_left_out(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "homes" / str(number)).mkdir(parents=True)
        (tmp_path / "homes" / str(number) / "file").write_text("x")
    (tmp_path / "shares").mkdir()
    (tmp_path / "shares" / "theirs").write_text("x")
    looked: list[str] = []

    def left_out(path: str) -> bool:
        looked.append(path)
        return model.left_out(path, [f"{tmp_path}/shares"])

    drawn = list(backup_stage.draw_files([str(tmp_path)], 10, random.Random(1), left_out))
    assert len(drawn) == len(set(drawn)) == 10
    assert all("/homes/" in name for name in drawn)
    assert not any(name.startswith(f"{tmp_path}/shares/") for name in looked)


def test_drawing_costs_little_in_a_home_that_was_made_deep(tmp_path: Path) -> None:
    """11,000 folders in each other took nine minutes: every step looked at the whole way down again."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _level in range(11_000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    steps: list[str] = []

    def left_out(path: str) -> bool:
        steps.append(path)
        return model.excluded(path, ["**/.cache", "/srv/labserver/shares"])

    try:
        assert list(backup_stage.draw_files([str(tmp_path)], 10, random.Random(1), left_out)) == []
        assert len(steps) < 20_000
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_drawing_ends_when_its_time_is_over(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / str(number)).write_text("x")
    ticks = iter(range(0, 10_000, 20))
    drawn = backup_stage.draw_files([str(tmp_path)], 40, random.Random(1), lambda path: False, lambda: next(ticks))
    assert 1 <= len(list(drawn)) <= 4


def test_a_dump_that_hangs_is_ended_and_named(tmp_path: Path) -> None:
    item = plan.Dump("zulip", ("sh", "-c", "echo half; exec sleep 60"))
    said = backup_stage.dump(World(tmp_path), item, limit_seconds=0.5)
    assert said == "the dump of zulip did not end within 0.5 s and was ended"
    assert not (tmp_path / item.file.lstrip("/")).exists()
    assert backup_stage.dump(World(tmp_path), plan.Dump("zulip", ("echo", "all"))) == ""


def test_drill_compares_what_came_back(tmp_path: Path) -> None:
    for name, content in {"same": "a", "changed later": "b", "rotten": "c"}.items():
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_text(content)
    files = {
        f"/data/{name}": backup_stage.fingerprint(tmp_path / "data" / name)
        for name in ("same", "changed later", "rotten")
    }
    files["/data/changed later"].update(mtime_ns=1, sha256="of an earlier content")
    files["/data/rotten"].update(sha256="of what was saved")
    files["/data/went away"] = {"mtime_ns": 1, "sha256": ""}
    same, wrong = proof.different_files(tmp_path, {"files": files})
    assert (same, wrong) == (1, ["/data/rotten: its content is another one than when it was saved"])


def test_drill_opens_the_databases(tmp_path: Path) -> None:
    path = "/srv/labserver/hub/state/passwords.sqlite"
    copy = tmp_path / model.staged(path).lstrip("/")
    copy.parent.mkdir(parents=True)
    manifest = {"databases": {path: {"passwords": 2}}}
    (problem,) = proof.damaged_databases(lambda path: tmp_path / model.staged(path).lstrip("/"), manifest)
    assert "cannot be opened" in problem
    copy.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    (problem,) = proof.damaged_databases(lambda path: tmp_path / model.staged(path).lstrip("/"), manifest)
    assert "cannot be opened" in problem


def test_passwords_that_changed_on_the_way_are_seen(tmp_path: Path) -> None:
    store = tmp_path / "passwords.sqlite"
    with sqlite3.connect(store) as connection:
        connection.execute("create table passwords (name, hash)")
        connection.execute("insert into passwords values ('alice', 'x')")
    facts = {"passwords": 1, "sum": backup_stage.sum_of_passwords(store)}
    assert proof.damaged_databases(lambda _path: store, {"databases": {"/s": facts}}) == []
    with sqlite3.connect(store) as connection:
        connection.execute("update passwords set hash = 'y'")
    (problem,) = proof.damaged_databases(lambda _path: store, {"databases": {"/s": facts}})
    assert problem == "/s: its copy has other passwords than when it was saved"


LINES = "name,full_name,password,made\nalice,,was used,x\nbob,,abcd,x\ncarol,,efgh,x\n"


def test_who_is_tried_has_a_password_that_is_known_and_was_not_changed_since() -> None:
    restored = {"alice": ("a", False), "bob": ("b", True), "carol": ("c", True)}
    assert canary.known(LINES, restored, {**restored, "bob": ("new", True)}) == canary.Known("carol", "efgh", "c")
    assert canary.known("", restored, restored) is None


def test_the_store_that_is_tried_is_read_and_another_file_is_none(tmp_path: Path) -> None:
    store = tmp_path / "passwords.sqlite"
    assert canary.read_store(store) == {}
    with sqlite3.connect(store) as connection:
        connection.execute("create table passwords (name, hash, one_time)")
        connection.execute("insert into passwords values ('bob', 'b', 1)")
    assert canary.read_store(store) == {"bob": ("b", True)}


@pytest.mark.parametrize(
    ("done", "someone", "line", "wrong"),
    [
        (process.Done(0, b'{"people": 3, "password": true}'), "bob", "(people: 3), bob could log in", ""),
        (process.Done(0, b'{"people": 3}'), "", "no password is known here", ""),
        (process.Done(0, b'{"people": 3, "password": false}'), "bob", "", "password of bob does not open"),
        (
            process.Done(0, b'{"error": "DatabaseSchemaMismatch"}'),
            "",
            "",
            "JupyterHub cannot use the restored database",
        ),
        (process.Done(125, errors=b"no such image"), "", "", "could not be tried in the hub's image: no such image"),
    ],
)
def test_what_the_trial_says(done: process.Done, someone: str, line: str, wrong: str) -> None:
    told, problems = canary.verdict(done, canary.Known(someone, "abcd", "b") if someone else None)
    assert line in told and bool(line) == bool(told)
    assert [wrong in problem for problem in problems] == ([True] if wrong else [])


def test_age_of_a_snapshot() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert drill.age_hours({"time": "2026-11-19T12:00:00.123456789+00:00"}, now) == pytest.approx(24, abs=0.01)
    assert drill.age_hours({"time": "2026-11-20T12:30:00+02:00"}, now) == pytest.approx(1.5)


def test_the_snapshot_of_a_date() -> None:
    found = [
        {"id": str(day), "time": datetime(2026, 11, day, 23, 59, 58).astimezone().isoformat()} for day in (18, 19, 21)
    ]
    assert restore.as_of(found, "2026-11-19") == "19"
    assert restore.as_of(found, "2026-11-20") == "19"
    assert restore.as_of(found, "2026-11-19T12:00") == "18"
    assert restore.as_of(found, "2027-01-01") == "21"
    with pytest.raises(model.SettingsError, match="no backup of that time or before; the first is of 2026-11-18 23:59"):
        restore.as_of(found, "2026-11-17")
    with pytest.raises(model.SettingsError, match="there is none at all"):
        restore.as_of([], "2026-11-17")
    with pytest.raises(model.SettingsError, match="give a date such as"):
        restore.as_of(found, "yesterday")

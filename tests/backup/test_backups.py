# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a small server below a folder, with the real restic: what they hold, and what is never forgotten.

The same on a real host is in molecule/backup.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import typing as t
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import history, model, restic, run
from ansible_collections.labserver.jupyter.plugins.module_utils._backup import unreadable as unreadable_files
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from backup_server import HOME, Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_the_maintenance_of_the_registry_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = time.sleep
    maintenance = contextlib.ExitStack()

    def until_it_ends(seconds: float) -> None:
        waited.append(seconds)
        if sum(waited) > 1:
            maintenance.close()
        sleep(seconds)

    with maintenance:
        maintenance.enter_context(job_lock.hold(server.root, run.MAINTENANCE, server.now, sleep))
        monkeypatch.setattr(time, "sleep", until_it_ends)
        assert server.back_up().findings == ()
    assert waited


def test_a_repository_that_a_killed_run_held_alone_is_used_again(server: Server) -> None:
    """After a power cut during the removal of old snapshots each backup failed. Locks of live runs are kept."""
    server.back_up()
    locks = Path(server.settings.repository) / "locks"
    environment = {
        **os.environ,
        **server.settings.environment,
        "RESTIC_REPOSITORY": server.settings.repository,
        "RESTIC_PASSWORD": server.settings.password,
    }
    with subprocess.Popen(["restic", "check"], env=environment, stdout=subprocess.DEVNULL) as holder:
        while not [path for path in locks.iterdir() if "tmp" not in path.name]:
            assert holder.poll() is None
        holder.send_signal(signal.SIGSTOP)
        try:
            repository = server.repository()
            repository.open()
            with pytest.raises(restic.RepositoryError, match="restic snapshots: another run works in the repository"):
                repository.snapshots()
        finally:
            holder.kill()
    assert list(locks.iterdir())
    repository.open()
    assert len(repository.snapshots()) == 1
    assert list(locks.iterdir()) == []
    assert server.back_up().findings == ()


def test_a_whole_server_is_saved_and_what_is_old_is_forgotten(server: Server) -> None:
    first = server.back_up()
    assert (first.findings, first.notes) == ((), ())
    names = server.files("latest")
    assert f"{HOME}/measured/59" in names
    assert "/var/lib/docker/volumes/zulip_db/_data/table" in names
    assert "/var/lib/docker/volumes/outside/_data/table" in names  # external: true
    assert f"/var/lib/labserver/backup/stage/copies{model.DATABASES[0]}" in names
    server.now += timedelta(hours=1)
    server.write(f"{HOME}/new", os.urandom(3 << 20).hex()[: 3 << 20])
    assert server.back_up().findings == ()
    assert len(server.snapshots()) == 1
    told = rooms.backup(server.root, server.now)
    assert told["age_hours"] == 0 and told["last"]["snapshot"] == server.snapshots()[-1]["short_id"]
    before, after = history.read(server.root)["runs"]
    assert 3 << 20 <= after["added_bytes"] < 5 << 20 and after["bytes"] - before["bytes"] > 3_000_000


def homes_away(server: Server) -> None:
    server.at("/home").rename(server.at("/disk"))
    server.at("/home").mkdir()
    server.mounts = []


def homes_empty(server: Server) -> None:
    shutil.rmtree(server.at(HOME))
    server.at(HOME).mkdir()


def roster_away(server: Server) -> None:
    server.at("/etc/labserver/public/roster.json").unlink()


def docker_down(server: Server) -> None:
    server.engine.up = False


def most_files_away(server: Server) -> None:
    for person in ("alice", "bob"):
        for number in range(5, 60):
            server.at(f"/home/jupyter-{person}/measured/{number}").unlink()


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (homes_away, "nothing is mounted at /home, where ext4 /dev/sdb1 was"),
        (roster_away, "/etc/labserver/public/roster.json is not there, so nobody's home is in this backup"),
        (docker_down, "the volumes of zulip are not in this backup: no answer from the Docker engine"),
        (most_files_away, "the snapshot is much smaller ("),
    ],
)
def test_what_is_missing_is_said_and_the_good_backup_stays(
    server: Server, harm: t.Callable[[Server], None], text: str
) -> None:
    server.back_up()
    (good,) = server.snapshots()
    harm(server)
    outcome = server.back_up()
    assert any(finding.startswith(text) for finding in outcome.findings), outcome.findings
    assert "nothing was forgotten" in outcome.notes[-1]
    assert good["id"] in [snapshot["id"] for snapshot in server.snapshots()]
    assert server.repository().snapshots(complete=True) == [good]
    assert f"{HOME}/measured/59" in server.files(good["id"])


def test_when_all_is_back_the_incomplete_ones_take_nobodys_place(server: Server) -> None:
    server.settings = replace(server.settings, keep={"last": 2})
    server.back_up()
    (good,) = server.snapshots()
    docker_down(server)
    for _night in range(3):
        server.back_up()
    server.engine.up = True
    assert server.back_up().findings == ()
    complete = server.repository().snapshots(complete=True)
    assert (len(complete), complete[0]["id"]) == (2, good["id"])


def test_a_failed_dump_does_not_hide_that_most_files_are_gone(server: Server) -> None:
    item = {"name": "chat", "paths": [], "dump": ["echo", "all rows"]}
    file = "/etc/labserver/backup.d/chat.json"
    server.write(file, json.dumps({"version": 1, "items": [item]}))
    assert server.back_up().findings == ()
    (good,) = server.snapshots()
    most_files_away(server)
    server.write(file, json.dumps({"version": 1, "items": [item | {"dump": ["false"]}]}))
    assert "the dump of chat failed" in server.back_up().findings[0]
    server.write(file, json.dumps({"version": 1, "items": [item]}))
    outcome = server.back_up()
    assert any(finding.startswith("the snapshot is much smaller (") for finding in outcome.findings), outcome.findings
    assert server.repository().snapshots(complete=True) == [good]


def test_what_is_meant_is_accepted_once(server: Server) -> None:
    server.back_up()
    most_files_away(server)
    assert server.back_up().findings
    assert server.back_up(accept=True).findings == ()
    assert server.back_up().findings == ()
    assert len(server.snapshots()) == 1 + 1  # the incomplete one stays for a month


def test_a_host_that_lost_its_memory_asks_the_repository(server: Server) -> None:
    """So a new host of the same name, empty yet, does not make the lost one's backups go."""
    server.back_up()
    (good,) = server.snapshots()
    shutil.rmtree(server.at("/var/lib/labserver"))
    homes_empty(server)
    assert any("is empty, and was not" in finding for finding in server.back_up().findings)
    assert good["id"] in [snapshot["id"] for snapshot in server.snapshots()]


class Meddling:
    """The real restic; something happens to the server while it is at work."""

    def __init__(self, server: Server, harm: t.Callable[[], None]) -> None:
        self.server, self.harm = server, harm

    def __call__(self, settings: model.Settings) -> t.Callable[[Sequence[str]], restic.Done]:
        call = restic.run_restic(settings)

        def meddle(words: Sequence[str]) -> restic.Done:
            done = call(words)
            if words[0] == "backup":
                self.harm()
            return done

        return meddle


def test_a_disk_that_goes_away_while_it_is_read(server: Server) -> None:
    server.back_up()
    world = replace(server.world(), restic=Meddling(server, lambda: homes_away(server)))
    outcome = run.back_up(world, server.settings, world.repository(server.settings))
    assert any("nothing is mounted at /home" in finding for finding in outcome.findings)
    assert len(server.repository().snapshots(complete=True)) == 1


def unreadable(server: Server, path: str, number: int) -> World:
    """A world whose restic cannot read a file: tests run as root, who can read everything."""

    def restic_of(settings: model.Settings) -> t.Callable[[Sequence[str]], restic.Done]:
        call = restic.run_restic(settings)

        def run_it(words: Sequence[str]) -> restic.Done:
            done = call(words)
            if words[0] != "backup":
                return done
            error = {"Op": "open", "Path": path, "Err": number}
            line = {"message_type": "error", "error": error, "during": "archival", "item": path}
            return restic.Done(run.SOME_UNREADABLE, done.out, json.dumps(line))

        return run_it

    return replace(server.world(), restic=restic_of)


def test_files_that_vanish_are_no_alarm_and_the_old_is_forgotten(server: Server) -> None:
    server.back_up()
    for _night in range(3):
        server.now += timedelta(days=1)
        world = unreadable(server, f"{HOME}/lock", 2)
        outcome = run.back_up(world, server.settings, world.repository(server.settings))
        assert (outcome.findings, outcome.notes) == ((), ())
    assert len(server.snapshots()) == 1


def test_a_file_that_cannot_be_read_is_an_alarm_on_the_third_night(server: Server) -> None:
    server.back_up()
    for night in (1, 2, 3):
        server.now += timedelta(days=1)
        world = unreadable(server, f"{HOME}/broken", 5)
        outcome = run.back_up(world, server.settings, world.repository(server.settings))
        assert bool(outcome.findings) == (night == 3)
        assert len(server.snapshots()) == 1 + night
    assert "cannot be read for 3 nights running (EIO)" in outcome.findings[0]


def test_a_home_deeper_than_any_path_is_a_warning_and_the_rest_is_saved(server: Server) -> None:
    here = os.open(server.at(HOME), os.O_RDONLY)
    name = "d" * 200
    for _level in range(25):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        # restic loses its last words now and then: then the name of the file comes a night later.
        nights = [server.back_up() for _night in range(unreadable_files.NIGHTS + 2)]
        assert [night.findings for night in nights[: unreadable_files.NIGHTS - 1]] == [(), ()]
        assert "nights running" in nights[-1].findings[0]
        assert "/home/jupyter-bob/measured/59" in server.files("latest")
    finally:
        shutil.move(server.at(f"{HOME}/{name}"), server.root / "deep")
        subprocess.run(["rm", "-rf", str(server.root / "deep")], check=True)

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People leave a host in a temporary folder: archived, removed where that is safe, and what goes wrong is told."""

from __future__ import annotations

import json
import os
import signal
import stat
import tarfile
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.apply import converge
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FakeHost,
    acts,
    roster,
)


def test_absent_archives_and_keeps_the_home(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "groups": ["leem"]}], groups=[{"name": "leem"}])
    (host.root / "home/jupyter-mira/data.txt").write_text("results")
    result = host.run(users=[{"name": "mira", "state": "absent", "groups": ["leem"]}], groups=[{"name": "leem"}])
    assert result.failures == []
    assert ("archive home", "jupyter-mira") in acts(result)
    assert (host.root / "home/jupyter-mira/data.txt").exists()
    assert host.line("group", "leem") == ["leem", "x", "30000", ""]
    folder = host.root / "srv/labserver/accounts/archive"
    manifest = json.loads(next(folder.glob("*.json")).read_text())
    assert (manifest["user"], manifest["uid"], manifest["verified"]) == ("mira", 20000, True)
    assert manifest["entries"] == len(list((host.root / "home/jupyter-mira").rglob("*")))
    assert os.system(f"cd {folder} && sha256sum --quiet -c {manifest['archive']}.sha256") == 0
    os.system(f"cd {folder} && (zstd -dc {manifest['archive']} || gzip -dc {manifest['archive']}) 2>/dev/null > x.tar")
    with tarfile.open(folder / "x.tar") as tar:
        member = tar.extractfile("jupyter-mira/data.txt")
        assert member is not None
        assert member.read() == b"results"
    assert roster(host)["users"]["mira"]["state"] == "absent"
    again = host.run(users=[{"name": "mira", "state": "absent"}], groups=[{"name": "leem"}])
    assert again.changed is False


def test_removal_deletes_only_a_home_that_is_in_the_archive(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}, {"name": "jonas"}])
    gone = [{"name": "mira", "state": "absent"}, {"name": "jonas"}]
    host.run(users=gone)
    home = host.root / "home/jupyter-mira"
    (home / "late.txt").write_text("written after the archive was made")
    host.now = datetime(2026, 11, 21, tzinfo=UTC)
    result = host.run(users=gone, remove_homes=True)
    assert result.failures == []
    assert not home.exists()
    assert len(list((host.root / "srv/labserver/accounts/archive").glob("*.json"))) == 2  # made anew, with late.txt
    for file in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"):
        assert host.line(file, "jupyter-mira") is None
        assert host.line(file, "jupyter-jonas") is not None or file == "gshadow"
    assert host.run(users=gone, remove_homes=True).changed is False
    assert roster(host)["users"]["mira"]["uid"] == 20001
    host.run(users=[{"name": "jonas"}, {"name": "nadia"}])
    assert (host.line("passwd", "jupyter-nadia") or [])[2] == "20002"  # mira's number is never given again
    host.run(users=[{"name": "jonas"}, {"name": "nadia"}, {"name": "mira"}])
    assert (host.line("passwd", "jupyter-mira") or [])[2] == "20001"


def test_a_home_that_cannot_be_archived_is_kept_and_told(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run(users=[{"name": "mira"}])
    (host.root / "srv/labserver/accounts").mkdir(parents=True)
    (host.root / "srv/labserver/accounts/archive").write_text("in the way")
    gone = [{"name": "mira", "state": "absent"}]
    result = host.run(users=gone, remove_homes=True)
    assert len(result.failures) == 1
    assert (host.root / "home/jupyter-mira/.bashrc").exists()
    assert (host.line("shadow", "jupyter-mira") or [])[7] == "1"
    (host.root / "srv/labserver/accounts/archive").unlink()
    assert host.run(users=gone, remove_homes=True).failures == []
    assert not (host.root / "home/jupyter-mira").exists()


@pytest.mark.parametrize(
    ("home", "uid", "why"),
    [
        ("/srv", 1000, "is a folder of the system"),
        ("/srv/data", 0, "belongs to uid 0"),
        ("/home", 1000, "is a folder of the system"),
        ("/srv/shared", 1000, "is also that of service or holds it"),
    ],
)
def test_an_adopted_account_cannot_take_a_folder_of_others_along(host: FakeHost, home: str, uid: int, why: str) -> None:
    passwd = host.root / "etc/passwd"
    passwd.write_text(
        passwd.read_text().replace(":/home/op:", f":{home}:") + "service:x:1500:100::/srv/shared/service:/bin/sh\n"
    )
    folder = host.root / home.strip("/")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o750)
    host.owners[folder.stat().st_ino] = (uid, uid)
    (folder / "precious").write_text("data of many")
    gone = [{"name": "olga", "system_name": "op", "state": "absent"}]
    result = host.run(users=gone, remove_homes=True)
    assert result.failures == []
    assert result.plan.notices == (f"{home}, the home of op, {why}: it is neither archived nor removed",)
    assert (folder / "precious").read_text() == "data of many"
    assert not (host.root / "srv/labserver/accounts/archive").exists()
    assert host.line("passwd", "op") is None
    assert host.run(users=gone, remove_homes=True).changed is False


def test_what_could_not_be_stopped_is_tried_again(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    desired, _problems = inputs.desired({"accounts_users": [{"name": "mira", "state": "locked"}]})
    world = replace(host.world(), stop=lambda _people: ["Docker answered 500"])
    assert converge(desired, None, world).failures == ["Docker answered 500"]
    assert acts(host.run(users=[{"name": "mira", "state": "locked"}])) == [
        ("stop processes and servers", "jupyter-mira")
    ]
    assert host.run(users=[{"name": "mira", "state": "locked"}]).changed is False


def test_a_home_in_which_somebody_still_writes_is_neither_archived_nor_removed(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    gone = {"accounts_users": [{"name": "mira", "state": "absent"}], "accounts_remove_homes": True}
    desired, _problems = inputs.desired(gone)
    world = replace(host.world(), stop=lambda _people: ["Docker answered 500"])
    assert converge(desired, None, world).failures == ["Docker answered 500"]
    assert (host.root / "home/jupyter-mira/.bashrc").exists()
    assert not (host.root / "srv/labserver/accounts/archive").exists()
    assert (host.line("shadow", "jupyter-mira") or [])[7] == "1"
    assert converge(desired, None, host.world()).failures == []
    assert host.stopped == ["mira"]
    assert not (host.root / "home/jupyter-mira").exists()


def test_a_home_full_of_sockets_is_archived(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    for number in range(400):  # tar tells of each: more than a pipe holds
        os.mknod(host.root / "home/jupyter-mira" / f"{number:03}-{'x' * 200}", stat.S_IFSOCK | 0o600)
    signal.alarm(60)
    try:
        assert host.run(users=[{"name": "mira", "state": "absent"}]).failures == []
    finally:
        signal.alarm(0)


def test_expiry_offboards_after_the_last_day(host: FakeHost) -> None:
    person = {"name": "mira", "expires": "2026-11-20"}
    host.run(users=[person])
    assert (host.line("shadow", "jupyter-mira") or [])[7] == "20778"  # 2026-11-21: shadow names the first day without
    assert host.run(users=[person]).changed is False
    host.now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert ("archive home", "jupyter-mira") in acts(host.run(users=[person]))
    assert roster(host)["users"]["mira"]["state"] == "absent"
    later = {"name": "mira", "expires": "2027-01-31"}
    assert ("unlock user", "jupyter-mira") in acts(host.run(users=[later]))
    assert roster(host)["users"]["mira"]["state"] == "present"

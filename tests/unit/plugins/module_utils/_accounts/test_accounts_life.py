# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of people on a host in a temporary folder: created, adopted, changed, locked, offboarded, back again."""

from __future__ import annotations

import json
import os
import signal
import stat
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as inputs
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import store
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.apply import converge
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.homes import Homes
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import RefusedError
from ansible_collections.labserver.jupyter.plugins.module_utils._common.mounts import Mount
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FILES,
    RECORDED,
    FakeHost,
    acts,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1111111111111111111111111111111111111111111 mira@desk"
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2222222222222222222222222222222222222222222 mira@home"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path)


def roster(host: FakeHost) -> dict[str, Any]:
    return dict(json.loads((host.root / "etc/labserver/public/roster.json").read_text()))


def test_a_new_person(host: FakeHost) -> None:
    result = host.run(
        users=[{"name": "mira", "full_name": "Mira M.", "groups": ["leem"], "limits": {"cpu": 1}}],
        groups=[{"name": "leem", "limits": {"memory": "8G", "cpu": 4}}],
    )
    assert acts(result) == [
        ("create group", "leem"), ("create user", "jupyter-mira"), ("add to group", "leem")
    ]  # fmt: skip
    assert host.line("passwd", "jupyter-mira") == [
        "jupyter-mira", "x", "20000", "20000", "Mira M.", "/home/jupyter-mira", "/bin/bash"
    ]  # fmt: skip
    assert host.line("shadow", "jupyter-mira") == ["jupyter-mira", "!", "20777", "0", "99999", "7", "", "", ""]
    assert host.line("group", "jupyter-mira") == ["jupyter-mira", "x", "20000", ""]
    assert host.line("gshadow", "jupyter-mira") == ["jupyter-mira", "!", "", ""]
    assert host.line("group", "leem") == ["leem", "x", "30000", "jupyter-mira"]
    assert host.line("gshadow", "leem") == ["leem", "!", "", "jupyter-mira"]
    assert host.line("subuid", "jupyter-mira") == ["jupyter-mira", "231072", "65536"]
    home = host.root / "home/jupyter-mira"
    assert home.stat().st_mode & 0o7777 == 0o700
    assert (home / ".bashrc").read_text() == "# hello\n"
    assert {host.owners[path.stat().st_ino] for path in (home, home / ".bashrc", home / ".config")} == {(20000, 20000)}
    assert roster(host) == {
        "version": 1,
        "groups": {"leem": {"gid": 30000}},
        "expiry_notice_days": 14,
        "users": {
            "mira": {
                "system_name": "jupyter-mira", "uid": 20000, "gid": 20000, "full_name": "Mira M.",
                "home": "/home/jupyter-mira", "shell": "/bin/bash", "groups": ["leem"], "admin": False,
                "state": "present", "expires": None,
                "limits": {"cpu": 1.0, "memory_bytes": 8 * 1024**3, "gpus": None, "images": None, "pids": None},
            }
        },
    }  # fmt: skip
    assert "jupyter-mira:x:20000:" in (host.root / "etc/labserver/public/group").read_text()


def test_a_second_run_changes_nothing_and_check_mode_never_does(host: FakeHost) -> None:
    people = {"users": [{"name": "mira", "groups": ["leem"], "ssh_keys": [KEY]}], "groups": [{"name": "leem"}]}
    bare = host.snapshot()
    told = host.run(check=True, **people)
    assert host.snapshot() == bare
    done = host.run(**people)
    assert acts(told) == acts(done)
    assert told.files == done.files
    after = host.snapshot()
    again = host.run(**people)
    assert (acts(again), again.changed, host.snapshot()) == ([], False, after)


def test_adoption_takes_over_what_is_there(host: FakeHost) -> None:
    before = host.line("shadow", "jupyter-hand")
    result = host.run(users=[{"name": "hand", "groups": ["leem"]}], groups=[{"name": "leem"}])
    assert ("adopt user", "jupyter-hand") in acts(result)
    assert ("create user", "jupyter-hand") not in acts(result)
    assert host.line("passwd", "jupyter-hand") == [
        "jupyter-hand", "x", "1001", "1001", "Hand Made,,,", "/home/jupyter-hand", "/bin/sh"
    ]  # fmt: skip
    assert host.line("shadow", "jupyter-hand") == before
    assert (host.root / "home/jupyter-hand").stat().st_mode & 0o7777 == 0o750
    assert roster(host)["users"]["hand"]["full_name"] == "Hand Made"
    assert host.run(users=[{"name": "hand", "groups": ["leem"]}], groups=[{"name": "leem"}]).changed is False


@pytest.mark.parametrize("recorded", sorted(RECORDED))
def test_a_server_of_tljh_is_taken_over_as_it_is(tmp_path: Path, recorded: str) -> None:
    host = FakeHost(tmp_path, recorded=recorded)
    before = {name: (host.root / "etc" / name).read_text() for name in FILES}
    wanted = {
        "users": [{"name": "mira", "groups": ["leem"]}, {"name": "jonas"}, {"name": "hand", "groups": ["leem"]}],
        "groups": [{"name": "leem"}],
    }
    done = host.run(**wanted)
    assert [act for act in acts(done) if act[0].startswith("create")] == []
    uids = {name: user["uid"] for name, user in roster(host)["users"].items()}
    assert uids == {"mira": 1002, "jonas": 1003, "hand": 1001}
    for name in FILES:
        lines = (host.root / "etc" / name).read_text().splitlines()
        changed = {line.split(":")[0] for line in before[name].splitlines() if line not in lines}
        assert changed == ({"leem"} if name in ("group", "gshadow") else set())
    assert host.line("group", "leem") == ["leem", "x", "1500", "jupyter-hand,jupyter-mira"]
    assert (host.line("group", "jupyterhub-users") or [])[3] == "jupyter-mira,jupyter-jonas"
    assert (host.line("group", "jupyterhub-admins") or [])[3] == "jupyter-jonas"
    assert host.run(**wanted).changed is False


def test_adoption_under_another_name_leaves_password_and_other_groups_alone(host: FakeHost) -> None:
    host.make_home("op", 1000)
    before = host.line("shadow", "op")
    host.run(users=[{"name": "olga", "system_name": "op", "groups": ["leem"]}], groups=[{"name": "leem"}])
    assert host.line("shadow", "op") == before
    assert host.line("group", "sudo") == ["sudo", "x", "27", "op"]
    assert host.line("group", "leem") == ["leem", "x", "30000", "op"]
    assert roster(host)["users"]["olga"]["uid"] == 1000


def test_lab_groups_are_authoritative_and_host_groups_only_added_to(host: FakeHost) -> None:
    groups: list[dict[str, Any]] = [{"name": "leem"}, {"name": "xps", "host_members": ["www-data"]}]
    host.run(users=[{"name": "mira", "groups": ["leem", "xps"], "host_groups": ["users"]}], groups=groups)
    assert host.line("group", "xps") == ["xps", "x", "30001", "www-data,jupyter-mira"]
    host.run(users=[{"name": "mira", "groups": ["xps"]}], groups=groups)
    assert host.line("group", "leem") == ["leem", "x", "30000", ""]
    assert host.line("gshadow", "leem") == ["leem", "!", "", ""]
    assert host.line("group", "users") == ["users", "x", "100", "jupyter-mira"]


def test_locked_and_back(host: FakeHost) -> None:
    host.make_home("op", 1000)
    person = {"name": "olga", "system_name": "op"}
    host.run(users=[person])
    hash_before = (host.line("shadow", "op") or [])[1]
    result = host.run(users=[{**person, "state": "locked"}])
    assert acts(result) == [("lock user", "op"), ("stop processes and servers", "op")]
    assert host.stopped == ["olga"]
    line = host.line("shadow", "op") or []
    assert (line[1], line[7]) == (f"!{hash_before}", "1")
    assert roster(host)["users"]["olga"]["state"] == "locked"
    assert host.run(users=[{**person, "state": "locked"}]).changed is False
    assert acts(host.run(users=[person])) == [("unlock user", "op")]
    line = host.line("shadow", "op") or []
    assert (line[1], line[7]) == (hash_before, "")
    assert host.run(users=[person]).changed is False


def test_unlisted_people_are_locked_and_lose_nothing(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "groups": ["leem"]}, {"name": "jonas"}], groups=[{"name": "leem"}])
    host.run(users=[{"name": "jonas"}], groups=[{"name": "leem"}])
    assert (host.line("shadow", "jupyter-mira") or [])[7] == "1"
    assert (host.root / "home/jupyter-mira/.bashrc").exists()
    assert roster(host)["users"]["mira"]["state"] == "locked"
    assert host.run(users=[{"name": "jonas"}], groups=[{"name": "leem"}]).changed is False
    host.run(users=[{"name": "jonas"}, {"name": "mira"}], groups=[{"name": "leem"}])
    assert (host.line("shadow", "jupyter-mira") or [])[7] == ""


def test_unlisted_people_can_be_kept_as_they_are(host: FakeHost) -> None:
    people = [{"name": "mira", "groups": ["leem"], "ssh_keys": [KEY]}, {"name": "jonas"}]
    host.run(users=people, groups=[{"name": "leem"}])
    result = host.run(users=people[1:], groups=[{"name": "leem"}], unlisted="keep")
    assert acts(result) == []
    assert host.line("group", "leem") == ["leem", "x", "30000", "jupyter-mira"]
    assert roster(host)["users"]["mira"]["groups"] == ["leem"]


def test_an_empty_list_does_not_lock_everybody(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    before = host.snapshot()
    with pytest.raises(RefusedError, match="is empty, but this host has 1 people"):
        host.run(users=[])
    assert host.snapshot() == before
    assert host.run(users=[], unlisted="keep").changed is False


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


def test_ssh_keys_of_the_lab_come_and_go_and_others_stay(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    file = host.root / "home/jupyter-mira/.ssh/authorized_keys"
    assert file.read_text() == f"{KEY}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(f"{KEY}\n{OTHER_KEY}\n")
    assert host.run(users=[{"name": "mira", "ssh_keys": [KEY]}]).changed is False
    host.run(users=[{"name": "mira", "ssh_keys": []}])
    assert file.read_text() == f"{OTHER_KEY}\n"


def test_a_symbolic_link_does_not_lead_root_astray(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    (host.root / "etc/secret").mkdir()
    (host.root / "home/jupyter-mira/.ssh").symlink_to(host.root / "etc/secret")
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert len(result.failures) == 1
    assert list((host.root / "etc/secret").iterdir()) == []


def test_a_linked_file_of_keys_is_left_alone_and_told(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    home = host.root / "home/jupyter-mira"
    (home / "keys").write_text(f"{OTHER_KEY}\n")
    (home / ".ssh").mkdir()
    host.owners[(home / ".ssh").stat().st_ino] = (20000, 20000)
    (home / ".ssh/authorized_keys").symlink_to("../keys")
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert result.failures == ["ssh keys of jupyter-mira: /home/jupyter-mira/.ssh/authorized_keys is not a file"]
    assert (home / ".ssh/authorized_keys").read_text() == f"{OTHER_KEY}\n"


def test_a_folder_in_place_of_the_keys_stops_nobody_else(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])
    folder = host.root / "home/jupyter-mira/.ssh/authorized_keys"
    folder.mkdir(parents=True)
    host.owners[folder.parent.stat().st_ino] = (20000, 20000)
    result = host.run(users=[{"name": "mira", "ssh_keys": [KEY]}, {"name": "jonas"}])
    assert result.failures == ["ssh keys of jupyter-mira: /home/jupyter-mira/.ssh/authorized_keys is not a file"]
    assert (host.root / "home/jupyter-jonas").is_dir()


def test_keys_with_a_comment_that_is_not_utf8_keep_their_bytes(host: FakeHost) -> None:
    host.run(users=[{"name": "mira", "ssh_keys": []}])
    ssh = host.root / "home/jupyter-mira/.ssh"
    ssh.mkdir()
    host.owners[ssh.stat().st_ino] = (20000, 20000)
    (ssh / "authorized_keys").write_bytes(OTHER_KEY.encode() + b" J\xf6rg\n")
    host.run(users=[{"name": "mira", "ssh_keys": [KEY]}])
    assert (ssh / "authorized_keys").read_bytes() == OTHER_KEY.encode() + b" J\xf6rg\n" + f"{KEY}\n".encode()


def test_a_home_of_somebody_else_is_refused_before_anything_is_touched(host: FakeHost) -> None:
    host.make_home("jupyter-mira", 4711)
    before = host.snapshot()
    with pytest.raises(RefusedError, match=r"name=mira.*belongs to uid 4711, not to uid 20001"):
        host.run(users=[{"name": "mira"}, {"name": "jonas"}])
    assert host.snapshot() == before


@pytest.mark.parametrize("file", ["subuid", "group", "gshadow", "shadow", "passwd"])
def test_a_run_that_dies_is_finished_by_the_next(host: FakeHost, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    people: dict[str, Any] = {
        "users": [{"name": f"user{n}", "groups": ["leem"]} for n in range(5)],
        "groups": [{"name": "leem"}],
    }
    untouched = store.files.replace

    def dies(path: Path, *arguments: Any, **keywords: Any) -> None:
        if path.name == file:
            raise KeyboardInterrupt
        untouched(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(store.files, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            host.run(**people)
    assert host.line("passwd", "jupyter-user0") is None  # an account appears only with all that belongs to it
    assert not list((host.root / "etc").glob("[a-z]*.lock"))
    host.run(**people)
    assert host.run(**people).changed is False
    assert (host.line("passwd", "jupyter-user4") or [])[2] == "20004"
    assert (host.line("group", "leem") or [])[3].count("jupyter-user") == 5
    for table in ("passwd", "shadow", "group", "gshadow", "subuid"):
        names = [line.split(":")[0] for line in (host.root / "etc" / table).read_text().splitlines()]
        assert len(names) == len(set(names))


def test_a_run_that_dies_between_accounts_and_homes_is_finished(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Homes, "create", dies)
        with pytest.raises(KeyboardInterrupt):
            host.run(users=[{"name": "mira"}])
    assert acts(host.run(users=[{"name": "mira"}])) == [("create home", "jupyter-mira")]
    assert (host.root / "home/jupyter-mira/.bashrc").exists()


def test_a_run_that_dies_while_somebody_leaves_is_finished(host: FakeHost) -> None:
    host.run(users=[{"name": "mira"}])

    def dies(_people: Any) -> list[str]:
        raise KeyboardInterrupt

    world = replace(host.world(), stop=dies)
    desired, _problems = inputs.desired({"accounts_users": [{"name": "mira", "state": "absent"}]})
    with pytest.raises(KeyboardInterrupt):
        converge(desired, None, world)
    assert roster(host)["users"]["mira"]["state"] == "absent"  # the hub knows at once
    assert not (host.root / "srv/labserver/accounts/archive").exists()
    host.run(users=[{"name": "mira", "state": "absent"}])
    assert host.stopped == ["mira"]
    assert len(list((host.root / "srv/labserver/accounts/archive").glob("*.json"))) == 1


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc", "is a folder of the system"),
        ("/srv", "is a folder of the system"),
        ("/srv/labserver/registry/x", "belongs to the role registry"),
        ("/srv/labserver/accounts/archive/x", "meets accounts_archive_folder"),
        ("/home", "is a folder of the system"),
    ],
)
def test_a_folder_of_others_is_never_shared(path: str, why: str) -> None:
    wanted = {"accounts_groups": [{"name": "leem"}], "accounts_shared_folders": [{"path": path, "group": "leem"}]}
    problems = inputs.problems(wanted)
    assert len(problems) == 1
    assert problems[0].startswith(f'accounts_shared_folders[0]: path "{path}" {why}')


@pytest.mark.parametrize("folder", ["/home", "/etc", "/srv/labserver", "/data"])
def test_archives_do_not_go_where_they_would_lock_people_out(folder: str) -> None:
    (problem,) = inputs.problems({"accounts_archive_folder": folder, "accounts_home_folder": "/data/homes"})
    assert problem.startswith(f'accounts_archive_folder: "{folder}" ')


def test_a_folder_of_somebody_behind_a_link_or_mounted_is_not_shared(host: FakeHost) -> None:
    (host.root / "srv").mkdir(exist_ok=True)
    (host.root / "srv/link").symlink_to("/etc")
    (host.root / "srv/disk").mkdir()
    host.mounts = (Mount("/srv/disk", "//nas/disk", "cifs", frozenset()),)
    before = host.snapshot()
    paths = ["/srv/link", "/srv/link/x", "/srv/disk", "/home/op/x", "/home/op"]
    with pytest.raises(RefusedError) as refused:
        host.run(groups=[{"name": "leem"}], shared_folders=[{"path": path, "group": "leem"} for path in paths])
    reasons = ["symbolic link", "symbolic link", "mount point", "meets the home of op", "meets the home of op"]
    told = [problem.removeprefix("accounts_shared_folders: ") for problem in refused.value.problems]
    assert [path for path, why, text in zip(paths, reasons, told, strict=True) if why in text] == paths, told
    assert host.snapshot() == before


def test_a_disk_of_its_own_is_shared_while_it_is_mounted(host: FakeHost) -> None:
    (host.root / "etc").mkdir(exist_ok=True)
    (host.root / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\nUUID=2 /srv/measured ext4 defaults 0 2\n")
    wanted: dict[str, Any] = {
        "groups": [{"name": "leem"}], "shared_folders": [{"path": "/srv/measured", "group": "leem"}],
    }  # fmt: skip
    with pytest.raises(RefusedError) as refused:
        host.run(**wanted)
    assert "/srv/measured is a mount point in /etc/fstab and not mounted now" in str(refused.value.problems)
    assert not (host.root / "srv/measured").exists(), "nothing is made on the disk below it"
    (host.root / "srv/measured").mkdir(parents=True)
    host.mounts = (Mount("/srv/measured", "/dev/sdb1", "ext4", frozenset()),)
    assert ("share folder", "/srv/measured") in acts(host.run(**wanted))
    assert (host.root / "srv/measured").stat().st_mode & 0o7777 == 0o2770


def test_shared_folder(host: FakeHost) -> None:
    wanted: dict[str, Any] = {"groups": [{"name": "leem"}], "shared_folders": [{"path": "/srv/leem", "group": "leem"}]}
    host.run(**wanted)
    folder = host.root / "srv/leem"
    assert folder.stat().st_mode & 0o7777 == 0o2770
    assert host.owners[folder.stat().st_ino] == (-1, 30000)
    assert host.run(**wanted).changed is False
    folder.chmod(0o755)
    assert acts(host.run(**wanted)) == [("share folder", "/srv/leem")]
    before = os.umask(0o077)
    try:
        (folder / "file").write_text("")
        (folder / "sub").mkdir()
        (folder / "sub/file").write_text("")
    finally:
        os.umask(before)
    if "system.posix_acl_default" in os.listxattr(folder):  # the file system of the tests has ACLs
        assert [(folder / name).stat().st_mode & 0o777 for name in ("file", "sub/file")] == [0o660, 0o660]
        assert (folder / "sub").stat().st_mode & 0o777 == 0o770

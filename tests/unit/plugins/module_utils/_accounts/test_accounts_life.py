# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of people on a host in a temporary folder: created, adopted, changed, locked, back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.homes import Skeleton
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.world import RefusedError
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    FILES,
    KEY,
    RECORDED,
    FakeHost,
    acts,
    roster,
)


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
    # What Jupyter would make at its first start, and could not in a home that is full.
    made = [home / ".ipython", home / ".jupyter", home / ".jupyter/migrated", home / ".local/share/jupyter"]
    assert {host.owners[path.stat().st_ino] for path in made} == {(20000, 20000)}
    assert roster(host) == {
        "version": 1,
        "groups": {"leem": {"gid": 30000}},
        "expiry_notice_days": 14,
        "users": {
            "mira": {
                "system_name": "jupyter-mira", "uid": 20000, "gid": 20000, "full_name": "Mira M.",
                "home": "/home/jupyter-mira", "shell": "/bin/bash", "groups": ["leem"], "admin": False,
                "state": "present", "expires": None,
                "limits": {"cpu": 1.0, "memory_bytes": 8 * 1024**3, "gpus": None, "images": None, "pids": None,
                           "servers": None},
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


def test_a_home_of_somebody_else_is_refused_before_anything_is_touched(host: FakeHost) -> None:
    host.make_home("jupyter-mira", 4711)
    before = host.snapshot()
    with pytest.raises(RefusedError, match=r"name=mira.*belongs to uid 4711, not to uid 20001"):
        host.run(users=[{"name": "mira"}, {"name": "jonas"}])
    assert host.snapshot() == before


def test_a_skeleton_that_has_jupyters_folders_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / ".jupyter").mkdir()
    (tmp_path / ".jupyter/migrated").write_text("2026")
    (tmp_path / ".local").symlink_to("elsewhere")
    found = {name: content for name, _mode, content in Skeleton.read(tmp_path).for_jupyter().files}
    assert found == {".jupyter": None, ".jupyter/migrated": b"2026", ".local": b"elsewhere", ".ipython": None}

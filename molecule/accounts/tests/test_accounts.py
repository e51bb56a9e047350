# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What converge.yml made, seen by the host's own tools."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest


@pytest.fixture
def roster(host: t.Any) -> dict[str, t.Any]:
    return dict(json.loads(host.file("/etc/labserver/public/roster.json").content_string))


def test_300_people_have_accounts_homes_and_the_same_uid_everywhere(host: t.Any, roster: dict[str, t.Any]) -> None:
    entries = [line.split(":") for line in host.check_output("getent passwd").splitlines()]
    students = {entry[0]: entry for entry in entries if entry[0].startswith("jupyter-student")}
    assert len(students) == 300
    numbers = Path(os.environ["MOLECULE_INVENTORY_FILE"]).with_name("accounts-ids.txt")
    recorded = {line.split()[1]: int(line.split()[2]) for line in numbers.read_text().splitlines() if line[0] == "u"}
    homes = host.check_output("stat -c '%n %U %G %a' /home/*").splitlines()
    for number in range(300):
        name = f"jupyter-student{number}"
        assert int(students[name][2]) == recorded[f"student{number}"]
        assert f"/home/{name} {name} {name} 700" in homes
        assert roster["users"][f"student{number}"]["limits"]["memory_bytes"] == 2 * 1024**3
    assert host.check_output("stat -c '%U %a' /home/jupyter-student7/.bashrc") == "jupyter-student7 644"


def test_a_person_as_the_system_sees_them(host: t.Any) -> None:
    assert host.user("jupyter-student7").groups == ["jupyter-student7", "students"]
    assert " L " in host.check_output("passwd --status jupyter-student7")  # no password to guess
    assert (
        host.check_output("runuser -l jupyter-student7 -c 'echo $HOME; touch mine; ls'")
        == "/home/jupyter-student7\nmine"
    )
    assert host.run("runuser -u jupyter-student7 -- ls /home/jupyter-student8").rc != 0


def test_the_account_files_are_sound(host: t.Any) -> None:
    for command in ("pwck -r -q", "grpck -r"):
        complaints = [
            line
            for line in host.run(command).stdout.splitlines()
            if "does not exist" not in line and "no changes" not in line
        ]
        assert complaints == []
    modes = host.check_output("stat -c '%n %U:%G %a' /etc/passwd /etc/shadow /etc/group /etc/gshadow").splitlines()
    assert modes == [
        "/etc/passwd root:root 644",
        "/etc/shadow root:shadow 640",
        "/etc/group root:root 644",
        "/etc/gshadow root:shadow 640",
    ]


def test_accounts_made_by_hand_are_taken_over(host: t.Any, roster: dict[str, t.Any]) -> None:
    hand = host.user("jupyter-hand")
    assert (hand.uid, hand.gid, hand.home, hand.shell) == (1200, 1200, "/home/jupyter-hand", "/bin/bash")
    assert sorted(hand.groups) == ["jupyter-hand", "leem", "sudo"]
    assert host.file("/home/jupyter-hand/thesis.txt").content_string == "results of years\n"
    assert roster["users"]["hand"]["full_name"] == "Hand Made"
    assert roster["users"]["olga"] == {**roster["users"]["olga"], "system_name": "olga", "uid": 1201}
    assert roster["groups"]["leem"]["gid"] == 1500


@pytest.mark.parametrize("file", ["passwd", "shadow", "subuid", "group", "gshadow"])
def test_lines_of_everybody_else_are_what_they_were(host: t.Any, file: str) -> None:
    before = host.file(f"/root/{file}").content_string.splitlines()
    after = host.file(f"/etc/{file}").content_string.splitlines()
    changed = [line for line in before if line not in after]
    if file in ("group", "gshadow"):  # the lab's own group is what the inventory says: foreigner is not in it any more
        assert [line.split(":")[0] for line in changed] == ["leem"]
    else:
        assert changed == []


def test_numbers_that_only_the_name_service_knows_are_given_to_nobody(host: t.Any, roster: dict[str, t.Any]) -> None:
    uids = {user["uid"] for user in roster["users"].values()}
    assert not uids & {20002, *range(20010, 20015)}
    assert {20001, 20003, 20009, 20015} <= uids, "and no more than these are passed over"
    assert roster["groups"]["students"]["gid"] == 30001
    assert host.check_output("getent passwd 20002").startswith("ldapanna:")


def test_leem_has_the_members_of_the_inventory(host: t.Any) -> None:
    assert host.check_output("getent group leem") == "leem:x:1500:jupyter-hand,olga"


def test_what_one_member_writes_the_other_edits(host: t.Any) -> None:
    folder = "/srv/labserver/groups/leem"
    assert host.check_output(f"stat -c '%U:%G %a' {folder}") == "root:leem 2770"
    host.check_output(f"runuser -u olga -- sh -c 'umask 077; mkdir -p {folder}/d; echo one > {folder}/d/shared.txt'")
    host.check_output(f"runuser -u jupyter-hand -- sh -c 'echo two >> {folder}/d/shared.txt; touch {folder}/d/more'")
    assert host.file(f"{folder}/d/shared.txt").content_string == "one\ntwo\n"
    assert host.run(f"runuser -u jupyter-student1 -- ls {folder}").rc != 0


def test_the_daily_job_is_there(host: t.Any) -> None:
    assert host.check_output("labserver accounts-expire") == "no access ends soon"
    assert "accounts-expire" in host.check_output("cat /etc/cron.d/*")

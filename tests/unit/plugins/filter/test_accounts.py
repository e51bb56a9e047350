# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of the role accounts: lists merged, numbers given for all hosts of a play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.filter import accounts

NOTHING: dict[str, Any] = {
    **{
        key: {}
        for key in ("accounts", "groups", "recorded_users", "recorded_groups", "foreign_users", "foreign_groups")
    },
    **{"sub_uids": [], "sub_gids": [], "trouble": ""},
}
SETTINGS = {"accounts_uid_min": 25000}


def host(name: str, **found: Any) -> dict[str, Any]:
    users = [{"name": name, "groups": ["leem"]}, {"name": "mira"}]
    desired = accounts.accounts_desired({"accounts_users": users, "accounts_groups": [{"name": "leem"}]})
    variables = {"__accounts_desired": desired, "__accounts_found": NOTHING | found}
    return accounts.accounts_host(variables, SETTINGS)


def test_numbers_for_two_hosts_and_the_file_that_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "accounts-ids.txt"
    hosts = {"a": host("jonas", accounts={"jupyter-jonas": [1001, 1001]}), "b": host("nadia")}
    given = accounts.accounts_ids(str(file), hosts)
    assert given["problems"] == []
    assert given["ids"] == {"users": {"jonas": 1001, "mira": 25000, "nadia": 25001}, "groups": {"leem": 30000}}
    file.write_text(given["content"] + "user old 25002\n")
    again = accounts.accounts_ids(str(file), {"c": host("zoe")})
    assert again["ids"]["users"] == {"jonas": 1001, "mira": 25000, "nadia": 25001, "old": 25002, "zoe": 25003}


def test_what_one_host_knows_from_a_directory_is_given_on_none() -> None:
    known = {"foreign_users": {"ldapanna": 25000}, "foreign_groups": {"physics": 30000}}
    hosts = {"a": host("jonas", **known), "b": host("nadia", sub_uids=[[25001, 2, "lxc"]])}
    given = accounts.accounts_ids("", hosts)
    assert given["ids"] == {"users": {"jonas": 25003, "mira": 25004, "nadia": 25005}, "groups": {"leem": 30001}}


def test_a_host_without_accounts_has_no_say() -> None:
    given = accounts.accounts_ids("", {"a": accounts.accounts_host({"__accounts_found": {}}, {}), "b": host("nadia")})
    assert given["ids"]["users"] == {"mira": 25000, "nadia": 25001}
    assert given["hosts"] == ["b"]


def test_a_damaged_file_stops_the_run(tmp_path: Path) -> None:
    file = tmp_path / "accounts-ids.txt"
    file.write_text("user mira\n")
    given = accounts.accounts_ids(str(file), {"a": host("jonas")})
    assert given["ids"] == {}
    assert f'{file} line 1: "user mira" is damaged' in given["problems"][0]


def test_without_a_file_the_registers_of_the_hosts_decide() -> None:
    given = accounts.accounts_ids("", {"a": host("jonas", recorded_users={"mira": 25009})})
    assert given["ids"]["users"] == {"jonas": 25000, "mira": 25009}


def test_problems_of_the_lists_come_through() -> None:
    assert accounts.accounts_desired({"accounts_users": [{"name": "Mira"}]})["problems"][0].startswith(
        "accounts_users[0]"
    )

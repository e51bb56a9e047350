# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""passwd and group for containers: the names of the ids that the roster gives."""

from __future__ import annotations

from pathlib import Path

from labhub.servers import server
from places import hub_settings, hub_sources
from writers import PUBLIC, people, put


def lines(name: str, fields: int) -> list[list[str]]:
    """Return the entries of a file, each with as many fields as passwd(5) or group(5) wants."""
    entries = [line.split(":") for line in people()[f"{PUBLIC}/{name}"].decode().splitlines()]
    assert {len(entry) for entry in entries} == {fields}
    return entries


def test_every_id_of_the_roster_has_one_name(tmp_path: Path) -> None:
    put(tmp_path, people())
    roster = hub_sources(tmp_path).roster.current()
    users = {name: (int(uid), int(gid), home) for name, _x, uid, gid, _full, home, _shell in lines("passwd", 7)}
    groups = {name: (int(gid), members.split(",")) for name, _x, gid, members in lines("group", 4)}
    for person in roster.people.values():
        assert users[person.system_name] == (person.uid, person.gid, person.home)
        assert groups[person.system_name][0] == person.gid
        for group in person.groups:
            assert groups[group][0] == roster.gids[group]
            assert person.system_name in groups[group][1]
    assert users["root"][0] == 0
    assert len({uid for uid, _gid, _home in users.values()}) == len(users)
    assert len({gid for gid, _members in groups.values()}) == len(groups)


def test_servers_see_both_files_and_run_as_the_ids_in_them(tmp_path: Path) -> None:
    put(tmp_path, people())
    settings, roster = hub_settings(tmp_path), hub_sources(tmp_path).roster.current()
    mira = roster.people["mira"]
    allowance = server.allowance(settings, mira)
    binds = server.host_config(settings, roster, mira, allowance, [])["Binds"]
    for name in ("passwd", "group"):
        source = str(tmp_path / PUBLIC / name)
        assert Path(source).exists()
        assert f"{source}:/etc/{name}:ro" in binds

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""roster.json: the people of the lab, from the inventory to everybody who asks who they are."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import job as builds_job
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import fullness
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import current as shares_current
from ansible_collections.labserver.jupyter.plugins.module_utils._shares.world import World as SharesWorld
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import job as usage_job
from ansible_collections.labserver.jupyter.plugins.modules import hub_passwords
from contract import Meets, Reader, RefusedError, check, reading, validate
from labhub.exchange.roster import Limits
from labhub.exchange.settings import Settings
from labhub.exchange.sources import Sources
from labhub.login.gate import RosterGate
from labhub.portal.board import Board
from labhub.servers import server
from places import backup_plan, hub_file, hub_sources
from writers import PUBLIC, people, put

PATH = f"{PUBLIC}/roster.json"


def login_roster(root: Path) -> Any:
    """What the check of logins knows, by an authenticator of its own."""
    gate = RosterGate(roster_file=str(root / PATH))
    return lambda: dataclasses.asdict(gate.roster())


def password_names(root: Path) -> list[str]:
    def fail(msg: str) -> None:
        raise RefusedError(msg)

    module: Any = SimpleNamespace(params={"roster": str(root / PATH)}, check_mode=False, fail_json=fail)
    return sorted(hub_passwords.read_roster(module)["users"])


def gids(root: Path) -> dict[str, int]:
    found = shares_current.group_ids(SharesWorld(str(root)))
    return {name: gid for name, gid in found.items() if name in ("leem", "xps")}


def homes(root: Path) -> list[str]:
    there = [f"/home/jupyter-{name}" for name in ("mira", "jonas", "carla", "room-physics")]
    return [path for path in backup_plan(root, there).paths if path.startswith("/home/")]


def watched(root: Path) -> list[str]:
    """Whose homes the job hub-watch looks after."""
    return sorted(one.name for one in fullness.people(root))


def with_homes(root: Path) -> list[str]:
    """Of whom the job usage counts the disk."""
    return sorted(usage_job.homes(root))


READERS = [
    Reader("labhub/exchange", hub_file(lambda sources: sources.roster), Meets.KEEPS, Meets.KEEPS),
    Reader("labhub/login", login_roster, Meets.KEEPS, Meets.KEEPS),
    Reader("_shares", reading(gids), nothing={}),
    Reader("_backup", reading(homes), nothing=[]),
    Reader("_hub", reading(watched), missing=Meets.REFUSES),
    Reader("_usage", reading(with_homes), nothing=[]),
    Reader("_builds", reading(builds_job.read_people), missing=Meets.REFUSES),
    Reader("modules/hub_passwords", reading(password_names), missing=Meets.REFUSES),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, people(), PATH, "roster")


def test_what_is_written_fits_the_schema() -> None:
    validate(people(), PATH, "roster")


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    put(tmp_path, people())
    return hub_sources(tmp_path)


def test_the_hub_knows_people_as_the_inventory_has_them(sources: Sources) -> None:
    roster = sources.roster.current()
    mira, jonas, carla = (roster.people[name] for name in ("mira", "jonas", "carla"))
    assert (mira.system_name, mira.full_name, mira.admin) == ("jupyter-mira", "Mira Müller", True)
    assert mira.groups == ("leem", "xps")
    assert mira.limits == Limits(cpu=1.5, memory_bytes=4 << 30, gpus=1, pids=512, images=("note*",), servers=3)
    assert mira.home == "/home/jupyter-mira"
    physics = roster.people["room-physics"]
    assert (physics.room, physics.full_name, physics.groups) == ("notebook:2026", "Physics I", ("xps",))
    assert [person.room for person in (mira, jonas, carla)] == [None] * 3
    assert len({person.uid for person in roster.people.values()}) == 4
    assert roster.group_ids(mira) == tuple(sorted(roster.gids[name] for name in ("leem", "xps")))
    assert (jonas.admin, jonas.limits) == (False, Limits())
    last = datetime.date(2026, 12, 1)
    assert jonas.refusal(last) == ""
    assert "expired" in jonas.refusal(last + datetime.timedelta(days=1))
    assert carla.refusal(last) == "the account is locked"


def test_the_portal_tells_when_somebodys_access_ends(sources: Sources) -> None:
    assert sources.roster.current().notice_days == 21
    board = Board((), sources.roster)
    jonas: Any = SimpleNamespace(name="jonas")
    text = "".join(one["text"] for one in board.for_user(jonas))
    left = (datetime.date(2026, 12, 1) - datetime.datetime.now().astimezone().date()).days
    assert ("2026-12-01" in text) == (0 <= left <= 21)


def test_rooms_on_the_host_see_the_same_numbers_and_homes(tmp_path: Path, sources: Sources) -> None:
    roster = sources.roster.current()
    assert gids(tmp_path) == dict(roster.gids)
    assert homes(tmp_path) == sorted(person.home for person in roster.people.values())
    assert password_names(tmp_path) == sorted(roster.people)


def test_servers_get_the_limits_that_the_inventory_grants(sources: Sources) -> None:
    people_now, settings = sources.roster.current().people, Settings(memory_bytes=1 << 30)
    assert server.allowance(settings, people_now["mira"]) == server.Allowance(1.5, 4 << 30, 512)
    assert server.allowance(settings, people_now["jonas"]).memory_bytes == 1 << 30
    cards = {name: person.limits.gpus for name, person in people_now.items()}
    assert cards == {"mira": 1, "jonas": 0, "carla": 0, "room-physics": 0}

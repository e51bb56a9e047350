# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first page: what a person's server, files and last failure look like there."""

from __future__ import annotations

import dataclasses
import datetime
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import samples
from labhub.exchange.images import Changes
from labhub.exchange.lab import Lab, Link
from labhub.exchange.roster import parse_roster
from labhub.exchange.shares import ShareStatus, parse_shares
from labhub.exchange.usage import Used
from labhub.portal import desk
from labhub.servers.server import Allowance
from labhub.words import amounts, language

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
PEOPLE = parse_roster(samples.roster_document()).people
IMAGES = samples.world().images


def spawner(**changes: Any) -> Any:
    """A stand-in for JupyterHub's spawner."""
    row = SimpleNamespace(started=datetime.datetime(2026, 11, 20, 9), user_options={"image": "notebook:1.0"})
    return SimpleNamespace(
        **{
            "name": "",
            "runs": "",
            "allowed": None,
            "pending": None,
            "active": True,
            "user_options": {},
            "orm_spawner": row,
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "running"),
        ({"active": False}, "stopped"),
        ({"pending": "spawn"}, "starting"),
        ({"pending": "stop"}, "stopping"),
    ],
)
def test_states_of_the_server(changes: dict[str, Any], state: str) -> None:
    found = desk.server_of(spawner(**changes), PEOPLE["alice"], IMAGES, samples.settings())
    assert found.state == state
    assert (found.title, found.image) == ("Notebook", "notebook:1.0")
    assert (found.cpu, found.memory_bytes) == (1.5, 1 << 30), "the person's own limits"
    assert found.since == ("2026-11-20T09:00:00Z" if state == "running" else "")


def test_the_image_of_a_server_is_known_where_nobody_chose_one() -> None:
    row = SimpleNamespace(started=None, user_options={})
    for active, image in ((True, "notebook:1.0"), (False, "")):
        one = spawner(runs="notebook:1.0", orm_spawner=row, active=active)
        assert desk.server_of(one, PEOPLE["alice"], IMAGES, samples.settings()).image == image


def test_an_image_that_is_gone_keeps_its_name_and_no_control_characters() -> None:
    gone = spawner(user_options={"image": "old:1\x1b[2J"})
    assert desk.server_of(gone, PEOPLE["alice"], IMAGES, samples.settings()).image == "old:1?[2J"


def test_people_are_told_what_changed_in_their_image_also_where_there_is_nothing_to_choose() -> None:
    """With one image there is no form, so this page is where they read it."""
    changes = Changes("notebook:1.0 before", "numpy 2.1 -> 2.3", ("numpy 2.1 -> 2.3",))
    images = [dataclasses.replace(one, changes=changes if one.name == "notebook:1.0" else None) for one in IMAGES]
    chosen = desk.server_of(spawner(), PEOPLE["alice"], images, samples.settings())
    row = SimpleNamespace(started=None, user_options={})
    none = desk.server_of(spawner(orm_spawner=row, active=False), PEOPLE["alice"], images, samples.settings())
    other = desk.server_of(spawner(user_options={"image": "steps:1.0"}), PEOPLE["mary-ann"], images, samples.settings())
    assert (chosen.changes, none.changes, other.changes) == (changes, changes, None)


def test_folders_are_those_of_the_person_with_what_was_seen_of_them() -> None:
    shares = parse_shares(samples.shares_document())
    seen = {"data": ShareStatus("ok"), "scratch": ShareStatus("critical", "the NAS does not answer")}
    data, scratch = desk.folders(PEOPLE["mary-ann"], shares, seen)
    assert (data.path, data.right, data.state, data.well) == ("/mnt/data", "shared, read only", "there", True)
    assert (scratch.state, scratch.reason, scratch.well) == ("not available", "the NAS does not answer", False)
    assert [one.path for one in desk.folders(PEOPLE["carol"], shares, {})] == ["/mnt/scratch"]
    assert desk.folders(PEOPLE["carol"], shares, {})[0].state == "", "nobody has looked yet"


def test_the_last_failure_is_shown_until_the_server_started_again() -> None:
    failures = [
        {
            "at": "2026-11-20T10:00:00+00:00",
            "user": "alice",
            "image": "notebook:1.0",
            "sentence": "It ran out.",
        },
        {"at": "2026-11-20T11:00:00+00:00", "user": "bob", "sentence": "Not hers."},
        {"at": "yesterday", "user": "carol"},
    ]
    found = desk.last_failure(failures, "alice", {}, NOW)
    assert found is not None and found["sentence"] == "It ran out."
    assert desk.last_failure(failures, "alice", {"": NOW - datetime.timedelta(hours=1)}, NOW) is None
    assert desk.last_failure(failures, "alice", {"sim": NOW - datetime.timedelta(hours=1)}, NOW) == found
    assert desk.last_failure(failures, "alice", {"": NOW - datetime.timedelta(hours=3)}, NOW) == found
    assert desk.last_failure(failures, "alice", {}, NOW + datetime.timedelta(days=8)) is None
    assert desk.last_failure(failures, "carol", {}, NOW) is None
    assert desk.last_failure(failures, "dora", {}, NOW) is None


def test_what_a_server_may_use_is_what_it_got_while_it_runs() -> None:
    got = Allowance(0.5, 1 << 29, 64)
    for active, found in ((True, (0.5, 1 << 29)), (False, (1.5, 1 << 30))):
        one = desk.server_of(spawner(allowed=got, active=active), PEOPLE["alice"], IMAGES, samples.settings(), 7200.0)
        assert (one.cpu, one.memory_bytes) == found
        assert one.idle == ("It is stopped in 2 hours if nothing works in it until then." if active else "")


def test_the_page_adds_up_what_servers_take_that_run() -> None:
    alice = dataclasses.replace(PEOPLE["alice"], limits=dataclasses.replace(PEOPLE["alice"].limits, servers=3))

    def server(name: str, state: str = "running") -> desk.Server:
        return desk.Server(state, name=name, cpu=0.5, memory_bytes=1 << 28)

    page = desk.desk(
        alice, server(""), Lab(), samples.settings(), (), {}, None, further=[server("sim"), server("old", "stopped")]
    )
    assert page.whole is not None and page.rest is not None
    assert (page.most, page.rest.memory_bytes, page.rest.cpu) == (3, 1 << 29, 0.5)
    alone = desk.desk(PEOPLE["alice"], server(""), Lab(), samples.settings(), (), {}, None)
    assert page.several and not alone.several
    left = desk.desk(PEOPLE["alice"], server(""), Lab(), samples.settings(), (), {}, None, further=[server("old")])
    assert left.several, "who may have one alone now still sees and ends the others"


def test_links_are_for_whom_the_inventory_says() -> None:
    lab = Lab(links=(Link("Wiki", "/wiki"), Link("Beam time", "/beam", groups=("leem",))))
    for name, titles in (("alice", ["Wiki", "Beam time"]), ("mary-ann", ["Wiki"])):
        person = PEOPLE[name]
        server = desk.server_of(spawner(), person, IMAGES, samples.settings())
        page = desk.desk(person, server, lab, samples.settings(), (), {}, None)
        assert [link.title for link in page.links] == titles


def test_people_read_what_they_used_this_month_and_nothing_where_that_is_not_known() -> None:
    page = (Path(desk.__file__).parent / "templates" / "home.html").read_text(encoding="utf-8")
    part = page[page.index("{% if desk.used %}") : page.index("{% if has_password_page %}<a")]

    def words(used: Used | None) -> str:
        person = PEOPLE["alice"]
        server = desk.server_of(spawner(), person, IMAGES, samples.settings())
        found = desk.desk(person, server, Lab(), samples.settings(), (), {}, None, used=used)
        text = language.environment(number=amounts.tenths, amount=amounts.amount).from_string(part).render(desk=found)
        return " ".join(re.sub("<[^>]*>", " ", text).split())

    assert words(Used(12.34, 40.0, 30.5, 2.0, 3 << 29)) == (
        "Used this month 12.3 hours of my server, 40.0 CPU hours, 30.5 GiB hours, 2.0 GPU hours; 1.5 GiB of files"
    )
    assert words(Used(1, 2, 3, 0)) == "Used this month 1.0 hours of my server, 2.0 CPU hours, 3.0 GiB hours"
    assert words(None) == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "after 1 day without"),
        ({"culling_idle_seconds": 5400}, "after 2 hours without"),
        ({"culling_groups": {"leem": 600}}, "after 10 minutes without"),
    ],
)
def test_people_read_when_an_idle_server_is_stopped(settings: dict[str, Any], words: str) -> None:
    assert words in desk.idle_rule(samples.settings(**settings), PEOPLE["alice"])


@pytest.mark.parametrize("settings", [{"culling_enabled": False}, {"culling_groups": {"leem": 0}}])
def test_nothing_is_said_where_no_server_is_stopped(settings: dict[str, Any]) -> None:
    assert desk.idle_rule(samples.settings(**settings), PEOPLE["alice"]) == ""


@pytest.mark.parametrize(
    ("changes", "seconds", "words"),
    [
        ({}, 300.0, "It is stopped in 5 minutes if nothing works in it until then."),
        ({}, None, "It is stopped after 1 day without any work in it."),
        ({"active": False}, None, "It is stopped after 1 day without any work in it."),
        ({"pending": "spawn"}, None, "It is stopped after 1 day without any work in it."),
    ],
)
def test_the_page_says_once_when_an_idle_server_is_stopped(
    changes: dict[str, Any], seconds: float | None, words: str
) -> None:
    page = (Path(desk.__file__).parent / "templates" / "home.html").read_text(encoding="utf-8")
    part = page[page.index('{% if server.state == "running" %}') : page.index('<a id="start"')]
    person, settings = PEOPLE["alice"], samples.settings()
    server = desk.server_of(spawner(**changes), person, IMAGES, settings, seconds)
    found = desk.desk(person, server, Lab(), settings, (), {}, None)
    known = language.environment(amount=amounts.amount, cores=amounts.cores)
    shown = known.from_string(part).render(desk=found, server=server)
    assert words in shown
    assert (shown.count("It is stopped"), shown.count('id="idle-left"')) == (1, 1)

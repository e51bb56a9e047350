# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How servers are called: a name says whose a container is, and never looks like another person's."""

from __future__ import annotations

import dataclasses

import pytest
from jupyterhub.slugs import is_valid_safe_slug
from labhub.exchange.roster import Person
from labhub.servers import names, permission, portions
from samples import settings, world

ALICE = world().roster.people["alice"]


def may(servers: int) -> Person:
    return dataclasses.replace(ALICE, limits=dataclasses.replace(ALICE.limits, servers=servers))


@pytest.mark.parametrize("prefix", ["", "test-"])
def test_a_container_says_whose_it_is_and_which_server(prefix: str) -> None:
    hub = settings(container_prefix=prefix)
    assert names.container(hub, ALICE) == f"{prefix}jupyter-alice"
    further = names.container(hub, ALICE, "sim-2")
    assert further == f"{prefix}server-sim-2.jupyter-alice"
    assert names.split(prefix, further) == ("sim-2", "jupyter-alice")
    assert names.account(prefix, further) == names.account(prefix, f"{prefix}jupyter-alice") == "jupyter-alice"


def test_an_account_may_have_dots_and_a_name_none() -> None:
    assert names.split("", "server-sim.jupyter-mary.ann") == ("sim", "jupyter-mary.ann")
    assert names.split("", "server-sim.jupyter-x.jupyter-alice") == ("sim", "jupyter-x.jupyter-alice")
    for none in ("jupyter-alice", "server-sim", "server-.jupyter-alice", "server-Sim.jupyter-alice", "files-jupyter-x"):
        assert names.split("", none) is None


@pytest.mark.parametrize("name", ["a", "sim", "sim-2", "a1-b2-c3", "a" * 20])
def test_good_names_are_good_for_jupyterhub_too(name: str) -> None:
    assert names.problem(name) is None and is_valid_safe_slug(name)


@pytest.mark.parametrize(
    "name", ["", "2", "Sim", "sim_2", "sim.2", "sim-", "-sim", "a--b", "a" * 21, "sím", "sim\n", "sim/x", "%20", "../x"]
)
def test_other_names_are_not(name: str) -> None:
    found = names.problem(name)
    assert found is not None and "at most 20 letters" in found[0].format(**found[1])


def test_names_that_would_hide_a_page_of_the_first_server_are_not() -> None:
    found = names.problem("lab")
    assert found is not None and found[0].format(**found[1]).startswith("A server cannot be called lab")
    assert all(names.well_formed(one) for one in names.RESERVED), "else they need not be here"


def test_how_many_there_may_be() -> None:
    assert permission.refusal(may(1), "sim", []) == (portions.NOT_ALLOWED, {})
    assert permission.refusal(may(3), "sim", ["other"]) is None
    assert permission.refusal(may(3), "sim", ["one", "two"]) == (
        permission.ENOUGH, {"most": "3", "others": "one, two"},
    )  # fmt: skip
    assert permission.refusal(may(3), "two", ["one", "two"]) is None, "it is there already"
    assert permission.refusal(dataclasses.replace(may(3), room=""), "sim", []) == (portions.NOT_ALLOWED, {})


def test_keys_are_those_of_one_person() -> None:
    assert (names.key("alice", ""), names.key("alice", "sim")) == ("alice", "alice/sim")
    assert names.keys_of("alice", ["alice", "alice/sim", "alice2", "alice2/sim", "bob"]) == ["alice", "alice/sim"]

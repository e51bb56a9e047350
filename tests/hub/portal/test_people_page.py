# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of people: who stands on it, and with what."""

from __future__ import annotations

from typing import Any

import samples
from labhub.exchange.homes import Home
from labhub.exchange.roster import parse_roster
from labhub.portal import people
from labhub.portal.desk import Server

ROSTER = parse_roster(samples.roster_document())


def rows(**changes: Any) -> dict[str, people.Row]:
    given: dict[str, Any] = {
        "last_uses": {}, "servers": {}, "held": {}, "homes": {}, "failures": {}, **changes,
    }  # fmt: skip
    return {row.name: row for row in people.rows(ROSTER, samples.TODAY, **given)}


def test_everybody_of_the_roster_is_there_who_never_logged_in_too() -> None:
    found = rows(last_uses={"alice": "2026-11-20T09:00:00Z"})
    assert {name: row.state for name, row in found.items()} == {
        "alice": "stopped", "carol": "never", "mary-ann": "never",
    }  # fmt: skip
    assert (found["alice"].full_name, found["alice"].admin, found["alice"].groups) == ("Alice A.", True, ("leem",))
    assert found["carol"].refusal == "the account is locked"


def test_a_server_of_somebody_who_left_the_roster_is_not_hidden() -> None:
    gone = rows(servers={"dora": [Server("running", image="notebook:1.0")]})["dora"]
    assert (gone.state, gone.refusal) == ("running", "not in the roster")


def test_cards_homes_and_failures_are_those_of_the_person() -> None:
    failures = people.last_failures(
        [
            {"user": "alice", "at": "2026-11-18T00:00:00+00:00", "sentence": "first"},
            {"user": "alice", "at": "2026-11-19T00:00:00+00:00", "sentence": "last\x1b[2J"},
            {"at": "2026-11-19T00:00:00+00:00"},
        ]
    )
    found = rows(
        held={"GPU-b": "alice", "GPU-a": "alice", "GPU-c": "bob"}, homes={"alice": Home(5, 10)}, failures=failures
    )
    alice = found["alice"]
    assert alice.cards == ("GPU-a", "GPU-b") and alice.home is not None and alice.home.part == 0.5
    assert alice.failure is not None and alice.failure["sentence"] == "last?[2J"
    assert found["mary-ann"].failure is None and found["mary-ann"].home is None

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphics cards: never two servers on one, whoever asks how many when; and the page says who holds which."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labhub.servers import form, gpus, server
from samples import world

CARDS = ("GPU-a", "GPU-b", "GPU-c")
PEOPLE = ("alice", "bob", "carol", "dora")


def listed(name: str, cards: tuple[str, ...], state: str = "running") -> dict[str, Any]:
    labels = {server.USER_LABEL: name, **({gpus.LABEL: ",".join(cards)} if cards else {})}
    return {"Labels": labels, "State": state}


@given(
    known=st.lists(st.sampled_from([f"GPU-{n}" for n in range(8)]), unique=True),
    steps=st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.integers(0, 5), st.sampled_from(["created", "running", "exited"]))
    ),
)
def test_never_two_servers_on_one_card(known: list[str], steps: list[tuple[str, int, str]]) -> None:
    running: dict[str, dict[str, Any]] = {}
    for name, wanted, state in steps:
        if name in running:  # the next thing that this person does is to stop
            del running[name]
            continue
        held = gpus.holders(running.values(), server.USER_LABEL)
        found = gpus.allocate(known, held, wanted)
        free = len(set(known) - set(held))
        assert (found is None) == (wanted > free), "refused exactly when there are not enough"
        if found is not None:
            assert len(set(found)) == len(found) == wanted
            assert set(found) <= set(known)
            running[name] = listed(name, found, state)
        all_held = [
            card
            for one in running.values()
            if one["State"] != "exited"
            for card in one["Labels"].get(gpus.LABEL, "").split(",")
            if card
        ]
        assert len(set(all_held)) == len(all_held), "one card, one server"


@pytest.mark.parametrize(
    ("options", "most", "wanted"),
    [({}, 2, 0), ({"gpus": "1"}, 2, 1), ({"gpus": 5}, 2, 2), ({"gpus": "2"}, 0, 0), ({"gpus": "all"}, 2, None),
     ({"gpus": "-1"}, 2, None), ({"gpus": ["x"]}, 2, None)],
)  # fmt: skip
def test_what_people_choose(options: dict[str, Any], most: int, wanted: int | None) -> None:
    assert gpus.wish(options, most) == wanted


def test_the_page_says_who_holds_which() -> None:
    held = gpus.holders([listed("alice", ("GPU-b",)), listed("bob", ("GPU-a",), "exited")], server.USER_LABEL)
    assert gpus.book(CARDS, held) == "GPU 0: free, GPU 1: alice, GPU 2: free"
    cards = form.Cards(2, 1, gpus.book(CARDS, {"GPU-a": "<b>"}))
    lab = world()
    now = datetime.datetime.now(datetime.UTC)
    page = form.options_form(lab.roster.people["alice"], lab.settings, lab.images, form.Used(), now, cards)
    assert "GPU 0: &lt;b&gt;, GPU 1: free" in page
    assert page.count("name='gpus'") == 3
    assert "value='1' checked" in page


def test_a_refusal_names_the_holders() -> None:
    words, values = gpus.refusal(("GPU-a", "GPU-b"), {"GPU-a": "alice", "GPU-b": "bob"}, 1)
    assert "are all in use: GPU 0: alice, GPU 1: bob." in words.format(**values)
    words, values = gpus.refusal(("GPU-a", "GPU-b"), {"GPU-a": "alice"}, 2)
    assert "(2 wanted, 1 free)" in words.format(**values)

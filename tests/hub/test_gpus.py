# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphics cards: never two servers on one, whoever asks how many when; and the page says who holds which."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from labhub import form, gpus, policy, server
from labhub.settings import Settings
from samples import good_body, roster_document, settings
from test_guard import Lab

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
    page = form.gpu_fields(2, 1, gpus.book(CARDS, {"GPU-a": "<b>"}))
    assert "GPU 0: &lt;b&gt;, GPU 1: free" in page
    assert page.count("type='radio'") == 3
    assert "value='1' checked" in page
    assert form.gpu_fields(0, 0, "x") == "", "nothing for people without a grant"


def test_a_refusal_names_the_holders() -> None:
    words = gpus.refusal(("GPU-a", "GPU-b"), {"GPU-a": "alice", "GPU-b": "bob"}, 1)
    assert "are all in use: GPU 0: alice, GPU 1: bob." in words
    assert "(2 wanted, 1 free)" in gpus.refusal(("GPU-a", "GPU-b"), {"GPU-a": "alice"}, 2)


def wish(name: str, *cards: str, label: str | None = None) -> bytes:
    """Return the create body of a server with these cards."""
    body = copy.deepcopy(good_body(name))
    request = {"Driver": "nvidia", "DeviceIDs": list(cards), "Capabilities": [["gpu"]]}
    body["HostConfig"]["DeviceRequests"] = [request]
    body["Labels"][gpus.LABEL] = ",".join(cards) if label is None else label
    return json.dumps(body).encode()


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.start()
    document = roster_document()
    for name in ("alice", "mary-ann"):
        document["users"][name]["limits"]["gpus"] = 1
    (tmp_path / "public" / "roster.json").write_text(json.dumps(document))
    made.guard.settings = settings(docker_socket=made.guard.settings.docker_socket, gpus=["GPU-a", "GPU-b"])
    yield made
    await made.stop()


CREATE = "/containers/create?name=jupyter-"


async def test_the_guard_lets_a_granted_card_pass_once(lab: Lab) -> None:
    assert (await lab.ask("POST", f"{CREATE}alice", wish("alice", "GPU-b")))[0] == 201
    assert await lab.ask("GET", "/labserver/gpus") == (200, {"GPU-b": "alice"})
    status, answer = await lab.ask("POST", f"{CREATE}mary-ann", wish("mary-ann", "GPU-b"))
    assert (status, "GPU-b is held by alice" in answer["message"]) == (403, True)
    assert (await lab.ask("POST", f"{CREATE}mary-ann", wish("mary-ann", "GPU-a")))[0] == 201


async def test_of_two_that_ask_at_once_one_gets_the_card(lab: Lab) -> None:
    answers = await asyncio.gather(
        *(lab.ask("POST", f"{CREATE}{name}", wish(name, "GPU-a")) for name in ("alice", "mary-ann"))
    )
    assert sorted(status for status, _ in answers) == [201, 403]


@pytest.mark.parametrize(
    ("cards", "label"),
    [((), None), (("GPU-a", "GPU-b"), None), (("GPU-c",), None), (("all",), None), (("GPU-a",), ""),
     (("GPU-a",), "GPU-b"), (("GPU-a", "GPU-a"), None)],
)  # fmt: skip
async def test_the_guard_refuses_other_cards(lab: Lab, cards: tuple[str, ...], label: str | None) -> None:
    assert (await lab.ask("POST", f"{CREATE}alice", wish("alice", *cards, label=label)))[0] == 403


async def test_a_label_without_cards_is_refused(lab: Lab) -> None:
    body = good_body("alice")
    body["Labels"][gpus.LABEL] = "GPU-a"
    assert (await lab.ask("POST", f"{CREATE}alice", json.dumps(body).encode()))[0] == 403


async def test_without_a_grant_there_is_none(lab: Lab) -> None:
    (lab.folder / "public" / "roster.json").write_text(json.dumps(roster_document()) + " ")
    assert (await lab.ask("POST", f"{CREATE}alice", wish("alice", "GPU-a")))[0] == 403


def test_the_spawners_own_body_is_what_the_guard_lets_pass() -> None:
    from samples import world  # noqa: PLC0415

    lab = world(gpus=CARDS, cgroup_parent="labnotebooks.slice")
    person = lab.roster.people["alice"]
    host = server.host_config(
        lab.settings, lab.roster, person, server.allowance(lab.settings, person), [], gpus=("GPU-a",)
    )
    body = server.create_body(person, lab.images[0], {}, ["x"], host, port=8888, gpus=("GPU-a",))
    assert policy.requested_gpus(body) == ["GPU-a"]
    assert body["Labels"][gpus.LABEL] == "GPU-a"
    assert host["CgroupParent"] == "labnotebooks.slice"
    assert Settings().gpus == ()

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphics cards through the guard: only cards that the person may have and that nobody holds."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from guard_lab import Lab
from labhub.exchange.settings import Settings
from labhub.guard import policy
from labhub.servers import gpus, server
from samples import good_body, roster_document, settings, world

CARDS = ("GPU-a", "GPU-b", "GPU-c")


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


@pytest.mark.parametrize("driver", ["nvidia", "cdi"])
async def test_cards_are_asked_for_in_the_way_of_the_host_alone(lab: Lab, driver: str) -> None:
    here = settings(docker_socket=lab.guard.settings.docker_socket, gpus=["GPU-a", "GPU-b"], gpu_driver=driver)
    lab.guard.settings = here
    body = json.loads(wish("alice", "GPU-a"))
    answers = {}
    for other in ("nvidia", "cdi"):
        body["HostConfig"]["DeviceRequests"] = [gpus.request(other, ["GPU-a"])]
        answers[other] = (await lab.ask("POST", f"{CREATE}alice", json.dumps(body).encode()))[0]
    assert answers == {driver: 201, ({"nvidia", "cdi"} - {driver}).pop(): 403}


@pytest.mark.parametrize("device", ["nvidia.com/gpu=all", "nvidia.com/gpu=GPU-c", "intel.com/gpu=GPU-a", "GPU-a"])
async def test_the_guard_refuses_other_devices_of_cdi(lab: Lab, device: str) -> None:
    lab.guard.settings = settings(docker_socket=lab.guard.settings.docker_socket, gpus=["GPU-a"], gpu_driver="cdi")
    body = json.loads(wish("alice", "GPU-a"))
    body["HostConfig"]["DeviceRequests"] = [{"Driver": "cdi", "DeviceIDs": [device]}]
    assert (await lab.ask("POST", f"{CREATE}alice", json.dumps(body).encode()))[0] == 403


def test_an_image_cannot_give_itself_cards() -> None:
    """Where NVIDIA's runtime is Docker's default, it hands out what the variable of an image asks for."""
    lab = world(gpus=CARDS)
    body = server.create_body(lab.roster.people["alice"], lab.images[0], {}, ["x"], {}, port=8888)
    assert body["Env"] == ["NVIDIA_VISIBLE_DEVICES=void"]


def test_the_spawners_own_body_is_what_the_guard_lets_pass() -> None:
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

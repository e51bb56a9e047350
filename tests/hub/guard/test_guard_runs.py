# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for scheduled notebooks, attacked through the guard: one program, one account and its limits."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacks import CREATE
from guard_lab import Lab
from labhub.exchange.roster import Person, Roster
from labhub.exchange.shares import shares_of
from labhub.guard import policy
from labhub.guard.calls import RefusedError
from labhub.servers import box, run, server
from samples import OTHER_DIGEST, good_body, world

Body = dict[str, Any]
NAME = "run-jupyter-alice"
LAB = world(runs_per_person=1, box_image="labserver/box:0123")
RUN = "0123456789ab-20261121030000"
COMMAND = run.command("reports/daily.ipynb", "2026-11-21_03-00-00", 7, 3600)


def body_of(name: str = "alice", lab: policy.World = LAB) -> Body:
    """Return what the hub asks for."""
    person = lab.roster.people[name]
    mine = shares_of(person, lab.shares)
    image = lab.images[1 if name == "mary-ann" else 0]
    return run.create_body(lab.settings, lab.roster, person, image, mine, {"http_proxy": "x"}, RUN, COMMAND)


def test_what_the_hub_asks_for_passes_unchanged_with_the_persons_account_mounts_and_limits() -> None:
    body, person = policy.check_create(LAB, NAME, body_of())
    assert body == body_of() and person.name == "alice"
    same = good_body()
    assert body["HostConfig"] == same["HostConfig"] and body["User"] == same["User"] == "20001:20001"
    assert "ExposedPorts" not in body and not any("JUPYTERHUB" in line for line in body["Env"])
    small, _person = policy.check_create(LAB, "run-jupyter-mary-ann", body_of("mary-ann"))
    assert small["HostConfig"]["Memory"] == 1 << 29, "an image may ask for less"


@pytest.mark.parametrize("change", CREATE.values(), ids=CREATE.keys())
def test_what_is_refused_for_servers_is_refused_here(change: Callable[[Body], Any]) -> None:
    body = body_of()
    change(body)
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, body)


def command(*last: str) -> Callable[[Body], Any]:
    return lambda body: body.update(Cmd=[*COMMAND[:-4], *last])


MORE: dict[str, Callable[[Body], Any]] = {
    "an image of others": lambda body: body.update(Image=f"127.0.0.1:5000/steps@{OTHER_DIGEST}"),
    "the image for files": lambda body: body.update(Image="labserver/box:0123"),
    "another program": lambda body: body["Cmd"].__setitem__(4, "print(1)"),
    "another command": lambda body: body.update(Cmd=["sh", "-c", "id"]),
    "no command": lambda body: body.pop("Cmd"),
    "one word more": command("a.ipynb", "2026-11-21_03-00-00", "7", "3600", "x"),
    "a path of somebody else": command("../jupyter-bob/a.ipynb", "2026-11-21_03-00-00", "7", "3600"),
    "a path from the root": command("/etc/a.ipynb", "2026-11-21_03-00-00", "7", "3600"),
    "no notebook": command("a.py", "2026-11-21_03-00-00", "7", "3600"),
    "another stamp": command("a.ipynb", "../../x", "7", "3600"),
    "no limit": command("a.ipynb", "2026-11-21_03-00-00", "7", "0"),
    "Jupyter's port": lambda body: body.update(ExposedPorts={"8888/tcp": {}}),
    "no label of a run": lambda body: body["Labels"].pop(run.LABEL),
    "another label of a run": lambda body: body["Labels"].update({run.LABEL: "x"}),
    "the label of a container for files": lambda body: body["Labels"].update({box.LABEL: "x"}),
    "another person": lambda body: body["Labels"].update({server.USER_LABEL: "bob"}),
    "a card": lambda body: body["HostConfig"].update(DeviceRequests=[{"Driver": "nvidia", "DeviceIDs": ["0"]}]),
}  # fmt: skip


@pytest.mark.parametrize("attack", MORE)
def test_nothing_but_a_run(attack: str) -> None:
    body = copy.deepcopy(body_of())
    MORE[attack](body)
    with pytest.raises(RefusedError):
        policy.check_create(LAB, NAME, body)


def test_servers_files_and_runs_are_not_called_like_each_other() -> None:
    policy.check_create(LAB, "jupyter-alice", good_body())
    for name, body in ((NAME, good_body()), ("jupyter-alice", body_of()), ("files-jupyter-alice", body_of())):
        with pytest.raises(RefusedError):
            policy.check_create(LAB, name, body)
    for wrong in ("run-jupyter-mary-ann", "run-jupyter-root", "run-", "run-files-jupyter-alice", None):
        with pytest.raises(RefusedError):
            policy.check_create(LAB, wrong, body_of())


def test_a_run_may_have_cards_neither_where_its_person_may() -> None:
    alice = dataclasses.replace(
        LAB.roster.people["alice"], limits=dataclasses.replace(LAB.roster.people["alice"].limits, gpus=1)
    )
    lab = dataclasses.replace(
        LAB,
        settings=dataclasses.replace(LAB.settings, gpus=("GPU-0",)),
        roster=Roster({"alice": alice}, LAB.roster.gids),
    )
    body = body_of(lab=lab)
    policy.check_create(lab, NAME, copy.deepcopy(body))
    body["HostConfig"]["DeviceRequests"] = [server.cards.request("nvidia", ["GPU-0"])]
    with pytest.raises(RefusedError, match=r"HostConfig\.DeviceRequests is not allowed"):
        policy.check_create(lab, NAME, body)


def test_there_is_none_where_they_are_off_nor_for_rooms_nor_for_the_locked() -> None:
    with pytest.raises(RefusedError, match="no person"):
        policy.check_create(world(), NAME, body_of())
    with pytest.raises(RefusedError, match="locked"):
        policy.check_create(LAB, "run-jupyter-carol", body_of("carol"))
    room: Person = dataclasses.replace(LAB.roster.people["alice"], room="notebook")
    lab = dataclasses.replace(LAB, roster=Roster({"alice": room}, LAB.roster.gids))
    with pytest.raises(RefusedError, match="no person"):
        policy.check_create(lab, NAME, body_of())


@pytest.mark.parametrize(
    ("name", "more", "owned"),
    [
        (NAME, {run.LABEL: RUN}, True),
        (NAME, {}, False),
        ("jupyter-alice", {run.LABEL: RUN}, False),
        ("files-jupyter-alice", {run.LABEL: RUN}, False),
        (NAME, {run.LABEL: RUN, box.LABEL: "x"}, False),
        ("labserver-hub", {run.LABEL: RUN}, False),
    ],
)
def test_the_hub_touches_only_what_is_named_and_marked(name: str, more: dict[str, str], owned: bool) -> None:
    labels = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: "alice", **more}
    assert policy.owned(LAB.settings, LAB.roster, {"Name": f"/{name}", "Config": {"Labels": labels}}) is owned


async def test_runs_are_no_servers_in_what_the_hub_is_told(tmp_path: Path) -> None:
    """A run that counted as a server would be taken for one that the hub lost, and stopped."""
    lab = Lab(tmp_path)
    await lab.start()
    try:
        mine = {server.ROOM_LABEL: server.ROOM, server.USER_LABEL: "alice"}
        lab.servers = [
            {"Id": "1", "Names": ["/jupyter-alice"], "Labels": mine, "State": "running"},
            {"Id": "2", "Names": ["/files-jupyter-alice"], "Labels": {**mine, box.LABEL: "x"}, "State": "running"},
            {"Id": "3", "Names": [f"/{NAME}"], "Labels": {**mine, run.LABEL: RUN}, "State": "exited"},
        ]
        told = {}
        for kind in ("servers", "boxes", "runs"):
            status, answer = await lab.ask("GET", f"/labserver/{kind}")
            told[kind] = [(one["name"], one["run"], one["state"]) for one in answer]  # type: ignore[index]
            assert status == 200
        assert told == {
            "servers": [("jupyter-alice", "", "running")],
            "boxes": [("files-jupyter-alice", "", "running")],
            "runs": [(NAME, RUN, "exited")],
        }
    finally:
        await lab.stop()

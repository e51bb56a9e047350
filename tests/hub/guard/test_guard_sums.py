# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several servers of one person through the guard: together they never take more than the person may."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from guard_lab import Lab
from labhub.exchange.roster import parse_roster
from labhub.guard import policy
from labhub.guard.calls import RefusedError
from labhub.servers import gpus, names, server
from samples import good_body, roster_document, settings, world

MIB = 1024**2
CREATE = "/containers/create?name="


def body(name: str = "", memory: int = 512, cpu: int = 50_000, pids: int = 128, person: str = "alice") -> bytes:
    """Return what the spawner asks for a server with so many MiB, microseconds of each 100,000, and processes."""
    made = copy.deepcopy(good_body(person))
    if name:
        made["Labels"][names.LABEL] = name
    host = made["HostConfig"]
    host |= {"Memory": memory * MIB, "MemorySwap": memory * MIB, "CpuQuota": cpu, "PidsLimit": pids}
    host["Tmpfs"] = server.temporary(settings(), memory * MIB)
    return json.dumps(made).encode()


def people(lab: Lab, **limits: Any) -> None:
    """Write a roster in which alice, who may use 1 GiB and 1.5 cores, has these limits too."""
    document = roster_document()
    document["users"]["alice"]["limits"] |= {"servers": 3, **limits}
    document["users"]["bob"] = {**document["users"]["alice"], "system_name": "jupyter-bob", "uid": 20009}
    new = lab.folder / "public" / "roster.new"
    new.write_text(json.dumps(document))
    new.replace(lab.folder / "public" / "roster.json")


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.start()
    people(made)
    yield made
    await made.stop()


async def make(lab: Lab, container: str, content: bytes) -> tuple[int, str]:
    status, answer = await lab.ask("POST", CREATE + container, content)
    return status, str(answer.get("message", ""))


async def test_two_servers_that_fit_together_are_made(lab: Lab) -> None:
    assert (await make(lab, "jupyter-alice", body()))[0] == 201
    assert (await make(lab, "server-sim.jupyter-alice", body("sim")))[0] == 201
    assert await lab.ask("GET", "/labserver/taken/jupyter-alice") == (
        200,
        [
            {"server": one, "cpu": 0.5, "memory_bytes": 512 * MIB, "pids": 128}  # as Docker was asked
            for one in ("", "sim")
        ],
    )
    assert await lab.ask("GET", "/labserver/taken/jupyter-mary-ann") == (200, [])
    assert (await lab.ask("GET", "/labserver/taken/jupyter-nobody"))[0] == 403


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"memory": 513}, {}, "memory 1074790400 of 1073741824 bytes"),
        ({"cpu": 100_100}, {}, "processor 1501 of 1500 thousandths of a core"),
        ({"pids": 1000}, {}, "processes 1128 of 1024 in number"),
        ({"memory": 1024, "cpu": 150_000, "pids": 1024}, {"memory": 32, "cpu": 1000, "pids": 1}, "memory"),
    ],
)
async def test_a_sum_above_the_limits_is_refused(lab: Lab, first: Any, second: Any, words: str) -> None:
    assert (await make(lab, "server-sim.jupyter-alice", body("sim", **first)))[0] == 201
    status, said = await make(lab, "jupyter-alice", body(**second))
    assert status == 403 and words in said, said
    assert (await make(lab, "jupyter-mary-ann", body(person="mary-ann")))[0] == 201, "nobody else is concerned"


async def test_of_servers_that_are_asked_for_at_once_only_those_that_fit_are_made(lab: Lab) -> None:
    people(lab, servers=5)
    asked = [make(lab, f"server-s{number}.jupyter-alice", body(f"s{number}")) for number in range(5)]
    answers = await asyncio.gather(*asked)
    assert sorted(status for status, _words in answers) == [201, 201, 403, 403, 403]


async def test_a_server_more_than_the_person_may_have_is_refused(lab: Lab) -> None:
    small = {"memory": 64, "cpu": 5000, "pids": 64}
    for number in range(3):
        assert (await make(lab, f"server-s{number}.jupyter-alice", body(f"s{number}", **small)))[0] == 201
    status, said = await make(lab, "jupyter-alice", body(**small))
    assert status == 403 and "already has 3 of at most 3 servers (server-s0.jupyter-alice," in said


async def test_what_ended_counts_no_more_and_starts_only_where_it_fits(lab: Lab) -> None:
    """A hub that was taken over could make a server, stop it, make another one, and start the first again."""
    assert (await make(lab, "server-sim.jupyter-alice", body("sim", memory=1024)))[0] == 201
    lab.servers[0]["State"] = "exited"
    assert (await make(lab, "jupyter-alice", body()))[0] == 201
    status, answer = await lab.ask("POST", "/containers/server-sim.jupyter-alice/start")
    assert status == 403 and "together would have more" in answer["message"]
    assert all("/start" not in path for _method, path in lab.acts())
    lab.servers[1]["State"] = "exited"
    assert (await lab.ask("POST", "/containers/server-sim.jupyter-alice/start"))[0] == 201


async def test_limits_that_were_lowered_or_taken_away_meanwhile_count(lab: Lab) -> None:
    assert (await make(lab, "server-sim.jupyter-alice", body("sim", memory=256)))[0] == 201
    (made,) = lab.made.values()
    made["HostConfig"]["Memory"] = 0  # docker update on the host: there is no limit any more
    assert (await make(lab, "jupyter-alice", body(memory=64)))[0] == 403
    made["HostConfig"] |= {"Memory": 256 * MIB, "CpuQuota": 0, "NanoCpus": 1_400_000_000}
    status, said = await make(lab, "jupyter-alice", body())
    assert status == 403 and "processor 1900 of 1500" in said, said
    made["HostConfig"]["NanoCpus"] = 500_000_000
    people(lab, memory_bytes=512 * MIB)
    assert (await make(lab, "jupyter-alice", body(memory=256 + 1)))[0] == 403
    assert (await make(lab, "jupyter-alice", body(memory=256)))[0] == 201


@pytest.mark.parametrize(
    "call", ["POST /containers/own/update", "POST /containers/own/rename?name=server-x.jupyter-bob"]
)
async def test_limits_and_names_are_never_changed_afterwards(lab: Lab, call: str) -> None:
    method, target = call.split(" ")
    assert (await lab.ask(method, target, b'{"Memory": 99999999999}'))[0] == 403
    assert lab.acts() == []


@pytest.mark.parametrize(
    ("container", "label"),
    [
        ("server-sim.jupyter-bob", "sim"),  # alice's body in the name of bob
        ("server-sim.jupyter-alice", "other"),
        ("server-sim.jupyter-alice", ""),
        ("jupyter-alice", "sim"),
        ("server-.jupyter-alice", ""),
        ("server-sim.jupyter-bob.jupyter-alice", "sim"),
        ("server-sim.x.jupyter-alice", "sim"),
        ("server-Sim.jupyter-alice", "Sim"),
        ("server-a--b.jupyter-alice", "a--b"),
        ("server-aaaaaaaaaaaaaaaaaaaaa.jupyter-alice", "a" * 21),
        ("files-server-sim.jupyter-alice", "sim"),
        ("run-server-sim.jupyter-alice", "sim"),
        ("build-server-sim.jupyter-alice", "sim"),
        ("server-sim.jupyter-mary-ann", "sim"),  # who may have one server
        ("server-sim.jupyter-", "sim"),
    ],
)
async def test_a_name_that_is_not_the_persons_own_is_refused(lab: Lab, container: str, label: str) -> None:
    assert (await make(lab, container, body(label)))[0] == 403
    assert lab.acts() == []


async def test_who_may_have_one_server_has_the_first_one(lab: Lab) -> None:
    status, said = await make(lab, "server-sim.jupyter-mary-ann", body("sim", person="mary-ann"))
    assert status == 403 and "mary-ann may have one server" in said
    assert (await make(lab, "jupyter-mary-ann", body(person="mary-ann")))[0] == 201


def test_a_name_that_two_people_could_have_belongs_to_nobody() -> None:
    """Accounts of the host may be called as the inventory says, and so as somebody's further server."""
    document = roster_document()
    document["users"]["alice"]["limits"]["servers"] = 2
    document["users"]["mary-ann"]["system_name"] = "server-x.jupyter-alice"
    lab = policy.World(settings(), parse_roster(document), (), world().images)
    with pytest.raises(RefusedError, match="could be the server of alice or of mary-ann"):
        policy.whose(lab, "server-x.jupyter-alice")
    assert policy.whose(lab, "server-y.jupyter-alice") == policy.Whose(lab.roster.people["alice"], "", "y")


async def test_containers_of_others_with_somebodys_labels_are_not_counted(lab: Lab) -> None:
    """An image may have the labels of people's servers, and whoever has Docker may start it under any name."""
    labels = {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}
    for number, name in enumerate(("database", "server-sim.other", "server-sim.jupyter-alice")):
        identity = f"f{number}"
        lab.servers.append({"Id": identity, "Names": [f"/{name}"], "Labels": labels, "State": "running"})
        lab.made[identity] = {"Id": identity, "Name": f"/{name}", "Config": {"Labels": labels}, "HostConfig": {}}
    assert (await make(lab, "jupyter-alice", body(memory=1024)))[0] == 201


async def test_files_runs_and_builds_are_no_servers(lab: Lab) -> None:
    labels = {"org.labserver.room": "hub-server", "org.labserver.user": "alice"}
    for kind in ("box", "run", "build"):
        lab.servers.append({"Id": kind, "Names": [], "Labels": {**labels, f"org.labserver.{kind}": "1"}, "State": "x"})
    assert (await make(lab, "jupyter-alice", body(memory=1024)))[0] == 201


async def test_cards_of_all_servers_of_a_person_are_counted(lab: Lab) -> None:
    lab.guard.settings = settings(docker_socket=lab.guard.settings.docker_socket, gpus=["GPU-a", "GPU-b"])
    people(lab, gpus=1)

    def with_card(name: str, card: str) -> bytes:
        made = json.loads(body(name))
        made["HostConfig"]["DeviceRequests"] = [gpus.request("nvidia", [card])]
        made["Labels"][gpus.LABEL] = card
        return json.dumps(made).encode()

    assert (await make(lab, "jupyter-alice", with_card("", "GPU-a")))[0] == 201
    status, said = await make(lab, "server-sim.jupyter-alice", with_card("sim", "GPU-b"))
    assert status == 403 and "the servers of alice hold 1 of 1 graphics cards" in said
    people(lab, gpus=2)
    assert (await make(lab, "server-sim.jupyter-alice", with_card("sim", "GPU-b")))[0] == 201
    lab.servers[0]["State"] = "exited"
    assert (await make(lab, "server-two.jupyter-alice", with_card("two", "GPU-a")))[0] == 201
    lab.servers[1]["State"] = "exited"
    status, answer = await lab.ask("POST", "/containers/jupyter-alice/start")
    assert status == 403 and "GPU-a is held by alice" in answer["message"], "it has been given to another one meanwhile"

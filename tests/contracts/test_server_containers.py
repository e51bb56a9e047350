# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further servers of a person, as the hub makes them, to the rooms of the host that look at people's servers."""

from __future__ import annotations

from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._common import labels
from ansible_collections.labserver.jupyter.plugins.module_utils._doctor import read_engine
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import servers
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import recorder
from labhub.exchange.images import parse_images
from labhub.exchange.roster import parse_roster
from labhub.exchange.settings import Settings
from labhub.servers import names, server

IMAGE = {
    "repository": "notebook", "tag": "1.0", "digest": "sha256:" + "a" * 64,
    "reference": "127.0.0.1:5000/notebook@sha256:" + "a" * 64,
}  # fmt: skip
MIRA = {"system_name": "jupyter-mira", "uid": 20001, "gid": 20001, "home": "/home/jupyter-mira", "groups": []}


def container(name: str) -> dict[str, Any]:
    """Return the container of a server of this name as Docker shows it."""
    roster, settings = parse_roster({"version": 1, "users": {"mira": MIRA}}), Settings(cpu=1.5)
    person, (image,) = roster.people["mira"], parse_images({"images": [IMAGE]})
    host = server.host_config(settings, roster, person, server.Allowance(0.5, 1 << 29, 64), [])
    body = server.create_body(person, image, {}, ["jupyterhub-singleuser"], host, port=8888, name=name)
    return {
        "Id": f"id{name}", "Name": f"/{names.container(settings, person, name)}", "Config": body, "HostConfig": host,
        "State": {"Running": True, "StartedAt": "2026-11-28T03:00:00Z", "Pid": 7}, "Created": "2026-11-28T03:00:00Z",
    }  # fmt: skip


class Engine:
    """An engine with two servers of one person, which it lists to whoever asks with a label that they have."""

    def __init__(self) -> None:
        self.all = {one["Id"]: one for one in map(container, ("", "sim"))}

    def get(self, path: str, **options: Any) -> Any:
        """Answer a question."""
        if path != "/containers/json":
            return {} if path.endswith("/stats") else self.all[path.split("/")[2]]
        return [
            {"Id": one["Id"], "Names": [one["Name"]], "Labels": one["Config"]["Labels"]}
            for one in self.all.values()
            if any(f"{key}={value}" in str(options["filters"]) for key, value in one["Config"]["Labels"].items())
        ]


def test_both_sides_call_them_the_same() -> None:
    assert names.LABEL == labels.SERVER


def test_a_change_of_the_hub_waits_for_each_where_it_is() -> None:
    found = servers.running(Engine())  # type: ignore[arg-type]
    assert [(one.container, one.path) for one in found] == [
        ("jupyter-mira", "user/mira"), ("server-sim.jupyter-mira", "user/mira/sim"),
    ]  # fmt: skip


def test_status_shows_both_and_their_use_counts_as_their_persons() -> None:
    rows = rooms.servers(Engine().get)
    assert {(row["user"], row["server"]) for row in rows} == {
        ("mira", "jupyter-mira"), ("mira", "server-sim.jupyter-mira"),
    }  # fmt: skip
    who = recorder.who_of(container("sim"), ("leem",))
    assert (who.person, who.cores) == ("mira", 0.5)


def test_the_doctor_takes_it_for_a_persons() -> None:
    body = container("sim")["Config"]
    marks = {key: value for key, value in body["Labels"].items() if key != labels.USER}
    assert read_engine.role_of("server-sim.jupyter-mira", body["Image"], body["Cmd"], {}, marks) == "person"

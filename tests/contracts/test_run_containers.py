# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for scheduled notebooks, as the hub makes them, to the rooms of the host that look at people's servers."""

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
from labhub.servers import run

IMAGE = {
    "repository": "notebook", "tag": "1.0", "digest": "sha256:" + "a" * 64,
    "reference": "127.0.0.1:5000/notebook@sha256:" + "a" * 64,
}  # fmt: skip
MIRA = {"system_name": "jupyter-mira", "uid": 20001, "gid": 20001, "home": "/home/jupyter-mira", "groups": []}


def container() -> dict[str, Any]:
    """Return a run's container as Docker shows it."""
    roster = parse_roster({"version": 1, "users": {"mira": MIRA}})
    (image,) = parse_images({"images": [IMAGE]})
    command = run.command("a.ipynb", "2026-11-21_03-00-00", 3, 60)
    settings = Settings(cpu=1.5)
    body = run.create_body(settings, roster, roster.people["mira"], image, [], {}, "0" * 12 + "-" + "1" * 14, command)
    return {
        "Id": "1" * 64, "Name": "/" + run.container_name(settings, roster.people["mira"]), "Config": body,
        "HostConfig": body["HostConfig"], "State": {"Running": True, "StartedAt": "2026-11-21T03:00:00Z", "Pid": 7},
        "Created": "2026-11-21T03:00:00Z",
    }  # fmt: skip


class Engine:
    """An engine with one run, which it lists to whoever asks with a label that the run has."""

    def __init__(self) -> None:
        self.one = container()

    def get(self, path: str, **options: Any) -> Any:
        """Answer a question."""
        if path == "/containers/json":
            own = {f"{key}={value}" for key, value in self.one["Config"]["Labels"].items()}
            filters = str(options["filters"])
            listed = {"Id": self.one["Id"], "Names": [self.one["Name"]], "Labels": self.one["Config"]["Labels"]}
            return [listed] if any(f"'{label}'" in filters or f'"{label}"' in filters for label in own) else []
        return {} if path.endswith("/stats") else self.one


def test_both_sides_call_them_the_same() -> None:
    assert run.LABEL == labels.RUN


def test_what_a_run_uses_counts_as_its_persons() -> None:
    who = recorder.who_of(container(), ("leem",))
    assert (who.person, who.image, who.cores) == ("mira", "notebook", 1.5)
    (label,) = recorder.EVENTS["label"]
    name, _equals, value = label.partition("=")
    assert container()["Config"]["Labels"][name] == value


def test_status_shows_it_and_a_change_of_the_hub_does_not_wait_for_a_jupyter_in_it() -> None:
    (row,) = rooms.servers(Engine().get)
    assert row["user"] == "mira" and "run-jupyter-mira" in row.values()
    assert servers.running(Engine()) == []  # type: ignore[arg-type]


def test_the_doctor_takes_it_for_a_persons() -> None:
    one = container()
    body = one["Config"]
    marks = {key: value for key, value in body["Labels"].items() if key != labels.USER}
    assert read_engine.role_of("run-jupyter-mira", body["Image"], body["Cmd"], {}, marks) == "person"

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for builds, as the hub makes them, to the rooms of the host that look at people's servers."""

from __future__ import annotations

from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._builds import home, orders
from ansible_collections.labserver.jupyter.plugins.module_utils._common import labels
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import servers
from ansible_collections.labserver.jupyter.plugins.module_utils._status import rooms
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import recorder
from labhub.exchange.images import parse_images
from labhub.exchange.roster import parse_roster
from labhub.exchange.settings import Settings
from labhub.servers import build, build_program
from test_run_containers import IMAGE, MIRA, Engine


def container() -> dict[str, Any]:
    """Return a build's container as Docker shows it."""
    roster = parse_roster({"version": 1, "users": {"mira": MIRA}})
    (image,) = parse_images({"images": [IMAGE]})
    command = build.command("0" * 12, "folder", "a", "b", 60, 1)
    settings = Settings(cpu=1.5)
    body = build.create_body(settings, roster, roster.people["mira"], image, {}, "0" * 12, command)
    return {
        "Id": "1" * 64, "Name": "/" + build.container_name(settings, roster.people["mira"]), "Config": body,
        "HostConfig": body["HostConfig"], "State": {"Running": True, "StartedAt": "2026-11-21T03:00:00Z", "Pid": 7},
        "Created": "2026-11-21T03:00:00Z",
    }  # fmt: skip


def test_both_sides_call_label_folder_and_repositories_the_same() -> None:
    assert build.LABEL == labels.BUILD
    assert build_program.KEPT == home.FOLDER
    assert f"{orders.TREE}/" == build.TREE
    assert orders.NAME.pattern == build.NAME.pattern and orders.IDENTITY.pattern == build.BUILD.pattern


def test_what_a_build_uses_counts_as_its_persons() -> None:
    who = recorder.who_of(container(), ("leem",))
    assert (who.person, who.image, who.cores) == ("mira", "notebook", 1.5)


def test_status_shows_it_and_a_change_of_the_hub_does_not_wait_for_a_jupyter_in_it() -> None:
    engine = Engine()
    engine.one = container()
    (row,) = rooms.servers(engine.get)
    assert row["user"] == "mira" and "build-jupyter-mira" in row.values()
    assert servers.running(engine) == []  # type: ignore[arg-type]

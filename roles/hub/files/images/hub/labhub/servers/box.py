# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container in which a person reaches the files from outside, by SSH, and what it may use.

It is a server of the person without Jupyter: the same account, home, shares, network and bounds, made by ``server.py``.
Nobody's rights begin or end at the SSH server in it, which runs as the person: the container is the boundary.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from ..exchange.shares import Share
from . import server

LABEL = "org.labserver.box"
"""Only of these containers; the value says from what it was made."""
PREFIX = "files-"
PORT = 2222
COMMAND = ("labserver-box",)
HOST_KEY, FRONT_KEY = "LABSERVER_BOX_HOST_KEY", "LABSERVER_BOX_FRONT_KEY"
"""Variables: the container's own private key (base64), and the public key that may log in."""
MOST_CPU, MOST_PIDS = 1.0, 512


def container_name(settings: Settings, person: Person) -> str:
    """Return the name of a person's container for files, for example ``files-jupyter-alice``."""
    return settings.container_prefix + PREFIX + person.system_name


def allowance(settings: Settings, person: Person) -> server.Allowance:
    """Return the limits: never more than the person's server may have."""
    most = server.allowance(settings, person)
    return server.Allowance(
        min(most.cpu, MOST_CPU), min(most.memory_bytes, settings.box_memory_bytes), min(most.pids, MOST_PIDS)
    )


def create_body(
    settings: Settings,
    roster: Roster,
    person: Person,
    shares: Sequence[tuple[Share, str]],
    environment: Mapping[str, str],
    keys: Mapping[str, str],
) -> dict[str, Any]:
    """Return the body of Docker's "create a container"; ``keys`` are the variables ``HOST_KEY`` and ``FRONT_KEY``."""
    variables = {
        **environment,
        **server.person_environment(person),
        **server.folders_environment(shares),
        "NVIDIA_VISIBLE_DEVICES": "void",
    }
    body: dict[str, Any] = {
        "Image": settings.box_image,
        "User": f"{person.uid}:{person.gid}",
        "Cmd": list(COMMAND),
        "Env": [f"{key}={value}" for key, value in variables.items()],
        "WorkingDir": person.home,
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "HostConfig": server.host_config(settings, roster, person, allowance(settings, person), shares),
    }
    # The private key is another one each time, and says nothing about what the container is.
    made_of = json.dumps([body, keys[FRONT_KEY]], sort_keys=True)
    mark = hashlib.sha256(made_of.encode()).hexdigest()[:32]
    body["Labels"] = {server.USER_LABEL: person.name, server.ROOM_LABEL: server.ROOM, LABEL: mark}
    body["Env"] += [f"{key}={value}" for key, value in keys.items()]
    return body


def is_box(labels: Mapping[str, Any] | None) -> bool:
    """Tell by its labels whether a container is one for files, not a person's Jupyter server."""
    return LABEL in (labels or {})

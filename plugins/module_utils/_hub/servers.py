# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The people's servers as Docker and the proxy show them: who works, and what a change of the hub left of it."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._common import labels, probe
from .._common.docker_api import DockerEngine, EngineError

SETTLE_SECONDS = 2.0
"""The hub listens a moment before it compares its routes with the proxy's; looking earlier would see the old ones."""


@dataclass(frozen=True)
class Server:
    """A person's server as it runs: ``identity`` and ``started`` stay the same as long as nobody touches it.

    ``name`` is empty for the first one, which everybody has.
    """

    user: str
    container: str
    identity: str
    started: str
    name: str = ""

    @property
    def called(self) -> str:
        """Whose it is, and its name where it has one."""
        return f"{self.user}'s {self.name}" if self.name else self.user

    @property
    def path(self) -> str:
        """Where it is below the hub's address."""
        parts = [self.user, self.name] if self.name else [self.user]
        return "/".join(["user", *(urllib.parse.quote(part, safe="@~") for part in parts)])


def running(api: DockerEngine) -> list[Server]:
    """Return the people's servers that run now, by name; containers in which no Jupyter answers left out."""
    filters = {"label": [labels.HUB_SERVERS], "status": ["running"]}
    found = []
    for one in api.get("/containers/json", filters=filters):
        state = inspect(api, one["Id"])
        if state is None or {labels.BOX, labels.RUN, labels.BUILD} & set(
            state["Config"]["Labels"]
        ):  # None: stopped since it was listed
            continue
        found.append(
            Server(
                user=state["Config"]["Labels"][labels.USER],
                container=state["Name"].removeprefix("/"),
                identity=state["Id"],
                started=state["State"]["StartedAt"],
                name=state["Config"]["Labels"].get(labels.SERVER, ""),
            )
        )
    return sorted(found, key=lambda server: (server.user, server.name))


def find(api: DockerEngine, path: str, **query: Any) -> dict[str, Any] | None:
    """Return what Docker shows below a path, None when there is no such thing."""
    try:
        found: dict[str, Any] = api.get(path, **query)
    except EngineError as error:
        if error.status == 404:
            return None
        raise
    return found


def inspect(api: DockerEngine, name: str, **query: Any) -> dict[str, Any] | None:
    """Return a container as Docker shows it, None when there is none."""
    return find(api, f"/containers/{name}/json", **query)


def answers(url: str, timeout: float = 3.0) -> bool:
    """Tell whether a Jupyter server answers below ``url`` (and not the hub in its place)."""
    try:
        return "version" in json.loads(probe.get(url, timeout)[1])
    except (OSError, ValueError, TypeError):
        return False


def healthy(url: str, timeout: float = 3.0) -> bool:
    """Tell whether the hub answers."""
    try:
        return probe.get(url, timeout)[0] == 200
    except OSError:
        return False


@dataclass(frozen=True)
class Look:
    """What was found after a change. ``lost`` names servers with the reason."""

    hub: bool
    kept: int
    of: int
    lost: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether the hub answers and nobody lost anything."""
        return self.hub and not self.lost

    def sentence(self) -> str:
        """Return the result in words."""
        hub = "the hub answers" if self.hub else "the hub does not answer"
        lost = f"; lost: {', '.join(self.lost)}" if self.lost else ""
        kept = f"{self.kept} of {self.of} servers kept" if self.of else "no server was running"
        return f"{kept}, {hub}{lost}"


def look(
    servers: list[Server],
    state_of: Callable[[str], Mapping[str, Any] | None],
    base: str,
    *,
    seconds: float,
    settle: bool = True,
    hopeless: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
    is_healthy: Callable[[str], bool] = healthy,
    is_answering: Callable[[str], bool] = answers,
) -> Look:
    """Wait until the hub and all servers answer through the proxy, at most ``seconds``; returns how it stands then.

    A hub that is ``hopeless`` is not waited for: people have none in the meantime. After a change (``settle``) it
    gets a moment to find its servers again; otherwise one answer is enough.
    """
    pause, slept, began = 0.5, 0.0, time.monotonic()
    while not is_healthy(f"{base}hub/health") and max(slept, time.monotonic() - began) < seconds:
        if hopeless():
            slept = seconds
            break
        sleep(pause)
        slept += pause
    if settle:
        sleep(SETTLE_SECONDS)
    while True:
        hub = is_healthy(f"{base}hub/health")
        lost = []
        for server in servers:
            state = state_of(server.identity)
            if state is None or not state["State"]["Running"]:
                lost.append(f"{server.called} (stopped)")
            elif state["State"]["StartedAt"] != server.started:
                lost.append(f"{server.called} (started anew)")
            elif not is_answering(f"{base}{server.path}/api"):
                lost.append(f"{server.called} (not reached)")
        # A hub that hangs costs the time of each question too, not only that of the pauses.
        if (hub and not lost) or max(slept, time.monotonic() - began) >= seconds:
            return Look(hub, len(servers) - len(lost), len(servers), tuple(lost))
        sleep(pause)
        slept += pause

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The services that a host should have, and how each is now: asked of systemd, of Docker and of the service itself.

Each room leaves ``/etc/labserver/services.d/<room>.json``; what stands there and is not there is a finding, never "not
wanted". Every question has a limit, so that one service that hangs hides no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._common import probe, process, words
from .._common.docker_api import DockerEngine, EngineError

FOLDER = "etc/labserver/services.d"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
ENGINE_SECONDS = 10.0
COMMAND_SECONDS = 20.0
ANSWER_SECONDS = 10.0
QUESTIONS = ("unit", "container", "project", "url", "command")
PROJECT_LABEL = "com.docker.compose.project"
LEVELS = ("ok", "unknown", "warning", "critical")
PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "Result")


@dataclass(frozen=True)
class Service:
    """What a room runs; each of the questions that is given has to be answered well.

    ``unit`` is a systemd unit, ``container`` a name, ``project`` all containers of a Compose project. ``url`` has to
    answer with less than 500. ``command`` has to end with 0 (1: warning, else critical) and says why not in its first
    line.
    """

    name: str
    unit: str = ""
    container: str = ""
    project: str = ""
    url: str = ""
    command: tuple[str, ...] = ()
    named: float = field(default=0.0, compare=False)  # when the room named it, seconds since 1970

    @property
    def log(self) -> str:
        """Where its log is."""
        if self.container:
            return f"docker logs {self.container}"
        if self.project:
            return f"docker compose -p {self.project} logs"
        return f"journalctl -u {self.unit}" if self.unit else ""


@dataclass(frozen=True)
class Health:
    """How a service is: ``level`` is one of LEVELS. A warning: it is starting; unknown: only root may ask."""

    service: Service
    level: str = "ok"
    message: str = ""


def engine_containers() -> Any:
    """All containers as the engine lists them; raises EngineError."""
    return DockerEngine(timeout=ENGINE_SECONDS).get("/containers/json", all="1")


@dataclass(frozen=True)
class World:
    """Whom the questions go to; handed in for the tests."""

    containers: Callable[[], Any] = engine_containers
    capture: Callable[[Sequence[str], float], tuple[process.Result, str]] = process.capture
    get: Callable[[str, float], tuple[int, bytes]] = probe.get


def read(root: Path) -> tuple[list[Service], list[str]]:
    """Return the services that the rooms named, and what is wrong with their files."""
    found: list[Service] = []
    problems: list[str] = []
    for path in sorted((root / FOLDER).glob("*.json")):
        try:
            data = json.loads(path.read_bytes())
            if data["version"] != 1:
                raise ValueError("not of version 1")
            named = path.stat().st_mtime
            found += [replace(_service(item), named=named) for item in data["services"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"/{FOLDER}/{path.name}: {words.clean(repr(error))}")
    return found, problems


def _service(item: Mapping[str, Any]) -> Service:
    name = str(item["name"])
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a service")
    unknown = set(item) - {"name", *QUESTIONS}
    if unknown or not any(item.get(question) for question in QUESTIONS):
        # A misspelt question would be one that nobody asks.
        raise ValueError(f"{name}: give some of {', '.join(QUESTIONS)}, not {', '.join(sorted(unknown)) or 'none'}")
    return Service(
        name=name,
        unit=str(item.get("unit") or ""),
        container=str(item.get("container") or ""),
        project=str(item.get("project") or ""),
        url=str(item.get("url") or ""),
        command=tuple(str(word) for word in item.get("command") or ()),
    )


def look(services: Sequence[Service], world: World) -> list[Health]:
    """Ask for every service how it is; returns one entry each, in order."""
    units = _units([service.unit for service in services if service.unit], world)
    containers, silent = _containers(any(service.container or service.project for service in services), world)

    def one(service: Service) -> Health:
        found = []
        if service.unit:
            found.append(unit_health(service.unit, units.get(service.unit)))
        if service.container:
            found.append(silent or container_health(service.container, containers))
        if service.project:
            found.append(silent or project_health(service.project, containers))
        # Whether it answers is asked only where it should: the reason is known otherwise.
        if service.url and not any(level != "ok" for level, _message in found):
            found.append(_answer(service.url, world))
        if service.command:
            found.append(_command(service.command, world))
        return Health(service, *worst(found))

    with ThreadPoolExecutor(max(1, min(16, len(services)))) as pool:
        return list(pool.map(one, services))


def worst(found: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the worst level, and all that is said of levels that are not ok."""
    bad = [(level, message) for level, message in found if level != "ok"]
    level = max((each for each, _message in bad), key=LEVELS.index, default="ok")
    return level, words.clean("; ".join(message for _level, message in bad))


def _units(names: Sequence[str], world: World) -> dict[str, dict[str, str]]:
    """Return unit -> its properties; those that systemd says nothing of are left out."""
    if not names:
        return {}
    options = [f"--property={','.join(PROPERTIES)}", "--", *names]
    _result, output = world.capture(["systemctl", "show", *options], COMMAND_SECONDS)
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.strip().split("\n\n")]
    return dict(zip(names, blocks, strict=False))  # in the order of the names; an alias has another Id


def unit_health(name: str, unit: Mapping[str, str] | None) -> tuple[str, str]:
    """Return level and reason of a systemd unit, from its properties."""
    if unit is None or "ActiveState" not in unit:
        return "critical", f"systemd does not answer for {name}"
    if unit.get("LoadState") in ("not-found", "masked"):
        return "critical", f"the unit {name} is {'masked' if unit['LoadState'] == 'masked' else 'not there'}"
    active, sub = unit["ActiveState"], unit.get("SubState", "")
    if active in ("active", "reloading"):
        return "ok", ""
    if active == "activating" and sub != "auto-restart":
        return "warning", f"the unit {name} is starting"
    reason = unit.get("Result") or "success"
    why = "" if reason == "success" else f" ({reason})"
    state = "fails and is started again and again" if sub == "auto-restart" else f"is {active}"
    return "critical", f"the unit {name} {state}{why}"


def _containers(wanted: bool, world: World) -> tuple[dict[str, Mapping[str, Any]], tuple[str, str] | None]:
    """Return name -> what the engine lists; and, when it could not be asked, level and reason for all containers."""
    if not wanted:
        return {}, None
    try:
        listed = world.containers()
        return {name.lstrip("/"): item for item in listed for name in item["Names"]}, None
    except (EngineError, KeyError, TypeError) as error:
        if isinstance(error.__cause__, PermissionError):
            return {}, ("unknown", "only root may ask the Docker engine")
        return {}, ("critical", f"the Docker engine does not answer: {words.clean(error)}")


def container_health(name: str, containers: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return level and reason of a container, from the engine's list."""
    container = containers.get(name)
    if container is None:
        return "critical", f"the container {name} is not there"
    state, status = str(container.get("State")), str(container.get("Status"))
    if state != "running":
        return "critical", f"the container {name} is {state} ({status})"
    if "(unhealthy)" in status:
        return "critical", f"the container {name} is unhealthy ({status})"
    if "(health: starting)" in status:
        return "warning", f"the container {name} is starting"
    return "ok", ""


def project_health(project: str, containers: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return level and reason of a Compose project; a container that did its work and ended with 0 is well."""
    own = {name: item for name, item in containers.items() if (item.get("Labels") or {}).get(PROJECT_LABEL) == project}
    if not own:
        return "critical", f"the app {project} has no container"
    done = {name for name, item in own.items() if str(item.get("Status")).startswith("Exited (0)")}
    if done == set(own):
        return "critical", f"no container of the app {project} runs"
    return worst(container_health(name, own) for name in sorted(set(own) - done))


def _answer(url: str, world: World) -> tuple[str, str]:
    try:
        status, _body = world.get(url, ANSWER_SECONDS)
    except OSError as error:
        return "critical", f"{url} does not answer: {words.clean(error)}"
    return ("critical", f"{url} answers {status}") if status >= 500 else ("ok", "")


def _command(argv: Sequence[str], world: World) -> tuple[str, str]:
    result, output = world.capture(argv, COMMAND_SECONDS)
    if not result.status:
        return "ok", ""
    said = next((line for line in output.splitlines() if line.strip()), "") or result.reason
    return "warning" if result.status == 1 else "critical", said or f"{argv[0]} ended with status {result.status}"

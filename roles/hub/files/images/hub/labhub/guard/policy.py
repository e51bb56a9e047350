# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub may ask of Docker: the rules of the guard, without any input or output.

Whoever can talk to Docker's socket owns the host, so the hub talks to a filter that knows the few calls of a spawner.
There is no list of what is forbidden: each key and value must be one that a server of the lab has (``server.py``),
everything else is refused. Only the checked body, written anew, goes on to Docker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person, Roster
from ..exchange.settings import Settings
from ..exchange.shares import Share, shares_of
from ..servers import box, build, names, run, server
from ..servers import gpus as cards
from . import kinds
from .calls import RefusedError
from .kinds import Rule, text_list
from .sums import SMALLEST_MEMORY


@dataclass(frozen=True)
class World:
    """What the rules depend on: the settings and the content of the exchange files at this moment."""

    settings: Settings
    roster: Roster
    shares: tuple[Share, ...]
    images: tuple[Image, ...]


def owned(settings: Settings, roster: Roster, inspected: Mapping[str, Any]) -> bool:
    """Tell whether a container, as Docker shows it, is a person's server, or one of theirs for files, runs or builds.

    The labels alone do not tell: a container of somebody else's has those of its image. So the name is that of an
    account which the lab made, or which the roster gives to the person.
    """
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    name = str(inspected.get("Name", "")).removeprefix("/")
    kind = (box.PREFIX if box.is_box(labels) else "") + (run.PREFIX if run.is_run(labels) else "")
    kind += build.PREFIX if build.is_build(labels) else ""
    person = roster.people.get(str(labels.get(server.USER_LABEL)))
    begins = settings.container_prefix + kind + names.part(str(labels.get(names.LABEL) or ""))
    return (
        labels.get(server.ROOM_LABEL) == server.ROOM
        and bool(labels.get(server.USER_LABEL))
        and (name.startswith(f"{begins}jupyter-") or (person is not None and name == begins + person.system_name))
    )


def listed(container: Mapping[str, Any]) -> dict[str, str]:
    """Return what the hub is told of a server in Docker's list: whose it is, its name, id, state and address.

    ``server`` is the name of a further server of the person, else empty. ``run`` is the id of the run in a container
    for runs, else empty; ``build`` that of a build.
    """
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        "user": str((container.get("Labels") or {}).get(server.USER_LABEL, "")),
        "server": str((container.get("Labels") or {}).get(names.LABEL, "")),
        "name": str((container.get("Names") or [""])[0]).removeprefix("/"),
        "id": str(container.get("Id", "")),
        "state": str(container.get("State", "")),
        "address": next((str(one.get("IPAddress") or "") for one in networks.values()), ""),
        "run": str((container.get("Labels") or {}).get(run.LABEL, "")),
        "build": str((container.get("Labels") or {}).get(build.LABEL, "")),
    }


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def check_create(world: World, name: str | None, body: Mapping[str, Any]) -> tuple[dict[str, Any], Person]:
    """Return the body that may go to Docker, and the person of the server. Raises RefusedError with all problems."""
    settings = world.settings
    found = whose(world, name)
    person, kind = found.person, found.kind
    host = body.get("HostConfig")
    if not isinstance(host, dict):
        raise RefusedError("HostConfig is missing")
    rules = _container_rules(world, person, found.server)
    if kind == box.PREFIX:
        rules |= kinds.box_rules(settings, person)
    if kind == run.PREFIX:
        rules |= kinds.run_rules(person)
    if kind == build.PREFIX:
        rules |= kinds.build_rules(settings, world.images, person)
    if kind in (run.PREFIX, build.PREFIX):
        del rules["ExposedPorts"]
    problems = _objections(body, rules, "")
    problems += _objections(host, _host_rules(world, person, host.get("Memory"), kind), "HostConfig.")
    if not isinstance(host.get("Memory"), int) or host.get("MemorySwap") != host.get("Memory"):
        problems.append("HostConfig.MemorySwap is not HostConfig.Memory")
    if not problems and (body["Labels"].get(cards.LABEL) or "") != ",".join(requested_gpus(body)):
        problems.append(f"the label {cards.LABEL} is not what HostConfig.DeviceRequests asks for")
    if person.state != "present":
        problems.append(f"the account is {person.state}")
    if problems:
        raise RefusedError("; ".join(problems))
    return dict(body), person


@dataclass(frozen=True)
class Whose:
    """Whose a container is, by its name. ``kind``: its prefix, empty for a server; ``server``: a further server's."""

    person: Person
    kind: str = ""
    server: str = ""


def whose(world: World, name: str | None) -> Whose:
    """Return whose container has this name. Raises RefusedError when it is nobody's, or could be that of several."""
    settings, found = world.settings, []
    further = names.split(settings.container_prefix, name or "")
    named_by: dict[str, Callable[[Settings, Person], str]] = {"": names.container}
    if settings.box_image:
        named_by[box.PREFIX] = box.container_name
    if settings.runs_per_person > 0:
        named_by[run.PREFIX] = run.container_name
    if settings.builds_per_person > 0:
        named_by[build.PREFIX] = build.container_name
    for person in world.roster.people.values():
        for kind, named in named_by.items():
            if named(settings, person) == name and not (kind and person.room is not None):
                found.append(Whose(person, kind))
        if further is not None and further[1] == person.system_name:
            found.append(Whose(person, "", further[0]))
    if not found:
        raise RefusedError(f"no person of the roster has a server named {name}")
    if len(found) > 1:
        raise RefusedError(f"{name} could be the server of {' or of '.join(one.person.name for one in found)}")
    if found[0].server and found[0].person.most_servers < 2:
        raise RefusedError(f"{found[0].person.name} may have one server")
    return found[0]


def _objections(given: Mapping[str, Any], rules: Mapping[str, tuple[bool, Rule]], where: str) -> list[str]:
    problems = []
    for key, value in given.items():
        if key not in rules:
            problems.append(f"{where}{key} is not allowed")
        elif not rules[key][1](value):
            problems.append(f"{where}{key} has a value that is not allowed")
    problems += [f"{where}{key} is missing" for key, (needed, _rule) in rules.items() if needed and key not in given]
    return problems


def _container_rules(world: World, person: Person, further: str) -> dict[str, tuple[bool, Rule]]:
    references = {i.reference for i in world.images if i.state == "ready" and i.allowed_for(person)}
    return {
        "Image": (True, lambda value: isinstance(value, str) and value in references),
        "User": (True, lambda value: value == f"{person.uid}:{person.gid}" and person.uid >= 1000),
        "Cmd": (True, text_list),
        "Env": (True, text_list),
        "WorkingDir": (True, lambda value: value == person.home),
        "ExposedPorts": (True, lambda value: value == {"8888/tcp": {}}),
        "Labels": (
            True,
            lambda value: (
                isinstance(value, dict)
                and value.get(server.USER_LABEL) == person.name
                and value.get(server.ROOM_LABEL) == server.ROOM
                and set(value) <= {server.USER_LABEL, server.ROOM_LABEL, server.IMAGE_LABEL, cards.LABEL, names.LABEL}
                and value.get(names.LABEL, None) == (further or None)
                and all(isinstance(text, str) for text in value.values())
            ),
        ),
        "HostConfig": (True, lambda value: isinstance(value, dict)),
    }


def _host_rules(world: World, person: Person, memory: object, kind: str) -> dict[str, tuple[bool, Rule]]:
    """Return the rules of HostConfig; ``memory`` is its own, by which the folders in memory are measured."""
    settings = world.settings
    temporary = server.temporary(settings, memory) if isinstance(memory, int) else {}
    most = box.allowance(settings, person) if kind == box.PREFIX else server.allowance(settings, person)
    gids = [str(gid) for gid in world.roster.group_ids(person)]
    gpus = 0 if kind else min(person.limits.gpus, len(settings.gpus))
    own = server.binds(settings, person, [])
    rules: dict[str, tuple[bool, Rule]] = {
        "Binds": (True, lambda value: _binds_fit(world, person, value)),
        "NetworkMode": (True, lambda value: value == settings.network),
        "Memory": (True, lambda value: _whole(value, SMALLEST_MEMORY, max(most.memory_bytes, SMALLEST_MEMORY))),
        "MemorySwap": (True, lambda value: _whole(value, SMALLEST_MEMORY, max(most.memory_bytes, SMALLEST_MEMORY))),
        "CpuPeriod": (True, lambda value: value == server.CPU_PERIOD),
        "CpuQuota": (True, lambda value: _whole(value, 1000, int(most.cpu * server.CPU_PERIOD))),
        "PidsLimit": (True, lambda value: _whole(value, 1, most.pids)),
        "CapDrop": (True, lambda value: value == ["ALL"]),
        "SecurityOpt": (True, lambda value: value == ["no-new-privileges"]),
        "GroupAdd": (True, lambda value: text_list(value) and set(value) <= set(gids)),
        "Init": (True, lambda value: value is True),
        "LogConfig": (True, lambda value: value == {"Type": "json-file", "Config": server.LOG_OPTIONS}),
    }
    if kind == build.PREFIX:
        # Nothing of the host but the home and the files by which every server knows names and certificates.
        rules["Binds"] = (True, lambda value: text_list(value) and sorted(value) == sorted(own))
        rules["NetworkMode"] = (True, lambda value: value == build.network(settings))
    if temporary:
        rules["Tmpfs"] = (True, lambda value: value == temporary)
    if settings.layer_bytes:
        rules["StorageOpt"] = (True, lambda value: value == {"size": str(settings.layer_bytes)})
    if settings.cgroup_parent:
        rules["CgroupParent"] = (True, lambda value: value == settings.cgroup_parent)
    if gpus > 0:
        rules["DeviceRequests"] = (False, lambda value: _gpus_fit(value, settings.gpu_driver, settings.gpus, gpus))
    return rules


def _binds_fit(world: World, person: Person, value: Any) -> bool:
    """The person's own home and files of the lab must be there; of the shares any subset of the person's own may be."""
    if not text_list(value) or len(set(value)) != len(value):
        return False
    mine = shares_of(person, world.shares)
    needed = set(server.binds(world.settings, person, []))
    shares = {_bind(share, right) for share, right in mine}
    present = [(share, right) for share, right in mine if _bind(share, right) in value]
    links = set(server.binds(world.settings, person, present)) - needed - shares
    return needed <= set(value) <= needed | shares | links


def _bind(share: Share, right: str) -> str:
    return f"{share.bind}:{share.bind}:{right},rslave"


def shares_bound(world: World, person: Person, body: Mapping[str, Any]) -> list[tuple[Share, str]]:
    """Return the shares that a checked body binds, each with ``rw`` or ``ro``."""
    binds = body["HostConfig"]["Binds"]
    return [(share, right) for share, right in shares_of(person, world.shares) if _bind(share, right) in binds]


def _gpus_fit(value: Any, driver: str, known: Sequence[str], most: int) -> bool:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        return False
    devices: Any = value[0].get("DeviceIDs")
    if not text_list(devices):
        return False
    asked = [str(device).removeprefix(cards.CDI_KIND) for device in devices]
    return (
        0 < len(asked) <= most
        and len(set(asked)) == len(asked)
        and set(asked) <= set(known)
        and value[0] == cards.request(driver, asked)
    )


def requested_gpus(body: Mapping[str, Any]) -> list[str]:
    """Return the graphics cards that a checked body asks for."""
    requests = (body.get("HostConfig") or {}).get("DeviceRequests") or []
    return [card.removeprefix(cards.CDI_KIND) for request in requests for card in request.get("DeviceIDs") or ()]


def check_gpus(person: Person, wanted: Sequence[str], containers: Sequence[Mapping[str, Any]]) -> None:
    """Raise RefusedError when a card is held, or would be more than the person may have at once.

    ``containers``: all other servers of people, as Docker lists them.
    """
    held = cards.holders(containers, server.USER_LABEL)
    taken = [f"{card} is held by {held[card]}" for card in wanted if card in held]
    mine = cards.of(held, person.name)
    if mine + len(wanted) > person.limits.gpus:
        taken.append(f"the servers of {person.name} hold {mine} of {person.limits.gpus} graphics cards")
    if taken:
        raise RefusedError("; ".join(taken))


def host_paths(body: Mapping[str, Any]) -> list[str]:
    """Return the host side of the binds of a checked body: none of these may be reached through a symbolic link."""
    return [bind.split(":", 1)[0] for bind in body["HostConfig"]["Binds"]]

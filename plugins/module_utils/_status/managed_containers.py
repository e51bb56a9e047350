# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The containers that the roles keep on a host, and how each is: for the record of a run and the look after it.

They are known by the label of what they were made from, which no other container has: neither people's servers nor what
tries an image, a hub or code from strangers and is gone again.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import labels, sizes, words
from .._common.docker_api import DockerEngine, EngineError
from .difference import CHANGED, GONE, NEW, Difference

MOST = 500
ENGINE_SECONDS = 10.0
SOCKET = "var/run/docker.sock"
PROGRAMS = ("usr/bin/dockerd", "usr/sbin/dockerd", "usr/local/bin/dockerd")
ONE_OFF = "com.docker.compose.oneoff"
"""Of what ``docker compose run`` made, for one command."""
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
"""The name of a volume that nobody named: a container that is made anew gets another one."""
LONGEST_OPTION = 60
IMAGE_BRINGS = ("command", "environment", "health check", "user")
"""May come from the image, so with another image they say nothing of their own."""
DIGESTS = {
    "label": "it was made from other settings",
    "command": "its command was changed",
    "environment": "its environment was changed",
    "health check": "its health check was changed",
}

Get = Callable[..., Any]


@dataclass(frozen=True)
class Container:
    """``image`` is the id of its image. ``digests`` are of what may hold secrets, made with the host's key.

    ``settings`` are the others, in words, each a list without an order; what ``docker update`` changes is among them.
    """

    image: str
    digests: Mapping[str, str]
    settings: Mapping[str, tuple[str, ...]]

    def document(self) -> dict[str, Any]:
        """Return this as data."""
        return {"image": self.image, "digests": dict(self.digests), "settings": dict(self.settings)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Container:
        """Return what ``document`` made data of. Raises KeyError, TypeError and AttributeError."""
        settings = {str(name): tuple(values) for name, values in document["settings"].items()}
        return cls(str(document["image"]), dict(document["digests"].items()), settings)


def engine(root: Path) -> Get | None:
    """Return what asks this host's engine; None on a host that has none."""
    if not any((root / path).exists() for path in (SOCKET, *PROGRAMS)):
        return None
    return DockerEngine(str(root / SOCKET), ENGINE_SECONDS).get


def look(get: Get, key: bytes) -> dict[str, Container]:
    """Return the containers that the roles keep, by name. Raises EngineError, and ValueError for more than MOST."""
    listed: dict[str, None] = {}
    for label in (labels.CONFIG, labels.CONFIG_SHA256):
        for item in get("/containers/json", all="1", filters=json.dumps({"label": [label]})):
            marks = item.get("Labels") or {}
            if labels.of(marks.get(labels.ROOM, "")) != labels.HUB_SERVERS and marks.get(ONE_OFF) != "True":
                listed[item["Id"]] = None
    if len(listed) > MOST:
        raise ValueError(f"there are {len(listed)}, more than the {MOST} that are compared")
    found = {}
    for identity in listed:
        try:
            inspected = get(f"/containers/{identity}/json")
        except EngineError as error:
            if error.status == 404:
                continue  # it has just gone
            raise
        found[str(inspected["Name"]).lstrip("/")] = describe(inspected, key)
    return found


def describe(inspected: Mapping[str, Any], key: bytes) -> Container:
    """Return how a container is, as ``docker inspect`` shows it."""
    config, host = inspected["Config"], inspected["HostConfig"]
    marks = config.get("Labels") or {}
    secret = {
        "label": [marks.get(labels.CONFIG), marks.get(labels.CONFIG_SHA256)],
        "command": [config.get("Entrypoint") or [], config.get("Cmd") or [], config.get("WorkingDir") or ""],
        "environment": sorted(config.get("Env") or []),
        "health check": config.get("Healthcheck") or {},
    }
    settings = {
        **_limits(host),
        "restart policy": _restart(host.get("RestartPolicy") or {}),
        "user": _one(config.get("User")),
        "root file system": ("read-only",) if host.get("ReadonlyRootfs") else ("writable",),
        "rights": _rights(host, key),
        "ports": _ports(host.get("PortBindings") or {}),
        "mounts": _mounts(inspected.get("Mounts") or [], host.get("Tmpfs") or {}),
        "networks": tuple(sorted((inspected.get("NetworkSettings") or {}).get("Networks") or {})),
    }
    digests = {name: _digest(key, json.dumps(value, sort_keys=True)) for name, value in secret.items()}
    return Container(str(inspected["Image"]), digests, settings)


def compare(
    left: Mapping[str, Container], found: Mapping[str, Container], passed_over: Mapping[str, str | None], key: bytes
) -> list[Difference]:
    """Return what differs, by name.

    ``passed_over`` are containers that the host itself exchanged since, each with the label that it gave them; None
    stands for any, while an exchange is under way.
    """
    rows = []
    for name in sorted({*left, *found}):
        before, now = left.get(name), found.get(name)
        if name in passed_over and (passed_over[name] is None or _made_from(now, passed_over[name], key)):
            continue
        if now is None:
            rows.append(Difference(name, GONE, "it was removed"))
        elif before is None:
            rows.append(Difference(name, NEW, "it was not there"))
        elif before != now:
            rows.append(Difference(name, CHANGED, "; ".join(_changes(before, now))))
    return rows


def _made_from(container: Container | None, label: str | None, key: bytes) -> bool:
    made = _digest(key, json.dumps([label, None], sort_keys=True))
    return container is not None and container.digests.get("label") == made


def _changes(before: Container, now: Container) -> list[str]:
    exchanged = before.image != now.image
    said = ["it runs another image than the last run left"] if exchanged else []
    left_out = IMAGE_BRINGS if exchanged else ()
    for name in sorted({*before.settings, *now.settings} - set(left_out)):
        was, is_ = before.settings.get(name, ()), now.settings.get(name, ())
        said += [_said(name, was, is_)] if was != is_ else []
    for name, sentence in DIGESTS.items():
        if name not in left_out and before.digests.get(name) != now.digests.get(name):
            said.append(sentence)
    return said or ["it was changed"]


def _said(name: str, was: Sequence[str], now: Sequence[str]) -> str:
    if len(was) <= 1 and len(now) <= 1:
        return f"{name} {''.join(now) or 'none'}, was {''.join(was) or 'none'}"
    more, fewer = sorted({*now} - {*was}), sorted({*was} - {*now})
    parts = [f"{word} {', '.join(names)}" for word, names in (("also", more), ("no longer", fewer)) if names]
    return f"{name}: {', and '.join(parts)}"


def _limits(host: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what ``docker update`` sets. Docker has 0, -1 and nothing for "no limit"."""

    def size(name: str) -> tuple[str, ...]:
        count = int(host.get(name) or 0)
        return (_bytes(count),) if count > 0 else ()

    cores = int(host.get("NanoCpus") or 0) / 1e9
    if not cores and int(host.get("CpuQuota") or 0) > 0:
        cores = int(host["CpuQuota"]) / (int(host.get("CpuPeriod") or 0) or 100_000)
    processes = int(host.get("PidsLimit") or 0)
    return {
        "memory limit": size("Memory"),
        "limit of memory and swap": size("MemorySwap"),
        "memory reservation": size("MemoryReservation"),
        "CPU limit": (f"{cores:g} cores",) if cores else (),
        "CPU weight": _one(host.get("CpuShares")),
        "block I/O weight": _one(host.get("BlkioWeight")),
        "CPUs": _one(host.get("CpusetCpus")),
        "process limit": (str(processes),) if processes > 0 else (),
    }


def _bytes(count: int) -> str:
    """Return a size for people that differs where the number does."""
    shown = sizes.text(count)
    number, unit = shown.split()
    exact = float(number) * 1024 ** sizes.UNITS.index(unit) == count
    return shown if exact else f"{count} bytes"


def _one(value: object) -> tuple[str, ...]:
    return (str(value),) if value else ()


def _restart(policy: Mapping[str, Any]) -> tuple[str, ...]:
    name, most = str(policy.get("Name") or "no"), int(policy.get("MaximumRetryCount") or 0)
    return (f"{name}:{most}" if most else name,)


def _rights(host: Mapping[str, Any], key: bytes) -> tuple[str, ...]:
    found = ["privileged"] if host.get("Privileged") else []
    found += [f"+{name}" for name in host.get("CapAdd") or ()] + [f"-{name}" for name in host.get("CapDrop") or ()]
    for option in host.get("SecurityOpt") or ():  # a profile for seccomp stands there whole
        long = len(option) > LONGEST_OPTION
        found.append(f"{option.partition('=')[0]}={_digest(key, option)[:12]}" if long else option)
    found += [f"device {one.get('PathOnHost')}" for one in host.get("Devices") or ()]
    found += [f"devices of {one.get('Driver') or 'any driver'}" for one in host.get("DeviceRequests") or ()]
    found += [f"group {name}" for name in host.get("GroupAdd") or ()]
    modes = (("PidMode", "processes"), ("IpcMode", "memory"), ("UTSMode", "name"), ("UsernsMode", "users"))
    found += [f"{word} of the host" for mode, word in modes if host.get(mode) == "host"]
    return tuple(sorted(found))


def _ports(bindings: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        sorted(
            f"{one.get('HostIp') or '*'}:{one.get('HostPort')}->{port}"
            for port, places in bindings.items()
            for one in places or ()
        )
    )


def _mounts(mounts: Sequence[Mapping[str, Any]], in_memory: Mapping[str, str]) -> tuple[str, ...]:
    found = [f"tmpfs:{place}:{options}".rstrip(":") for place, options in in_memory.items()]
    for one in mounts:
        source = str(one.get("Source") or one.get("Type"))
        if one.get("Type") == "volume":
            source = "anonymous" if ANONYMOUS.fullmatch(str(one.get("Name"))) else f"volume {one.get('Name')}"
        end = f",{one['Propagation']}" if one.get("Propagation") not in (None, "", "rprivate") else ""
        found.append(f"{source}:{one.get('Destination')}:{'rw' if one.get('RW') else 'ro'}{end}")
    return tuple(sorted(words.clean(one, 300) for one in found))


def _digest(key: bytes, content: str) -> str:
    return hmac.new(key, content.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

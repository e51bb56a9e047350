# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens on TCP ports that others can reach, and which of them nobody named.

Named are: what the inventory names (``schedule_ports``), the lab server's own programs and containers, and system
services that were there at the first look. A program of a person's account and a container of somebody else are never
taken for named because they were there.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import exchange, files, words
from .._common.docker_api import EngineError
from .._schedule import alert
from . import signs
from .signs import Verdict

KNOWN = "var/lib/labserver/status/ports.json"
"""What listened at the first look: program -> ports."""
LISTENS = "0A"  # proc_net_tcp(5)
OWN = frozenset({"sshd", "nginx", "dockerd", "systemd", "docker-proxy"})
"""docker-proxy: its containers are asked for instead."""
LABEL = "labserver."
PROJECT = "com.docker.compose.project"
FIRST_PERSON = 1000  # the first uid of people's accounts
FIRST_PASSING = 32768  # the first port that the kernel hands out by itself


@dataclass(frozen=True)
class Listener:
    """What listens at a port that others can reach; ``uid`` is its account's number, -1 for a container."""

    port: int
    program: str
    uid: int


def _address(text: str) -> str:
    raw = bytes.fromhex(text)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw[::-1])
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4))
    return socket.inet_ntop(socket.AF_INET6, words).removeprefix("::ffff:")


def _of_host_only(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def sockets(root: Path) -> dict[str, tuple[int, int]]:
    """Return inode -> port and uid of each TCP socket that listens where others can reach it."""
    found = {}
    for table in ("tcp", "tcp6"):
        try:
            lines = (root / "proc/net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if len(fields) > 9 and fields[3] == LISTENS:
                address, _colon, port = fields[1].partition(":")
                if not _of_host_only(_address(address)):
                    found[fields[9]] = (int(port, 16), int(fields[7]))
    return found


def programs(root: Path, inodes: Collection[str]) -> dict[str, str]:
    """Return inode of a socket -> name of a program that has it open."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, str] = {}
    for folder in (root / "proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            held = {str(link.readlink()) for link in (folder / "fd").iterdir()} & wanted.keys()
            if held:
                name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.update((wanted[one], name) for one in held)
        if len(found) == len(wanted):
            break
    return found


def on_host(root: Path) -> list[Listener]:
    """Return what programs of the host listen."""
    seen = sockets(root)
    names = programs(root, seen)
    return sorted(
        {Listener(port, names.get(inode, "?"), uid) for inode, (port, uid) in seen.items()}, key=lambda one: one.port
    )


def published(containers: Iterable[Mapping[str, Any]], projects: Collection[str]) -> list[Listener]:
    """Return the ports at which containers of somebody else can be reached; ``projects``: the Compose projects that
    the inventory names."""
    found = set()
    for item in containers:
        marks = item.get("Labels") or {}
        if any(str(name).startswith(LABEL) for name in marks) or marks.get(PROJECT) in projects:
            continue
        name = (item.get("Names") or ["?"])[0].lstrip("/")
        for port in item.get("Ports") or ():
            if port.get("PublicPort") and not _of_host_only(str(port.get("IP") or "")):
                found.add(Listener(int(port["PublicPort"]), f"container {name}", -1))
    return sorted(found, key=lambda one: one.port)


def read_known(root: Path) -> dict[str, list[int]] | None:
    """Return what listened at the first look; None when there was none."""
    try:
        data = exchange.parse((root / KNOWN).read_bytes(), f"/{KNOWN}")["programs"]
        return {str(name): [int(port) for port in ports] for name, ports in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def system(found: Iterable[Listener]) -> dict[str, list[int]]:
    """Return program -> ports of what the system itself runs."""
    known: dict[str, list[int]] = {}
    for one in found:
        if 0 <= one.uid < FIRST_PERSON:
            known.setdefault(one.program, []).append(one.port)
    return known


def nameless(found: Iterable[Listener], named: Collection[int], known: Mapping[str, Collection[int]]) -> list[Listener]:
    """Return those that nobody named."""

    def is_named(one: Listener) -> bool:
        if one.port in named:
            return True
        if not 0 <= one.uid < FIRST_PERSON:
            return False
        # Daemons of NFS, say, take other ports of the kernel's choice after each start.
        ports = known.get(one.program, ())
        return one.program in OWN or one.port in ports or (bool(ports) and one.port >= FIRST_PASSING)

    return [one for one in found if not is_named(one)]


def named_ports(root: Path) -> list[int]:
    """Return the ports that the inventory names. Raises OSError, and ValueError for settings that are damaged."""
    ports = alert.load(root).get("ports") or []
    if not isinstance(ports, list):
        raise ValueError(f"/{alert.CONFIG}: ports is not a list")
    return [int(port) for port in ports]


def look(root: Path, containers: Callable[[], Any], projects: Collection[str], *, keep: bool) -> Verdict:
    """Judge who listens on this host."""
    here = on_host(root)
    known = read_known(root)
    if known is None:
        known = system(here)
        if keep:
            with contextlib.suppress(OSError):
                accept(root, here)
    others: list[Listener] = []
    if (root / "run/docker.sock").exists():
        # Whether the engine answers is told as a service.
        with contextlib.suppress(EngineError, KeyError, TypeError, ValueError):
            others = published(containers(), projects)
    try:
        named = named_ports(root)
    except (OSError, ValueError, TypeError) as error:
        return "warning", f"which ports are named is not known: {words.clean(error)}"
    return signs.ports([(one.port, one.program, one.uid) for one in nameless([*here, *others], named, known)])


def accept(root: Path, found: Iterable[Listener]) -> None:
    """Keep what the system itself listens on as named. Raises OSError."""
    path = root / KNOWN
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.replace(path, json.dumps({"version": 1, "programs": system(found)}).encode() + b"\n", 0o644)

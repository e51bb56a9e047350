# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a whole host into a ``Current``, in a few seconds: what hangs or fails is named and holds nothing up."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable  # noqa: UP035  # collections.abc's cannot be subscripted by old Pythons

from .._common import words
from . import read_engine, read_files, read_host, read_hub, read_network
from .handle import World
from .model import Current

WAVE_SECONDS = 4.5
Part = Callable[[], "dict[str, Any]"]


def wave(parts: dict[str, Part], seconds: float = WAVE_SECONDS) -> dict[str, Any]:
    """Read all parts at once; what is not there when the time is over is named under ``unread``."""
    found: dict[str, Any] = {}
    missing: list[str] = []
    lock = threading.Lock()

    def work(name: str, part: Part) -> None:
        try:
            answer = part()
        except Exception as error:  # whatever one part meets, the others are shown
            with lock:
                missing.append(f"{name}: {words.clean(repr(error), 120)}")
            return
        with lock:
            missing.extend(answer.pop("unread", ()))
            found.update(answer)
            done.add(name)

    done: set[str] = set()
    threads = {
        name: threading.Thread(target=work, args=(name, part), daemon=True, name=name) for name, part in parts.items()
    }
    for thread in threads.values():
        thread.start()
    ends = time.monotonic() + seconds
    for thread in threads.values():
        thread.join(max(0.0, ends - time.monotonic()))
    with lock:
        late = [f"{name}: no answer within {seconds:g} s" for name, thread in threads.items() if thread.is_alive()]
        return {**found, "unread": (*missing, *late)}


def read(world: World) -> Current:
    """Return what there is on this host."""
    first = wave(
        {
            "accounts and homes": lambda: read_host.accounts(world),
            "the Docker engine": lambda: read_engine.engine(world),
            "shares": lambda: read_host.shares(world),
            "disks": lambda: read_host.disks(world),
            "the host's upkeep": lambda: read_host.system(world),
            "certificates": lambda: read_network.certificates(world),
        }
    )
    containers = first.get("containers", ())
    credentials = [path for share in first.get("shares", ()) for path in read_files.credentials_of(share.options)]
    second = wave(
        {
            "ports": lambda: read_network.listeners(world, containers, first.get("certificates", ())),
            "hubs": lambda: read_hub.hubs(world, containers),
            "files with secrets": lambda: read_files.files(world, containers, credentials),
            "backups": lambda: read_files.backups(world),
        }
    )
    unread = (*first.pop("unread"), *second.pop("unread"))
    return Current(now=world.now(), kinds=kinds(world, containers), unread=unread, **first, **second)


def kinds(world: World, containers: Any) -> tuple[str, ...]:
    """Return which kinds of hub this host has."""
    found = []
    if world.status("/etc/labserver/public") is not None or world.status("/usr/local/sbin/labserver") is not None:
        found.append("labserver")
    if world.status("/opt/tljh/config") is not None:
        found.append("tljh")
    if any(each.role == "hub" and "com.docker.compose.project" in each.labels for each in containers):
        found.append("compose")
    return tuple(found)

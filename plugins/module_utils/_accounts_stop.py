# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""Ending what still runs for a person who leaves: their containers, then their processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path

DOCKER_SOCKET = "/var/run/docker.sock"
LABEL = "org.labserver.user"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, as the Docker engine speaks it."""

    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def stop_containers(logins: Iterable[str], path: str = DOCKER_SOCKET, grace_seconds: int = 10) -> list[str]:
    """Stop the containers labelled ``org.labserver.user=<login>``; returns what went wrong.

    A host without Docker has none. Containers are stopped, not removed: the hub removes its own.
    """
    names = set(logins)
    if not names or not Path(path).is_socket():
        return []
    connection = UnixConnection(path, grace_seconds + 60)
    problems: list[str] = []
    try:
        filters = urllib.parse.quote(json.dumps({"label": [LABEL]}))
        connection.request("GET", f"/containers/json?filters={filters}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return [f"Docker answered {answer.status} when asked for containers: {body[:200].decode(errors='replace')}"]
        for container in json.loads(body):
            if container.get("Labels", {}).get(LABEL) not in names:
                continue
            connection.request("POST", f"/containers/{container['Id']}/stop?t={grace_seconds}")
            answer = connection.getresponse()
            answer.read()
            if answer.status not in (204, 304, 404):
                problems.append(
                    f"Docker answered {answer.status} when asked to stop {container['Names'][0].lstrip('/')}"
                )
    except (OSError, http.client.HTTPException, ValueError) as error:
        problems.append(f"Docker could not be asked to stop containers: {error}")
    finally:
        connection.close()
    return problems


def processes_of(uids: set[int], proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of all processes whose real or effective uid is one of ``uids``."""
    found: list[int] = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "status").read_text(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        for line in status.splitlines():
            if line.startswith("Uid:"):
                if uids & {int(uid) for uid in line.split()[1:3]}:
                    found.append(int(entry.name))
                break
    return found


def stop_processes(
    uids: Iterable[int],
    list_them: Callable[[set[int]], list[int]] = processes_of,
    kill: Callable[[int, int], None] = os.kill,
    sleep: Callable[[float], None] = time.sleep,
    grace_seconds: float = 5,
) -> list[str]:
    """End all processes of some uids, politely first; returns what still runs afterwards."""
    wanted = {uid for uid in uids if uid >= 1000}  # never those of the system
    if not wanted:
        return []
    for number, wait in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 2.0)):
        waited = 0.0
        running = list_them(wanted)
        for process in running:
            try:
                kill(process, number)
            except ProcessLookupError:
                continue
        while running and waited < wait:
            sleep(0.1)
            waited += 0.1
            running = list_them(wanted)
        if not running:
            return []
    return [f"processes {', '.join(map(str, running))} do not end"]

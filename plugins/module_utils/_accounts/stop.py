# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ending what still runs for a person who leaves: their containers, then their processes."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .._common import labels
from .._common.docker_api import SOCKET, DockerEngine, EngineError

# How Docker, containerd and Podman name the control group of a container, with or without systemd, and what LXC and
# systemd-nspawn have in its place.
CONTAINER = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])|/lxc\.payload\.[^/]+|/machine\.slice/[^/]+")


def stop_containers(logins: Iterable[str], path: str = SOCKET, grace_seconds: int = 10) -> list[str]:
    """Stop the hub's servers of these people, told by their labels; returns what went wrong.

    A host without Docker has none. Containers are stopped, not removed: the hub removes its own. Whatever else runs in
    containers is not the lab's and goes on, though it may carry somebody's name.
    """
    names = set(logins)
    if not names or not Path(path).is_socket():
        return []
    engine = DockerEngine(path, timeout=grace_seconds + 60)
    try:
        containers = engine.get("/containers/json", filters={"label": [labels.HUB_SERVERS]}) or []
    except EngineError as error:
        return [f"Docker could not be asked for containers: {error}"]

    def end(container: dict[str, Any]) -> str:
        try:
            engine.request("POST", f"/containers/{container['Id']}/stop", query={"t": grace_seconds})
        except EngineError as error:
            if error.status != 404:  # it is gone already
                return f"Docker could not be asked to stop {container['Names'][0].lstrip('/')}: {error}"
        return ""

    theirs = [container for container in containers if container["Labels"].get(labels.USER) in names]
    with ThreadPoolExecutor(16) as pool:  # a whole class may leave on one day
        return [problem for problem in pool.map(end, theirs) if problem]


def containers_in(cgroup: str) -> set[str]:
    """Return the containers that the text of a /proc/<pid>/cgroup names.

    What lies below user.slice, people started themselves (Podman without root): that is none in this sense.
    """
    paths = (line.split(":", 2)[-1] for line in cgroup.splitlines())
    return {found for path in paths if not path.startswith("/user.slice/") for found in CONTAINER.findall(path)}


def processes_of(uids: set[int], proc: Path = Path("/proc")) -> list[int]:
    """Return the ids of all processes whose real or effective uid is one of ``uids``, those in containers left out.

    A container may use any number for a user of its own: the database of somebody's web application can run as uid
    1000, which is that of an adopted account.
    """
    around = containers_in(_read(proc / "self" / "cgroup"))  # a host may be a container itself
    found: list[int] = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        for line in _read(entry / "status").splitlines():
            if line.startswith("Uid:"):
                if uids & {int(uid) for uid in line.split()[1:3]} and containers_in(_read(entry / "cgroup")) <= around:
                    found.append(int(entry.name))
                break
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # the process ended meanwhile


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

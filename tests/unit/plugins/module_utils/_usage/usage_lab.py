# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose kernel counts and whose engine tells, and people whose servers start and end, all by its own clock.

It knows nothing of the code under test: it writes what a kernel and Docker would show (files below a root, the engine's
API), and keeps by itself, in the simplest way there is, what each person used.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError

BUFFER = 256
"""So many events Docker remembers."""
PARENT = "labnotebooks.slice"


@dataclass
class Server:
    """A server that runs: ``cores`` it keeps busy, ``memory`` it holds."""

    person: str
    container: str
    pid: int
    started: float
    cores: float = 1.0
    memory: int = 1 << 30
    gpus: int = 0
    cpu: float = 0.0


@dataclass
class Truth:
    """What a person used: seconds, CPU seconds, byte seconds, GPU seconds, starts."""

    seconds: float = 0.0
    cpu: float = 0.0
    memory: float = 0.0
    gpu: float = 0.0
    starts: int = 0


@dataclass
class Lab:
    """The host. ``version``: of its control groups; ``parent``: whether all servers lie in one group of their own."""

    root: Path
    version: int = 2
    parent: bool = True
    now: float = datetime(2026, 11, 20, 8, tzinfo=UTC).timestamp()
    uptime: float = 1000.0
    servers: dict[str, Server] = field(default_factory=dict)
    truth: dict[str, Truth] = field(default_factory=lambda: defaultdict(Truth))
    events: list[dict[str, Any]] = field(default_factory=list)
    engine_runs: bool = True
    of_all: float = 0.0
    number: int = 0
    calls: int = 0

    def __post_init__(self) -> None:
        self.reboot(0)

    # --- what happens -------------------------------------------------------------------------------------------------

    def start(self, person: str, cores: float = 1.0, memory: int = 1 << 30, gpus: int = 0, container: str = "") -> str:
        """Start a server, with the id of an earlier container if it is started anew; returns the container."""
        self.number += 1
        container = container or f"{self.number:064x}"
        server = Server(person, container, 1000 + self.number, self.now, cores, memory, gpus)
        self.servers[container] = server
        self.truth[person].starts += 1
        self._tell("start", server)
        return container

    def end(self, container: str) -> None:
        """End a server, however."""
        server = self.servers.pop(container)
        for path in self._files(server):
            (self.root / path).unlink(missing_ok=True)
        self._tell("die", server)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for server in self.servers.values():
            truth = self.truth[server.person]
            server.cpu += server.cores * seconds
            self.of_all += server.cores * seconds
            truth.seconds += seconds
            truth.cpu += server.cores * seconds
            truth.memory += server.memory * seconds
            truth.gpu += server.gpus * seconds
        self.now += seconds
        self.uptime += seconds

    def restart_engine(self, *, live: bool) -> None:
        """Restart Docker, which forgets its events; ``live``: servers go on."""
        if not live:
            for container in list(self.servers):
                self.end(container)
        self.events = []

    def reboot(self, seconds: float) -> None:
        """Restart the host: everything ends, all counters begin anew."""
        for container in list(self.servers):
            self.end(container)
        self.events, self.of_all = [], 0.0
        self.now += seconds
        self.uptime = 5.0
        self.number += 1
        boot = self.root / "proc/sys/kernel/random/boot_id"
        boot.parent.mkdir(parents=True, exist_ok=True)
        boot.write_text(f"boot-{self.number}\n")

    def _tell(self, action: str, server: Server) -> None:
        attributes = {
            "org.labserver.room": "hub-server",
            "org.labserver.user": server.person,
            "org.labserver.gpus": ",".join(f"GPU-{number}" for number in range(server.gpus)),
            "image": "127.0.0.1:5000/notebook@sha256:" + "a" * 64,
        }
        event = {"Action": action, "Actor": {"ID": server.container, "Attributes": attributes}}
        self.events = [*self.events, {**event, "timeNano": round(self.now * 1e9)}][-BUFFER:]

    # --- what the kernel shows ----------------------------------------------------------------------------------------

    def _files(self, server: Server) -> dict[str, str]:
        scope = f"{PARENT}/docker-{server.container}.scope" if self.parent else f"docker/{server.container}"
        group = "sys/fs/cgroup"
        if self.version == 2:
            return {
                f"{group}/{scope}/cpu.stat": f"usage_usec {round(server.cpu * 1e6)}\nuser_usec 1\n",
                f"{group}/{scope}/memory.current": f"{server.memory + 4096}\n",
                f"{group}/{scope}/memory.stat": "anon 1\ninactive_file 4096\n",
                f"proc/{server.pid}/cgroup": f"0::/{scope}\n",
            }
        return {
            f"{group}/cpu,cpuacct/{scope}/cpuacct.usage": f"{round(server.cpu * 1e9)}\n",
            f"{group}/memory/{scope}/memory.usage_in_bytes": f"{server.memory + 4096}\n",
            f"{group}/memory/{scope}/memory.stat": "cache 1\ninactive_file 1\ntotal_inactive_file 4096\n",
            f"proc/{server.pid}/cgroup": f"4:memory:/{scope}\n2:cpu,cpuacct:/{scope}/init.scope\n0::/\n",
        }

    def show(self) -> None:
        """Write the files of the kernel as they are now."""
        for server in self.servers.values():
            for path, content in self._files(server).items():
                self._write(path, content)
        if self.parent and self.version == 2:
            self._write(f"sys/fs/cgroup/{PARENT}/cpu.stat", f"usage_usec {round(self.of_all * 1e6)}\n")
        elif self.parent:
            self._write(f"sys/fs/cgroup/cpu,cpuacct/{PARENT}/cpuacct.usage", f"{round(self.of_all * 1e9)}\n")

    def _write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(content)

    # --- what Docker answers ------------------------------------------------------------------------------------------

    def get(self, path: str, **query: Any) -> Any:
        """Answer as the engine does."""
        self.calls += 1
        if not self.engine_runs:
            raise EngineError("no answer from the Docker engine")
        if path == "/containers/json":
            return [{"Id": one.container, "Labels": self._labels(one)} for one in self.servers.values()]
        server = self.servers.get(path.split("/")[2])
        if server is None:
            raise EngineError("no such container", 404)
        started = datetime.fromtimestamp(server.started, UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
        return {
            "Id": server.container,
            "State": {"Running": True, "Pid": server.pid, "StartedAt": f"{started}123Z"},
            "Config": {"Labels": self._labels(server), "Image": "127.0.0.1:5000/notebook@sha256:" + "a" * 64},
            "HostConfig": {
                "CpuPeriod": 100000,
                "CpuQuota": 400000,
                "DeviceRequests": [{"DeviceIDs": ["GPU"] * server.gpus}] if server.gpus else None,
            },
        }

    def stream(self, method: str, path: str, query: dict[str, Any]) -> Iterator[Any]:
        """Yield what the engine remembers of a time."""
        assert (method, path) == ("GET", "/events")
        if not self.engine_runs:
            raise EngineError("no answer from the Docker engine")
        since, until = float(query["since"]), float(query["until"])
        yield from json.loads(json.dumps([one for one in self.events if since <= one["timeNano"] / 1e9 <= until]))

    @staticmethod
    def _labels(server: Server) -> dict[str, str]:
        return {"org.labserver.room": "hub-server", "org.labserver.user": server.person}

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counting costs: the part of one core that the recorder takes for so many servers. Needs root.

    python tests/bench/usage.py --servers 100

The control groups are real ones of this machine's kernel, with a process in each. The engine stands in from memory: it
is asked once a minute for its list, and once for each server that starts. An hour's worth of looks is done in one go,
with 24 servers an hour that end and start, and the process' own CPU time is set against that hour.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import typing as t
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import collection  # noqa: F401 - makes the checkout importable as the collection
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._usage import service
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.recorder import Recorder, World
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import FILE, Store

PARENT = f"labusage-{uuid.uuid4().hex[:8]}"
MOUNT = Path("/sys/fs/cgroup")
HOUR, RESTARTS = 3600, 24
LIMIT = 0.005


class Groups:
    """Control groups with a process in each, and an engine that lists them as containers."""

    def __init__(self, count: int) -> None:
        v2 = (MOUNT / "cgroup.controllers").exists()
        names = [""] if v2 else [name for name in ("cpuacct", "cpu,cpuacct", "memory") if (MOUNT / name).is_mount()]
        self.folders = [MOUNT / name / PARENT for name in names]
        self.pids: dict[str, int] = {}
        self.processes: list[subprocess.Popen[bytes]] = []
        for folder in self.folders:
            folder.mkdir()
            if v2:
                (folder / "cgroup.subtree_control").write_text("+cpu +memory")
        for _number in range(count):
            name = uuid.uuid4().hex * 2
            process = subprocess.Popen(["sleep", "infinity"])
            for folder in self.folders:
                (folder / name).mkdir()
                (folder / name / "cgroup.procs").write_text(str(process.pid))
            self.pids[name] = process.pid
            self.processes.append(process)

    def remove(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for folder in self.folders:
            for _attempt in range(50):
                for below in [*folder.iterdir()]:
                    if below.is_dir():
                        try:
                            below.rmdir()
                        except OSError:
                            time.sleep(0.01)
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)

    @staticmethod
    def _labels(name: str) -> dict[str, str]:
        return {"org.labserver.room": "hub-server", "org.labserver.user": f"person{name[:6]}"}

    def get(self, path: str, **_query: t.Any) -> t.Any:
        if path == "/containers/json":
            return [{"Id": name, "Labels": self._labels(name)} for name in self.pids]
        name = path.split("/")[2]
        if name not in self.pids:
            raise EngineError("no such container", 404)
        return {
            "Id": name,
            "State": {"Running": True, "Pid": self.pids[name], "StartedAt": "2026-11-20T08:00:00.123456789Z"},
            "Config": {"Labels": self._labels(name), "Image": "127.0.0.1:5000/notebook@sha256:" + "a" * 64},
            "HostConfig": {"CpuPeriod": 100000, "CpuQuota": 200000, "DeviceRequests": None},
        }

    def stream(self, *_arguments: t.Any, **_more: t.Any) -> t.Iterator[t.Any]:
        return iter(())

    def event(self, action: str, name: str, at: float) -> dict[str, t.Any]:
        return {"Action": action, "Actor": {"ID": name, "Attributes": self._labels(name)}, "timeNano": round(at * 1e9)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=100)
    count = parser.parse_args().servers
    if os.geteuid():
        sys.exit("this makes control groups: run it as root")
    groups = Groups(count)
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder) / FILE)
            clock = [time.time()]
            engine = t.cast(t.Any, groups)
            recorder = Recorder(World(engine=engine, now=lambda: clock[0], uptime=lambda: clock[0]), store, PARENT)
            recorder.catch_up()
            recorder.sample()
            recorder.flush()
            assert len(recorder.runs) == count and None not in recorder.groups.values(), "not all groups were found"
            rounds = int(HOUR / service.SAMPLE_SECONDS)
            begun, shown = time.process_time(), time.monotonic()
            for number in range(rounds):
                clock[0] += service.SAMPLE_SECONDS
                ends = number % (rounds // RESTARTS) == 0
                if number % int(service.FLUSH_SECONDS / service.SAMPLE_SECONDS) == 0:
                    recorder.compare()
                recorder.sample()
                if ends:
                    name = next(iter(groups.pids))
                    recorder.attend(groups.event("die", name, clock[0]))
                    recorder.sample()
                    recorder.over.clear()
                    recorder.attend(groups.event("start", name, clock[0]))
                if ends or number % int(service.FLUSH_SECONDS / service.SAMPLE_SECONDS) == 0:
                    recorder.flush()
            used, lasted = time.process_time() - begun, time.monotonic() - shown
            store.close()
    finally:
        groups.remove()
    part = used / HOUR
    version = "v2" if (MOUNT / "cgroup.controllers").exists() else "v1"
    print(f"{count} servers, control groups {version}: {used:.2f} s of CPU an hour, {part:.3%} of one core")
    print(f"the limit is {LIMIT:.1%}")
    print(f"one look at all counters: {1000 * lasted / rounds:.1f} ms")
    return 0 if part < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

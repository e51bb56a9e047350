# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending what still runs: containers by a stand-in for the engine on a real socket, processes by real processes."""

from __future__ import annotations

import json
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import stop

CONTAINERS = [
    {"Id": "aaa", "Names": ["/jupyter-mira"], "Labels": {"org.labserver.user": "mira"}},
    {"Id": "bbb", "Names": ["/jupyter-jonas"], "Labels": {"org.labserver.user": "jonas"}},
    {"Id": "ccc", "Names": ["/server-sim.jupyter-mira"], "Labels": {"org.labserver.user": "mira"}},
]


class Engine(socketserver.ThreadingUnixStreamServer):
    """Knows three containers and remembers what it was asked."""

    daemon_threads = True
    asked: list[str]
    answer: int

    def get_request(self) -> tuple[object, tuple[str, int]]:  # type: ignore[override]
        request, _address = super().get_request()
        return request, ("socket", 0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(200, json.dumps(CONTAINERS).encode())

    def do_POST(self) -> None:
        self._reply(self.server.answer, b"")  # type: ignore[attr-defined]

    def _reply(self, status: int, body: bytes) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "docker.sock"), Handler) as server:
        server.asked, server.answer = [], 204
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_only_the_containers_of_who_leaves_are_stopped(engine: Engine, tmp_path: Path) -> None:
    assert stop.stop_containers(["mira"], str(tmp_path / "docker.sock"), 3) == []
    assert sorted(line for line in engine.asked if line.startswith("POST")) == [
        "POST /containers/aaa/stop?t=3",
        "POST /containers/ccc/stop?t=3",
    ]
    assert "org.labserver.room%3Dhub-server" in engine.asked[0]  # that only those are answered is the engine's doing


def test_a_container_that_does_not_stop_is_told(engine: Engine, tmp_path: Path) -> None:
    engine.answer = 500
    assert stop.stop_containers(["jonas"], str(tmp_path / "docker.sock")) == [
        "Docker could not be asked to stop jupyter-jonas: POST /containers/bbb/stop: HTTP status 500"
    ]


@pytest.mark.parametrize("answer", [304, 404])
def test_a_container_that_stopped_meanwhile_is_well(engine: Engine, tmp_path: Path, answer: int) -> None:
    engine.answer = answer
    assert stop.stop_containers(["mira"], str(tmp_path / "docker.sock")) == []


def test_an_engine_that_breaks_off_is_told(tmp_path: Path) -> None:
    class Broken(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)

    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "docker.sock"), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (problem,) = stop.stop_containers(["mira"], str(tmp_path / "docker.sock"))
        server.shutdown()
    assert problem.startswith("Docker could not be asked for containers: no answer from the Docker engine")


def test_a_host_without_docker_has_no_containers(tmp_path: Path) -> None:
    assert stop.stop_containers(["mira"], str(tmp_path / "docker.sock")) == []


def test_processes_end_politely_or_else(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    processes = [
        subprocess.Popen(["sleep", "60"]),
        subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE),
    ]
    assert processes[1].stdout is not None
    processes[1].stdout.readline()

    def running(uids: set[int]) -> list[int]:
        assert uids == {20001}
        return [process.pid for process in processes if process.poll() is None]

    assert stop.stop_processes([20001, 0, 999], running, grace_seconds=0.5) == []
    assert [process.wait() for process in processes] == [-signal.SIGTERM, -signal.SIGKILL]


def test_processes_of_the_system_are_never_ended() -> None:
    def never(_uids: set[int]) -> list[int]:
        raise AssertionError("asked for processes")

    assert stop.stop_processes([0, 33, 999], never) == []


ID, OTHER = "374d63614d31" + "0" * 52, "b7f20a" + "f" * 58


@pytest.mark.parametrize(
    ("cgroup", "own", "ends"),
    [
        ("0::/user.slice/user-20001.slice/session-3.scope\n", "0::/init.scope\n", True),
        ("0::/system.slice/cron.service\n", "0::/system.slice/cron.service\n", True),
        (f"0::/system.slice/docker-{ID}.scope\n", "0::/init.scope\n", False),
        (f"1:cpu:/docker/{ID}\n0::/\n", "1:cpu:/\n0::/\n", False),
        (f"0::/machine.slice/libpod-{ID}.scope/container\n", "0::/init.scope\n", False),
        ("0::/machine.slice/machine-deb.scope\n", "0::/init.scope\n", False),
        ("0::/lxc.payload.deb/system.slice\n", "0::/init.scope\n", False),
        # Podman without root: the person's own doing.
        (f"0::/user.slice/user-20001.slice/user@20001.service/user.slice/libpod-{ID}.scope\n", "0::/\n", True),
        # A host that is a container itself and sees where it lies.
        (f"0::/docker/{ID}/user.slice\n", f"0::/docker/{ID}/init.scope\n", True),
        (f"0::/docker/{ID}/docker/{OTHER}\n", f"0::/docker/{ID}/init.scope\n", False),
    ],
)
def test_a_container_may_have_the_number_for_its_own_user(tmp_path: Path, cgroup: str, own: str, ends: bool) -> None:
    for name, text in (("20", cgroup), ("self", own)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup").write_text(text)
    (tmp_path / "20" / "status").write_text("Name:\tx\nUid:\t20001 20001 20001 20001\n")
    assert stop.processes_of({20001}, tmp_path) == ([20] if ends else [])


def test_who_runs_what(tmp_path: Path) -> None:
    for number, uids in ((1, "0 0 0 0"), (20, "20001 20001 20001 20001"), (21, "0 20001 0 0"), (22, "20010 1 1 1")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "status").write_text(f"Name:\tx\nUid:\t{uids}\nGid:\t0\n")
    (tmp_path / "30").mkdir()  # ended meanwhile
    (tmp_path / "meminfo").write_text("")
    assert sorted(stop.processes_of({20001}, tmp_path)) == [20, 21]

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of the front door, with a real nginx before a service that counts what reaches it."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import parts
import pytest
from front_door import MAIN
from long_tests import long
from paths import ROOT

sys.path.insert(0, str(ROOT / "plugins"))

from module_utils._certificates import build, store
from module_utils._proxy import main_file as proxy_main_file
from module_utils._proxy import model as proxy_model
from module_utils._proxy import nginx as proxy_nginx

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
pytestmark = pytest.mark.skipif(not Path(NGINX).exists(), reason="needs nginx")


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    reached: list[tuple[str, int]] = []

    def do_POST(self) -> None:
        count = 0
        with contextlib.suppress(OSError):
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    count += len(self.rfile.read(size))
                    self.rfile.readline()
            else:
                count = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        self.reached.append((self.path, count))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512


class Door:
    def __init__(self, port: int, root: Path, master: int) -> None:
        self.port, self.root, self.master = port, root, master

    def reload(self) -> None:
        """Let nginx read its files again, and wait until no worker with the former ones takes connections.

        New workers answer beside the former ones for a moment: one answer of a new one proves nothing about the next.
        """
        former = self.workers()
        assert former
        subprocess.run([NGINX, "-c", self.root / "nginx.conf", "-s", "reload"], check=True)
        end = time.monotonic() + 60
        while not (now := self.workers()) or now & former:
            assert time.monotonic() < end, f"nginx did not exchange its workers: {former} before, {now} now"
            time.sleep(0.05)

    def workers(self) -> set[int]:
        """The process ids of the workers that take connections."""
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                title = (folder / "cmdline").read_bytes()
                if parent == self.master and b"worker process" in title and b"shutting down" not in title:
                    found.add(int(folder.name))
        return found

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=context)

    def ask(self, method: str, path: str, body: object = None) -> int:
        connection = self.connect()
        try:
            connection.request(method, path, body, encode_chunked=False)  # type: ignore[arg-type]
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(autouse=True)
def _files() -> None:
    """These tests hold more connections than a process may have files by default."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def hub_path(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "any"))


@pytest.fixture
def most(request: pytest.FixtureRequest) -> int:
    return int(getattr(request, "param", 50))


@pytest.fixture
def door(tmp_path: Path, hub_path: str, most: int) -> Iterator[Door]:
    Service.reached = []
    with Server(("127.0.0.1", 0), Service) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        port = parts.free_port()
        upstream = f"http://127.0.0.1:{service.server_port}"
        item = {"name": "hub", "upstream": upstream, "port": port, "hub_path": hub_path}
        site = proxy_model.from_mapping(item, "server")
        store.install(tmp_path, "server", build.self_signed(["lab.test"], "ecdsa", 30))
        text = proxy_nginx.render([site], http_port=0, ipv6=False, connections=most)
        assert "burst=60 delay=20" in text
        text = text.replace("burst=60 delay=20", "burst=12 delay=6")  # so that nobody waits for the test
        (tmp_path / "labserver.conf").write_text(text.replace("/etc/labserver/tls", f"{tmp_path}/etc/labserver/tls"))
        (tmp_path / "nginx.conf").write_text(proxy_main_file.tune(MAIN.format(root=tmp_path)))
        process = subprocess.Popen([NGINX, "-c", tmp_path / "nginx.conf", "-g", "daemon off;"])
        try:
            end = time.monotonic() + 20
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield Door(port, tmp_path, process.pid)
        finally:
            process.terminate()
            process.wait(20)
            service.shutdown()


@pytest.mark.parametrize(
    ("hub_path", "base"),
    [("/", "/"), ("/lab/", "/lab/"), ("any", "/"), ("any", "/lab/"), ("/hub/", "/hub/")],
    indirect=["hub_path"],
)
def test_the_hub_takes_no_large_bodies_and_servers_of_people_do(door: Door, base: str) -> None:
    large = b"x" * (2 << 20)
    for path in ("hub/api/users/bob/tokens", "hub/login", "", "metrics", "hub/user/bob"):
        assert door.ask("POST", base + path, large) == 413, path
    assert door.ask("POST", base + "hub/api/users/bob/tokens", b"x" * 1_000_000) == 200
    for path in ("user/bob/api/contents/data.bin", "services/upload/"):
        assert door.ask("POST", base + path, large) == 200, path
    assert [count for _path, count in Service.reached if count > 1 << 20] == [2 << 20] * 2
    # Other ways of writing the path do not lead a large body past the limit.
    for path in ("%75ser/bob/x", "/user/bob/x", "hub/../user/bob/x", "user/../hub/api/x"):
        assert door.ask("POST", base + path, large) in (400, 413), path
    # Nor does a body without a length.
    before = len(Service.reached)
    chunks = (b"x" * 65536 for _number in range(64))
    with contextlib.suppress(OSError):
        assert door.ask("POST", base + "hub/api/x", chunks) == 413
    time.sleep(0.5)
    assert [count for _path, count in Service.reached[before:] if count > (1 << 20) + 65536] == []


def test_the_door_is_closed_until_the_real_certificate_is_there(door: Door) -> None:
    real, stand_in = (build.self_signed(["lab.test"], "ecdsa", 30) for _pair in range(2))
    store.install(door.root, "server", stand_in, placeholder=True)
    door.reload()
    connection = door.connect()
    connection.request("POST", "/hub/login", b"password=x")
    answer = connection.getresponse()
    assert (answer.status, Service.reached) == (503, [])
    assert b"no certificate yet" in answer.read()
    assert door.ask("GET", "/user/bob/lab") == 503
    store.install(door.root, "server", real)
    door.reload()
    assert door.ask("POST", "/hub/login", b"password=x") == 200


def test_logins_are_limited_per_address_and_pages_are_not(door: Door) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda _number: door.ask("POST", "/hub/login", b"a=b"), range(100)))
    # 6 at once, 6 in the queue of two a second, the rest refused (but for the time that all these handshakes take).
    assert 12 <= answers.count(200) <= 60
    assert answers.count(429) == 100 - answers.count(200)
    assert time.monotonic() - began > 1
    assert [door.ask("GET", "/hub/login") for _number in range(30)] == [200] * 30
    assert [door.ask("POST", "/hub/api/x", b"") for _number in range(30)] == [200] * 30


def test_idle_connections_keep_nobody_out_and_are_closed(door: Door) -> None:
    idle = [socket.create_connection(("127.0.0.1", door.port), 10) for _number in range(1600)]
    assert [door.ask("GET", "/hub/login") for _number in range(20)] == [200] * 20
    idle[0].settimeout(60)  # a quarter of a minute, on a machine with nothing else to do
    with contextlib.suppress(ConnectionResetError):
        assert idle[0].recv(1) == b""
    for connection in idle:
        connection.close()


@long("soak-long")
@pytest.mark.parametrize("most", [0], indirect=True)
def test_a_course_with_500_open_requests_keeps_nobody_out(door: Door) -> None:
    def hold(_number: int) -> http.client.HTTPSConnection:
        connection = door.connect()
        connection.putrequest("POST", "/user/bob/x")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"x")
        return connection

    with ThreadPoolExecutor(16) as pool:
        connections = list(pool.map(hold, range(500)))
    time.sleep(1)
    assert door.ask("GET", "/hub/login") == 200
    for connection in connections:
        connection.send(b"x")
        assert connection.getresponse().status == 200
        connection.close()


def test_one_address_has_so_many_requests_open_at_a_time(door: Door) -> None:
    connections = [door.connect() for _number in range(60)]
    for connection in connections:
        connection.putrequest("POST", "/user/bob/x")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"x")
    time.sleep(1)
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.send(b"x")
    answers = [connection.getresponse().status for connection in connections]
    assert (answers.count(200), answers.count(429)) == (50, 10)


def test_a_site_that_is_no_hub_has_the_limit_that_it_names() -> None:
    site = proxy_model.from_mapping({"name": "registry", "upstream": "http://127.0.0.1:1"}, "server")
    text = proxy_nginx.render([site])
    assert re.findall(r"location (\S+)", text.split("# registry\n")[1]) == ["/"]
    assert "client_max_body_size 0;" in text
    assert "limit_req zone" not in text.split("# registry\n")[1]

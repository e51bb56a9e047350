# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry behind its front, as the container runs both: maintenance turns no request away."""

from __future__ import annotations

import os
import signal
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import images
import pytest
from front_server import BASIC, Front, push_through

SLOW = """
import http.server, pathlib, re, signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def address_string(self):
        return "front"
    def do_GET(self):
        time.sleep(1 if self.path == "/v2/takes/long" else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True
    def server_bind(self):
        self.socket.bind(self.server_address)
        time.sleep(1)
path = re.search("addr: (.*)", pathlib.Path(sys.argv[2]).read_text())[1]
Server(path, Handler).serve_forever()
"""


@pytest.fixture
def front(tmp_path: Path) -> t.Iterator[Front]:
    tmp_path.chmod(0o755)
    running = Front(tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


def test_no_push_fails_in_a_row_of_maintenance_rounds(front: Front) -> None:
    """By a client that repeats nothing: what Docker does not repeat is among its requests."""
    pushed = push_through(front, lambda so_far: so_far.rounds >= 12)
    print(f"{len(pushed.done)} pushes, longest pause {pushed.longest_seconds:.2f} s")
    assert pushed.failures == []
    assert len(pushed.done) > 30
    registry = images.Registry(front.url, BASIC)
    for tag, thing in pushed.done:
        assert registry.pull("lab/live", tag) == thing.everything()


def test_a_request_waits_for_its_turn_and_not_for_ever(front: Front) -> None:
    """Whoever may not come in is told so at once; who may is held, and after a while told to come again."""
    with front.rest():
        began = time.monotonic()
        assert images.Registry(front.url).call("GET", "/v2/")[0] == 401
        assert time.monotonic() - began < 2
        status, headers, _body = images.Registry(front.url, BASIC).call("GET", "/v2/")
        assert (status, headers["retry-after"]) == (503, "3")
        assert 15 < time.monotonic() - began < 30
    front.wait()
    assert images.Registry(front.url, BASIC).call("GET", "/v2/")[0] == 200


def test_a_registry_that_ends_by_itself_ends_the_container(front: Front) -> None:
    os.kill(front.registry(), signal.SIGTERM)
    assert front.process.wait(20) != 0


@pytest.fixture
def slow_front(tmp_path: Path) -> t.Iterator[Front]:
    """A front before a registry as on a very busy machine: its steps are far apart."""
    tmp_path.chmod(0o755)
    slow = tmp_path / "slow-registry"
    slow.write_text(f"#!{sys.executable}\n{SLOW}")
    slow.chmod(0o755)
    running = Front(tmp_path, str(slow))
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


def test_a_registry_that_has_its_socket_but_does_not_listen_yet_is_waited_for(slow_front: Front) -> None:
    with slow_front.rest():
        pass
    assert images.Registry(slow_front.url, BASIC).call("GET", "/v2/")[0] == 200


def test_what_passed_the_front_is_answered_before_the_registry_is_told_to_end(slow_front: Front) -> None:
    registry = images.Registry(slow_front.url, BASIC)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(registry.call, "GET", "/v2/takes/long")
        time.sleep(0.3)
        with slow_front.rest():
            pass
        assert asked.result()[0] == 200

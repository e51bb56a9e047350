# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trial of an image, without an engine; with one it is in molecule/hub."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import engine, trial

RUNS: dict[str, t.Any] = {"Running": True, "ExitCode": 0}
ENDED: dict[str, t.Any] = {"Running": False, "ExitCode": 3, "OOMKilled": False}


def test_a_trial_has_nothing_of_the_host_and_of_the_network() -> None:
    host = trial.body("image")["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"], host["SecurityOpt"]) == ("none", ["ALL"], ["no-new-privileges"])
    assert "Binds" not in host


def test_an_image_that_writes_without_end_does_not_fill_the_disk() -> None:
    log = trial.body("image")["HostConfig"]["LogConfig"]
    assert log == {"Type": "json-file", "Config": {"max-size": "16m", "max-file": "1"}}
    assert 2 * engine.TOLD_BYTES <= 16 << 20, "what is read is in it whole, with the quotes of Docker's log"


def test_what_is_too_little_memory_is_named() -> None:
    ended = {**ENDED, "OOMKilled": True}
    found = trial.outcome(None, ended, lambda: "", trial.memory({"memory_bytes": 48 << 20}))
    assert found.reason() == "its notebook server needs more than 48 MiB to start"
    assert trial.body("image", 48 << 20)["HostConfig"]["Memory"] == 48 << 20
    assert trial.memory({"memory_bytes": 1 << 40, "cpu": 1.0}) == trial.memory({}) == 1 << 30


def test_a_server_is_waited_for_until_it_answers() -> None:
    answers = iter([None, None, "6.1.1"])
    assert trial.watch(lambda: RUNS, lambda: next(answers), sleep=lambda _: None)[0] == "6.1.1"


def test_who_ends_is_not_waited_for() -> None:
    states = iter([RUNS, ENDED])
    version, state = trial.watch(lambda: next(states), lambda: None, sleep=lambda _: None)
    found = trial.outcome(version, state, lambda: "bye\n")
    assert (found.status, found.slow, found.reason()) == (
        3, False, "jupyterhub-singleuser cannot start in it (status 3): bye"
    )  # fmt: skip


def test_who_never_answers_is_waited_for_a_bounded_time() -> None:
    waits: list[float] = []
    version, state = trial.watch(lambda: RUNS, lambda: None, seconds=5, sleep=waits.append)
    assert 5 <= sum(waits) < 6
    assert trial.outcome(version, state, lambda: "").slow


def test_servers_find_a_hub() -> None:
    with trial.hub(0) as port:
        for method, path in (("GET", "/hub/api"), ("POST", "/hub/api/users/x/activity")):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(method, path)
            assert connection.getresponse().status == 200
            connection.close()


@contextlib.contextmanager
def server(body: bytes, version: str = "6.1.1", drips: bool = False) -> Iterator[int]:
    """A server of an image; one that drips never comes to the end of its answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header(trial.VERSION_HEADER, version)
            self.send_header("Content-Length", str(len(body) + 10_000 * drips))
            self.end_headers()
            self.wfile.write(body)
            with contextlib.suppress(OSError):  # whoever asked went away
                while drips:
                    time.sleep(0.05)
                    self.wfile.write(b" ")

        def log_message(self, *_words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening.server_port
        listening.shutdown()


def test_the_version_of_a_server_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(b'{"version": "2.17.0"}') as port:
        monkeypatch.setattr(trial, "PORT", port)
        assert trial.ask_server() == "6.1.1"
    assert trial.ask_server() is None, "nobody listens any more"
    with server(b"<html>") as port:
        monkeypatch.setattr(trial, "PORT", port)
        assert trial.ask_server() is None


def test_a_server_that_drips_does_not_hold_the_trial_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "ANSWER_SECONDS", 0.5)
    with server(b'{"version": "1"}', drips=True) as port:
        monkeypatch.setattr(trial, "PORT", port)
        assert trial.ask_server() is None

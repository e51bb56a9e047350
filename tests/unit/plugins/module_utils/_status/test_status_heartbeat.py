# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sign of life, heard by a real server of HTTP, and what a monitor there tells by it: a dead server above all."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import heartbeat
from ansible_collections.labserver.jupyter.plugins.module_utils._status import watch
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._schedule.schedule_server import (
    Server,
    server,
)

__all__ = ["server"]  # a fixture


class Monitor:
    """A monitor as healthchecks.io is one: it tells its owner when its state changes, and of nothing else.

    ``waits`` is an hour of it: without a call since the last one it counts the server as down.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []  # method, path with query, body
        self.state, self.told, self.seen = "up", list[str](), 0
        monitor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                monitor.calls.append((self.command, self.path, body))
                parts = urlsplit(self.path)
                known = parts.path.removesuffix("/fail").startswith(("/ping/atlas", "/api/push/t0ken"))
                failed = parts.path.endswith("/fail") or parse_qs(parts.query).get("status") == ["down"]
                if known:
                    monitor.become("down" if failed else "up")
                self.send_response(200 if known else 404)
                self.end_headers()

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_arguments: object) -> None:
                pass

        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.listener.server_port}"

    def become(self, state: str) -> None:
        if state != self.state:
            self.told.append(state)
        self.state = state

    def waits(self) -> None:
        if len(self.calls) == self.seen:
            self.become("down")
        self.seen = len(self.calls)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    outer = Monitor()
    yield outer
    outer.listener.shutdown()
    outer.listener.server_close()


def hour(server: Server, monitor: Monitor, level: str = "") -> int:
    """An hour of the server: its job ends as it ends, and the watch runs."""
    if level:
        server.job("renew", "/bin/sh", "-c", f"exit {['ok', 'warning', 'critical'].index(level)}", schedule="0 4 1 1 *")
        server.run("renew")
    ended = watch.main(["--root", str(server.root)])
    monitor.waits()
    return ended


HEARS = ["/bin/sh", "-c", "cat >/dev/null"]


def test_a_server_that_dies_during_a_warning_is_noticed(server: Server, monitor: Monitor) -> None:
    """The heartbeat used to stay away with any warning: the monitor told of that, and of the death no more."""
    server.alerts(command=HEARS, heartbeat_url=f"{monitor.url}/ping/atlas")
    for level in ("ok", "warning", "", "critical", "", "warning"):
        assert hour(server, monitor, level) == 0
    assert [call[:2] for call in monitor.calls] == [("GET", "/ping/atlas")] * 6 and monitor.told == []
    monitor.waits()  # the server has died
    assert monitor.told == ["down"]


@pytest.mark.parametrize(
    ("form", "path"),
    [("healthchecks", "/ping/atlas?create=1"), ("uptime_kuma", "/api/push/t0ken?status=up&msg=OK&ping=")],
)
def test_a_monitor_that_knows_failures_is_told_of_what_is_critical(
    server: Server, monitor: Monitor, form: str, path: str
) -> None:
    server.alerts(command=HEARS, heartbeat_url=monitor.url + path, heartbeat_form=form)
    for level in ("ok", "warning", "critical", "", "warning", "ok"):
        assert hour(server, monitor, level) == 0
    assert monitor.told == ["down", "up"], "a warning is no failure: it lasts for days"
    well, failed = monitor.calls[0], monitor.calls[2]
    if form == "healthchecks":
        assert well == ("GET", "/ping/atlas?create=1", "")
        assert failed == ("POST", "/ping/atlas/fail?create=1", "1 matter is critical")
    else:
        assert parse_qs(urlsplit(well[1]).query) == {"status": ["up"], "msg": ["OK"]}
        assert parse_qs(urlsplit(failed[1]).query) == {"status": ["down"], "msg": ["1 matter is critical"]}
    assert "renew" not in json.dumps(monitor.calls), "what is wrong is told to nobody outside"


@pytest.mark.parametrize("form", ["ping", "healthchecks"])
def test_alerts_that_reach_nobody_are_noticed(server: Server, monitor: Monitor, form: str) -> None:
    ways = {"heartbeat_url": f"{monitor.url}/ping/atlas", "heartbeat_form": form}
    server.alerts(command=["/bin/false"], **ways)
    hour(server, monitor, "warning")
    assert monitor.told == ["down"]
    assert len(monitor.calls) == (0 if form == "ping" else 1)
    # One of two ways that gets through is enough.
    server.alerts(command=HEARS, webhook={"url": f"{monitor.url}/nobody"}, **ways)
    hour(server, monitor)
    assert monitor.told == ["down", "up"]


def test_without_another_way_to_tell_the_heartbeat_is_the_one_sign(server: Server, monitor: Monitor) -> None:
    server.alerts(heartbeat_url=f"{monitor.url}/ping/atlas")
    for level in ("warning", "critical", "ok"):
        hour(server, monitor, level)
    assert monitor.told == ["down", "up"] and len(monitor.calls) == 2


def test_what_nobody_wants_to_hear_of_is_no_failure(server: Server, monitor: Monitor) -> None:
    server.alerts(command=HEARS, heartbeat_url=f"{monitor.url}/ping/atlas", heartbeat_form="healthchecks")
    server.job("quiet", "/bin/sh", "-c", "exit 2", schedule="0 4 1 1 *", alert="never")
    server.run("quiet")
    hour(server, monitor)
    assert monitor.told == []


def test_a_watch_that_does_not_come_to_its_end_is_silent(
    server: Server, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_arguments: object) -> list[str]:
        raise RuntimeError("the engine's answer is none that anybody knows")

    server.alerts(command=HEARS, heartbeat_url=f"{monitor.url}/ping/atlas")
    monkeypatch.setattr(watch, "of_services", breaks)
    with pytest.raises(RuntimeError):
        hour(server, monitor)
    assert monitor.calls == []


@pytest.mark.parametrize("path", ["/elsewhere", ""])
def test_a_heartbeat_that_nobody_hears_is_a_warning_of_the_job(
    server: Server, monitor: Monitor, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "s3cret-t0ken"
    url = f"{monitor.url}{path}/{secret}" if path else f"http://127.0.0.1:1/{secret}"
    server.alerts(heartbeat_url=url)
    assert watch.main(["--root", str(server.root)]) == 1
    said = capsys.readouterr()
    assert said.err == "labserver watch: heartbeat: " + ("OSError\n" if path else "URLError\n")
    assert secret not in said.out + said.err
    server.alerts(heartbeat_url=url, heartbeat_form="smoke")
    assert watch.main(["--root", str(server.root)]) == 1
    (server.root / "etc/labserver/alerts.json").write_text("{")
    assert watch.main(["--root", str(server.root)]) == 1


def test_forms_are_those_of_the_input() -> None:
    for form in heartbeat.FORMS:
        heartbeat.request_of(form, "https://hc.example/ping/x", "")
    with pytest.raises(ValueError, match="heartbeat form 'smoke' is not one of ping, healthchecks, uptime_kuma"):
        heartbeat.request_of("smoke", "https://hc.example/ping/x", "")

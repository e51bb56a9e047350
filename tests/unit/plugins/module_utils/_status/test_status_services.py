# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that a host should have: what is absent or unhealthy has a name, and somebody hears of it once."""

from __future__ import annotations

import dataclasses
import http.server
import json
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock, process
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as schedule_run
from ansible_collections.labserver.jupyter.plugins.module_utils._status import alarm, overview, services, watch
from ansible_collections.labserver.jupyter.plugins.module_utils._status import table as status_table

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
ACTIVE = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success"}
UP = {"State": "running", "Status": "Up 3 hours (healthy)"}


class Host:
    """A host below a folder, with a systemd, an engine and a clock that answer as told."""

    def __init__(self, root: Path) -> None:
        self.root, self.time = root, NOW
        self.units: dict[str, dict[str, str]] = {"nginx.service": ACTIVE}
        self.containers: dict[str, dict[str, Any]] = {"labserver-hub": UP}
        self.engine_says = ""
        self.commands: dict[str, tuple[int, str]] = {}
        self.slept: list[float] = []
        self.heal: dict[str, dict[str, str]] = {}
        self.asked = services.World(self._containers, self._capture)
        self.world = schedule_run.World(root, lambda: self.time, self._sleep, "lab1")
        (root / "etc/labserver/public").mkdir(parents=True)
        hears = f"cat >>{root}/heard; echo >>{root}/heard"
        (root / "etc/labserver/alerts.json").write_text(json.dumps({"version": 1, "command": ["/bin/sh", "-c", hears]}))

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.containers |= self.heal

    def _containers(self) -> Any:
        if self.engine_says:
            raise EngineError(self.engine_says)
        return [{"Names": [f"/{name}"], **item} for name, item in self.containers.items()]

    def _capture(self, argv: Sequence[str], _seconds: float) -> tuple[process.Result, str]:
        if argv[0] != "systemctl":
            status, output = self.commands[argv[0]]
            return process.Result(status), output
        names = argv[list(argv).index("--") + 1 :]
        missing = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}
        blocks = [{"Id": name, **self.units.get(name, missing)} for name in names]
        text = "\n".join("".join(f"{key}={value}\n" for key, value in block.items()) for block in blocks)
        return process.Result(0), text

    def room(self, name: str, *items: dict[str, Any], age: timedelta = timedelta(days=1)) -> None:
        folder = self.root / services.FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps({"version": 1, "services": items}))
        os.utime(path, ((NOW - age).timestamp(),) * 2)

    def levels(self) -> dict[str, tuple[str, str]]:
        found = services.look(services.read(self.root)[0], self.asked)
        return {health.service.name: (health.level, health.message) for health in found}

    def attend(self) -> tuple[str, str]:
        return alarm.summary(alarm.attend(self.world, self.asked))

    def heard(self) -> list[tuple[str, str]]:
        path = self.root / "heard"
        lines = [json.loads(line) for line in path.read_text().splitlines() if line] if path.exists() else []
        return [(line["job"], line["level"]) for line in lines]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.room("hub", {"name": "hub", "container": "labserver-hub"})
    host.room("proxy", {"name": "nginx", "unit": "nginx.service"})
    return host


@pytest.mark.parametrize(
    ("unit", "level", "words"),
    [
        ({"ActiveState": "failed", "Result": "exit-code"}, "critical", "the unit nginx.service is failed (exit-code)"),
        ({"ActiveState": "inactive"}, "critical", "the unit nginx.service is inactive"),
        ({"LoadState": "masked", "ActiveState": "inactive"}, "critical", "the unit nginx.service is masked"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, "critical", "the unit nginx.service is not there"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "critical", "started again and again"),
        ({"ActiveState": "activating", "SubState": "start"}, "warning", "is starting"),
        ({"ActiveState": "reloading"}, "ok", ""),
    ],
)
def test_units(host: Host, unit: dict[str, str], level: str, words: str) -> None:
    host.units["nginx.service"] = {**ACTIVE, **unit}
    found = host.levels()
    assert found["nginx"][0] == level
    assert words in found["nginx"][1]
    assert found["hub"] == ("ok", "")


@pytest.mark.parametrize(
    ("container", "level", "words"),
    [
        (None, "critical", "the container labserver-hub is not there"),
        ({"State": "exited", "Status": "Exited (137) 2 hours ago"}, "critical", "is exited (Exited (137) 2 hours ago)"),
        ({"State": "paused", "Status": "Up 2 hours (Paused)"}, "critical", "is paused"),
        ({"State": "restarting", "Status": "Restarting (1) 3 seconds ago"}, "critical", "is restarting"),
        ({"State": "running", "Status": "Up 2 hours (unhealthy)"}, "critical", "is unhealthy"),
        ({"State": "running", "Status": "Up 2 seconds (health: starting)"}, "warning", "is starting"),
        ({"State": "running", "Status": "Up 2 hours"}, "ok", ""),
    ],
)
def test_containers(host: Host, container: dict[str, str] | None, level: str, words: str) -> None:
    host.containers = {"labserver-hub": container} if container else {}
    found = host.levels()
    assert found["hub"][0] == level
    assert words in found["hub"][1]


def test_a_compose_project_is_as_well_as_its_containers(host: Host) -> None:
    host.room("apps", {"name": "app-wiki", "project": "wiki"})
    assert host.levels()["app-wiki"] == ("critical", "the app wiki has no container")
    labels: Any = {"Labels": {services.PROJECT_LABEL: "wiki"}}
    host.containers["wiki-web-1"] = {"State": "exited", "Status": "Exited (0) 2 hours ago", **labels}
    assert host.levels()["app-wiki"] == ("critical", "no container of the app wiki runs")
    host.containers |= {
        "wiki-web-1": {**UP, **labels},
        "wiki-init-1": {"State": "exited", "Status": "Exited (0) 2 hours ago", **labels},
        "other-web-1": {"State": "exited", "Status": "Exited (1)", "Labels": {services.PROJECT_LABEL: "other"}},
    }
    assert host.levels()["app-wiki"] == ("ok", "")
    host.containers["wiki-db-1"] = {"State": "exited", "Status": "Exited (1) 2 hours ago", **labels}
    assert host.levels()["app-wiki"] == ("critical", "the container wiki-db-1 is exited (Exited (1) 2 hours ago)")


def test_an_engine_that_is_silent_hides_no_other_service(host: Host) -> None:
    host.engine_says = "no answer from the Docker engine at /var/run/docker.sock: timed out"
    found = host.levels()
    assert found["hub"][0] == "critical"
    assert "the Docker engine does not answer" in found["hub"][1]
    assert found["nginx"] == ("ok", "")


def test_who_may_not_ask_the_engine_raises_no_alarm(host: Host) -> None:
    def containers() -> Any:
        raise EngineError("no answer from the Docker engine") from PermissionError(13, "Permission denied")

    rows = overview.of_services(host.root, dataclasses.replace(host.asked, containers=containers))
    assert [row["level"] for row in rows] == ["unknown", "ok"]


@pytest.fixture
def answering() -> Iterator[tuple[str, list[int]]]:
    answers: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[0])
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}/hub/health", answers
        listener.shutdown()


def test_a_service_that_runs_and_answers_with_an_error_is_not_well(host: Host, answering: Any) -> None:
    url, answers = answering
    host.room("hub", {"name": "hub", "container": "labserver-hub", "url": url})
    for status, level in ((200, "ok"), (401, "ok"), (503, "critical")):
        answers[:] = [status]
        assert host.levels()["hub"][0] == level
    assert host.levels()["hub"][1] == f"{url} answers 503"
    host.room("hub", {"name": "hub", "url": "http://127.0.0.1:1/"})
    assert "http://127.0.0.1:1/ does not answer: " in host.levels()["hub"][1]


def test_a_room_may_ask_by_a_command_of_its_own(host: Host) -> None:
    host.room("net", {"name": "isolation", "command": ["/check"]})
    for status, level in ((0, "ok"), (1, "warning"), (2, "critical"), (124, "critical")):
        host.commands["/check"] = (status, "\nthe rules are gone\x1b[2J\nmore\n")
        assert host.levels()["isolation"] == ((level, "the rules are gone") if status else ("ok", ""))


def test_damaged_files_are_a_finding_and_hide_nothing(host: Host) -> None:
    (host.root / services.FOLDER / "broken.json").write_text("{")
    (host.root / services.FOLDER / "later.json").write_text('{"version": 2, "services": []}')
    rows = overview.of_services(host.root, host.asked)
    host.room("odd", {"name": "../../../etc/cron.d/x", "unit": "x"})
    assert [row["service"] for row in rows] == ["hub", "nginx", "services.d", "services.d"]
    assert "is not the name of a service" in services.read(host.root)[1][2]
    for item in ({"name": "x", "contaner": "labserver-x"}, {"name": "x"}, {"name": "x", "unit": ""}):
        host.room("odd", item)
        found, problems = services.read(host.root)
        assert [service.name for service in found] == ["hub", "nginx"]
        assert "x: give some of unit, container, project, url, command" in problems[2]
    assert "/etc/labserver/services.d/broken.json" in str(rows[2]["message"])
    text = status_table.table({"lab1": {"services": rows}})
    assert "lab1  nginx       ok" in text


def test_a_dead_service_is_told_once_and_its_return_too(host: Host) -> None:
    assert host.attend() == ("ok", "2 services work")
    assert (host.heard(), host.slept) == ([], [])
    host.containers.clear()
    for _look in range(3):
        assert host.attend() == ("critical", "hub: the container labserver-hub is not there")
    assert host.heard() == [("service.hub", "critical")]
    # Another one that fails while the first is down is told as well.
    host.units["nginx.service"] = {**ACTIVE, "ActiveState": "failed"}
    host.attend()
    assert host.heard()[1:] == [("service.nginx", "critical")]
    host.time += timedelta(hours=25)
    host.attend()
    assert len(host.heard()) == 4
    host.containers["labserver-hub"] = UP
    host.attend()
    host.attend()
    assert host.heard()[4:] == [("service.hub", "ok")]
    alert = json.loads((host.root / "heard").read_text().splitlines()[0])
    assert alert["log"] == "docker logs labserver-hub"


def test_what_is_back_at_the_second_look_is_not_told(host: Host) -> None:
    host.containers.clear()
    host.heal = {"labserver-hub": UP}
    assert host.attend() == ("ok", "2 services work")
    assert host.slept == [alarm.AGAIN_SECONDS]
    assert host.heard() == []


@pytest.mark.parametrize(("minutes", "told"), [(10, False), (-1, True), (60 * 24, True)])
def test_nobody_is_told_while_the_hub_is_changed(host: Host, minutes: int, told: bool) -> None:
    until = (NOW + timedelta(minutes=minutes)).isoformat()
    note = {"version": 1, "announcements": [{"text": "The hub is being updated", "until": until}]}
    (host.root / alarm.MAINTENANCE).write_text(json.dumps(note))
    host.containers.clear()
    assert host.attend()[0] == "critical"
    assert bool(host.heard()) is told


@pytest.mark.parametrize(("minutes", "told"), [(5, False), (16, True), (-60, True)])
def test_nobody_is_told_while_a_room_starts_its_services_for_the_first_time(
    host: Host, minutes: int, told: bool
) -> None:
    host.room("hub", {"name": "hub", "container": "labserver-hub"}, age=timedelta(minutes=minutes))
    host.containers.clear()
    assert host.attend()[0] == "critical"
    assert bool(host.heard()) is told


@pytest.mark.parametrize(("uptime", "told"), [("90.5 1.0", False), ("301.0 1.0", True)])
def test_nobody_is_told_while_the_host_starts(host: Host, uptime: str, told: bool) -> None:
    (host.root / "proc").mkdir()
    (host.root / "proc/uptime").write_text(f"{uptime}\n")
    host.containers.clear()
    assert host.attend()[0] == "critical"
    assert (host.root / "heard").exists() is told


def test_a_service_that_is_no_longer_wanted_leaves_nothing(host: Host) -> None:
    host.containers.clear()
    host.attend()
    assert (host.root / "var/lib/labserver/jobs/service.hub.json").exists()
    (host.root / services.FOLDER / "hub.json").unlink()
    assert host.attend() == ("ok", "1 service works")
    assert not (host.root / "var/lib/labserver/jobs/service.hub.json").exists()


def test_the_watch_tells_of_services_unless_somebody_looks_just_now(host: Host) -> None:
    host.containers.clear()
    with lock.hold(host.root, alarm.LOCK):
        assert watch.of_services(host.world, host.asked) == []
    found = watch.of_services(host.world, host.asked)
    assert found == ["hub: critical: the container labserver-hub is not there"]
    assert host.heard() == [("service.hub", "critical")]
    assert watch.watch(host.world) == []

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that somebody changed by hand since the last whole run are named; what the host itself changes is not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import change, transaction
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.plugins.module_utils._status import (
    drift,
    exchanged,
    lately,
    managed_containers,
    metrics,
    table,
    view,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GIB = 1 << 30
HUB = {
    # As Docker shows it, without what does not matter here.
    "Id": "1" * 64,
    "Name": "/labserver-hub",
    "RestartCount": 0,
    "State": {"Running": True, "StartedAt": "2026-11-20T11:00:00Z"},
    "Image": "sha256:" + "a" * 64,
    "Config": {
        "Env": ["TZ=Europe/Berlin", "TOKEN=5ecret"],
        "Cmd": ["python", "-m", "labhub"],
        "User": "64100:64100",
        "Labels": {"org.labserver.room": "hub", "org.labserver.config": "c0ffee"},
    },
    "HostConfig": {
        "Memory": GIB,
        "MemorySwap": 2 * GIB,
        "NanoCpus": 0,
        "PidsLimit": 512,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        "ReadonlyRootfs": True,
        "CapAdd": None,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]},
        "Tmpfs": {"/tmp": ""},
    },
    "Mounts": [
        {"Type": "bind", "Source": "/etc/labserver/hub", "Destination": "/etc/labserver/hub", "RW": False},
        {"Type": "volume", "Name": "e" * 64, "Source": "/var/lib/docker/x", "Destination": "/cache", "RW": True},
    ],
    "NetworkSettings": {"Networks": {"labserver-hub": {}}},
}


class Engine:
    """What an engine answers; ``silent`` why it does not."""

    def __init__(self, *containers: dict[str, Any]) -> None:
        self.containers = {one["Name"].lstrip("/"): copy.deepcopy(one) for one in containers}
        self.silent = ""

    def get(self, path: str, **query: Any) -> Any:
        if self.silent:
            raise EngineError(f"no answer from the Docker engine: {self.silent}")
        if path == "/containers/json":
            assert query["all"] == "1", "one that has ended is not gone"
            (label,) = json.loads(query["filters"])["label"]
            of = [(one, one["Config"]["Labels"]) for one in self.containers.values()]
            return [{"Id": one["Id"], "Labels": marks} for one, marks in of if label in marks]
        for one in self.containers.values():
            if path == f"/containers/{one['Id']}/json":
                return one
        raise EngineError("no such container", 404)

    def of(self, _root: Path) -> Any:
        return self.get


def other(name: str, number: int, labels: Mapping[str, str]) -> dict[str, Any]:
    made = copy.deepcopy(HUB)
    made.update(Name=f"/{name}", Id=f"{number:064x}")
    made["Config"]["Labels"] = dict(labels)
    return made


APP = other("wiki-web-1", 2, {"org.labserver.room": "compose_app", "org.labserver.config-sha256": "beef"})


@pytest.fixture
def engine() -> Engine:
    return Engine(HUB, APP)


@pytest.fixture
def root(tmp_path: Path, engine: Engine) -> Path:
    """A host as a whole run left it."""
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text("")
    assert drift.record(tmp_path, "0.1.0", NOW, engine=engine.of)
    return tmp_path


def state(root: Path, engine: Engine) -> dict[str, Any]:
    return drift.state(root, exchanged.read, engine.of)


def said(root: Path, engine: Engine) -> dict[str, str]:
    found = state(root, engine)["containers"]
    assert found["unknown"] == ""
    return {row["name"]: f"{row['what']}: {row['message']}" for row in found["drift"]}


def test_what_docker_update_changes_is_named_with_its_former_value(root: Path, engine: Engine) -> None:
    assert said(root, engine) == {}
    assert state(root, engine)["containers"]["noted"] == 2
    host = engine.containers["labserver-hub"]["HostConfig"]
    host.update(Memory=2 * GIB, NanoCpus=1_500_000_000, PidsLimit=None)
    host["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    assert said(root, engine) == {
        "labserver-hub": "changed: CPU limit 1.5 cores, was none; memory limit 2.0 GiB, was 1.0 GiB;"
        " process limit none, was 512; restart policy no, was always"
    }
    host.update(copy.deepcopy(HUB["HostConfig"]))  # type: ignore[call-overload]
    assert said(root, engine) == {}
    host["Memory"] = GIB + 1
    assert "memory limit 1073741825 bytes, was 1.0 GiB" in said(root, engine)["labserver-hub"]


def test_what_docker_run_by_hand_changes_is_named_without_any_secret(root: Path, engine: Engine) -> None:
    hub = engine.containers["labserver-hub"]
    hub["Config"].update(Env=["TZ=Europe/Berlin", "TOKEN=0ther"], Cmd=["sh", "-c", "true hidden"])
    hub["HostConfig"].update(Privileged=True, CapDrop=None, ReadonlyRootfs=False)
    hub["HostConfig"]["PortBindings"]["8000/tcp"][0]["HostIp"] = "0.0.0.0"
    hub["Mounts"].append({"Type": "bind", "Source": "/", "Destination": "/host", "RW": True})
    hub["NetworkSettings"]["Networks"]["bridge"] = {}
    told = said(root, engine)["labserver-hub"]
    for words in (
        "its environment was changed",
        "its command was changed",
        "mounts: also /:/host:rw",
        "networks: also bridge",
        "ports 0.0.0.0:8000->8000/tcp, was 127.0.0.1:8000->8000/tcp",
        "rights: also privileged, and no longer -ALL",
        "root file system writable, was read-only",
    ):
        assert words in told
    assert not re.search("0ther|5ecret|hidden", told + (root / drift.PATH).read_text())


def test_another_image_is_named_and_not_what_it_brings(root: Path, engine: Engine) -> None:
    hub = engine.containers["labserver-hub"]
    hub["Image"] = "sha256:" + "b" * 64
    hub["Config"].update(Env=["PATH=/new"], Cmd=["other"], User="")
    assert said(root, engine) == {"labserver-hub": "changed: it runs another image than the last run left"}


def test_gone_and_new_containers_are_named_and_those_of_others_are_not(root: Path, engine: Engine) -> None:
    del engine.containers["wiki-web-1"]
    for number, (name, labels) in enumerate(
        {
            "mine": {"org.labserver.config": "1"},
            "lab-alice": {"org.labserver.room": "hub-server", "org.labserver.config": "of its image"},
            "labserver-hub-trial-7": {"org.labserver.room": "hub"},
            "wiki-run": {"org.labserver.config-sha256": "beef", "com.docker.compose.oneoff": "True"},
            "database-of-somebody": {},
        }.items(),
        10,
    ):
        engine.containers[name] = other(name, number, labels)
    assert said(root, engine) == {"wiki-web-1": "gone: it was removed", "mine": "new: it was not there"}


def test_restarts_and_a_container_that_is_made_anew_as_it_was_are_no_change(root: Path, engine: Engine) -> None:
    hub = engine.containers["labserver-hub"]
    hub.update(Id="9" * 64, RestartCount=4, State={"Running": False})
    hub["Config"]["Hostname"] = "999999999999"
    hub["Mounts"][1].update(Name="f" * 64, Source="/var/lib/docker/y")
    assert said(root, engine) == {}


@pytest.mark.parametrize("fault", ["silent", "strange", "many", "uninstalled"])
def test_an_engine_that_cannot_be_asked_is_unknown_and_never_without_drift(
    root: Path, engine: Engine, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "silent":
        engine.silent = "timed out"
    elif fault == "strange":
        del engine.containers["labserver-hub"]["HostConfig"]
    elif fault == "many":
        monkeypatch.setattr(managed_containers, "MOST", 1)
    site = drift.state(root, engine=lambda _root: None) if fault == "uninstalled" else state(root, engine)
    report = {"version": 1, "site": site}
    assert site["containers"]["unknown"]
    assert site["containers"]["drift"] == [], "what could not be looked at is not gone either"
    shown = table.table({"atlas": report})
    assert "atlas: containers: unknown: " in shown and "containers none differs" not in shown
    assert ("unknown", "changed containers") in [row[:2] for row in view.matters(report)]
    assert view.worst(report) == "warning"
    told = metrics.text(report)
    assert 'labserver_drift_unknown{part="containers"} 1\n' in told and "labserver_drift_containers" not in told


def test_a_run_that_could_not_ask_the_engine_notes_that_it_knows_nothing(root: Path, engine: Engine) -> None:
    engine.silent = "timed out"
    assert drift.record(root, "0.1.0", NOW + timedelta(hours=1), engine=engine.of)
    engine.silent = ""
    assert "it could not note any" in state(root, engine)["containers"]["unknown"]
    assert drift.record(root, "0.1.0", NOW + timedelta(hours=2), engine=engine.of)
    assert said(root, engine) == {}


def test_the_record_of_an_earlier_release_is_compared_as_far_as_it_goes(root: Path, engine: Engine) -> None:
    kept = json.loads((root / drift.PATH).read_text())
    del kept["containers"], kept["packages"]
    (root / drift.PATH).write_text(json.dumps(kept))
    found = state(root, engine)
    assert found["drift"] == []
    assert (
        "an earlier release" in found["containers"]["unknown"] and "an earlier release" in found["packages"]["unknown"]
    )


def test_a_host_without_an_engine_has_no_containers_and_no_socket_is_asked(tmp_path: Path) -> None:
    assert managed_containers.engine(tmp_path) is None
    drift.record(tmp_path, "0.1.0", NOW)
    assert drift.state(tmp_path)["containers"] == {
        "noted": 0, "drift": [], "drift_left_out": 0, "newer": [], "unknown": ""
    }  # fmt: skip
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/dockerd").touch()
    assert "no answer" in drift.state(tmp_path)["containers"]["unknown"], "it is there, and stopped"


def test_a_run_that_finds_all_as_it_was_changes_nothing(root: Path, engine: Engine) -> None:
    assert not drift.record(root, "0.1.0", NOW + timedelta(days=1), engine=engine.of)
    engine.containers["labserver-hub"]["HostConfig"]["Memory"] = 2 * GIB
    assert drift.record(root, "0.1.0", NOW + timedelta(days=2), engine=engine.of)
    assert said(root, engine) == {}


def lost_change(began: datetime, **more: Any) -> transaction.Record:
    """A change of the hub whose run was lost, as that run recorded it."""
    former = change.Former({"labserver-hub": copy.deepcopy(HUB)}, Configuration("", ()), "", ())
    since = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    return transaction.Record("http://127.0.0.1:8000/", since, former, {"labserver-hub": "new1"}, **more)


def exchange(engine: Engine, label: str) -> None:
    engine.containers["labserver-hub"]["Image"] = "sha256:" + "b" * 64
    engine.containers["labserver-hub"]["Config"]["Labels"]["org.labserver.config"] = label


def test_what_the_host_itself_exchanges_is_no_drift(root: Path, engine: Engine) -> None:
    place = root / "var/lib/labserver/hub-change.json"
    exchange(engine, "new1")
    assert "another image" in said(root, engine)["labserver-hub"]
    transaction.keep(place, lost_change(NOW + timedelta(hours=1)))
    assert said(root, engine) == {}, "a change is under way"
    del engine.containers["labserver-hub"]
    assert said(root, engine) == {}, "also between the old one and the new one"
    engine.containers["labserver-hub"] = copy.deepcopy(HUB)
    exchange(engine, "new1")
    place.unlink()
    transaction.keep(
        place.with_name("hub-change-ended.json"), lost_change(NOW + timedelta(hours=1), words="well", well=True)
    )
    assert said(root, engine) == {}, "the host finished what the run began"
    exchange(engine, "of somebody")
    assert "another image" in said(root, engine)["labserver-hub"]


def test_a_change_that_ended_before_the_run_excuses_nothing(root: Path, engine: Engine) -> None:
    ended = root / "var/lib/labserver/hub-change-ended.json"
    transaction.keep(ended, lost_change(NOW - timedelta(hours=1), words="well", well=True))
    exchange(engine, "new1")
    assert "another image" in said(root, engine)["labserver-hub"]


def test_a_change_that_was_taken_back_excuses_no_container_that_stayed(root: Path, engine: Engine) -> None:
    ended = root / "var/lib/labserver/hub-change-ended.json"
    transaction.keep(ended, lost_change(NOW + timedelta(hours=1), words="taken back"))
    exchange(engine, "new1")
    assert "another image" in said(root, engine)["labserver-hub"]


def test_a_record_of_a_change_that_cannot_be_read_leaves_it_unknown(root: Path, engine: Engine) -> None:
    (root / "var/lib/labserver/hub-change.json").write_text("{")
    assert "hub-change.json cannot be read" in state(root, engine)["containers"]["unknown"]


def test_a_container_as_the_way_back_makes_it_is_as_it_was(root: Path, engine: Engine) -> None:
    body = change.body_of(HUB)
    host = body.pop("HostConfig")
    networks = body.pop("NetworkingConfig")["EndpointsConfig"]
    made = {**copy.deepcopy(HUB), "Id": "8" * 64, "Config": body, "HostConfig": host}
    made["NetworkSettings"] = {"Networks": networks}
    engine.containers["labserver-hub"] = made
    assert said(root, engine) == {}


def test_table_page_and_metrics_name_the_containers(root: Path, engine: Engine) -> None:
    evil = other("evil\x1b[2J<img src=x>", 77, {"org.labserver.config": "1"})
    engine.containers["evil"] = evil
    engine.containers["labserver-hub"]["HostConfig"]["Memory"] = 2 * GIB
    drift.part(root, NOW + timedelta(hours=2))
    report = {"version": 1, "site": state(root, engine)}
    shown = table.table({"atlas": report})
    assert re.search("^host +container +since site.yml ran whole$", shown, re.MULTILINE)
    assert re.search("^atlas +labserver-hub +memory limit 2.0 GiB, was 1.0 GiB$", shown, re.MULTILINE)
    assert "atlas: of 2 containers 2 differ" in shown
    markup = view.document({"atlas": report}, "now")
    assert "memory limit 2.0 GiB, was 1.0 GiB" in markup
    assert "\x1b" not in shown + markup and "<img" not in markup
    (level, what, words) = view.matters(report)[0]
    assert (level, what) == ("warning", "changed containers")
    assert "labserver-hub (memory limit 2.0 GiB, was 1.0 GiB) are not as the whole run of" in words
    assert "a part of it ran at 2026-11-20 14:00 UTC" in words
    assert "labserver_drift_containers 2\n" in metrics.text(report)


def test_many_containers_are_named_in_part(root: Path, engine: Engine) -> None:
    for number in range(drift.MOST_ROWS + 7):
        engine.containers[f"more{number}"] = other(f"more{number:03}", 100 + number, {"org.labserver.config": "1"})
    found = state(root, engine)["containers"]
    assert (len(found["drift"]), found["drift_left_out"]) == (drift.MOST_ROWS, 7)
    assert f"of 2 containers {drift.MOST_ROWS + 7} differ" in lately.others({"containers": found})

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host tells of its hub by itself."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import engine_rules, upkeep, watch
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.transaction import Place, World
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import container, engine_of

GIB = 1 << 30


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel of the machine that runs these tests is not asked."""
    monkeypatch.setattr(engine_rules, "look", lambda _root: [])


def test_docker_rules_that_are_gone_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_rules, "look", lambda _root: [engine_rules.GONE])
    found = watch.look(watch.Settings(0, ()), World(engine_of(), Place(record=tmp_path / "record")), tmp_path)
    assert engine_rules.GONE in found.warnings


def server(name: str, **more: Any) -> dict[str, Any]:
    made = container(f"jupyter-{name}", name)
    made["State"]["Pid"] = 7
    made["HostConfig"] = {"Memory": 4 * GIB, "MemorySwap": 4 * GIB}
    return made | more


def groups(root: Path, path: str = "/labnotebooks.slice/docker-1.scope", value: str = "max\n") -> Path:
    (root / "proc" / "7").mkdir(parents=True)
    (root / "proc" / "7" / "cgroup").write_text(f"0::{path}\n")
    file = root / "sys/fs/cgroup" / path.strip("/") / "memory.swap.max"
    file.parent.mkdir(parents=True)
    file.write_text(value)
    return file


def test_swap_limits_that_a_reload_took_come_back(tmp_path: Path) -> None:
    file = groups(tmp_path)
    assert upkeep.mend_limits([server("alice")], tmp_path) == ["memory.swap.max of alice"]
    assert file.read_text() == "0"
    assert upkeep.mend_limits([server("alice")], tmp_path) == []


GRANTED = {
    "Memory": 4 * GIB + 100, "MemorySwap": 4 * GIB + 100, "PidsLimit": 300, "CpuQuota": 150_000, "CpuPeriod": 100_000
}  # fmt: skip
KEPT = {"memory.max": str(4 * GIB), "memory.swap.max": "0", "pids.max": "300", "cpu.max": "150000 100000"}


@pytest.mark.parametrize("lost", sorted(KEPT))
def test_each_limit_that_was_lost_comes_back(tmp_path: Path, lost: str) -> None:
    folder = groups(tmp_path).parent
    for name, value in {**KEPT, "memory.current": "5", lost: "max"}.items():
        (folder / name).write_text(f"{value}\n")
    alice = server("alice", HostConfig=GRANTED)
    assert upkeep.mend_limits([alice], tmp_path) == [f"{lost} of alice"]
    assert {name: (folder / name).read_text().strip() for name in KEPT} == KEPT
    assert upkeep.mend_limits([alice], tmp_path) == []


def test_a_memory_limit_that_would_end_programs_waits_for_room(tmp_path: Path) -> None:
    folder = groups(tmp_path).parent
    for name, value in {**KEPT, "memory.max": "max", "memory.current": str(5 * GIB)}.items():
        (folder / name).write_text(f"{value}\n")
    assert upkeep.mend_limits([server("alice", HostConfig=GRANTED)], tmp_path) == []
    assert (folder / "memory.max").read_text() == "max\n"


@pytest.mark.parametrize(
    "limits", [{"Memory": 0, "MemorySwap": 0}, {"Memory": 4 * GIB, "MemorySwap": -1}, {"Memory": 4 * GIB}]
)
def test_where_docker_set_none_there_is_none(tmp_path: Path, limits: dict[str, int]) -> None:
    file = groups(tmp_path)
    assert upkeep.mend_limits([server("alice", HostConfig=limits)], tmp_path) == []
    assert file.read_text() == "max\n"


def test_on_cgroup_v1_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    (tmp_path / "proc" / "7" / "cgroup").write_text("4:memory:/docker/1\n0::/\n")
    assert upkeep.mend_limits([server("alice")], tmp_path) == []


def test_graphics_cards_stay_with_their_containers_over_a_reload(tmp_path: Path) -> None:
    (tmp_path / "dev" / "char").mkdir(parents=True)
    (tmp_path / "dev" / "nvidia-caps").mkdir()
    try:
        os.mknod(tmp_path / "dev" / "nvidia0", 0o666 | stat.S_IFCHR, os.makedev(195, 0))
        os.mknod(tmp_path / "dev" / "nvidia-caps" / "nvidia-cap1", 0o444 | stat.S_IFCHR, os.makedev(236, 1))
    except PermissionError:
        pytest.skip("needs to make devices")
    assert upkeep.link_cards([server("alice")], tmp_path) == [], "nobody uses one"
    user = server("alice", HostConfig={"DeviceRequests": [{"Driver": "nvidia"}]})
    assert upkeep.link_cards([user], tmp_path) == ["nvidia-caps/nvidia-cap1", "nvidia0"]
    assert (tmp_path / "dev" / "char" / "195:0").resolve() == tmp_path / "dev" / "nvidia0"
    assert (tmp_path / "dev" / "char" / "236:1").resolve() == tmp_path / "dev" / "nvidia-caps" / "nvidia-cap1"
    assert upkeep.link_cards([user], tmp_path) == []


def test_who_writes_much_outside_of_the_home_is_named() -> None:
    found = upkeep.written([server("alice", SizeRw=20 * GIB), server("bob", SizeRw=GIB), server("carol")], 10 * GIB)
    assert found == [
        "jupyter-alice has written 20 GiB outside of its home (more than 10 GiB); it goes when the server is stopped"
    ]
    assert upkeep.written([server("alice", SizeRw=20 * GIB)], 0) == []


def test_space_and_inodes_that_run_out_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert upkeep.scarce([upkeep.Room("/home", 0.04, 0.5), upkeep.Room("/srv", 0.5, 0.001)]) == [
        "the file system of /home has 4.0% of its space left",
        "the file system of /srv has 0.1% of its inodes left",
    ]
    assert len(upkeep.room([str(tmp_path), str(tmp_path), str(tmp_path / "none")])) == 1, "each file system once"
    assert os.statvfs(tmp_path).f_blocks, "and this one has a size"


def world(folder: Path) -> World:
    engine: Any = engine_of(server("alice", SizeRw=20 * GIB))
    (folder / "var/lib/labserver").mkdir(parents=True, exist_ok=True)
    return World(engine, Place(record=folder / "none.json"))


SETTINGS = watch.Settings(10 * GIB, ())


def test_a_service_that_is_gone_is_critical(tmp_path: Path) -> None:
    found = watch.look(SETTINGS, world(tmp_path), tmp_path)
    assert found.status == job.CRITICAL
    assert "nothing keeps people's servers apart" in found.line()
    assert "jupyter-alice has written 20 GiB" in found.line()


@pytest.mark.parametrize(("answer", "reason"), [
    (b'{"version": 1, "isolated": true, "reason": ""}', ""),
    (b'{"version": 1, "isolated": false, "reason": "iptables is gone"}', "are not kept apart: iptables is gone"),
    (b"", "nothing keeps people's servers apart"),
])  # fmt: skip
def test_the_service_that_keeps_people_apart_is_asked(tmp_path: Path, answer: bytes, reason: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen(1)

        def serve() -> None:
            connection, _address = listener.accept()
            connection.sendall(answer)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        found = watch.isolated(tmp_path / "s")
        thread.join(10)
    assert reason in found
    assert bool(reason) is bool(found)


def test_a_server_that_is_stopped_meanwhile_alarms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "isolated", lambda _socket: "")
    engine = engine_of(server("alice"), server("bob"))
    ask = engine.get

    def get(path: str, **query: Any) -> Any:
        if query.get("size"):
            engine.containers.pop("jupyter-alice", None)
        return ask(path, **query)

    engine.get = get
    (tmp_path / "etc/labserver/public").mkdir(parents=True)
    (tmp_path / "etc/labserver/public/roster.json").write_text('{"version": 1, "users": {}}')
    world = World(engine, Place(record=tmp_path / "record"))
    assert watch.look(watch.Settings(GIB, ()), world, tmp_path).status == job.OK


def test_docker_measures_layers_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It walks through all files of each, and the warning must stay until the next time."""
    monkeypatch.setattr(watch, "isolated", lambda _socket: "")
    here = world(tmp_path)
    asked: list[str] = []
    ask = here.engine.get

    def get(path: str, **query: Any) -> Any:
        if query.get("size"):
            asked.append(path)
        return ask(path, **query)

    here.engine.get = get  # type: ignore[method-assign]
    for _look in range(3):
        assert "jupyter-alice has written 20 GiB" in watch.look(SETTINGS, here, tmp_path).line()
    assert len(asked) == 1
    path = tmp_path / watch.SIZES
    for moment in (path.stat().st_mtime - watch.SIZES_SECONDS, path.stat().st_mtime + 10**7):
        os.utime(path, (moment, moment))
        watch.look(SETTINGS, here, tmp_path)
    assert len(asked) == 3, "an hour later, and after a clock that was put back"
    path.write_text("{")
    assert "jupyter-alice has written 20 GiB" in watch.look(SETTINGS, here, tmp_path).line()
    watch.look(watch.Settings(0, ()), here, tmp_path)
    assert len(asked) == 4, "who wants no warning needs no measure"
